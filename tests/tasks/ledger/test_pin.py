"""The pin: what an installation remembers of its log, and what that refuses."""

from pathlib import Path

import pytest

from tasks.errors import EvidenceError
from tasks.ledger.checkpoint import Checkpoint
from tasks.ledger.pin import Pin
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


def test_without_a_pin_every_log_is_taken(small: SmallLog, tmp_path: Path) -> None:
    small.add(1)
    Pin(tmp_path / "none.pin").check(small.ledger, head_of(small))


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


def test_a_pin_moves_whole_and_leaves_no_draft(small: SmallLog, pin: Pin) -> None:
    before = {path.name for path in small.folder.iterdir()}
    pin.move("a note")
    assert pin.path.read_text(encoding="utf-8") == "a note"
    assert {path.name for path in small.folder.iterdir()} == before
