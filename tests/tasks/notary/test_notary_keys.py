"""The notary's own rules, one broken at a time: roles, order, keys of others, marks, stores."""

from pathlib import Path

import pytest

from tasks.attestation.dsse import sign
from tasks.attestation.keyring import origin_of
from tasks.attestation.roles import ERASER, GATE, LOG, PERSONAL, ROOT
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Artefact
from tasks.errors import EvidenceError
from tasks.ledger.sqlite_store import SqliteStore
from tasks.notary.notary import Notary, open_ledger, open_notary, open_store, role_of, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tests.installations import installation_with_home
from tests.tasks.predicate_samples import COMPLETION, MODEL, RESULT, SAMPLES

RECEIPT = COMPLETION.about(Artefact("erasure/1", "ab" * 32))
VERDICT = RESULT.about(MODEL)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return installation_with_home(tmp_path / "home")


def log_of(installation: Installation) -> Log:
    ledger = open_ledger(installation)
    try:
        return read_log(ledger, trusted_root(installation), EVERYTHING)
    finally:
        ledger.close()


def roles_by_index(installation: Installation) -> list[str]:
    """Return the role of each key of the log, in the order in which they were entered."""
    keys = sorted(log_of(installation).keys.entries.values(), key=lambda entry: entry.since)
    return [role for entry in keys for role in entry.roles]


def key_folder(installation: Installation) -> Path:
    return installation.home / "signing"


def test_a_log_begins_with_its_root_key_and_its_own_key(installation: Installation) -> None:
    with open_notary(installation) as notary:
        notary.begin()
    assert roles_by_index(installation) == [ROOT, LOG]


def test_a_log_is_begun_once(installation: Installation) -> None:
    for _ in range(2):
        with open_notary(installation) as notary:
            notary.begin()
    assert log_of(installation).head.size == 2


def test_a_role_s_key_is_entered_before_what_it_signs(installation: Installation) -> None:
    with open_notary(installation) as notary:
        recorded = notary.record(VERDICT)
    assert roles_by_index(installation) == [ROOT, LOG, GATE]
    assert recorded.index == 3


def test_a_role_s_key_is_entered_once(installation: Installation) -> None:
    for _ in range(2):
        with open_notary(installation) as notary:
            notary.record(VERDICT)
    assert roles_by_index(installation) == [ROOT, LOG, GATE]


def test_several_statements_stand_in_their_order(installation: Installation) -> None:
    with open_notary(installation) as notary:
        recorded = notary.record_all([VERDICT, RECEIPT, VERDICT])
    indices = [statement.index for statement in recorded]
    assert indices == list(range(indices[0], indices[0] + 3))
    payloads = [log_of(installation).entries[index].envelope.payload for index in indices]
    assert payloads == [statement.to_bytes() for statement in (VERDICT, RECEIPT, VERDICT)]


def test_what_is_recorded_names_its_log(installation: Installation) -> None:
    with open_notary(installation) as notary:
        assert notary.record(VERDICT).origin == origin_of(notary.signer(ROOT).public)


@pytest.mark.parametrize("sample", ["approval", "acceptance"])
def test_the_worker_signs_nothing_for_a_person(installation: Installation, sample: str) -> None:
    statement = SAMPLES[sample].about(MODEL)
    assert role_of(statement) in PERSONAL
    with (
        open_notary(installation) as notary,
        pytest.raises(EvidenceError, match=f"role `{role_of(statement)}`: .*own key"),
    ):
        notary.record(statement)
    assert not key_folder(installation).exists()


def test_one_statement_of_a_person_keeps_the_others_out_as_well(
    installation: Installation,
) -> None:
    with open_notary(installation) as notary:
        with pytest.raises(EvidenceError, match="the worker's notary"):
            notary.record_all([VERDICT, SAMPLES["approval"].about(MODEL)])
        assert notary.ledger.head() is None


def test_a_statement_of_another_role_makes_no_key(installation: Installation) -> None:
    with open_notary(installation) as notary, pytest.raises(EvidenceError, match="another role"):
        notary.record(VERDICT, ERASER)
    assert not key_folder(installation).exists()


def test_what_somebody_else_has_signed_keeps_their_key(
    installation: Installation, tmp_path: Path
) -> None:
    person = LocalSigner.make(tmp_path / "ann.pem")
    with open_notary(installation) as notary:
        notary.begin()
        envelope = sign(SAMPLES["approval"].about(MODEL).to_bytes(), person)
        (recorded,) = notary.append_signed([envelope])
    assert log_of(installation).entries[recorded.index].envelope.keyid == person.public.keyid


def put_mark(notary: Notary, keyid: str, text: str) -> None:
    with notary.ledger.store.appending():
        notary.ledger.store.put_mark(f"key {keyid}", text)


@pytest.mark.parametrize("mark", ["0", "1", "3", "none"])
def test_a_mark_alone_enters_no_key(installation: Installation, mark: str) -> None:
    """It points to another key's entry, to none, or to what is no key entry."""
    with open_notary(installation) as notary:
        notary.record(RECEIPT)
        put_mark(notary, notary.signer(GATE).public.keyid, mark)
        notary.record(VERDICT)
    assert roles_by_index(installation) == [ROOT, LOG, ERASER, GATE]


def test_a_lost_mark_enters_a_key_again_and_changes_nothing(installation: Installation) -> None:
    with open_notary(installation) as notary:
        notary.record(VERDICT)
        put_mark(notary, notary.signer(GATE).public.keyid, "")
        notary.record(VERDICT)
    log = log_of(installation)
    (gate,) = [entry for entry in log.keys.entries.values() if GATE in entry.roles]
    assert (gate.since, log.head.size) == (2, 6)


def test_a_worker_with_another_root_key_enters_no_key(installation: Installation) -> None:
    with open_notary(installation) as notary:
        notary.begin()
    (key_folder(installation) / f"{ROOT}.pem").unlink()
    with (
        open_notary(installation) as notary,
        pytest.raises(EvidenceError, match=f"key of role `{GATE}`: .*keys enrol"),
    ):
        notary.record(VERDICT)
    assert log_of(installation).head.size == 2


def test_a_worker_with_another_root_key_signs_with_a_key_that_is_entered(
    installation: Installation,
) -> None:
    with open_notary(installation) as notary:
        notary.record(VERDICT)
    (key_folder(installation) / f"{ROOT}.pem").unlink()
    with open_notary(installation) as notary:
        assert notary.record(VERDICT).index == 4


def test_a_worker_with_another_log_key_appends_nothing(installation: Installation) -> None:
    with open_notary(installation) as notary:
        notary.record(VERDICT)
    (key_folder(installation) / f"{LOG}.pem").unlink()
    with open_notary(installation) as notary, pytest.raises(EvidenceError):
        notary.record(VERDICT)
    assert log_of(installation).head.size == 4


def test_without_an_address_the_ledger_is_the_installation_s_file(
    installation: Installation,
) -> None:
    store = open_store(installation)
    assert isinstance(store, SqliteStore)
    store.close()


def test_before_the_first_entry_no_root_key_is_trusted(installation: Installation) -> None:
    assert trusted_root(installation) == ""


def test_the_pinned_log_s_root_key_is_trusted(installation: Installation) -> None:
    with open_notary(installation) as notary:
        notary.begin()
        assert notary.signer(ROOT).public.keyid.startswith(trusted_root(installation))
    assert len(trusted_root(installation)) == 32


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"", b"garbage\n"])
def test_a_damaged_pin_names_no_root_key(installation: Installation, damage: bytes) -> None:
    with open_notary(installation) as notary:
        notary.begin()
    (installation.home / "ledger.pin").write_bytes(damage)
    with pytest.raises(EvidenceError, match="a damaged, empty or other file"):
        trusted_root(installation)


def test_a_root_key_that_is_set_comes_before_the_pinned_one(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_notary(installation) as notary:
        notary.begin()
    monkeypatch.setenv("PORTCULLIS_TRUST_ROOT", f" {'AB' * 32}\n")
    assert trusted_root(installation_with_home(installation.home)) == "ab" * 32
