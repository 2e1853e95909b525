"""The same with a root key in OpenBao: one that is lost or another is refused, and none is made."""

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.doctor.examining import examine
from tasks.doctor.findings import Grade
from tasks.errors import EvidenceError, ServiceError
from tasks.guard.opening import open_guarded_keys, record_key_store
from tasks.keystore.shredding import rotate_root, shred
from tasks.keystore.tombstone_events import set_tombstones
from tasks.system.installation import Installation
from tests import services
from tests.installations import installation_with_home
from tests.services import Bao
from tests.tasks.erasure.small_installation import DAY

KEY = "guarded"
OTHER = "other"


@pytest.fixture
def installation(tmp_path: Path, bao: Bao, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """One whose root key is in OpenBao, and of which the log has seen an erasure."""
    for variable in ("PORTCULLIS_LEDGER_URL", "PORTCULLIS_KEYS_URL"):
        monkeypatch.delenv(variable, raising=False)
    delete_key(bao, KEY)
    for name in (KEY, OTHER):
        bao.ask(f"transit/keys/{name}", b'{"type": "aes256-gcm96"}')
    monkeypatch.setenv("VAULT_ADDR", bao.address)
    monkeypatch.setenv("VAULT_TOKEN", services.TOKEN)
    monkeypatch.setenv("PORTCULLIS_TRANSIT_KEY", KEY)

    here = installation_with_home(tmp_path / "home")
    here.secret("pseudonym")
    store = open_guarded_keys(here)
    store.for_subjects(["ann", "bo"])
    store.tables.scrub()
    shutil.copy(here.home / "keys.db", tmp_path / "older.db")
    set_tombstones(store, ["ann"], DAY)
    shred(store, ["ann"], DAY)
    rotate_root(store)
    record_key_store(store, here)
    store.tables.scrub()
    return here


def delete_key(bao: Bao, name: str) -> None:
    """Delete a key for good, if it is there."""
    try:
        bao.ask(f"transit/keys/{name}/config", b'{"deletion_allowed": true}')
    except urllib.error.HTTPError:
        return
    request = urllib.request.Request(
        f"{bao.address}/v1/transit/keys/{name}",
        headers={"X-Vault-Token": services.TOKEN},
        method="DELETE",
    )
    urllib.request.urlopen(request, timeout=10).close()


def names_of_keys(bao: Bao) -> list[str]:
    names: list[str] = json.loads(bao.ask("transit/keys?list=true", None))["data"]["keys"]
    return names


def lose_key(bao: Bao) -> None:
    delete_key(bao, KEY)


def make_key_anew(bao: Bao) -> None:
    delete_key(bao, KEY)
    bao.ask(f"transit/keys/{KEY}", b'{"type": "aes256-gcm96"}')


def test_the_store_opens_and_no_root_key_lies_here(installation: Installation) -> None:
    assert open_guarded_keys(installation).tombstones().is_out("ann")
    assert not (installation.home / "root.key").exists()
    findings = examine(installation, DAY)
    assert not [str(finding) for finding in findings if finding.grade is Grade.REFUSES]
    assert ("Transit", "answers") in [(finding.what, finding.text) for finding in findings]


@pytest.mark.parametrize("harm", [lose_key, make_key_anew])
def test_a_key_that_is_lost_is_refused_and_not_made_anew(
    installation: Installation, bao: Bao, harm: Callable[[Bao], None]
) -> None:
    harm(bao)
    names = names_of_keys(bao)

    with pytest.raises(EvidenceError, match=r"root key: expected the one that wrapped .*another"):
        open_guarded_keys(installation)
    refusing = [str(f) for f in examine(installation, DAY) if f.grade is Grade.REFUSES]

    assert any("root key: expected the one that wrapped" in line for line in refusing)
    assert names_of_keys(bao) == names


def test_a_key_of_another_name_is_refused(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_TRANSIT_KEY", OTHER)
    with pytest.raises(EvidenceError, match="root key: expected the one of identity"):
        open_guarded_keys(installation_with_home(installation.home))


def test_a_local_key_does_not_stand_for_it(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VAULT_ADDR")
    with pytest.raises(EvidenceError, match=r"root key root\.key: expected the one of identity"):
        open_guarded_keys(installation_with_home(installation.home))
    assert not (installation.home / "root.key").exists()


def test_an_older_store_is_refused(installation: Installation, tmp_path: Path) -> None:
    for path in installation.home.glob("keys.db*"):
        path.unlink()
    shutil.copy(tmp_path / "older.db", installation.home / "keys.db")
    with pytest.raises(EvidenceError, match="would bring back 1 people"):
        open_guarded_keys(installation)


def test_a_server_that_is_down_is_not_called_lost(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    with pytest.raises(ServiceError, match="nothing was lost"):
        open_guarded_keys(installation_with_home(installation.home))
