"""The notary: what it records is in the log, signed by the key of its role.

Keys come and go by entries.
"""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.attestation.dsse import IN_TOTO, Envelope, sign
from tasks.attestation.keyring import add_key, origin_of, revoke_key
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.roles import (
    ERASURE,
    GATE,
    KEY,
    ROLES,
    ROOT,
)
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Artefact, Statement
from tasks.errors import EvidenceError
from tasks.notary.notary import open_ledger, open_notary, role_of, trusted_root
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tasks.verifier.statement_index import verified
from tests.installations import installation_at
from tests.tasks.predicate_samples import BATCH, COMPLETION, MODEL, RESULT, RUN, SAMPLES

RECEIPT = COMPLETION.about(Artefact("erasure/1", "ab" * 32))
VERDICT = RESULT.about(MODEL)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    for name in ("PORTCULLIS_LEDGER_URL", "PORTCULLIS_TRUST_ROOT", "PORTCULLIS_SIGNING_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def everything(root: Path) -> Log:
    ledger = open_ledger(installation_at(root))
    try:
        return read_log(ledger, trusted_root(installation_at(root)), EVERYTHING)
    finally:
        ledger.close()


def test_a_statement_is_recorded_under_its_role_s_own_key(root: Path) -> None:
    with open_notary(installation_at(root)) as notary:
        recorded = notary.record(RECEIPT, "erasure")
        other = notary.record(VERDICT)
    log = everything(root)
    signed = verified(log.entries[recorded.index], log.keys)
    assert signed.statement == RECEIPT
    assert signed.key.roles == ("erasure",)
    assert signed.envelope_sha256 == recorded.envelope_sha256
    assert verified(log.entries[other.index], log.keys).key.roles == (GATE,)
    assert (
        log.head.origin
        == recorded.origin
        == origin_of(next(iter(log.keys.entries.values())).public)
    )
    for path in (root / "home" / "signing").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_wrong_role_is_refused_before_anything_is_signed(root: Path) -> None:
    with (
        open_notary(installation_at(root)) as notary,
        pytest.raises(EvidenceError, match="role `gate`"),
    ):
        notary.record(RECEIPT, "gate")
    with (
        open_notary(installation_at(root)) as notary,
        pytest.raises(EvidenceError, match="own key"),
    ):
        notary.record(SAMPLES["approval"].about(MODEL))
    with open_notary(installation_at(root)) as notary:
        assert notary.ledger.head() is None


@pytest.mark.parametrize(
    "statement",
    [
        Statement((MODEL,), "https://example.org/x", {}),
        Provenance(replace(RUN, stage="x"), ()).about(MODEL),
    ],
    ids=["type", "stage"],
)
def test_a_kind_that_no_role_makes(statement: Statement) -> None:
    with pytest.raises(EvidenceError, match="some role may make"):
        role_of(statement)


def test_what_no_reader_would_understand_is_not_signed(root: Path) -> None:
    unreadable = replace(RECEIPT, predicate=RECEIPT.predicate | {"more": 1})
    with (
        open_notary(installation_at(root)) as notary,
        pytest.raises(EvidenceError, match="unknown field `more`"),
    ):
        notary.record(unreadable)
    with open_notary(installation_at(root)) as notary:
        assert notary.ledger.head() is None


def test_ten_threads_at_once_record_everything_once(root: Path) -> None:
    def work(number: int) -> None:
        with open_notary(installation_at(root)) as notary:
            for each in range(5):
                notary.record(COMPLETION.about(Artefact(f"erasure/{number}/{each}", "ab" * 32)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = everything(root)
    found = [verified(entry, log.keys).statement for entry in log.entries]
    names = [each.subjects[0].name for each in found if each.predicate_type == ERASURE]
    assert len(names) == len(set(names)) == 50


def test_another_installation_s_root_is_not_trusted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_notary(installation_at(root)) as notary:
        notary.record(RECEIPT)
    monkeypatch.setenv("PORTCULLIS_TRUST_ROOT", "0" * 64)
    with pytest.raises(EvidenceError, match="root key 0000"):
        everything(root)
    monkeypatch.setenv("PORTCULLIS_TRUST_ROOT", "")
    (root / "home" / "ledger.pin").unlink()
    with pytest.raises(EvidenceError, match="keys pin --reason"):
        everything(root)


def record_as(
    root: Path, signer: LocalSigner, statement: Statement, payload_type: str = IN_TOTO
) -> int:
    """Append what `signer` signed, as somebody who got hold of the log's key could."""
    with open_notary(installation_at(root)) as notary:
        notary.begin()
        return notary.append_signed([sign(statement.to_bytes(), signer, payload_type)])[0].index


def why(root: Path, index: int) -> str:
    log = everything(root)
    with pytest.raises(EvidenceError) as error:
        verified(log.entries[index], log.keys)
    return str(error.value)


def key_of(root: Path, role: str) -> LocalSigner:
    return LocalSigner.load(root / "home" / "signing" / f"{role}.pem")


def test_an_unknown_key(root: Path) -> None:
    stranger = LocalSigner.make(root / "stranger.pem")
    assert "unknown" in why(root, record_as(root, stranger, VERDICT))


def test_a_right_key_in_the_wrong_role(root: Path) -> None:
    with open_notary(installation_at(root)) as notary:
        notary.record(RECEIPT)
    assert "a key with role `gate`; found key" in why(
        root, record_as(root, key_of(root, "erasure"), VERDICT)
    )


def test_another_payload_type(root: Path) -> None:
    with open_notary(installation_at(root)) as notary:
        notary.record(VERDICT)
    assert "payload type" in why(
        root, record_as(root, key_of(root, "gate"), VERDICT, "application/json")
    )


def test_a_signature_over_something_else(root: Path) -> None:
    with open_notary(installation_at(root)) as notary:
        notary.record(VERDICT)
        signer = key_of(root, "gate")
        forged = Envelope(VERDICT.to_bytes(), IN_TOTO, signer.public.keyid, signer.sign(b"other"))
        index = notary.append_signed([forged])[0].index
    assert "does not verify" in why(root, index)


def test_what_is_signed_after_a_revocation_is_void_and_what_was_signed_before_is_not(
    root: Path,
) -> None:
    with open_notary(installation_at(root)) as notary:
        before = notary.record(VERDICT).index
    stolen = key_of(root, "gate")
    until = (
        record_as(root, key_of(root, ROOT), revoke_key(stolen.public.keyid, before + 1, "stolen"))
        + 1
    )
    after = record_as(root, stolen, VERDICT)
    assert after == until
    log = everything(root)
    assert verified(log.entries[before], log.keys).statement == VERDICT
    assert "void: revoked" in why(root, after)


def test_a_revocation_reaches_back_and_the_key_is_not_revived_by_entering_it_again(
    root: Path,
) -> None:
    with open_notary(installation_at(root)) as notary:
        index = notary.record(VERDICT).index
    stolen = key_of(root, "gate")
    record_as(root, key_of(root, ROOT), revoke_key(stolen.public.keyid, index, "stolen before"))
    record_as(root, key_of(root, ROOT), add_key(stolen.public, (GATE,), "thief"))
    assert "void: revoked" in why(root, index)


def test_a_rotated_key_signs_from_its_entry_on(root: Path) -> None:
    with open_notary(installation_at(root)) as notary:
        notary.record(VERDICT)
    new = LocalSigner.make(root / "new.pem")
    early = record_as(root, new, VERDICT)
    record_as(root, key_of(root, ROOT), add_key(new.public, (GATE,), "worker"))
    late = record_as(root, new, VERDICT)
    assert "not yet added" in why(root, early)
    log = everything(root)
    assert verified(log.entries[late], log.keys).key.public == new.public


def test_only_the_root_key_enters_keys(root: Path) -> None:
    with open_notary(installation_at(root)) as notary:
        notary.record(VERDICT)
    stranger = LocalSigner.make(root / "stranger.pem")
    record_as(root, key_of(root, "gate"), add_key(stranger.public, ROLES, "me"))
    with pytest.raises(EvidenceError, match="role `root`"):
        everything(root)


def test_an_edited_and_a_deleted_envelope_are_named(root: Path) -> None:
    import sqlite3

    with open_notary(installation_at(root)) as notary:
        index = notary.record(AUDITED).index
        digest = notary.ledger.tiles.record(index).envelope_sha256
    with sqlite3.connect(root / "home" / "ledger.db") as db:
        db.execute(
            "UPDATE bodies SET body = replace(body, 'sig', 'gis') WHERE digest = ?", (digest,)
        )
    db.close()
    with pytest.raises(EvidenceError, match=rf"ledger entry {index}: expected the envelope"):
        everything(root)
    with sqlite3.connect(root / "home" / "ledger.db") as db:
        db.execute("DELETE FROM bodies WHERE digest = ?", (digest,))
    db.close()
    with pytest.raises(
        EvidenceError, match=rf"ledger entry {index}: expected its envelope; found none"
    ):
        everything(root)


AUDITED = BATCH.about(Artefact("audit/1", "ab" * 32))


def test_a_worker_without_the_root_key_has_to_be_enrolled(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_notary(installation_at(root)) as notary:
        notary.record(VERDICT)
        log_key = root / "home" / "signing" / "log.pem"
    other = root / "elsewhere"
    other.mkdir(mode=0o700)
    (other / "log.pem").write_bytes(log_key.read_bytes())
    (other / "log.pem").chmod(0o600)
    monkeypatch.setenv("PORTCULLIS_SIGNING_HOME", str(other))
    with (
        open_notary(installation_at(root)) as notary,
        pytest.raises(EvidenceError, match="keys enrol"),
    ):
        notary.record(VERDICT)
    assert KEY in everything(root).entries[0].envelope.payload.decode()
