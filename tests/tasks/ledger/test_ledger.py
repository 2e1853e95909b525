"""The ledger grows by whole transactions, derives, proves, and refuses to grow after tampering."""

import sqlite3
from pathlib import Path

import pytest

from tasks.errors import EvidenceError
from tasks.ledger import merkle
from tasks.ledger.checkpoint import verify_note
from tasks.ledger.ledger import Ledger
from tasks.ledger.sqlite_store import SqliteStore
from tasks.ledger.tiles import Record
from tests.tasks.small_log import SmallLog


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600])
def test_it_grows_one_by_one_to_the_root_of_its_leaves(small: SmallLog, size: int) -> None:
    small.add(size - 1) if size > 1 else None
    small.add()
    head = small.ledger.audit()
    leaves = [Record.of(b"payload of body %d" % n, b"body %d" % n).leaf() for n in range(size)]
    assert (head.size, head.root_hash) == (size, merkle.root_hash_of(leaves))
    assert [index for index, *_ in small.ledger.entries()] == list(range(size))
    verify_note(small.note, small.signer.public, small.origin)


def test_in_bulk_or_one_by_one_is_the_same_log(small: SmallLog, tmp_path: Path) -> None:
    from tests.tasks.small_log import SmallLog

    (tmp_path / "other").mkdir()
    other = SmallLog(tmp_path / "other")
    small.add(70_000)
    for count in (1, 254, 2, 65_279, 4_464):
        other.add(count)
    assert small.ledger.head() == other.ledger.head()
    assert small.ledger.audit() == other.ledger.audit()
    other.ledger.close()


def test_its_proofs_verify_by_its_checkpoint_alone(small: SmallLog) -> None:
    small.add(700)
    old = small.ledger.head()
    small.add(1000)
    head = small.ledger.head()
    assert old is not None
    assert head is not None
    for index in (0, 255, 256, 699, 1699):
        leaf = small.ledger.tiles.record(index).leaf()
        assert merkle.verify_inclusion(
            leaf, index, head.size, small.ledger.inclusion(index, head.size), head.root_hash
        )
    proof = small.ledger.consistency(old.size, head.size)
    assert merkle.verify_consistency(old.size, head.size, old.root_hash, head.root_hash, proof)


def edit(small: SmallLog, query: str, *values: bytes | int | str) -> None:
    small.ledger.close()
    with sqlite3.connect(small.folder / "ledger.db") as db:
        assert db.execute(query, values).rowcount == 1
    db.close()
    small.ledger = small.open()


def refuses(small: SmallLog, words: str) -> None:
    with pytest.raises(EvidenceError, match=words):
        small.ledger.audit()
    with pytest.raises(EvidenceError, match=words):
        small.add()


def flipped(small: SmallLog, place: int) -> bytes:
    assert isinstance(small.ledger.store, SqliteStore)
    query = "SELECT data FROM tiles WHERE place = ?"
    (data,) = small.ledger.store._db.execute(query, (place,)).fetchone()
    return bytes([data[0] ^ 1, *data[1:]])


def test_an_edited_tile_at_the_edge(small: SmallLog) -> None:
    small.add(700)
    edit(small, "UPDATE tiles SET data = ? WHERE place = 2", flipped(small, 2))
    refuses(small, "signed root")


def test_an_edited_tile_far_from_the_edge_is_named(small: SmallLog) -> None:
    small.add(700)
    edit(small, "UPDATE tiles SET data = ? WHERE place = 0", flipped(small, 0))
    with pytest.raises(EvidenceError, match="tile 0/0"):
        small.ledger.audit()


def test_an_edited_tile_of_a_higher_level_is_named(small: SmallLog) -> None:
    small.add(700)
    edit(small, "UPDATE tiles SET data = ? WHERE place = ?", flipped(small, 1 << 56), 1 << 56)
    refuses(small, r"tile [01]/0")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_deleted_tile(small: SmallLog, place: int) -> None:
    small.add(700)
    edit(small, "DELETE FROM tiles WHERE place = ?", place)
    with pytest.raises(EvidenceError, match=f"tile 0/{place}"):
        small.ledger.audit()


def test_a_deleted_tile_below_an_edited_one_is_named(small: SmallLog) -> None:
    small.add(700)
    edit(small, "UPDATE tiles SET data = ? WHERE place = ?", flipped(small, 1 << 56), 1 << 56)
    edit(small, "DELETE FROM tiles WHERE place = 0")
    with pytest.raises(EvidenceError, match="tile 0/0: expected 256 entries; found 0"):
        small.add()


def test_a_deleted_checkpoint(small: SmallLog) -> None:
    small.add(3)
    edit(small, "DELETE FROM head")
    with pytest.raises(EvidenceError, match="checkpoint"):
        small.ledger.audit()
    with pytest.raises(EvidenceError, match="deleted"):
        small.add()


def test_a_checkpoint_that_claims_less_is_not_signed(small: SmallLog) -> None:
    small.add(3)
    note = small.note.replace("\n3\n", "\n2\n")
    edit(small, "UPDATE head SET note = ?", note)
    with pytest.raises(EvidenceError, match=r"verifies|signed root|entries"):
        small.add()


def test_an_older_checkpoint_over_a_truncated_log_is_a_rollback(small: SmallLog) -> None:
    small.add(3)
    old = small.note
    small.add(1)
    edit(small, "UPDATE head SET note = ?", old)
    edit(small, "UPDATE tiles SET data = substr(data, 1, 192)")
    refuses(small, "at least 4 entries")


def test_an_old_copy_is_a_rollback(small: SmallLog) -> None:
    small.add(5)
    small.ledger.close()
    copy = (small.folder / "ledger.db").read_bytes()
    small.ledger = small.open()
    small.add(2)
    small.ledger.close()
    (small.folder / "ledger.db").write_bytes(copy)
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (small.folder / name).unlink(missing_ok=True)
    small.ledger = small.open()
    refuses(small, "at least 7 entries, which were seen before")


@pytest.mark.parametrize("more", [0, 3])
def test_a_fork_of_the_same_size_and_a_longer_one(small: SmallLog, more: int) -> None:
    small.add(5)
    small.ledger.close()
    copy = (small.folder / "ledger.db").read_bytes()
    small.ledger = small.open()
    small.add(2)
    pin = (small.folder / "ledger.pin").read_bytes()
    small.ledger.close()
    (small.folder / "ledger.db").write_bytes(copy)
    small.ledger = Ledger(SqliteStore(small.folder / "ledger.db"))
    forged = [
        (Record.of(b"forged %d" % n, b"forged %d" % n), b"forged %d" % n) for n in range(2 + more)
    ]
    small.ledger.append(
        forged, small.signer, small.origin
    )  # who holds the log's key can do that, and is found out
    small.ledger.close()
    small.ledger = small.open()
    assert (small.folder / "ledger.pin").read_bytes() == pin
    refuses(small, "fork")


def test_an_exchanged_log(small: SmallLog) -> None:
    small.add(2)
    pin = (small.folder / "ledger.pin").read_text()
    (small.folder / "ledger.pin").write_text(pin.replace("portcullis/test", "portcullis/other"))
    with pytest.raises(EvidenceError, match="the log portcullis/other"):
        small.ledger.audit()


def test_a_damaged_file_is_said_to_be_damaged(small: SmallLog) -> None:
    small.add(300)
    small.ledger.close()
    path = small.folder / "ledger.db"
    path.write_bytes(b"no database at all" * 1000)
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (small.folder / name).unlink(missing_ok=True)
    with pytest.raises(EvidenceError, match="damaged"):
        small.open()
    path.unlink()
    small.ledger = small.open()
