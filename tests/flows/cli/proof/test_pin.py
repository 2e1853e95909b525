"""`keys pin`: a missing pin is set by a person who holds the root key or names it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from flows.cli.proof import pin
from flows.cli.proof.pin import set_pin
from tasks.attestation.predicates.key_entry import KeyAddition
from tasks.attestation.predicates.records import AuditBatch
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Artefact
from tasks.errors import ConfigError, EvidenceError
from tasks.notary.notary import open_ledger, open_notary, open_pin, trusted_root
from tasks.settings import Settings
from tasks.system.installation import Installation
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tests import services
from tests.tasks.predicate_samples import COMPLETION

RECEIPT = COMPLETION.about(Artefact("erasure/1", "ab" * 32))
DATABASE_FILES = ("ledger.db", "ledger.db-wal", "ledger.db-shm")


def install(folder: Path, **settings: Any) -> Installation:
    folder.mkdir(parents=True, exist_ok=True)
    return Installation(folder, folder, replace(Settings.from_environment({}), **settings))


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation with a ledger of its own."""
    installation = install(tmp_path / "home")
    record(installation)
    return installation


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with services.postgres() as address:
        yield address


@pytest.fixture
def database(server: str) -> str:
    """An empty database that several installations share."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS shared WITH (FORCE)")
        connection.execute("CREATE DATABASE shared")
    return f"{server.rpartition('/')[0]}/shared"


def record(installation: Installation) -> None:
    with open_notary(installation) as notary:
        notary.record(RECEIPT)


def read(installation: Installation) -> Log:
    ledger = open_ledger(installation)
    try:
        return read_log(ledger, trusted_root(installation), EVERYTHING)
    finally:
        ledger.close()


def root_keyid(installation: Installation) -> str:
    return LocalSigner.load(installation.home / "signing" / "root.pem").public.keyid


def test_without_its_pin_nothing_is_appended(installation: Installation) -> None:
    open_pin(installation).path.unlink()
    with pytest.raises(EvidenceError, match="keys pin --reason"):
        record(installation)


def test_without_its_pin_nothing_is_read_though_a_root_is_named(installation: Installation) -> None:
    open_pin(installation).path.unlink()
    named = install(installation.home, trusted_root_key=root_keyid(installation))
    with pytest.raises(EvidenceError, match="keys pin --reason"):
        read(named)


def test_a_pin_that_is_set_anew_is_stated_under_the_root_key(installation: Installation) -> None:
    size = read(installation).head.size
    open_pin(installation).path.unlink()
    pinned = set_pin("a disk was lost", installation, is_first=False)

    log = read(installation)
    assert pinned.entry in [signed.index for signed in log.required_statements(KeyAddition)]
    assert f"verified at {size} entries; entry {pinned.entry} says why" in str(pinned)
    assert pinned.to_dict() == {
        "origin": log.head.origin,
        "entries": size,
        "entry": pinned.entry,
        "isRecorded": True,
    }
    reasons = [
        signed.predicate.reason
        for signed in log.required_statements(KeyAddition)
        if signed.predicate.reason
    ]
    assert reasons == [f"pin set anew at {size} entries: a disk was lost"]
    record(installation)


def test_it_is_in_the_audit_log_as_well(installation: Installation) -> None:
    open_pin(installation).path.unlink()
    set_pin("a disk was lost", installation, is_first=False)
    assert len(read(installation).statements(AuditBatch)) == 1
    (events,) = (installation.home / "audit").glob("events-*.jsonl")
    assert '"ledger:pin"' in events.read_text(encoding="utf-8")


def test_the_root_key_keeps_its_one_role(installation: Installation) -> None:
    before = read(installation).keys.entries[root_keyid(installation)]
    open_pin(installation).path.unlink()
    set_pin("a disk was lost", installation, is_first=False)
    assert read(installation).keys.entries[root_keyid(installation)] == before


def test_a_pin_that_is_there_is_not_set_anew(installation: Installation) -> None:
    note = open_pin(installation).path.read_bytes()
    with pytest.raises(ConfigError, match="expected no pin"):
        set_pin("why not", installation, is_first=False)
    assert open_pin(installation).path.read_bytes() == note


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_is_needed(installation: Installation, reason: str) -> None:
    open_pin(installation).path.unlink()
    with pytest.raises(ConfigError, match="--reason"):
        set_pin(reason, installation, is_first=False)
    assert not open_pin(installation).is_set()


def test_who_does_not_hold_the_root_key_sets_no_pin(installation: Installation) -> None:
    open_pin(installation).path.unlink()
    (installation.home / "signing" / "root.pem").unlink()
    with pytest.raises(EvidenceError, match="root key"):
        set_pin("mine now", installation, is_first=False)
    assert not open_pin(installation).is_set()


def test_a_log_that_was_edited_is_not_pinned(installation: Installation) -> None:
    open_pin(installation).path.unlink()
    ledger = open_ledger(installation)
    with ledger.store.appending():
        ledger.store.drop_body(ledger.tiles.record(1).envelope_sha256)
    ledger.close()
    with pytest.raises(EvidenceError, match="ledger entry 1"):
        set_pin("mend it", installation, is_first=False)
    assert not open_pin(installation).is_set()


def test_a_log_that_an_anchor_knows_better_is_not_pinned(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_pin(installation).path.unlink()
    monkeypatch.setattr(pin, "refusals", lambda *_: ("mirror: it holds 9 entries",))
    with pytest.raises(EvidenceError, match="mirror: it holds 9 entries"):
        set_pin("a disk was lost", installation, is_first=False)
    assert not open_pin(installation).is_set()


def test_first_is_not_for_a_ledger_of_one_s_own(installation: Installation) -> None:
    open_pin(installation).path.unlink()
    named = install(installation.home, trusted_root_key=root_keyid(installation))
    with pytest.raises(ConfigError, match="--first"):
        set_pin("new here", named, is_first=True)


def test_a_second_installation_names_the_root_that_it_trusts(tmp_path: Path, database: str) -> None:
    owner = install(tmp_path / "owner", ledger_url=database)
    record(owner)

    unnamed = install(tmp_path / "second", ledger_url=database)
    with pytest.raises(EvidenceError, match=r"ledger\.pin"):
        read(unnamed)
    with pytest.raises(ConfigError, match="PORTCULLIS_TRUST_ROOT"):
        set_pin("new worker", unnamed, is_first=True)

    other = install(tmp_path / "second", ledger_url=database, trusted_root_key="0" * 64)
    with pytest.raises(EvidenceError, match="root key 0000"):
        set_pin("new worker", other, is_first=True)

    named = install(tmp_path / "second", ledger_url=database, trusted_root_key=root_keyid(owner))
    pinned = set_pin("new worker", named, is_first=True)
    assert "may not append" in str(pinned)
    assert (pinned.to_dict()["entry"], pinned.to_dict()["isRecorded"]) == (None, False)
    assert read(named).head == read(owner).head


def test_a_second_installation_that_may_append_leaves_an_event(
    tmp_path: Path, database: str
) -> None:
    owner = install(tmp_path / "owner", ledger_url=database)
    record(owner)
    # A worker of several: they share the keys, as in a key service.
    second = install(
        tmp_path / "second",
        ledger_url=database,
        trusted_root_key=root_keyid(owner),
        signing_home=str(owner.home / "signing"),
    )
    assert "may not append" not in str(set_pin("new worker", second, is_first=True))
    assert len(read(owner).statements(AuditBatch)) == 1
    record(second)


def roll_back_with_pin(installation: Installation) -> None:
    """Restore the database and the pin of an earlier day, as who can write to both may."""
    names = (*DATABASE_FILES, "ledger.pin")
    files = {
        name: (installation.home / name).read_bytes()
        for name in names
        if (installation.home / name).is_file()
    }
    record(installation)
    for name in names:
        (installation.home / name).unlink(missing_ok=True)
    for name, body in files.items():
        (installation.home / name).write_bytes(body)


def test_without_anchors_database_and_pin_together_can_be_rolled_back(
    installation: Installation,
) -> None:
    """What no file on this machine can tell, as docs/evidence.md says."""
    size = read(installation).head.size
    roll_back_with_pin(installation)
    assert read(installation).head.size == size
