"""The chain of a model: whole without a fault, and each fault is named where it breaks."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from tasks.attestation.plan import Plan
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.roles import DATA, GATE, MODEL
from tasks.errors import EvidenceError, Refusal, RefusalKind
from tasks.gates import Outcome
from tasks.path import SUBJECTS
from tasks.verifier.lineage import GATES_BEFORE_PLANS, MADE, Chain, examine, latest_decision, short
from tasks.verifier.lineage import MODEL as MODEL_NAME
from tasks.verifier.log_reader import Selection
from tests.tasks.predicate_samples import RUN, SAMPLES
from tests.tasks.verifier.signed_log import (
    CASE,
    SignedLog,
    artefact_of,
    digest,
    plan_of,
    verdict_of,
)

REFUSAL = Refusal(RefusalKind.CHECK_FAILED, "a reason")
PLAN = plan_of()


def chain_of(log: SignedLog, version: int = 1) -> Chain:
    return examine(log.read(), CASE, digest("train/model", version))


def broken(log: SignedLog, version: int = 1) -> dict[str, str]:
    """Return kind -> text of what is broken, of each kind the first."""
    refusals = chain_of(log, version).broken
    return {refusal.kind: refusal.text for refusal in reversed(refusals)}


def say_chain_judged_by(log: SignedLog, gates: Collection[str], plan: Plan | None) -> None:
    """Append how the model was made under a plan, and a verdict of each of these gates."""
    for name in reversed(MADE):
        log.say_made(name, plan=plan if name == MODEL_NAME else None)
    for gate in gates:
        log.say_judged(gate, plan=plan)


def plan_without(gate: str) -> Plan:
    """Return a plan that was sealed where a gate was not in the table."""
    parts = {name: digest for name, digest in PLAN.parts.items() if name != f"gate:{gate}"}
    return replace(PLAN, parts=parts)


def test_a_whole_chain_goes_from_the_model_to_the_sources(cleared: SignedLog) -> None:
    chain = chain_of(cleared)
    assert chain.broken == ()
    assert [step.stage for step in chain.steps] == ["train", "redact", "ingest", "admit"]
    assert set(chain.verdicts) == set(SUBJECTS)


def test_what_is_read_of_a_case_alone_gives_the_same_chain(cleared: SignedLog) -> None:
    own = examine(cleared.read(Selection.of_case(CASE)), CASE, digest("train/model"))
    assert own == chain_of(cleared)


def test_a_use_case_whose_name_begins_alike_is_another(cleared: SignedLog) -> None:
    chain = examine(cleared.read(), "tin", digest("train/model"))
    assert chain.steps == ()


def test_each_artefact_of_the_chain_is_named_by_digest(cleared: SignedLog) -> None:
    artefacts = chain_of(cleared).artefacts()
    assert artefacts[f"{CASE}/ingest/rows.parquet"] == digest("ingest/rows.parquet")
    assert artefacts[f"{CASE}/train/predictions.parquet"] == digest("train/predictions.parquet")


def test_what_a_decision_rests_on_is_every_step_and_every_gate(cleared: SignedLog) -> None:
    names = [name for name, _ in chain_of(cleared).inputs()]
    assert names[:2] == ["stage:train", "stage:redact"]
    assert {name for name in names if name.startswith("gate:")} == {
        f"gate:{gate}" for gate in SUBJECTS
    }


def test_an_unknown_model(cleared: SignedLog) -> None:
    text = broken(cleared, version=2)[RefusalKind.LINEAGE_UNSIGNED]
    assert "no signed statement that stage `train` made" in text


def test_bytes_that_lie_under_another_name_are_recognised(cleared: SignedLog) -> None:
    chain = examine(cleared.read(), CASE, digest("redact/rows.parquet"))
    assert "(it is known as tiny/redact/rows.parquet)" in chain.broken[0].text


def test_a_missing_step_breaks_the_chain_there(signed_log: SignedLog) -> None:
    signed_log.say_made("train/model")
    assert "`redact` made" in broken(signed_log)[RefusalKind.LINEAGE_UNSIGNED]


def test_a_step_that_read_other_bytes_than_were_made(cleared: SignedLog) -> None:
    cleared.say_made("train/model", 2, material_version=2)
    text = broken(cleared, version=2)[RefusalKind.LINEAGE_UNSIGNED]
    assert f"`redact` made {short(digest('redact/rows.parquet', 2))}" in text


def test_a_step_that_read_no_material(signed_log: SignedLog) -> None:
    signed_log.say(Provenance(RUN, ()), artefact_of("train/model"))
    text = broken(signed_log)[RefusalKind.LINEAGE_INCOMPLETE]
    assert "read no redact/rows.parquet" in text


def test_provenance_of_another_stage_makes_no_model(signed_log: SignedLog) -> None:
    predicate = SAMPLES["provenance"]
    signed_log.append(predicate.about(artefact_of("redact/rows.parquet")), MODEL)
    assert "stage `train` made" in broken(signed_log)[RefusalKind.LINEAGE_UNSIGNED]


def test_provenance_that_another_role_signed_is_void_and_says_so(signed_log: SignedLog) -> None:
    index = signed_log.append(Provenance(RUN, ()).about(artefact_of("train/model")), DATA)
    text = broken(signed_log)[RefusalKind.LINEAGE_UNSIGNED]
    assert f"entry {index} says so and counts for nothing: expected a key with role" in text


def test_of_many_void_statements_two_are_named(signed_log: SignedLog) -> None:
    statement = Provenance(RUN, ()).about(artefact_of("train/model"))
    indices = [signed_log.append(statement, DATA) for _ in range(3)]
    text = broken(signed_log)[RefusalKind.LINEAGE_UNSIGNED]
    assert f"entry {indices[0]} says" not in text
    assert f"entry {indices[2]} says" in text


def test_provenance_by_a_key_that_was_revoked_before(cleared: SignedLog) -> None:
    cleared.revoke(MODEL, valid_to=0)
    assert "void: revoked or not yet added" in broken(cleared)[RefusalKind.LINEAGE_UNSIGNED]


def test_a_key_revoked_later_leaves_what_it_signed_before(cleared: SignedLog) -> None:
    cleared.revoke(MODEL, valid_to=cleared.size)
    assert chain_of(cleared).broken == ()


@pytest.mark.parametrize("gate", SUBJECTS)
def test_a_gate_without_a_verdict(signed_log: SignedLog, gate: str) -> None:
    say_chain_judged_by(signed_log, set(SUBJECTS) - {gate}, PLAN)
    chain = chain_of(signed_log)
    assert [refusal.kind for refusal in chain.broken] == [RefusalKind.VERDICT_UNSIGNED]
    assert chain.broken[0].text.startswith(f"{gate}: no signed verdict on")


def test_gates_that_were_added_after_a_model_of_before_plans_are_not_missed(
    signed_log: SignedLog,
) -> None:
    say_chain_judged_by(signed_log, GATES_BEFORE_PLANS, None)
    chain = chain_of(signed_log)
    assert chain.broken == ()
    assert set(chain.verdicts) == GATES_BEFORE_PLANS


@pytest.mark.parametrize("gate", sorted(set(SUBJECTS) - GATES_BEFORE_PLANS))
def test_a_gate_that_was_added_after_the_plan_was_sealed_is_not_missed(
    signed_log: SignedLog, gate: str
) -> None:
    say_chain_judged_by(signed_log, set(SUBJECTS) - {gate}, plan_without(gate))
    assert chain_of(signed_log).broken == ()


@pytest.mark.parametrize("gate", sorted(GATES_BEFORE_PLANS))
@pytest.mark.parametrize("is_planned", [False, True])
def test_a_gate_of_before_plans_is_missed_whatever_the_plan_names(
    signed_log: SignedLog, gate: str, is_planned: bool
) -> None:
    plan = plan_without(gate) if is_planned else None
    say_chain_judged_by(signed_log, set(SUBJECTS) - {gate}, plan)
    assert broken(signed_log)[RefusalKind.VERDICT_UNSIGNED].startswith(f"{gate}: no signed verdict")


def test_a_later_gate_that_fails_a_model_of_before_plans_counts(signed_log: SignedLog) -> None:
    say_chain_judged_by(signed_log, GATES_BEFORE_PLANS, None)
    signed_log.say_judged("subgroups", Outcome.FAIL)
    assert chain_of(signed_log).verdicts["subgroups"].outcome == "fail"


def test_a_verdict_about_another_model(signed_log: SignedLog) -> None:
    signed_log.say_chain()
    signed_log.say_made("train/model", 2)
    text = broken(signed_log, version=2)[RefusalKind.VERDICT_UNSIGNED]
    assert "the latest of 1 is about another" in text


def test_a_verdict_of_another_use_case(cleared: SignedLog) -> None:
    cleared.say_judged("explain", Outcome.FAIL, case="other")
    assert chain_of(cleared).verdicts["explain"].outcome == "pass"


def test_a_later_failed_verdict_is_not_hidden_behind_a_pass(cleared: SignedLog) -> None:
    cleared.say_judged("explain", Outcome.FAIL)
    assert chain_of(cleared).verdicts["explain"].outcome == "fail"


def test_a_later_passed_verdict_counts(cleared: SignedLog) -> None:
    cleared.say_judged("explain", Outcome.FAIL)
    cleared.say_judged("explain", Outcome.PASS)
    assert chain_of(cleared).verdicts["explain"].outcome == "pass"


def test_a_verdict_that_a_stage_signed_is_void(signed_log: SignedLog) -> None:
    signed_log.say_chain()
    verdict = verdict_of("explain", Outcome.FAIL)
    signed_log.append(verdict.about(artefact_of("train/model")), MODEL)
    assert chain_of(signed_log).verdicts["explain"].outcome == "pass"


def test_a_verdict_that_judged_other_predictions(cleared: SignedLog) -> None:
    verdict = verdict_of("explain", Outcome.PASS)
    subjects = (
        artefact_of("train/refits"),
        artefact_of("train/predictions.parquet", 2),
        artefact_of("train/model"),
    )
    cleared.append(verdict.about(*subjects), GATE)
    text = broken(cleared)[RefusalKind.SUBJECT_CHANGED]
    assert "judged tiny/train/predictions.parquet" in text


def test_a_verdict_that_left_out_a_subject(cleared: SignedLog) -> None:
    cleared.append(verdict_of("explain", Outcome.PASS).about(artefact_of("train/model")), GATE)
    assert "judged tiny/train/refits nothing" in broken(cleared)[RefusalKind.SUBJECT_CHANGED]


def test_a_verdict_of_before_ids_has_no_checks(cleared: SignedLog) -> None:
    verdict = SAMPLES["gate result before ids"]
    subjects = [artefact_of(name) for name in SUBJECTS["train"]]
    cleared.append(verdict.about(*subjects), GATE)
    with pytest.raises(EvidenceError, match=r"train: ledger entry .*each of its checks with an id"):
        chain_of(cleared).verdicts["train"].checks()


def test_the_checks_of_a_verdict(cleared: SignedLog) -> None:
    (check,) = chain_of(cleared).verdicts["fairness"].checks()
    assert check.key == "fairness.measure"


def test_only_the_gates_that_are_asked_for(cleared: SignedLog) -> None:
    chain = examine(
        cleared.read(),
        CASE,
        digest("redact/rows.parquet"),
        target="redact/rows.parquet",
        gates=("redact", "validate"),
    )
    assert chain.broken == ()
    assert set(chain.verdicts) == {"redact", "validate"}
    assert [step.stage for step in chain.steps] == ["redact", "ingest", "admit"]


def test_the_latest_decision_of_a_stage(cleared: SignedLog) -> None:
    cleared.say_decided("decide", (REFUSAL,))
    cleared.say_decided("register")
    chain = chain_of(cleared)
    decided = latest_decision(chain, "decide")
    registered = latest_decision(chain, "register")
    assert decided is not None
    assert tuple(map(str, decided.predicate.refusals)) == ("a reason",)
    assert registered is not None
    assert registered.predicate.has_passed


def test_a_decision_about_another_model_is_none_about_this(cleared: SignedLog) -> None:
    predicate = SAMPLES["decision for"]
    assert isinstance(predicate, VerificationSummary)
    cleared.say(predicate, artefact_of("train/model", 2))
    assert len(chain_of(cleared).decisions) == 1


def test_without_a_decision(signed_log: SignedLog) -> None:
    signed_log.say_chain()
    assert latest_decision(chain_of(signed_log), "decide") is None


@pytest.mark.parametrize(("sha256", "text"), [("a" * 64, "a" * 12 + "…"), (None, "nothing")])
def test_a_digest_as_people_compare_it(sha256: str | None, text: str) -> None:
    assert short(sha256) == text


# The plan


@pytest.fixture
def planned(signed_log: SignedLog) -> SignedLog:
    """A chain whose training sealed a plan by which every gate judged."""
    say_chain_judged_by(signed_log, tuple(SUBJECTS), PLAN)
    return signed_log


def test_a_chain_of_before_there_were_plans_is_whole_without_one(cleared: SignedLog) -> None:
    chain = chain_of(cleared)
    assert chain.plan is None
    assert chain.broken == ()


def test_a_chain_that_was_judged_by_its_plan_is_whole(planned: SignedLog) -> None:
    chain = chain_of(planned)
    assert chain.plan == PLAN
    assert chain.broken == ()


@pytest.mark.parametrize("gate", SUBJECTS)
def test_a_gate_that_judged_by_other_limits_than_were_sealed_breaks_the_chain(
    planned: SignedLog, gate: str
) -> None:
    entry = planned.say_judged(gate, plan=plan_of(**{gate: "2"}))
    text = broken(planned)[RefusalKind.PLAN_CHANGED]
    assert text.startswith(f"{gate}: entry {entry} was judged outside the plan {PLAN.sha256[:12]}")
    assert f"by another gate:{gate}" in text
    assert "train anew" in text


def test_a_gate_that_does_not_say_by_which_limits_it_judged_breaks_the_chain(
    planned: SignedLog,
) -> None:
    planned.say_judged("fairness")  # by the policy alone
    assert "gate:fairness" in broken(planned)[RefusalKind.PLAN_CHANGED]


def test_judged_again_by_the_plan_the_chain_is_whole_again(planned: SignedLog) -> None:
    planned.say_judged("fairness", plan=plan_of(fairness="2"))
    planned.say_judged("fairness", plan=PLAN)
    assert chain_of(planned).broken == ()


def test_trained_anew_under_another_plan_its_gates_have_to_judge_by_that(
    planned: SignedLog,
) -> None:
    """The same bytes: what was sealed last before them is their plan."""
    other = plan_of(fairness="2")
    planned.say_made(MODEL_NAME, plan=other)
    assert RefusalKind.PLAN_CHANGED in broken(planned)
    planned.say_judged("fairness", plan=other)
    assert chain_of(planned).broken == ()
    assert chain_of(planned).plan == other


def test_a_chain_without_training_has_no_plan(planned: SignedLog) -> None:
    rows = digest("redact/rows.parquet")
    chain = examine(planned.read(), CASE, rows, target="redact/rows.parquet", gates=("redact",))
    assert chain.plan is None
    assert chain.broken == ()
