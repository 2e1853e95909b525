"""The same for a key store on a server: another database, or an older one, is refused."""

from pathlib import Path

import pytest

from tasks.errors import ConfigError, EvidenceError
from tasks.guard.opening import open_guarded_keys, record_key_store
from tasks.guard.renewal import renew_store
from tasks.guard.seen import read_known_stores
from tasks.keystore.key_tables import hold_erasure_lock, is_erasure_under_way
from tasks.keystore.tombstone_events import set_tombstones
from tasks.system.installation import Installation
from tests.installations import installation_with_home
from tests.tasks.erasure.small_installation import DAY


@pytest.fixture
def installation(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """One with a key store on a server, of which the log has seen an erasure."""
    for variable in ("PORTCULLIS_LEDGER_URL", "VAULT_ADDR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PORTCULLIS_KEYS_URL", database)
    here = installation_with_home(tmp_path / "home")
    here.secret("pseudonym")
    store = open_guarded_keys(here)
    store.for_subjects(["ann", "bo"])
    set_tombstones(store, ["ann"], DAY)
    record_key_store(store, here)
    return here


def test_the_store_opens_and_what_it_has_come_to_is_in_the_log(installation: Installation) -> None:
    (state,) = read_known_stores(installation).states.values()
    assert state.events == 1
    assert open_guarded_keys(installation).tombstones().is_out("ann")


def test_an_older_state_is_refused(installation: Installation) -> None:
    store = open_guarded_keys(installation)
    store.tables.run("DELETE FROM tombstones")
    with pytest.raises(EvidenceError, match="would bring back 1 people"):
        open_guarded_keys(installation)


def test_an_empty_database_is_not_begun_in_silence(installation: Installation) -> None:
    store = open_guarded_keys(installation)
    for table in ("facts", "tombstones", "keys", "buckets"):
        store.tables.run(f"DELETE FROM {table}")
    with pytest.raises(EvidenceError, match="one that the log never saw"):
        open_guarded_keys(installation)

    assert "began key store" in str(renew_store("the server was lost", installation))
    open_guarded_keys(installation).for_subjects(["cy"])


def test_whether_an_erasure_is_under_way_is_asked_without_waiting(
    installation: Installation,
) -> None:
    assert not is_erasure_under_way(installation)
    with hold_erasure_lock(installation):
        assert is_erasure_under_way(installation)
    assert not is_erasure_under_way(installation)


def test_a_new_store_needs_an_empty_database(installation: Installation) -> None:
    (installation.home / "pepper.key").unlink()
    with pytest.raises(ConfigError, match="an empty database for the new key store"):
        renew_store("the pepper was lost", installation)
    assert not (installation.home / "pepper.key").exists()
