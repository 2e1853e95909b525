"""Consents on a ledger without stages: which count, what they accept, and what is turned away."""

from dataclasses import replace
from typing import Any, cast

import pytest

from tasks.attestation.dsse import Envelope, sign
from tasks.attestation.identities import Identity
from tasks.attestation.keyring import add_key, revoke_key
from tasks.attestation.predicates.circumstances import LOCAL
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.roles import APPROVER, ROOT, VALIDATOR
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Statement
from tasks.errors import EvidenceError
from tasks.gates import Outcome
from tasks.verifier.approvals import Consents, acceptance, approval, check, makers_of, mode_of
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import Log
from tasks.verifier.text_report import lines_of
from tests.tasks.predicate_samples import RUN, SAMPLES
from tests.tasks.verifier.signed_log import (
    CASE,
    SignedLog,
    artefact_of,
    digest,
    plan_of,
    report_of,
)

ENFORCED = "enforced"
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
    makers = makers_of(*read(cleared))
    assert makers.include(Identity.of((RUN.started_by,)))
    assert makers.include(Identity.of((), (RUN.commit_author_sha256,)))
    assert not makers.include(Identity.of(("ann",), ("b" * 64,)))


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
        ({"reason": "sound\x1b[2J"}, "a reason"),
        ({"expires": EARLIER}, "a date of expiry to come"),
        ({"given": "2098-01-01T00:00:00Z"}, "a day of signing that has come"),
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


# People by identity. In these logs `worker-7` started every stage (`predicate_samples.RUN`).


def enrol(
    log: SignedLog, name: str, holder: str, *, logins: tuple[str, ...] = (), email: str = ""
) -> LocalSigner:
    signer = LocalSigner.make(log.folder / f"{name}.pem")
    hashes = [email] if email else []
    statement = add_key(
        signer.public, (APPROVER, VALIDATOR), holder, logins=logins, emails_sha256=hashes
    )
    log.append(statement, ROOT)
    return signer


def approve_as(log: SignedLog, signer: LocalSigner, person: str, mode: str = LOCAL) -> Consents:
    """Append an approval without asking, and return what counts."""
    log.append_all([sign(approving(person=person).to_bytes(), signer)])
    return Consents.of(*read(log), mode)


def counts(log: SignedLog, signer: LocalSigner, person: str, mode: str = LOCAL) -> bool:
    consents = approve_as(log, signer, person, mode)
    return consents.counts(consents.approvals[-1])


def enrol_makers(log: SignedLog) -> None:
    enrol(log, "dev", "dev-1", logins=(RUN.started_by,), email=RUN.commit_author_sha256)


@pytest.mark.parametrize("holder", ["worker-7", "Worker-7", "WORKER-7"])
def test_whoever_started_a_stage_cannot_approve_in_any_spelling(
    cleared: SignedLog, holder: str
) -> None:
    assert not counts(cleared, enrol(cleared, "x", holder), holder)


def test_whoever_started_a_stage_under_a_login_cannot_approve(cleared: SignedLog) -> None:
    assert not counts(cleared, enrol(cleared, "x", "ann-7", logins=("Worker-7",)), "ann-7")


def test_a_second_key_of_whoever_made_the_run_is_no_second_person(cleared: SignedLog) -> None:
    enrol(cleared, "first", "ann-7", logins=("worker-7",))
    second = enrol(cleared, "second", "ANN-7", logins=("ann",))
    assert not counts(cleared, second, "ANN-7")


def test_a_login_of_a_revoked_key_is_still_its_holder_s(cleared: SignedLog) -> None:
    first = enrol(cleared, "first", "ann-7", logins=("worker-7",))
    cleared.append(revoke_key(first.public.keyid, cleared.size, "given up"), ROOT)
    assert not counts(cleared, enrol(cleared, "second", "ann-7", logins=("ann",)), "ann-7")


def test_a_login_that_the_log_gives_to_two_people_excludes_both(cleared: SignedLog) -> None:
    enrol(cleared, "first", "bob-8", logins=("worker-7", "shared"))
    assert not counts(cleared, enrol(cleared, "x", "ann-7", logins=("shared",)), "ann-7")


def test_whoever_wrote_the_commit_cannot_approve(cleared: SignedLog) -> None:
    author = enrol(cleared, "x", "ann-7", logins=("ann",), email=RUN.commit_author_sha256)
    assert not counts(cleared, author, "ann-7")


def test_whoever_wrote_the_code_of_a_gate_cannot_approve(cleared: SignedLog) -> None:
    run = replace(RUN, stage="explain", commit_author_sha256="b" * 64)
    cleared.say(Provenance(run, ()), report_of("explain"))
    author = enrol(cleared, "x", "ann-7", logins=("ann",), email="b" * 64)
    assert not counts(cleared, author, "ann-7")


def test_a_key_that_the_worker_holds_approves_nothing(cleared: SignedLog) -> None:
    assert not counts(cleared, enrol(cleared, "x", "worker"), "worker")


def test_locally_a_second_person_counts_whoever_made_the_run(cleared: SignedLog) -> None:
    assert counts(cleared, enrol(cleared, "x", "ann-7"), "ann-7")
    assert Consents.of(*read(cleared)).unknown_actors == ()


@pytest.mark.parametrize("mode", [ENFORCED, "a mode that nobody knows"])
def test_unless_local_an_approver_without_a_login_does_not_count(
    cleared: SignedLog, mode: str
) -> None:
    enrol_makers(cleared)
    assert not counts(cleared, enrol(cleared, "x", "bob-8"), "bob-8", mode)
    assert counts(cleared, enrol(cleared, "y", "ann-7", logins=("ann",)), "ann-7", mode)


def test_a_login_of_any_key_of_theirs_identifies_an_approver(cleared: SignedLog) -> None:
    enrol_makers(cleared)
    enrol(cleared, "first", "ann-7", logins=("ann",))
    assert counts(cleared, enrol(cleared, "second", "ann-7"), "ann-7", ENFORCED)


def test_enforced_whoever_made_the_run_is_enrolled(cleared: SignedLog) -> None:
    assert Consents.of(*read(cleared), ENFORCED).unknown_actors == (
        "`worker-7` started a stage",
        f"the author of commit {'c' * 12}",
    )
    enrol_makers(cleared)
    assert Consents.of(*read(cleared), ENFORCED).unknown_actors == ()


def test_one_enforced_run_makes_the_whole_strict(cleared: SignedLog) -> None:
    assert mode_of(*read(cleared)) == LOCAL
    cleared.say(Provenance(replace(RUN, stage="explain", mode=ENFORCED), ()), report_of("explain"))
    assert mode_of(*read(cleared)) == ENFORCED
    assert Consents.of(*read(cleared)).unknown_actors


@pytest.mark.parametrize("account", ["root", "uid 0", "prefect", "worker", ""])
def test_enforced_a_shared_account_is_nobody(cleared: SignedLog, account: str) -> None:
    enrol_makers(cleared)
    run = replace(RUN, stage="explain", started_by=account)
    cleared.say(Provenance(run, ()), report_of("explain"))
    assert len(Consents.of(*read(cleared), ENFORCED).unknown_actors) == 1


def test_enforced_code_outside_git_is_nobody_s(cleared: SignedLog) -> None:
    enrol_makers(cleared)
    run = replace(RUN, stage="explain", commit="", commit_author_sha256="")
    cleared.say(Provenance(run, ()), report_of("explain"))
    (line,) = Consents.of(*read(cleared), ENFORCED).unknown_actors
    assert "outside git" in line


@pytest.mark.parametrize(
    ("logins", "makers_are_known", "words"),
    [
        ((), True, "a person whose logins are enrolled; found none of ann-7"),
        (("ann",), False, "a run by people who are enrolled; found `worker-7`"),
    ],
)
def test_enforced_nothing_is_recorded_that_could_not_count(
    cleared: SignedLog, logins: tuple[str, ...], makers_are_known: bool, words: str
) -> None:
    if makers_are_known:
        enrol_makers(cleared)
    signer = enrol(cleared, "x", "ann-7", logins=logins)
    envelope = sign(approving(person="ann-7").to_bytes(), signer)
    with pytest.raises(EvidenceError, match=words):
        check(envelope, *read(cleared), ENFORCED)


# What nobody knows is not approved.


def test_an_approval_of_what_nobody_made_is_turned_away(cleared: SignedLog) -> None:
    log = cleared.read()
    unknown = digest("train/model", 2)
    envelope = give(cleared, approving(version=2), "approval")
    with pytest.raises(EvidenceError, match=f"none with digest {unknown[:12]}.*release {CASE}"):
        check(envelope, log, examine(log, CASE, unknown))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verdict_sha256": "0" * 64}, "one of another verdict"),
        ({"tests": ()}, "expected undecided checks"),
        ({"tests": ("explain.measure", "explain.other")}, "found `explain.other`"),
    ],
)
def test_an_acceptance_of_what_is_not_undecided_is_turned_away(
    undecided: SignedLog, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(EvidenceError, match=words):
        check(give(undecided, accepting(**change), "validation"), *read(undecided))


def test_an_acceptance_of_a_gate_without_a_verdict_is_turned_away(undecided: SignedLog) -> None:
    statement = accepting("absent")
    with pytest.raises(EvidenceError, match="one of another verdict"):
        check(give(undecided, statement, "validation"), *read(undecided))


# Another plan


def test_an_approval_counts_for_the_plan_under_which_the_model_was_trained_before_it(
    cleared: SignedLog,
) -> None:
    cleared.say_made("train/model", plan=plan_of())
    cleared.append(approving(), APPROVER)
    consents = Consents.of(*read(cleared))
    assert [consents.counts(consent) for consent in consents.approvals] == [True]
    assert consents.of_other_plans == ()


def test_an_approval_of_the_same_bytes_under_another_plan_counts_for_nothing(
    cleared: SignedLog,
) -> None:
    cleared.say_made("train/model", plan=plan_of())
    cleared.append(approving(), APPROVER)
    cleared.say_made("train/model", plan=plan_of(fairness="2"))
    consents = Consents.of(*read(cleared))
    assert consents.approvals == ()
    assert [consent.person for consent in consents.of_other_plans] == ["ann"]
    assert "under another plan, counts for nothing" in "\n".join(lines_of(*read(cleared)))


def test_an_approval_outlives_a_training_that_changes_nothing(cleared: SignedLog) -> None:
    cleared.say_made("train/model", plan=plan_of())
    cleared.append(approving(), APPROVER)
    cleared.say_made("train/model", plan=plan_of())
    assert len(Consents.of(*read(cleared)).approvals) == 1


def test_who_approves_now_approves_the_present_plan(cleared: SignedLog) -> None:
    cleared.say_made("train/model", plan=plan_of())
    consents = check(give(cleared, approving(), APPROVER), *read(cleared))
    assert consents.of_other_plans == ()
