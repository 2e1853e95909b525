"""The root key in a real OpenBao: wraps, rotates, and destroys old versions for good."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from flows.serving.ports import find_free_port
from tasks.errors import SealError, ServiceError
from tasks.keystore.keys import open_keys
from tasks.keystore.shredding import rotate_root, shred
from tests import services
from tests.installations import installation_at
from tests.services import Bao

A, B = "a" * 32, "b" * 32


@pytest.fixture
def transit(
    bao: Bao, home: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> str:
    name = f"root-{abs(hash(request.node.name))}"
    bao.ask(f"transit/keys/{name}", b'{"type": "aes256-gcm96"}')
    monkeypatch.setenv("VAULT_ADDR", bao.address)
    monkeypatch.setenv("VAULT_TOKEN", services.TOKEN)
    monkeypatch.setenv("PORTCULLIS_TRANSIT_KEY", name)
    return name


def test_keys_come_back_and_the_root_never_lies_on_this_machine(transit: str, home: Path) -> None:
    made = open_keys(installation_at(Path())).for_subjects([A, B])
    assert open_keys(installation_at(Path())).for_subjects([A])[A].nonce_key == made[A].nonce_key
    assert not (home / "root.key").exists()


def test_a_rotation_destroys_the_old_version_so_that_a_backup_opens_nothing(
    transit: str, home: Path, bao: Bao
) -> None:
    keys = open_keys(installation_at(Path()))
    made = keys.for_subjects([A, B])
    keys.tables.scrub()
    shutil.copy(home / "keys.db", home / "backup.db")
    shred(keys, [A], date(2026, 1, 1))
    rotate_root(keys)
    rotate_root(keys)
    known = json.loads(bao.ask(f"transit/keys/{transit}", None))["data"]
    assert (known["latest_version"], known["min_available_version"]) == (3, 3)
    assert set(open_keys(installation_at(Path())).by_id([made[A].key_id, made[B].key_id])) == {
        made[B].key_id
    }
    shutil.copy(home / "backup.db", home / "keys.db")
    with pytest.raises(SealError):
        open_keys(installation_at(Path())).by_id([made[A].key_id])


def test_a_wrapping_cannot_stand_for_another(transit: str) -> None:
    root_key = open_keys(installation_at(Path())).root_key
    (wrapped,) = root_key.wrap([(b"k" * 32, b"bucket 1")])
    assert root_key.unwrap([(wrapped, b"bucket 1")]) == [b"k" * 32]
    with pytest.raises(SealError):
        root_key.unwrap([(wrapped, b"bucket 2")])


def test_more_keys_than_one_request_takes(transit: str) -> None:
    root_key = open_keys(installation_at(Path())).root_key
    keys = [(bytes([i % 256]) * 32, b"bucket %d" % i) for i in range(1201)]
    wrapped = root_key.wrap(keys)
    pairs = [(text, context) for text, (_, context) in zip(wrapped, keys, strict=True)]
    assert root_key.unwrap(pairs) == [key for key, _ in keys]


def test_a_server_that_is_down_and_a_token_that_may_not_are_told_apart(
    transit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "wrong")
    with pytest.raises(SealError, match="HTTP 403"):
        open_keys(installation_at(Path())).for_subjects([A])
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{find_free_port()}")
    with pytest.raises(ServiceError):
        open_keys(installation_at(Path())).for_subjects([A])
