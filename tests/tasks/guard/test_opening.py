"""What the log has seen of the key store never falls: lost, swapped and older files are refused."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from tasks.errors import EvidenceError
from tasks.guard.opening import open_guarded_keys, read_compared_stores, record_key_store
from tasks.guard.renewal import renew_store
from tasks.guard.seen import MEMORY, read_known_stores
from tasks.keystore.known_stores import KNOWN, RECORDED_AT, RECORDED_IN, KnownStores, note_log
from tasks.keystore.tombstone_events import set_tombstones
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tests.installations import installation_with_home
from tests.tasks.erasure.small_installation import DAY, SmallInstallation, email
from tests.tasks.guard.conftest import ERASED

SECRETS = ["pepper.key", "pseudonym.key", "seal.key", "tombstone.key"]
LEDGER = ["ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.lock"]  # an empty one
STORE = ["keys.db", "keys.db-wal", "keys.db-shm"]


def save(home: Path, target: Path) -> None:
    """Take a backup of the key store and all secrets, as a person would."""
    target.mkdir()
    connection = sqlite3.connect(home / "keys.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for path in [*home.glob("*.key"), home / "keys.db"]:
        shutil.copy(path, target)


def restore(backup: Path, home: Path, *names: str) -> None:
    for name in names:
        if name == "keys.db":
            for other in STORE:
                (home / other).unlink(missing_ok=True)
        shutil.copy(backup / name, home)


def refused(installation: SmallInstallation) -> str:
    """Return why the key store is not opened, having seen that nothing was made for it."""
    before = sorted(path.name for path in installation.home.iterdir())
    with pytest.raises(EvidenceError) as failure:
        open_guarded_keys(installation.installation)
    after = sorted(path.name for path in installation.home.iterdir())
    assert set(after) - set(before) <= {MEMORY, *STORE[1:], *LEDGER}
    return str(failure.value)


def test_an_erasure_is_seen_by_the_log_and_the_store_opens(known: SmallInstallation) -> None:
    seen = read_known_stores(known.installation)
    (state,) = seen.states.values()
    assert state.events == 1
    assert state.generation >= 2
    assert set(state.secrets) == {"pepper", "pseudonym", "seal", "tombstone"}
    keys = open_guarded_keys(known.installation)
    assert keys.tombstones().is_out(known.subject(ERASED))
    assert keys.fact(RECORDED_IN) == seen.origin


@pytest.mark.parametrize("name", SECRETS)
def test_a_lost_secret_is_not_made_anew(known: SmallInstallation, name: str) -> None:
    (known.home / name).unlink()
    line = refused(known)
    assert line.startswith(f"secret {name}: expected the one of identity")
    assert "Restore the newest backup" in line
    assert "renew-store" in line
    assert not (known.home / name).exists()


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_another_installation_is_refused(
    known: SmallInstallation, foreign: Path, name: str
) -> None:
    shutil.copy(foreign / name, known.home)
    assert refused(known).startswith(f"secret {name}: expected the one of identity")


def test_a_lost_key_store_is_not_made_anew(known: SmallInstallation) -> None:
    for name in STORE:
        (known.home / name).unlink(missing_ok=True)
    assert refused(known).startswith("key store keys.db: expected ")
    assert not (known.home / "keys.db").exists()


def test_an_emptied_key_store_is_as_good_as_lost(known: SmallInstallation) -> None:
    for name in STORE:
        (known.home / name).unlink(missing_ok=True)
    (known.home / "keys.db").touch(mode=0o600)
    assert "found none" in refused(known)


def test_the_key_store_of_another_installation_is_refused(
    known: SmallInstallation, foreign: Path, tmp_path: Path
) -> None:
    save(foreign, tmp_path / "backup")
    restore(tmp_path / "backup", known.home, "keys.db")
    assert "found one that the log does not know" in refused(known)


def test_a_lost_or_foreign_root_key_is_refused(known: SmallInstallation, foreign: Path) -> None:
    (known.home / "root.key").unlink()
    assert refused(known).startswith("root key root.key: expected the one of identity")
    shutil.copy(foreign / "root.key", known.home)
    assert refused(known).startswith("root key: expected the one of identity")


def test_a_backup_from_before_an_erasure_is_refused_alone_and_with_its_secrets(
    known: SmallInstallation, tmp_path: Path
) -> None:
    save(known.home, tmp_path / "backup")
    known.erase(5)
    restore(tmp_path / "backup", known.home, "keys.db")
    line = refused(known)
    assert "an older copy, which would bring back 1 people erased or readmitted since" in line
    assert "Restore a newer backup" in line

    restore(tmp_path / "backup", known.home, "root.key", *SECRETS)
    assert "an older copy" in refused(known)


def test_a_backup_from_before_the_log_knew_any_store_is_refused(
    small_installation: SmallInstallation, tmp_path: Path
) -> None:
    save(small_installation.home, tmp_path / "backup")
    small_installation.erase(ERASED)
    restore(tmp_path / "backup", small_installation.home, "keys.db", "root.key")
    assert "found one that the log never saw" in refused(small_installation)


def test_a_list_of_erasures_that_was_changed_is_refused(known: SmallInstallation) -> None:
    with sqlite3.connect(known.home / "keys.db") as connection:
        connection.execute("UPDATE tombstones SET event = 'lifted'")
    assert "found another list" in refused(known)


def test_keys_that_fell_back_are_refused(known: SmallInstallation) -> None:
    with sqlite3.connect(known.home / "keys.db") as connection:
        connection.execute("UPDATE facts SET value = '1' WHERE name = 'generation'")
    assert "changes of keys since" in refused(known)


def test_a_store_that_is_ahead_of_the_log_is_recorded_and_not_refused(
    known: SmallInstallation,
) -> None:
    set_tombstones(known.keys, [known.subject(7)], DAY)
    open_guarded_keys(known.installation)
    (state,) = read_known_stores(known.installation).states.values()
    assert state.events == 2


def test_a_log_that_is_lost_alone_is_told_by_its_pin(known: SmallInstallation) -> None:
    for path in known.home.glob("ledger.db*"):
        path.unlink()
    assert "found no log at all" in refused(known)


def test_a_log_that_is_lost_with_its_pin_is_told_by_the_key_store(
    known: SmallInstallation,
) -> None:
    for path in [*known.home.glob("ledger.db*"), known.home / "ledger.pin", known.home / MEMORY]:
        path.unlink()
    line = refused(known)
    assert line.startswith("ledger: expected the log portcullis/")
    assert "Restore ledger.db and ledger.pin" in line


def test_everything_lost_but_the_sealed_files_begins_nothing_anew(
    known: SmallInstallation,
) -> None:
    shutil.rmtree(known.home)
    known.home.mkdir()
    assert "the one that sealed the files in data/" in refused(known)


def test_a_source_in_the_folder_of_a_run_is_no_sealed_file(tmp_path: Path) -> None:
    """The first stage of a use case whose source is Parquet finds no key store, and loses none."""
    installation = installation_with_home(tmp_path)
    source = tmp_path / "data" / ".run-5" / "sources" / "contacts.parquet"
    source.parent.mkdir(parents=True)
    source.write_bytes(b"PAR1")
    assert not read_known_stores(installation).has_sealed


def test_a_receipt_counts_where_no_store_was_recorded_yet(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A ledger of a time before stores were recorded: its receipts count the erasures.
    monkeypatch.setattr("tasks.guard.seen._records_in", lambda _log: ())
    (known.home / MEMORY).unlink()
    with sqlite3.connect(known.home / "keys.db") as connection:
        connection.execute("DELETE FROM tombstones")
        connection.execute("DELETE FROM facts WHERE name IN ('store id', 'recorded in')")
    assert "expected at least 1 erasures, which a signed receipt counts" in refused(known)
    for name in STORE:
        (known.home / name).unlink(missing_ok=True)
    assert "expected one with 1 erasures" in refused(known)


def test_what_was_remembered_of_the_log_is_a_hint_and_no_more(known: SmallInstallation) -> None:
    (known.home / MEMORY).write_text("{}")
    assert read_known_stores(known.installation).states
    remembered = (known.home / MEMORY).read_bytes()
    record_key_store(known.keys, known.installation)
    assert (known.home / MEMORY).read_bytes() == remembered


def test_nobody_who_was_erased_comes_back_by_an_erasure_under_a_lost_secret(
    known: SmallInstallation,
) -> None:
    (known.home / "tombstone.key").unlink()
    with pytest.raises(EvidenceError, match=r"secret tombstone\.key"):
        known.erase(8)
    with pytest.raises(EvidenceError, match=r"secret tombstone\.key"):
        known.resume()
    assert email(8).encode() not in (known.home / "erasures.db").read_bytes()


def test_a_log_and_its_pin_of_an_earlier_day_are_refused(
    known: SmallInstallation, tmp_path: Path
) -> None:
    for path in known.home.glob("ledger*"):
        shutil.copy(path, tmp_path)
    known.erase(5)
    for path in known.home.glob("ledger.db*"):
        path.unlink()
    for path in tmp_path.glob("ledger*"):
        shutil.copy(path, known.home)

    assert "an older copy of" in refused(known)
    # The worker refuses it before any stage begins.
    with pytest.raises(EvidenceError, match="an older copy of"):
        read_compared_stores(known.installation)
    with pytest.raises(EvidenceError, match="keep` goes on with this log"):
        known.erase(6)

    renew_store("the newer log is lost", known.installation, keep=True)
    assert known.erase(6).requests[0].state == "erased"


def test_a_log_that_grew_while_the_store_was_opened_is_read_again(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two erasures at once: one has read the log, the other records what it did."""
    read = read_known_stores
    stale = read(known.installation)
    known.erase(3)
    answers = [stale]
    monkeypatch.setattr(
        "tasks.guard.opening.read_known_stores",
        lambda installation: answers.pop() if answers else read(installation),
    )

    store = open_guarded_keys(known.installation)

    assert store.fact(RECORDED_AT) == str(read(known.installation).size)


def hand_over(run: StageRun, known: KnownStores) -> None:
    """Tell a stage what the worker read of the log."""
    (run.workspace / KNOWN).write_text(json.dumps(known.to_dict()), encoding="utf-8")


def test_an_erasure_beside_a_release_is_no_older_log_to_the_stage(known: SmallInstallation) -> None:
    run = known.stage_run("ingest")
    hand_over(run, read_compared_stores(known.installation))
    known.erase(4)

    assert run.erased.is_out(known.subject(4))


def test_a_stage_compares_the_log_where_the_worker_did_not(known: SmallInstallation) -> None:
    run = known.stage_run("ingest")
    hand_over(run, read_known_stores(known.installation))
    known.erase(4)

    with pytest.raises(EvidenceError, match="an older copy of"):
        assert run.keys


def test_the_note_is_read_before_the_log_which_may_grow_between_the_two(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, waiting = read_known_stores, [5]

    def read_late(installation: Installation) -> KnownStores:
        if waiting:
            known.erase(waiting.pop())
        return read(installation)

    monkeypatch.setattr("tasks.guard.opening.read_known_stores", read_late)

    assert read_compared_stores(known.installation).size == read(known.installation).size


def test_a_shorter_log_that_was_read_earlier_takes_nothing_back(known: SmallInstallation) -> None:
    stale = read_known_stores(known.installation)
    known.erase(3)
    store = open_guarded_keys(known.installation)
    noted = store.fact(RECORDED_AT)

    note_log(store, stale)
    assert store.fact(RECORDED_AT) == noted

    # A person who goes on with a shorter log says so.
    note_log(store, stale, is_renewed=True)
    assert store.fact(RECORDED_AT) == str(stale.size)
