"""What every engine runs: one redactor a process, proved once on the data's own texts."""

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.redaction.engines import worker
from tasks.redaction.engines.worker import MaskingSettings
from tasks.redaction.params import RedactParams
from tasks.redaction.tally import Tally
from tasks.redaction.texts import MaskedChunk, TextChunk

PARAMS = RedactParams(
    language="en", model="m", min_score=0.35, tokenised=(), dates="year", chunk_rows=3
)
CHUNK = TextChunk({"notes": ["x"]}, [()], {})


class CountingRedactor:
    """Counts what is asked of it."""

    opened = 0

    def __init__(self) -> None:
        type(self).opened += 1
        self.proved: list[list[str]] = []

    def prove(self, texts: list[str]) -> None:
        self.proved.append(texts)

    def redact(self, chunk: TextChunk) -> MaskedChunk:
        return MaskedChunk({name: [None] * len(c) for name, c in chunk.cells.items()}, Tally())


@pytest.fixture(autouse=True)
def one_redactor(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Open a redactor that takes no time, and forget it afterwards."""
    CountingRedactor.opened = 0
    monkeypatch.setattr(worker, "open_redactor", lambda _: CountingRedactor())
    monkeypatch.setattr("gc.freeze", lambda: None)
    worker._open_redactor.cache_clear()
    yield
    worker._open_redactor.cache_clear()


def test_a_redactor_is_opened_once_for_many_chunks() -> None:
    for _ in range(3):
        worker.mask_chunk(MaskingSettings(PARAMS, ("a",)), CHUNK)
    assert CountingRedactor.opened == 1


def test_a_redactor_is_proved_once_on_the_trial_texts() -> None:
    worker.mask_chunk(MaskingSettings(PARAMS, ("a", "b")), CHUNK)
    opened: Any = worker.redactor(PARAMS, ("a", "b"))
    assert opened.proved == [["a", "b"]]


def test_other_texts_need_a_proof_of_their_own() -> None:
    worker.mask_chunk(MaskingSettings(PARAMS, ("a",)), CHUNK)
    worker.mask_chunk(MaskingSettings(PARAMS, ("b",)), CHUNK)
    assert CountingRedactor.opened == 2
