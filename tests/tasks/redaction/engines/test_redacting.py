"""Groups in, groups out: put together again from chunks that an engine works on."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
import pytest

from tasks.config.cases import Columns
from tasks.redaction.engines.redacting import redact_groups, text_chunk
from tasks.redaction.params import RedactParams
from tasks.redaction.tally import Tally
from tasks.redaction.texts import MaskedChunk, TextChunk

COLUMNS = Columns.model_validate(
    {
        "name": {"role": "identifier", "source": "a", "kind": "name"},
        "notes": {"role": "free_text", "source": "a", "kind": "text"},
        "income": {"role": "feature", "source": "a", "kind": "number"},
    }
)
WITHOUT_TEXT = Columns.model_validate(
    {"income": {"role": "feature", "source": "a", "kind": "number"}}
)
PARAMS = RedactParams(
    language="en", model="m", min_score=0.35, tokenised=(), dates="year", chunk_rows=3
)


class UpperCaseEngine:
    """Writes texts in capitals, so that each row can be told; reads ahead as an engine may."""

    def __init__(self, ahead: int = 1) -> None:
        self.ahead = ahead
        self.sizes: list[int] = []

    def mask(self, chunks: Iterable[TextChunk]) -> Iterator[MaskedChunk]:
        waiting: list[TextChunk] = []
        for chunk in chunks:
            self.sizes.append(len(chunk.people))
            waiting.append(chunk)
            if len(waiting) >= self.ahead:
                yield self._masked(waiting.pop(0))
        yield from map(self._masked, waiting)

    def _masked(self, chunk: TextChunk) -> MaskedChunk:
        cells: dict[str, list[str | None]] = {
            name: [str(cell).upper() for cell in column] for name, column in chunk.cells.items()
        }
        return MaskedChunk(cells, Tally(rows=len(chunk.people), texts=len(chunk.people)))


def group(*numbers: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject": [f"s{number}" for number in numbers],
            "person": list(numbers),
            "name": [f"name {number}" for number in numbers],
            "notes": [f"note {number}" for number in numbers],
            "income": list(numbers),
        }
    )


def redact(
    groups: list[pd.DataFrame], engine: UpperCaseEngine, columns: Columns = COLUMNS
) -> tuple[list[pd.DataFrame], list[Tally], list[int]]:
    done: list[int] = []
    results = list(redact_groups(groups, columns, PARAMS, b"k" * 32, lambda _: engine, done.append))
    return [frame for frame, _ in results], [tally for _, tally in results], done


@pytest.mark.parametrize("ahead", [1, 2, 5, 50])
def test_groups_come_back_whole_and_in_order_however_far_an_engine_reads_ahead(ahead: int) -> None:
    groups = [group(*range(7)), group(7), group(*range(8, 14))]
    frames, tallies, _ = redact(groups, UpperCaseEngine(ahead))
    assert [frame["person"].tolist() for frame in frames] == [g["person"].tolist() for g in groups]
    for frame in frames:
        assert frame["notes"].tolist() == [f"NOTE {number}" for number in frame["person"]]
        assert frame["income"].tolist() == frame["person"].tolist()
    assert [tally.rows for tally in tallies] == [7, 1, 6]


def test_a_group_is_cut_into_chunks_of_the_declared_size() -> None:
    engine = UpperCaseEngine()
    redact([group(*range(7)), group(7)], engine)
    assert engine.sizes == [3, 3, 1, 1]


def test_progress_is_reported_chunk_by_chunk() -> None:
    _, _, done = redact([group(*range(7))], UpperCaseEngine())
    assert done == [3, 3, 1]


def test_an_empty_group_is_written_too() -> None:
    frames, _, _ = redact([group(1).iloc[:0]], UpperCaseEngine())
    assert [len(frame) for frame in frames] == [0]
    assert "notes" in frames[0]


def test_no_groups_are_no_groups() -> None:
    assert redact([], UpperCaseEngine()) == ([], [], [])


def test_identifiers_are_gone_and_texts_stay_at_the_end() -> None:
    frames, _, _ = redact([group(1)], UpperCaseEngine())
    assert list(frames[0].columns) == ["subject", "person", "income", "notes"]


def test_without_free_text_no_engine_is_opened() -> None:
    def never(_: list[str]) -> Any:
        raise AssertionError("opened")

    done: list[int] = []
    groups = [group(1, 2), group(3)]
    results = list(redact_groups(groups, WITHOUT_TEXT, PARAMS, b"k" * 32, never, done.append))
    assert [tally.rows for _, tally in results] == done == [2, 1]


def test_an_engine_proves_itself_on_texts_of_the_first_group_that_are_texts() -> None:
    trials: list[list[str]] = []
    first = group(1, 2, 3).assign(notes=pd.Series(["one", None, ""], dtype=object))

    def open_engine(trial: list[str]) -> UpperCaseEngine:
        trials.append(trial)
        return UpperCaseEngine()

    list(redact_groups([first, group(4)], COLUMNS, PARAMS, b"k" * 32, open_engine, len_of))
    assert trials == [["one"]]


def len_of(rows: int) -> None:
    """Count nothing."""


def test_every_group_s_tally_explains_the_columns_and_what_becomes_of_them() -> None:
    _, tallies, _ = redact([group(1), group(2)], UpperCaseEngine())
    for tally in tallies:
        fates = {name: report.fate for name, report in tally.explained.items()}
        assert fates == {
            "name": "dropped",
            "notes": "masked by row link and the fast recognisers",
            "income": "kept as feature",
        }


def test_a_chunk_says_who_each_row_is_about_and_leaves_missing_values_empty() -> None:
    rows = group(1, 2).assign(name=pd.Series(["Ann Lee", None], dtype=object))
    chunk = text_chunk(rows, COLUMNS)
    assert chunk.people == [(("name", "Ann Lee"),), (("name", ""),)]
    assert chunk.cells == {"notes": ["note 1", "note 2"]}
    assert chunk.answers == {}


def test_every_declared_identifier_is_searched_for_whatever_its_kind_and_their_number() -> None:
    columns = Columns.model_validate(
        {
            "mail": {"role": "subject", "source": "x", "kind": "email"},
            "first": {"role": "identifier", "source": "x", "kind": "name"},
            "last": {"role": "identifier", "source": "x", "kind": "name"},
            "customer": {"role": "identifier", "source": "x", "kind": "text"},
            "postcode": {"role": "quasi_identifier", "source": "x", "kind": "zip"},
            "notes": {"role": "free_text", "source": "x", "kind": "text"},
        }
    )
    values = {"mail": "a@b.org", "first": "Ann", "last": "Lee", "customer": "K-1", "postcode": "1"}
    rows = pd.DataFrame({name: [value] for name, value in {**values, "notes": "x"}.items()})
    assert text_chunk(rows, columns).people == [
        (("email", "a@b.org"), ("name", "Ann"), ("name", "Lee"), ("account", "K-1"))
    ]
