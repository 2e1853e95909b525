"""What the law holds against a chain: each term on its own, on a chain that meets all others."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.plan import Plan
from tasks.attestation.predicates.circumstances import Circumstances
from tasks.attestation.predicates.in_force import RequiredApprovals, Terms
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.roles import APPROVER, COMPLIANCE, VALIDATOR
from tasks.errors import RefusalKind
from tasks.gates import Check, Outcome, Verdict
from tasks.path import BEFORE_TRAINING, SUBJECTS
from tasks.verifier.in_force import objections as judging
from tasks.verifier.in_force.law import law_of
from tasks.verifier.in_force.objections import (
    LawFacts,
    LawReading,
    find_gate_runs,
    is_mode_enough,
    mode_of,
    objections,
    read_law,
)
from tasks.verifier.lineage import MODEL, examine
from tests.tasks.predicate_samples import POLICY, RUN, SAMPLES
from tests.tasks.verifier import signed_log as signed_log_module
from tests.tasks.verifier.in_force.laws import LAX, Lawgivers, say_gate_runs, terms_of
from tests.tasks.verifier.signed_log import (
    CASE,
    SignedLog,
    artefact_of,
    digest,
    plan_of,
    report_of,
    verdict_of,
)

ONE_APPROVAL = RequiredApprovals(1, "approval", "")
ENFORCED_RUN = replace(RUN, mode="enforced", ref="refs/heads/main", dirty=())
LATER = "2099-01-01T00:00:00Z"
CLEARING = LawFacts("register", "local", POLICY.sha256, CASE, {})


@pytest.fixture
def lawgivers(cleared: SignedLog, tmp_path: Path) -> Lawgivers:
    return Lawgivers(cleared, tmp_path)


def kinds(log: SignedLog, facts: LawFacts = CLEARING) -> list[str]:
    read = log.read()
    chain = examine(read, CASE, digest(MODEL))
    return [refusal.kind for refusal in objections(read, chain, facts)]


def kinds_under(lawgivers: Lawgivers, facts: LawFacts = CLEARING, **changes: Any) -> list[str]:
    lawgivers.say(terms_of(**changes))
    return kinds(lawgivers.log, facts)


def test_a_chain_that_meets_every_term_is_not_objected_to(lawgivers: Lawgivers) -> None:
    assert kinds_under(lawgivers) == []


# Nothing in force


def test_in_mode_local_nothing_has_to_be_in_force(cleared: SignedLog) -> None:
    assert kinds(cleared) == []


@pytest.mark.parametrize("mode", ["enforced", "drill"])
def test_in_every_other_mode_something_has_to_be(cleared: SignedLog, mode: str) -> None:
    assert kinds(cleared, replace(CLEARING, mode=mode)) == [RefusalKind.IN_FORCE_MISSING]


def test_a_revocation_that_takes_the_only_law_with_it_opens_nothing(
    lawgivers: Lawgivers,
) -> None:
    index = lawgivers.say(LAX)
    lawgivers.log.revoke(COMPLIANCE, valid_to=index)
    assert kinds(lawgivers.log) == [RefusalKind.IN_FORCE_VOID]


# Policy


def test_verdicts_by_another_policy_are_refused_one_by_one(lawgivers: Lawgivers) -> None:
    lawgivers.say(terms_of(policy_sha256="a" * 64))
    facts = replace(CLEARING, policy_sha256="a" * 64)
    assert set(kinds(lawgivers.log, facts)) == {RefusalKind.IN_FORCE_POLICY_CHANGED}
    assert len(kinds(lawgivers.log, facts)) == len(LAX.gates) + 1  # and the decision of `decide`


def test_a_permissive_policy_that_lies_here_now_is_refused(lawgivers: Lawgivers) -> None:
    """As one that an ignore file hides from git and DVC: what is evaluated is what is digested."""
    facts = replace(CLEARING, policy_sha256="a" * 64)
    assert kinds_under(lawgivers, facts) == [RefusalKind.IN_FORCE_POLICY_CHANGED]


# Gates and checks


def test_a_gate_that_the_path_has_lost_is_missed(lawgivers: Lawgivers) -> None:
    gates = {**LAX.gates, "secrets": ("secrets.none",)}
    assert kinds_under(lawgivers, gates=gates) == [RefusalKind.IN_FORCE_GATE_MISSING]


def test_a_gate_that_is_no_pass_is_refused(lawgivers: Lawgivers) -> None:
    lawgivers.log.say_judged("fairness", Outcome.FAIL)
    assert kinds_under(lawgivers) == [RefusalKind.IN_FORCE_GATE_MISSING]


def test_a_check_that_was_not_made_is_missed(lawgivers: Lawgivers) -> None:
    gates = {"fairness": ("fairness.measure", "fairness.other")}
    assert kinds_under(lawgivers, gates=gates) == [RefusalKind.IN_FORCE_CHECK_MISSING]


def say_unmeasured(log: SignedLog) -> None:
    """Append a verdict of `fairness` that passes, and whose check of one id measured nothing."""
    checks = (
        Check("fairness.measure", "m", Outcome.NOT_MEASURED, None, "x", reason="declared"),
        Check("fairness.other", "o", Outcome.PASS, 1.0, "at least 0.5"),
    )
    verdict = Verdict("fairness", CASE, checks, "8" * 64, {"x": "9" * 64})
    earlier = verdict_of("fairness", Outcome.PASS)
    run = replace(RUN, stage="fairness")
    signed = type(earlier).of(run, verdict, report_of("fairness"), earlier.configuration)
    log.say(signed, artefact_of("redact/rows.parquet"), artefact_of("train/predictions.parquet"))


def test_a_check_that_measured_nothing_is_missed(lawgivers: Lawgivers) -> None:
    say_unmeasured(lawgivers.log)
    assert kinds_under(lawgivers) == [RefusalKind.IN_FORCE_CHECK_MISSING]


def test_what_another_use_case_may_leave_unmeasured_is_missed_in_this(
    lawgivers: Lawgivers,
) -> None:
    say_unmeasured(lawgivers.log)
    found = kinds_under(lawgivers, unmeasured={"other": ("fairness.measure",)})
    assert found == [RefusalKind.IN_FORCE_CHECK_MISSING]


def test_a_check_that_may_be_unmeasured_has_to_be_reported(lawgivers: Lawgivers) -> None:
    say_unmeasured(lawgivers.log)
    checks = ("fairness.measure", "fairness.third")
    lawgivers.say(terms_of(gates={"fairness": checks}, unmeasured={CASE: checks}))
    read = lawgivers.log.read()
    (refusal,) = objections(read, examine(read, CASE, digest(MODEL)), CLEARING)
    assert refusal.kind == RefusalKind.IN_FORCE_CHECK_MISSING
    assert "`fairness.third` was not made" in refusal.text


def test_before_training_only_the_gates_before_it_are_asked_for(lawgivers: Lawgivers) -> None:
    lawgivers.say(terms_of(approvals=ONE_APPROVAL, registry_names={}))
    log = lawgivers.log.read()
    facts = LawFacts("train", "local", POLICY.sha256)
    rows = "redact/rows.parquet"
    chain = examine(log, CASE, digest(rows), target=rows, gates=BEFORE_TRAINING)
    assert objections(log, chain, facts) == ()


# How it was run


def test_a_decision_below_the_least_mode_is_refused(lawgivers: Lawgivers) -> None:
    found = kinds_under(lawgivers, least_mode="enforced")
    assert set(found) == {RefusalKind.IN_FORCE_MODE_TOO_LOW}


def test_a_stage_below_the_least_mode_is_refused_though_the_decision_is_not(
    lawgivers: Lawgivers,
) -> None:
    facts = replace(CLEARING, mode="enforced")
    found = kinds_under(lawgivers, facts, least_mode="enforced")
    assert set(found) == {RefusalKind.IN_FORCE_MODE_TOO_LOW}


@pytest.fixture
def enforced(signed_log: SignedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lawgivers:
    """A cleared model whose every stage ran enforced, of a clean commit of the main branch."""
    monkeypatch.setattr(signed_log_module, "RUN", ENFORCED_RUN)
    signed_log.say_chain()
    say_gate_runs(signed_log, mode="enforced", ref="refs/heads/main", dirty=())
    signed_log.say_decided("decide")
    return Lawgivers(signed_log, tmp_path)


def test_runs_of_the_least_mode_are_enough(enforced: Lawgivers) -> None:
    facts = replace(CLEARING, mode="enforced")
    changes = {"least_mode": "enforced", "refs": ("refs/heads/main",)}
    assert kinds_under(enforced, facts, **changes) == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"mode": "local"}, RefusalKind.IN_FORCE_MODE_TOO_LOW),
        ({"mode": "drill"}, RefusalKind.IN_FORCE_MODE_TOO_LOW),
        ({"ref": "refs/heads/other"}, RefusalKind.IN_FORCE_COMMIT_NOT_RELEASABLE),
        ({"dirty": ("tasks/x.py",)}, RefusalKind.IN_FORCE_COMMIT_NOT_RELEASABLE),
    ],
)
def test_a_gate_that_was_run_otherwise_is_found_by_its_provenance(
    enforced: Lawgivers, changes: dict[str, Any], kind: RefusalKind
) -> None:
    run = replace(ENFORCED_RUN, stage="fairness", **changes)
    enforced.log.say(Provenance(run, ()), report_of("fairness"))
    facts = replace(CLEARING, mode="enforced")
    terms = {"least_mode": "enforced", "refs": ("refs/heads/main",)}
    assert kinds_under(enforced, facts, **terms) == [kind]


def test_provenance_of_another_run_does_not_stand_in_for_a_gate_s(
    cleared: SignedLog, tmp_path: Path
) -> None:
    say_gate_runs(cleared, mode="enforced", invocation="1" * 32)
    read = cleared.read()
    assert find_gate_runs(read, examine(read, CASE, digest(MODEL))) == {}


@pytest.mark.parametrize(
    ("mode", "least", "is_enough"),
    [
        ("local", "local", True),
        ("enforced", "local", True),
        ("enforced", "enforced", True),
        ("local", "enforced", False),
        ("drill", "local", False),
        ("", "local", False),
    ],
)
def test_a_mode_that_is_unknown_is_worth_nothing(mode: str, least: str, is_enough: bool) -> None:
    assert is_mode_enough(mode, least) is is_enough


@pytest.mark.parametrize(
    ("source", "mode"),
    [
        (None, "local"),
        (RUN, "local"),
        (replace(RUN, mode=""), "local"),
        (replace(RUN, mode="enforced"), "enforced"),
    ],
)
def test_what_says_no_mode_ran_in_local(source: Circumstances | None, mode: str) -> None:
    assert mode_of(source) == mode


RELEASABLE: list[dict[str, Any]] = [
    {"refs": ("refs/heads/main",)},
    {"signers": ("SHA256:abc",)},
]


@pytest.mark.parametrize("changes", RELEASABLE)
def test_a_commit_of_no_ref_and_no_signer_is_not_releasable(
    lawgivers: Lawgivers, changes: dict[str, Any]
) -> None:
    say_gate_runs(lawgivers.log)
    found = kinds_under(lawgivers, **changes)
    assert set(found) == {RefusalKind.IN_FORCE_COMMIT_NOT_RELEASABLE}


@pytest.mark.parametrize(
    ("run", "is_releasable"),
    [
        ({"ref": "refs/heads/main"}, True),
        ({"signer": "SHA256:abc"}, True),
        ({"ref": "refs/heads/other", "signer": "SHA256:abcd"}, False),
        ({"ref": "refs/heads/main", "dirty": ("tasks/x.py",)}, False),
        ({"ref": "refs/heads/main", "commit": ""}, False),
        ({}, False),
    ],
)
def test_a_clean_commit_needs_a_ref_or_a_signer_in_force(
    run: dict[str, Any], is_releasable: bool
) -> None:
    terms = terms_of(refs=("refs/heads/main",), signers=("SHA256:abc",))
    circumstances = replace(RUN, **({"dirty": ()} | run))
    assert judging._is_releasable(circumstances, terms) is is_releasable


# Approvals


def approve(log: SignedLog, **changes: Any) -> int:
    consent = replace(SAMPLES["approval"], **({"expires": LATER} | changes))
    return log.say(consent, artefact_of(MODEL))


def test_approval_is_asked_whatever_the_use_case_says_of_it(lawgivers: Lawgivers) -> None:
    """`register.approval: false`, if only while `register` runs, changes nothing of this."""
    found = kinds_under(lawgivers, approvals=ONE_APPROVAL)
    assert found == [RefusalKind.IN_FORCE_APPROVAL_MISSING]


def test_an_approval_in_force_is_enough_where_one_is_asked(lawgivers: Lawgivers) -> None:
    approve(lawgivers.log)
    assert kinds_under(lawgivers, approvals=ONE_APPROVAL) == []


@pytest.mark.parametrize(
    "changes", [{"expires": "2020-01-01T00:00:00Z"}, {"person": "bob"}, {"capacity": "intern"}]
)
def test_an_approval_that_does_not_count_is_none(
    lawgivers: Lawgivers, changes: dict[str, str]
) -> None:
    approve(lawgivers.log, **changes)
    approvals = RequiredApprovals(1, "approval", "Validator")
    found = kinds_under(lawgivers, approvals=approvals)
    assert found == [RefusalKind.IN_FORCE_APPROVAL_MISSING]


def test_an_approval_by_a_key_without_the_role_is_none(lawgivers: Lawgivers) -> None:
    approve(lawgivers.log)
    found = kinds_under(lawgivers, approvals=RequiredApprovals(1, VALIDATOR, ""))
    assert found == [RefusalKind.IN_FORCE_APPROVAL_MISSING]


def test_two_approvals_of_one_person_are_one(lawgivers: Lawgivers) -> None:
    approve(lawgivers.log)
    approve(lawgivers.log)
    found = kinds_under(lawgivers, approvals=RequiredApprovals(2, APPROVER, ""))
    assert found == [RefusalKind.IN_FORCE_APPROVAL_MISSING]


# Registry names and anchors


@pytest.mark.parametrize(
    ("name", "owners"), [("loan", {CASE: CASE}), (CASE, {CASE: "other"}), ("", {CASE: CASE})]
)
def test_a_name_of_another_use_case_or_of_nobody_is_refused(
    lawgivers: Lawgivers, name: str, owners: dict[str, str]
) -> None:
    facts = replace(CLEARING, registry_name=name)
    found = kinds_under(lawgivers, facts, registry_names=owners)
    assert found == [RefusalKind.IN_FORCE_REGISTRY_NAME_FOREIGN]


@pytest.mark.parametrize("holding", [{}, {"mirror": "s3://of-my-own/log"}])
def test_an_anchor_that_is_required_is_required_of_whoever_runs_this(
    lawgivers: Lawgivers, holding: dict[str, str]
) -> None:
    """That the caller's environment configures none, or another, changes nothing of this."""
    facts = replace(CLEARING, anchors=holding)
    found = kinds_under(lawgivers, facts, anchors={"mirror": "s3://bank/log"})
    assert found == [RefusalKind.IN_FORCE_ANCHOR_MISSING]


def test_an_anchor_that_holds_the_decision_is_enough(lawgivers: Lawgivers) -> None:
    facts = replace(CLEARING, anchors={"mirror": "s3://bank/log"})
    assert kinds_under(lawgivers, facts, anchors={"mirror": "s3://bank/log"}) == []


# The decision of `register`, as an outsider reads it


def decide(log: SignedLog, **changes: Any) -> int:
    """Append a decision of `register` by what is in force."""
    law = law_of(log.read())
    run = replace(RUN, stage="register")
    inputs = law.inputs() if law else ()
    model = artefact_of(MODEL)
    summary = VerificationSummary.of(run, model, POLICY, inputs, (), registry_name=CASE)
    return log.say(replace(summary, **changes), model)


def reading(log: SignedLog) -> LawReading:
    read = log.read()
    return read_law(read, examine(read, CASE, digest(MODEL)))


def kinds_read(log: SignedLog) -> list[str]:
    return [refusal.kind for refusal in reading(log).objections]


def test_a_decision_by_what_was_in_force_is_not_objected_to(lawgivers: Lawgivers) -> None:
    lawgivers.say(LAX)
    decide(lawgivers.log)
    assert reading(lawgivers.log) == LawReading(
        law_of(lawgivers.log.read()), law_of(lawgivers.log.read()), (), (), False
    )


def test_a_decision_before_anything_was_in_force_stands(lawgivers: Lawgivers) -> None:
    decide(lawgivers.log)
    lawgivers.say(terms_of(least_mode="enforced"))
    assert kinds_read(lawgivers.log) == []
    assert reading(lawgivers.log).objections_today


BREAKS: dict[str, Callable[[Terms], dict[str, Any]]] = {
    "no law": lambda _: {"inputs": ()},
    "another law": lambda _: {"inputs": (("law:1", "0" * 64),)},
}


@pytest.mark.parametrize("fault", BREAKS)
def test_a_decision_by_no_law_or_another_is_no_clearance(lawgivers: Lawgivers, fault: str) -> None:
    lawgivers.say(LAX)
    decide(lawgivers.log, **BREAKS[fault](LAX))
    assert kinds_read(lawgivers.log) == [RefusalKind.IN_FORCE_DECISION_FOREIGN]


def test_a_decision_by_a_law_that_was_left_out_is_no_clearance(lawgivers: Lawgivers) -> None:
    index = lawgivers.say(LAX)
    decide(lawgivers.log)
    log = lawgivers.log.read()
    without = replace(log, entries=tuple(item for item in log.entries if item.index != index))
    found = read_law(without, examine(without, CASE, digest(MODEL))).objections
    assert [refusal.kind for refusal in found] == [RefusalKind.IN_FORCE_DECISION_FOREIGN]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"policy_sha256": "a" * 64}, RefusalKind.IN_FORCE_POLICY_CHANGED),
        ({"registry_name": "loan"}, RefusalKind.IN_FORCE_REGISTRY_NAME_FOREIGN),
        ({"registry_name": ""}, RefusalKind.IN_FORCE_REGISTRY_NAME_FOREIGN),
    ],
)
def test_what_the_decision_itself_says_is_compared(
    lawgivers: Lawgivers, changes: dict[str, str], kind: RefusalKind
) -> None:
    lawgivers.say(LAX)
    decide(lawgivers.log, **changes)
    assert kinds_read(lawgivers.log) == [kind]


def test_what_was_approved_after_the_decision_was_not_approved(lawgivers: Lawgivers) -> None:
    lawgivers.say(terms_of(approvals=ONE_APPROVAL))
    decide(lawgivers.log)
    approve(lawgivers.log)
    assert kinds_read(lawgivers.log) == [RefusalKind.IN_FORCE_APPROVAL_MISSING]


def test_an_approval_that_has_expired_since_was_in_force_then(lawgivers: Lawgivers) -> None:
    lawgivers.say(terms_of(approvals=ONE_APPROVAL))
    approve(lawgivers.log, expires="2026-02-01T00:00:00Z")
    decide(lawgivers.log)
    assert kinds_read(lawgivers.log) == []


def test_a_decision_that_is_dated_back_revives_no_approval(lawgivers: Lawgivers) -> None:
    lawgivers.say(terms_of(approvals=ONE_APPROVAL))
    approve(lawgivers.log, expires="2026-01-01T00:00:01Z")
    decide(lawgivers.log, finished="2020-01-01T00:00:00Z")
    assert kinds_read(lawgivers.log) == [RefusalKind.IN_FORCE_APPROVAL_MISSING]


def test_a_gate_that_was_run_again_afterwards_changes_nothing_of_it(lawgivers: Lawgivers) -> None:
    lawgivers.say(LAX)
    decide(lawgivers.log)
    lawgivers.log.say_judged("fairness", Outcome.FAIL)
    assert kinds_read(lawgivers.log) == []


def test_anchors_are_said_to_be_unknown_to_who_has_the_statements_alone(
    lawgivers: Lawgivers,
) -> None:
    lawgivers.say(terms_of(anchors={"mirror": "s3://bank/log"}))
    decide(lawgivers.log)
    assert kinds_read(lawgivers.log) == []
    assert reading(lawgivers.log).is_anchoring_unknown


# The plan, and the number of attempts

PLAN = plan_of()


@pytest.fixture
def sealing(lawgivers: Lawgivers) -> Lawgivers:
    """The chain of a model whose training sealed a plan, by which every gate judged."""
    seal(lawgivers.log, PLAN)
    return lawgivers


def seal(log: SignedLog, plan: Plan, version: int = 1) -> None:
    log.say_made(MODEL, version, plan=plan)
    for gate in SUBJECTS:
        judged = version if SUBJECTS[gate][-1] == MODEL else 1
        log.say_judged(gate, version=judged, plan=plan)
    log.say_decided("decide", version=version)


def kinds_by_plan(sealing: Lawgivers, facts: LawFacts = CLEARING, **changes: Any) -> list[str]:
    """Return what a law of the plan or of attempts holds against it, and nothing else."""
    own = {RefusalKind.IN_FORCE_PLAN_CHANGED, RefusalKind.IN_FORCE_ATTEMPTS_EXCEEDED}
    return [kind for kind in kinds_under(sealing, facts, **changes) if kind in own]


def test_the_plan_that_is_in_force_clears(sealing: Lawgivers) -> None:
    assert kinds_by_plan(sealing, plans={CASE: PLAN.sha256}) == []


def test_another_plan_than_is_in_force_is_refused(sealing: Lawgivers) -> None:
    found = kinds_by_plan(sealing, plans={CASE: "a" * 64})
    assert found == [RefusalKind.IN_FORCE_PLAN_CHANGED]


def test_the_plan_of_another_use_case_binds_that_alone(sealing: Lawgivers) -> None:
    assert kinds_by_plan(sealing, plans={"other": "a" * 64}) == []


def test_a_model_without_a_plan_is_refused_where_one_is_in_force(lawgivers: Lawgivers) -> None:
    found = kinds_by_plan(lawgivers, plans={CASE: PLAN.sha256})
    assert found == [RefusalKind.IN_FORCE_PLAN_CHANGED]


def test_before_training_the_plan_that_would_be_sealed_is_compared(sealing: Lawgivers) -> None:
    training = replace(CLEARING, purpose="train")
    sealing.say(terms_of(plans={CASE: PLAN.sha256}))
    own = [RefusalKind.IN_FORCE_PLAN_CHANGED]
    assert own == [
        kind for kind in kinds(sealing.log, replace(training, plan_sha256="b" * 64)) if kind in own
    ]
    found = kinds(sealing.log, replace(training, plan_sha256=PLAN.sha256))
    assert RefusalKind.IN_FORCE_PLAN_CHANGED not in found


@pytest.fixture
def retried(sealing: Lawgivers) -> Lawgivers:
    """Three attempts on one version of the data; the first sealed no plan."""
    seal(sealing.log, plan_of(fairness="2"))
    return sealing


@pytest.mark.parametrize(("bound", "is_refused"), [(0, False), (2, True), (3, False), (4, False)])
def test_a_model_of_a_later_attempt_than_may_be_made_is_refused(
    retried: Lawgivers, bound: int, is_refused: bool
) -> None:
    expected = [RefusalKind.IN_FORCE_ATTEMPTS_EXCEEDED] if is_refused else []
    assert kinds_by_plan(retried, attempts=bound) == expected


def test_an_earlier_attempt_within_the_bound_is_not_spoilt_by_later_ones(
    retried: Lawgivers,
) -> None:
    seal(retried.log, PLAN, version=2)
    assert kinds_by_plan(retried, attempts=3) == []


def test_the_refusal_says_how_many_and_where_they_are_listed(retried: Lawgivers) -> None:
    retried.say(terms_of(attempts=2))
    read = retried.log.read()
    (text,) = (
        refusal.text
        for refusal in objections(read, examine(read, CASE, digest(MODEL)), CLEARING)
        if refusal.kind == RefusalKind.IN_FORCE_ATTEMPTS_EXCEEDED
    )
    assert "no. 3 of `tiny`" in text
    assert "at most 2" in text
    assert "./portcullis attempts tiny" in text


@pytest.mark.parametrize(
    ("plan", "is_refused"), [(plan_of(fairness="3"), True), (plan_of(fairness="2"), False)]
)
def test_before_training_a_plan_too_many_is_refused_and_one_tried_already_is_not(
    retried: Lawgivers, plan: Plan, is_refused: bool
) -> None:
    facts = replace(CLEARING, purpose="train", plan_sha256=plan.sha256)
    found = kinds_by_plan(retried, facts, attempts=3)
    assert (RefusalKind.IN_FORCE_ATTEMPTS_EXCEEDED in found) is is_refused


def test_the_offline_verifier_holds_a_registered_model_to_the_bound_of_its_day(
    retried: Lawgivers,
) -> None:
    retried.say(terms_of(attempts=2))
    retried.log.say_decided("register")
    read = retried.log.read()
    found = [item.kind for item in read_law(read, examine(read, CASE, digest(MODEL))).objections]
    assert RefusalKind.IN_FORCE_ATTEMPTS_EXCEEDED in found
