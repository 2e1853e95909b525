"""What is chosen for a bundle, and what is never handed out."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.attestation.keyring import add_key
from tasks.attestation.roles import ROOT
from tasks.attestation.signing_keys import LocalSigner
from tasks.clearance import bundle_writer
from tasks.clearance.bundle_writer import Contents, choose, files_of, scan
from tasks.errors import EvidenceError
from tasks.formats.archives import archive
from tasks.verifier.bundle import verify_bundle
from tasks.verifier.in_force.law import law_of
from tasks.verifier.lineage import examine
from tests.tasks.predicate_samples import COMPLETION, SAMPLES
from tests.tasks.verifier.in_force.laws import LAX, Lawgivers, say_gate_runs, terms_of
from tests.tasks.verifier.signed_log import CASE, SignedLog, artefact_of, digest


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SignedLog]:
    """A cleared model, with an entry about an erasure between its steps and its decision."""
    signed_log = SignedLog(tmp_path)
    signed_log.say_chain()
    signed_log.say(COMPLETION, artefact_of("erasure"))
    signed_log.say_decided("decide")
    signed_log.say_decided("register")
    yield signed_log
    signed_log.ledger.close()


def contents_of(log: SignedLog, *, also: tuple[int, ...] = (), whole: bool = False) -> Contents:
    read = log.read()
    chain = examine(read, CASE, digest("train/model"))
    return choose(read, chain, also=also, may_be_complete=whole)


def test_a_small_log_is_put_in_whole(log: SignedLog) -> None:
    contents = contents_of(log, whole=True)
    assert contents.is_complete
    assert len(contents.entries) == log.size


def test_a_large_log_is_not(log: SignedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_writer, "COMPLETE_UP_TO", log.size - 1)
    assert not contents_of(log, whole=True).is_complete


def test_a_chain_alone_leaves_out_what_is_about_something_else(log: SignedLog) -> None:
    contents = contents_of(log)
    assert not contents.is_complete
    assert len(contents.entries) == log.size - 1


def test_a_chain_alone_has_every_key_of_the_log(log: SignedLog) -> None:
    index = log.revoke("audit", valid_to=log.size)
    assert index in [entry.index for entry in contents_of(log).entries]


def test_a_chain_alone_has_the_approvals_of_its_model(log: SignedLog) -> None:
    own = log.say(SAMPLES["approval"], artefact_of("train/model"))
    other = log.say(SAMPLES["approval"], artefact_of("train/model", 2))
    indices = [entry.index for entry in contents_of(log).entries]
    assert own in indices
    assert other not in indices


def test_a_chain_alone_has_what_was_ever_in_force_or_proposed(
    log: SignedLog, tmp_path: Path
) -> None:
    lawgivers = Lawgivers(log, tmp_path)
    first = lawgivers.say(LAX)
    proposed = lawgivers.say(terms_of(people=2, replaces="0" * 64))
    indices = [entry.index for entry in contents_of(log).entries]
    assert {first, proposed} <= set(indices)


def test_a_chain_alone_has_how_every_gate_was_run(log: SignedLog) -> None:
    before = log.size
    say_gate_runs(log)
    indices = [entry.index for entry in contents_of(log).entries]
    assert set(range(before, log.size)) <= set(indices)


def test_a_chain_alone_has_what_was_decided_on_where_a_gate_ran_again(log: SignedLog) -> None:
    before = [entry.index for entry in contents_of(log).entries]
    again = log.say_judged("fairness")
    indices = [entry.index for entry in contents_of(log).entries]
    assert {*before, again} == set(indices)


@pytest.mark.parametrize("whole", [True, False])
def test_the_report_names_what_is_in_force_and_verifies(
    log: SignedLog, tmp_path: Path, whole: bool
) -> None:
    index = Lawgivers(log, tmp_path).say(LAX)
    files = files_of(contents_of(log, whole=whole), log.ledger)
    report = json.loads(files["report.json"])
    assert report["inForce"]["now"]["entry"] == index
    assert report["inForce"]["whenDecided"] is None
    path = tmp_path / "bundle.zip"
    path.write_bytes(archive(files))
    assert law_of(verify_bundle(path, log.trusted).log) is not None


def test_a_report_of_a_log_of_before_says_nothing_of_it(log: SignedLog) -> None:
    assert "inForce" not in json.loads(files_of(contents_of(log), log.ledger)["report.json"])


def test_an_entry_that_is_asked_for_is_put_in(log: SignedLog) -> None:
    contents = contents_of(log, also=tuple(range(log.size)))
    assert len(contents.entries) == log.size
    assert not contents.is_complete


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_written_verifies(log: SignedLog, tmp_path: Path, whole: bool) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(archive(files_of(contents_of(log, whole=whole), log.ledger)))
    verified = verify_bundle(path, log.trusted)
    assert verified.chain.broken == ()
    assert verified.decision is None


def test_every_statement_has_its_proof_and_every_key_its_file(log: SignedLog) -> None:
    files = files_of(contents_of(log), log.ledger)
    stems = {name.split("/")[1].split(".")[0] for name in files if name.startswith("proofs/")}
    assert stems == {
        name.split("/")[1].split(".")[0] for name in files if name.startswith("statements/")
    }
    keys = {name for name in files if name.startswith("keys/")}
    assert keys == {f"keys/{signer.public.keyid}.pem" for signer in log.signers.values()}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"ann@example.org", "an e-mail address"),
        (b"123-45-6789", "a social security number"),
        (b"DE89 3704 0044 0532 0130 00", "an IBAN"),
        (b"+49 170 1234567", "a telephone number"),
        (b"192.168.17.4", "an IP address"),
    ],
)
def test_a_value_about_a_person_is_named_by_its_kind(
    log: SignedLog, value: bytes, kind: str
) -> None:
    contents = contents_of(log)
    with pytest.raises(EvidenceError, match=f"report.json: .*what looks like {kind}") as refusal:
        scan(contents, {"report.json": b'{"x":"' + value + b'"}'})
    assert value.decode() not in str(refusal.value)


def test_a_value_within_a_statement_is_found_although_it_is_base64_there(log: SignedLog) -> None:
    index = log.append_bytes(b'{"x":"ann@example.org"}', "data")
    contents = contents_of(log, also=(index,))
    with pytest.raises(EvidenceError, match=f"statements/{index:010d}.json"):
        scan(contents, files_of(contents, log.ledger))


def test_an_enrolled_login_that_is_an_address_keeps_no_bundle_back(
    log: SignedLog, tmp_path: Path
) -> None:
    key = LocalSigner.make(tmp_path / "ann.pem").public
    address = "ann@bank.example"
    log.append(add_key(key, ("approval",), "ann-7", logins=("ann", address)), ROOT)
    contents = contents_of(log)
    scan(contents, files_of(contents, log.ledger))
    # Within another text it is a value like any other.
    with pytest.raises(EvidenceError, match="an e-mail address"):
        scan(contents, {"report.json": f'{{"x":"paid by {address}"}}'.encode()})


def test_versions_digests_and_times_look_like_nobody(log: SignedLog) -> None:
    contents = contents_of(log)
    scan(contents, files_of(contents, log.ledger))
