"""The pin: what an installation remembers of its log, and what that refuses."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.errors import EvidenceError, ServiceError
from tasks.ledger.checkpoint import Checkpoint, read_checkpoint
from tasks.ledger.ledger import Ledger
from tasks.ledger.pin import Pin
from tasks.ledger.tiles import Record
from tests.tasks.small_log import SmallLog


@pytest.fixture
def pin(small: SmallLog) -> Pin:
    """A log of three entries, and the pin that remembers it."""
    small.add(3)
    return Pin(small.folder / "ledger.pin")


def head_of(small: SmallLog) -> Checkpoint:
    head = small.ledger.head()
    assert head is not None
    return head


def test_a_log_that_has_begun_is_refused_without_its_pin(small: SmallLog, pin: Pin) -> None:
    pin.path.unlink()
    with pytest.raises(EvidenceError, match=r"none, beside a log of 3 entries.*keys pin --reason"):
        pin.check(small.ledger, head_of(small))


def test_an_empty_log_needs_no_pin(small: SmallLog, tmp_path: Path) -> None:
    Pin(tmp_path / "none.pin").check(small.ledger, None)


def test_nothing_is_appended_where_the_pin_was_deleted(small: SmallLog, pin: Pin) -> None:
    note = small.note
    pin.path.unlink()
    with pytest.raises(EvidenceError, match="keys pin"):
        small.add()
    assert small.note == note
    assert not pin.is_set()


def test_the_first_append_makes_the_pin(small: SmallLog) -> None:
    small.add()
    assert (small.folder / "ledger.pin").read_text(encoding="utf-8") == small.note


def test_a_first_append_that_was_not_stored_can_be_made_again(
    small: SmallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(note: str) -> None:
        raise OSError(note[:0] + "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(small.ledger.store, "put_head", fail)
        with pytest.raises((OSError, EvidenceError, ServiceError)):
            small.add()
    assert small.ledger.head() is None
    assert small.add() == 0


def test_a_death_after_the_first_commit_leaves_a_pin_that_lags(
    small: SmallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(ledger: Ledger, note: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "move_pin", die)
        with pytest.raises(KeyboardInterrupt):
            small.add(2)
    assert small.size == 2
    assert small.add() == 2


def test_the_log_that_was_seen_is_taken(small: SmallLog, pin: Pin) -> None:
    pin.check(small.ledger, head_of(small))


def test_a_log_that_has_grown_since_is_taken(small: SmallLog, pin: Pin) -> None:
    note = pin.path.read_text(encoding="utf-8")
    small.add(300)
    pin.path.write_text(note, encoding="utf-8")
    pin.check(small.ledger, head_of(small))


def test_a_shorter_log_was_rolled_back(small: SmallLog, pin: Pin) -> None:
    head = head_of(small)
    shorter = Checkpoint(head.origin, 2, small.ledger.root_hash(2))
    with pytest.raises(EvidenceError, match="at least 3 entries"):
        pin.check(small.ledger, shorter)


def test_no_log_at_all_was_rolled_back(small: SmallLog, pin: Pin) -> None:
    with pytest.raises(EvidenceError, match="no log at all"):
        pin.check(small.ledger, None)


def test_a_log_of_another_name_is_another_log(small: SmallLog, pin: Pin) -> None:
    head = head_of(small)
    with pytest.raises(EvidenceError, match="the log portcullis/other"):
        pin.check(small.ledger, Checkpoint("portcullis/other", head.size, head.root_hash))


def test_another_root_hash_over_the_same_entries_is_a_fork(small: SmallLog, pin: Pin) -> None:
    head = head_of(small)
    with pytest.raises(EvidenceError, match="a fork"):
        pin.check(small.ledger, Checkpoint(head.origin, head.size, b"x" * 32))


def test_a_longer_log_over_other_entries_is_a_fork(
    small: SmallLog, pin: Pin, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = SmallLog(tmp_path / "other")
    other.add(1)
    other.ledger.append(
        [(record, body or b"") for _, record, body in small.ledger.entries()],
        other.signer,
        other.origin,
    )
    with pytest.raises(EvidenceError, match="a fork"):
        pin.check(other.ledger, head_of(other))
    other.ledger.close()


def test_it_moves_to_a_newer_head_whole_and_leaves_no_draft(small: SmallLog, pin: Pin) -> None:
    older = pin.path.read_text(encoding="utf-8")
    small.add()
    before = {path.name for path in small.folder.iterdir()}
    pin.set_anew(older)
    pin.advance(small.ledger, small.note)
    assert pin.path.read_text(encoding="utf-8") == small.note
    assert {path.name for path in small.folder.iterdir()} == before


def test_it_never_moves_back(small: SmallLog, pin: Pin) -> None:
    older = small.note
    small.add()
    pin.advance(small.ledger, older)
    assert pin.path.read_text(encoding="utf-8") == small.note


def test_it_does_not_move_to_a_fork(small: SmallLog, pin: Pin, tmp_path: Path) -> None:
    (tmp_path / "fork").mkdir()
    fork = SmallLog(tmp_path / "fork")
    fork.ledger.append([(Record.of(b"x", b"y"), b"y")], fork.signer, fork.origin)
    fork.add(4)
    note = pin.path.read_text(encoding="utf-8")
    with pytest.raises(EvidenceError, match="a fork"):
        pin.advance(fork.ledger, fork.note)
    assert pin.path.read_text(encoding="utf-8") == note
    fork.ledger.close()


def test_it_does_not_come_back_by_reading(small: SmallLog, pin: Pin) -> None:
    pin.path.unlink()
    pin.advance(small.ledger, small.note)
    assert not pin.is_set()


def test_readers_and_writers_at_once_leave_it_at_the_newest_head(small: SmallLog, pin: Pin) -> None:
    notes = [small.note]
    for _ in range(30):
        small.add()
        notes.append(small.note)
    pin.set_anew(notes[0])
    order = [notes[number * 7 % len(notes)] for number in range(len(notes))]
    sizes: list[int] = []

    def read(note: str) -> None:
        pin.advance(small.ledger, note)
        sizes.append(read_checkpoint(pin.path.read_text(encoding="utf-8"))[0].size)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, order))
    assert pin.path.read_text(encoding="utf-8") == notes[-1]
    assert min(sizes) >= 3


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"no checkpoint", None])
def test_a_pin_that_cannot_be_read_is_refused_by_its_name(
    small: SmallLog, pin: Pin, content: bytes | None
) -> None:
    pin.path.unlink()
    if content is None:
        pin.path.mkdir()
    else:
        pin.path.write_bytes(content)
    with pytest.raises(EvidenceError, match=r"ledger\.pin: expected .*keys pin --reason"):
        pin.check(small.ledger, head_of(small))
