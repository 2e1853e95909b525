"""The catalogue is whole: nothing is tried without being told, and nothing told without a test."""

from collections import Counter

from tests.attacks.attempts import Kind, Mode, modules_with_tests, read_catalogue

# The kinds that something got through by before there was a worker of its own.
ROWS = frozenset(Kind) - {Kind.ISOLATION, Kind.SERVICE}
WITHOUT_ATTEMPTS = {"test_catalogue", "test_honest"}
LEAST_ATTEMPTS = 80


def test_there_are_at_least_eighty_attempts() -> None:
    assert len(read_catalogue()) >= LEAST_ATTEMPTS


def test_every_kind_that_something_got_through_by_was_tried() -> None:
    assert {entry.kind for entry in read_catalogue()} >= ROWS


def test_both_modes_were_tried() -> None:
    assert {entry.mode for entry in read_catalogue()} == set(Mode)


def test_every_attempt_says_what_was_done_and_what_stopped_it() -> None:
    for entry in read_catalogue():
        assert entry.what.strip(), entry
        assert len(entry.stopped_by) > len("the gate"), entry


def test_what_nothing_stopped_says_so_and_nothing_else_does() -> None:
    for entry in read_catalogue():
        assert entry.stopped_by.startswith("nothing") is not entry.is_stopped, entry


def test_no_attempt_stands_there_twice() -> None:
    counts = Counter((entry.test, entry.what, entry.case) for entry in read_catalogue())
    assert [name for name, count in counts.items() if count > 1] == []


def test_every_file_of_attempts_has_some() -> None:
    told = {entry.test.partition("::")[0] for entry in read_catalogue()}
    assert set(modules_with_tests()) - told == WITHOUT_ATTEMPTS
