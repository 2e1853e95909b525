"""A key store that is lost for good is followed by a new one, by a person's word and never else."""

import shutil
import threading
from pathlib import Path

import pytest

from tasks.attestation.predicates.records import AuditBatch
from tasks.errors import ConfigError, EvidenceError, SealError
from tasks.guard.opening import open_guarded_keys
from tasks.guard.renewal import SET_ASIDE, renew_store
from tasks.guard.seen import MEMORY, read_known_stores
from tasks.keystore.key_tables import hold_erasure_lock
from tasks.keystore.known_stores import KnownStores
from tasks.keystore.state import STORE_ID
from tasks.notary.notary import open_ledger, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import EVERYTHING, read_log
from tests.tasks.erasure.small_installation import SmallInstallation
from tests.tasks.guard.test_opening import STORE, refused, restore, save

LOST = "the disk was lost"


def lose_store(installation: SmallInstallation) -> None:
    for name in STORE:
        (installation.home / name).unlink(missing_ok=True)


def test_a_new_store_is_begun_and_every_release_will_say_so(known: SmallInstallation) -> None:
    lose_store(known)
    renewed = renew_store(LOST, known.installation)
    assert "1 erasures are lost with the old one" in str(renewed)

    keys = open_guarded_keys(known.installation)
    assert renewed.to_dict() == {
        "keyStore": keys.fact(STORE_ID),
        "isNew": True,
        "lostErasures": 1,
        "setAside": str(next((known.home / SET_ASIDE).iterdir())),
    }
    seen = read_known_stores(known.installation)
    assert list(seen.states) == [keys.fact(STORE_ID)]
    (shown,) = seen.describe_renewal(keys.fact(STORE_ID) or "")
    assert f"{LOST} (1 erasures lost)" in shown
    assert seen.describe_renewal("another") == ()
    with pytest.raises(SealError):
        known.stage_run("redact").read_rows("ingest")


def test_the_reason_stays_visible_after_later_erasures(known: SmallInstallation) -> None:
    lose_store(known)
    renew_store(LOST, known.installation)
    keys = open_guarded_keys(known.installation)
    keys.for_subjects(["somebody"])
    keys.changed()
    open_guarded_keys(known.installation)
    seen = read_known_stores(known.installation)
    assert LOST in seen.describe_renewal(keys.fact(STORE_ID) or "")[0]


def test_what_is_left_of_the_old_store_is_set_aside_and_not_deleted(
    known: SmallInstallation,
) -> None:
    secret = (known.home / "pseudonym.key").read_bytes()
    (known.home / "tombstone.key").unlink()
    renew_store(LOST, known.installation)
    (folder,) = (known.home / SET_ASIDE).iterdir()
    assert (folder / "pseudonym.key").read_bytes() == secret
    assert (folder / "keys.db").is_file()
    assert folder.stat().st_mode & 0o077 == 0


def test_it_is_audited(known: SmallInstallation) -> None:
    lose_store(known)
    renew_store(LOST, known.installation)
    ledger = open_ledger(known.installation)
    log = read_log(ledger, trusted_root(known.installation), EVERYTHING)
    ledger.close()
    assert log.required_statements(AuditBatch)
    events = "".join(path.read_text() for path in (known.home / "audit").glob("events-*.jsonl"))
    assert "people:renew key store" in events


def test_the_old_store_that_turns_up_later_is_not_taken_back(
    known: SmallInstallation, tmp_path: Path
) -> None:
    save(known.home, tmp_path / "backup")
    lose_store(known)
    renew_store(LOST, known.installation)
    names = [path.name for path in (tmp_path / "backup").iterdir()]
    restore(tmp_path / "backup", known.home, *names)
    assert "secret " in refused(known)


def test_a_store_that_is_in_order_is_not_renewed(known: SmallInstallation) -> None:
    with pytest.raises(ConfigError, match="Nothing is to be renewed"):
        renew_store("just so", known.installation)
    with pytest.raises(ConfigError, match="Nothing is to be renewed"):
        renew_store("just so", known.installation, keep=True)


@pytest.mark.parametrize("keep", [False, True])
def test_an_erasure_that_is_under_way_is_done_first(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    is_asked = threading.Event()
    read = read_known_stores

    def read_and_tell(installation: Installation) -> KnownStores:
        is_asked.set()
        return read(installation)

    monkeypatch.setattr("tasks.guard.renewal.read_known_stores", read_and_tell)
    # The erasure's own work is done when the lock is free: then nothing is lost any more.
    pepper = (known.home / "pepper.key").rename(known.home / "pepper.away")
    refusals: list[ConfigError] = []

    def renew() -> None:
        try:
            renew_store(LOST, known.installation, keep=keep)
        except ConfigError as refusal:
            refusals.append(refusal)

    second = threading.Thread(target=renew)
    with hold_erasure_lock(known.installation):
        second.start()
        assert not is_asked.wait(0.2)
        assert not (known.home / SET_ASIDE).exists()
        pepper.rename(known.home / "pepper.key")
    second.join(timeout=30)
    assert "Nothing is to be renewed" in str(refusals[0])


def test_a_reason_is_asked_for(known: SmallInstallation) -> None:
    lose_store(known)
    with pytest.raises(ConfigError, match="--reason"):
        renew_store(" ", known.installation)


def test_a_store_is_kept_where_its_log_is_lost(known: SmallInstallation) -> None:
    keys = known.keys
    for path in [*known.home.glob("ledger.db*"), known.home / "ledger.pin", known.home / MEMORY]:
        path.unlink()
    shutil.rmtree(known.home / "signing")
    with pytest.raises(EvidenceError, match="--keep"):
        open_guarded_keys(known.installation)
    kept = renew_store("the log is lost", known.installation, keep=True)
    assert "recorded key store" in str(kept)
    assert (kept.to_dict()["isNew"], kept.to_dict()["setAside"]) == (False, None)
    (state,) = read_known_stores(known.installation).states.values()
    assert state.store_id == keys.fact(STORE_ID)
    assert state.events == 1


def test_nothing_is_kept_that_is_not_there_or_older(
    known: SmallInstallation, tmp_path: Path
) -> None:
    save(known.home, tmp_path / "backup")
    known.erase(5)
    restore(tmp_path / "backup", known.home, "keys.db")
    with pytest.raises(ConfigError, match="an older copy of one that it knows"):
        renew_store(LOST, known.installation, keep=True)
    (known.home / "pepper.key").unlink()
    with pytest.raises(ConfigError, match=r"found no pepper\.key"):
        renew_store(LOST, known.installation, keep=True)
    lose_store(known)
    with pytest.raises(ConfigError, match="Leave --keep out"):
        renew_store(LOST, known.installation, keep=True)


def test_sealed_files_of_somebody_else_are_no_reason_to_go_on_without_a_word(
    known: SmallInstallation,
) -> None:
    shutil.rmtree(known.home)
    known.home.mkdir()
    with pytest.raises(EvidenceError, match="the one that sealed the files in data/"):
        open_guarded_keys(known.installation)
    renew_store("a clone with somebody else's data", known.installation)
    open_guarded_keys(known.installation).for_subjects(["somebody"])
