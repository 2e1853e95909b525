"""`approve`: what a second person signs, what is recorded of it, and what is refused before."""

from pathlib import Path

import pytest

from flows.cli.base.own_key import KEY
from flows.cli.base.usage import UsageError
from flows.cli.proof import approve
from tasks.attestation.dsse import sign
from tasks.attestation.keyring import add_key
from tasks.attestation.predicates.consent import CheckAcceptance, ModelApproval
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import EvidenceError
from tasks.formats.digests import sha256_of
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.stages.decide.stage import run as decide
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tasks.verifier.log_reader import EVERYTHING, read_log
from tests.flows.cli.running import run
from tests.installations import installation_at
from tests.tasks.judged import CASE, CATALOGUES, attested, check, judged, put_verdict, sign_for

UNDECIDED, FAILED, *_ = CATALOGUES["fairness"]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A checkout whose model was made and judged, and waits for a second person."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_TODAY", raising=False)
    monkeypatch.delenv(KEY, raising=False)
    # What is signed rests on the ledger; that the use case is one is tried in test_refusals.
    monkeypatch.setattr(approve, "load_case", lambda *_: None)
    root = judged(tmp_path / "checkout")
    decide(StageRun("decide", CASE, installation_at(root)))
    return installation_at(attested(root))


def enrol(installation: Installation, role: str) -> str:
    """Return the file of Ann's new key, enrolled in a role."""
    path = installation.workspace.parent / "ann.pem"
    statement = add_key(LocalSigner.make(path).public, (role,), "ann")
    with open_notary(installation) as notary:
        notary.append_signed([sign(statement.to_bytes(), notary.signer("root"))])
    return str(path)


def model_of(installation: Installation) -> str:
    return sha256_of(installation.workspace / "data" / CASE / "train" / "model")


def approved(installation: Installation, *arguments: str, model: str | None = None) -> int:
    digest = model or model_of(installation)
    return run(
        approve,
        installation,
        *(CASE, "--model", f"sha256:{digest}", "--reason", "sound", "--expires", "2099-12-31"),
        *arguments,
    )


def recorded(installation: Installation, kind: type[Predicate]) -> list[Predicate]:
    """Return all statements of a kind in the ledger."""
    ledger = open_ledger(installation)
    try:
        log = read_log(ledger, trusted_root(installation), EVERYTHING)
        return [signed.predicate for signed in log.statements(kind)]
    finally:
        ledger.close()


def leave_undecided(installation: Installation) -> None:
    """Sign for a verdict with one undecided check, and one that failed."""
    checks = tuple(
        check(name, {UNDECIDED: None, FAILED: 0.1}.get(name, 1.0))
        for name in CATALOGUES["fairness"]
    )
    put_verdict(installation.workspace, "fairness", checks=checks)
    sign_for(installation.workspace, "fairness")


# A model


@pytest.mark.parametrize("more", [(), ("--to", "champion"), ("--print",)])
def test_who_would_accept_a_check_does_not_approve_the_model_instead(
    installation: Installation, more: tuple[str, ...]
) -> None:
    arguments = ("--check", UNDECIDED, "--key", enrol(installation, "approval"), *more)
    with pytest.raises(UsageError, match="--check: expected --undecided"):
        approved(installation, *arguments)
    assert recorded(installation, ModelApproval) == []


def test_an_approval_is_recorded_with_who_signed_why_and_until_when(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    key = enrol(installation, "approval")
    assert approved(installation, "--key", key, "--capacity", "risk committee") == 0
    (consent,) = recorded(installation, ModelApproval)
    assert isinstance(consent, ModelApproval)
    assert (consent.case, consent.person, consent.capacity) == (CASE, "ann", "risk committee")
    assert (consent.reason, consent.expires) == ("sound", "2099-12-31T23:59:59Z")
    assert capsys.readouterr().out.startswith("recorded as entry ")


def test_the_key_that_the_environment_names_signs(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, enrol(installation, "approval"))
    assert approved(installation_at(installation.workspace)) == 0
    assert len(recorded(installation, ModelApproval)) == 1


def test_an_approval_for_the_form_is_printed_and_not_recorded(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert approved(installation, "--key", enrol(installation, "approval"), "--print") == 0
    assert '"payload"' in capsys.readouterr().out
    assert recorded(installation, ModelApproval) == []


def test_a_model_that_nobody_made_is_not_approved(installation: Installation) -> None:
    key = enrol(installation, "approval")
    with pytest.raises(EvidenceError):
        approved(installation, "--key", key, model="0" * 64)
    assert recorded(installation, ModelApproval) == []


def test_a_key_of_another_role_approves_nothing(installation: Installation) -> None:
    key = enrol(installation, "validation")
    with pytest.raises(EvidenceError, match="a key with role `approval`"):
        approved(installation, "--key", key)
    assert recorded(installation, ModelApproval) == []


def test_a_key_that_nobody_enrolled_approves_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    LocalSigner.make(tmp_path / "own.pem")
    with pytest.raises(EvidenceError, match="approval"):
        approved(installation, "--key", str(tmp_path / "own.pem"))
    assert recorded(installation, ModelApproval) == []


# Undecided checks


def key_of(check_id: FairnessCheck) -> str:
    return check(check_id).key


def accept(installation: Installation, *arguments: str, gate: str = "fairness") -> int:
    key = enrol(installation, "validation")
    return approved(installation, "--key", key, "--undecided", gate, *arguments)


@pytest.mark.parametrize("is_named", [True, False], ids=["by its id", "as all that are undecided"])
def test_an_undecided_check_is_accepted_and_no_other(
    installation: Installation, is_named: bool
) -> None:
    leave_undecided(installation)
    undecided = check(UNDECIDED, None).key
    assert accept(installation, *(("--check", undecided) if is_named else ())) == 0
    (consent,) = recorded(installation, CheckAcceptance)
    assert isinstance(consent, CheckAcceptance)
    assert (consent.gate, consent.tests) == ("fairness", (undecided,))
    assert recorded(installation, ModelApproval) == []


def test_a_failed_check_is_never_accepted(installation: Installation) -> None:
    leave_undecided(installation)
    failed = check(FAILED, 0.1).key
    with pytest.raises(EvidenceError, match=f"expected an undecided check `{failed}`"):
        accept(installation, "--check", failed)
    assert recorded(installation, CheckAcceptance) == []


def test_a_gate_that_has_passed_has_nothing_to_accept(installation: Installation) -> None:
    with pytest.raises(EvidenceError, match="expected undecided checks; found undecided: none"):
        accept(installation)


def test_a_gate_that_does_not_exist_has_nothing_to_accept(installation: Installation) -> None:
    with pytest.raises(EvidenceError, match="gate `fairnes`: expected undecided checks"):
        accept(installation, gate="fairnes")
