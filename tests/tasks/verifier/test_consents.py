"""Consents on a ledger without stages: which count, what they accept, and what is turned away."""

from typing import Any, cast

import pytest

from tasks.attestation.dsse import Envelope, sign
from tasks.attestation.statement import Statement
from tasks.errors import EvidenceError
from tasks.gates import Outcome
from tasks.verifier.approvals import Consents, acceptance, approval, authors_of, check
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import Log
from tests.tasks.predicate_samples import RUN, SAMPLES
from tests.tasks.verifier.signed_log import CASE, SignedLog, artefact_of, digest, report_of

LATER = "2099-01-01T00:00:00Z"
EARLIER = "2020-01-01T00:00:00Z"
COMMON = {
    "person": "ann",
    "role": "validator",
    "reason": "sound",
    "given": EARLIER,
    "expires": LATER,
}


@pytest.fixture
def undecided(cleared: SignedLog) -> SignedLog:
    """A chain whose gate `explain` is undecided."""
    cleared.say_judged("explain", Outcome.UNDECIDED)
    return cleared


def read(log: SignedLog) -> tuple[Log, Chain]:
    whole = log.read()
    return whole, examine(whole, CASE, digest("train/model"))


def approving(version: int = 1, **change: str) -> Statement:
    return approval(CASE, digest("train/model", version), **cast(Any, COMMON | change))


def accepting(gate: str = "explain", **change: Any) -> Statement:
    values = {"tests": ("explain.measure",), "verdict_sha256": report_of(gate).sha256} | change
    return acceptance(change.pop("case", CASE), gate, **cast(Any, COMMON | values))


def give(log: SignedLog, statement: Statement, role: str) -> Envelope:
    return sign(statement.to_bytes(), log.signers[role])


def is_accepted(log: SignedLog, gate: str = "explain") -> bool:
    whole, chain = read(log)
    return Consents.of(whole, chain).accepts(chain.verdicts[gate])


def test_who_started_a_stage_and_who_committed_its_code_are_the_authors(cleared: SignedLog) -> None:
    _, chain = read(cleared)
    assert authors_of(chain) == {RUN.started_by, RUN.commit_author_sha256}


def test_an_approval_of_this_model_counts(cleared: SignedLog) -> None:
    cleared.append(approving(), "approval")
    consents = Consents.of(*read(cleared))
    (consent,) = consents.approvals
    assert consents.counts(consent)
    assert consents.inputs() == (("approval:ann", consent.envelope_sha256),)


def test_an_approval_of_another_model_is_none(cleared: SignedLog) -> None:
    cleared.append(approving(version=2), "approval")
    assert Consents.of(*read(cleared)).approvals == ()


@pytest.mark.parametrize(
    "change",
    [{"expires": EARLIER}, {"expires": "never"}, {"person": "bob"}],
    ids=["expired", "no date", "another's name"],
)
def test_an_approval_that_does_not_count(cleared: SignedLog, change: dict[str, str]) -> None:
    cleared.append(approving(**cast(Any, change)), "approval")
    consents = Consents.of(*read(cleared))
    assert not consents.counts(consents.approvals[0])
    assert consents.inputs() == ()


def test_an_approval_by_a_key_that_was_revoked_is_none(cleared: SignedLog) -> None:
    index = cleared.append(approving(), "approval")
    cleared.revoke("approval", valid_to=index)
    assert Consents.of(*read(cleared)).approvals == ()


def test_a_validator_cannot_approve(cleared: SignedLog) -> None:
    cleared.append(approving(), "validation")
    assert Consents.of(*read(cleared)).approvals == ()


def test_an_undecided_check_is_accepted_by_its_key(undecided: SignedLog) -> None:
    assert not is_accepted(undecided)
    undecided.append(accepting(), "validation")
    assert is_accepted(undecided)


@pytest.mark.parametrize(
    "change",
    [
        {"tests": ("explain.other",)},
        {"tests": ()},
        {"verdict_sha256": "0" * 64},
        {"expires": EARLIER},
        {"person": "bob"},
    ],
    ids=["another check", "no check", "another verdict", "expired", "another's name"],
)
def test_an_acceptance_that_accepts_nothing(undecided: SignedLog, change: dict[str, Any]) -> None:
    undecided.append(accepting(**change), "validation")
    assert not is_accepted(undecided)


def test_a_failed_verdict_cannot_be_accepted(cleared: SignedLog) -> None:
    cleared.say_judged("explain", Outcome.FAIL)
    cleared.append(accepting(), "validation")
    assert not is_accepted(cleared)


def test_a_passed_verdict_needs_no_acceptance_and_is_none_accepted(cleared: SignedLog) -> None:
    cleared.append(accepting(), "validation")
    assert not is_accepted(cleared)


def test_an_acceptance_of_another_use_case_is_left_out(undecided: SignedLog) -> None:
    statement = acceptance(
        "other", "explain", verdict_sha256="0" * 64, tests=("explain.measure",), **COMMON
    )
    undecided.append(statement, "validation")
    assert Consents.of(*read(undecided)).acceptances == ()


def test_what_is_in_order_is_let_in(cleared: SignedLog) -> None:
    log, chain = read(cleared)
    assert check(give(cleared, approving(), "approval"), log, chain).approvals == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"version": 2}, "an approval of model"),
        ({"reason": " "}, "a reason"),
        ({"expires": EARLIER}, "a date of expiry to come"),
        ({"person": "bob"}, "a date of expiry to come"),
    ],
)
def test_an_approval_that_is_turned_away(
    cleared: SignedLog, change: dict[str, Any], expected: str
) -> None:
    log, chain = read(cleared)
    with pytest.raises(EvidenceError, match=f"expected {expected}"):
        check(give(cleared, approving(**cast(Any, change)), "approval"), log, chain)


def test_an_acceptance_of_another_use_case_is_turned_away(undecided: SignedLog) -> None:
    log, chain = read(undecided)
    statement = acceptance("other", "explain", verdict_sha256="0" * 64, tests=("x",), **COMMON)
    with pytest.raises(EvidenceError, match=f"an acceptance of a verdict of {CASE}"):
        check(give(undecided, statement, "validation"), log, chain)


def test_a_verdict_is_no_consent(cleared: SignedLog) -> None:
    log, chain = read(cleared)
    statement = SAMPLES["gate result"].about(artefact_of("train/model"))
    with pytest.raises(EvidenceError, match="an approval or an acceptance"):
        check(give(cleared, statement, "gate"), log, chain)


def test_a_consent_by_a_key_of_another_role_is_turned_away(cleared: SignedLog) -> None:
    log, chain = read(cleared)
    with pytest.raises(EvidenceError, match="a key with role `approval`"):
        check(give(cleared, approving(), "gate"), log, chain)


def test_a_consent_by_a_key_that_was_just_revoked_is_turned_away(cleared: SignedLog) -> None:
    cleared.revoke("approval", valid_to=cleared.size)
    log, chain = read(cleared)
    with pytest.raises(EvidenceError, match="void: revoked"):
        check(give(cleared, approving(), "approval"), log, chain)
