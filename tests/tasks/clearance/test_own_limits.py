"""Verdicts of the real judges, held against the limits in force: honest ones pass, lax ones do not.

A stage that judges by other limits can write whatever digest it likes. Every case here has the
digest of the limits in force, and is refused by its lines.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tasks.clearance.own_limits import RULES_OF
from tasks.config.strict import StrictModel
from tasks.errors import EvidenceError
from tasks.gates import Check, Outcome, Verdict, digest_of, not_measured
from tasks.gates.holding import require_own_limits
from tasks.stages.alternatives.judging import judge_alternatives
from tasks.stages.explain.checks import ExplainCheck
from tasks.stages.explain.judging import judge_explanation
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import AbsentGroup, ExcusedAttribute, FairnessReport
from tasks.stages.fairness.params import FairnessLimits
from tasks.stages.fairness.registered import judge_registered
from tasks.stages.redact.checks import RedactCheck
from tasks.stages.redact.judging import judge_redaction
from tasks.stages.subgroups.judging import judge_subgroups
from tasks.stages.train.checks import TrainCheck
from tasks.stages.train.judging import judge_model
from tasks.stages.validate.checks import ValidateCheck
from tasks.stages.validate.judging import judge_quality
from tests.tasks.stages.alternatives import portfolio as grid
from tests.tasks.stages.alternatives import test_judging as alternatives
from tests.tasks.stages.explain import test_judging as explain
from tests.tasks.stages.fairness import portfolio
from tests.tasks.stages.fairness import test_judging as fairness
from tests.tasks.stages.fairness import test_registered as registered
from tests.tasks.stages.redact import test_judging as redact
from tests.tasks.stages.subgroups import portfolio as conjunctions
from tests.tasks.stages.subgroups import test_judging as subgroups
from tests.tasks.stages.train import test_judging as train
from tests.tasks.stages.validate import test_judging as validate


def judge_both(report: FairnessReport, limits: FairnessLimits) -> tuple[Check, ...]:
    """Judge a model's fairness, and that the registered one decides alike, as the stage does."""
    params = portfolio.fairness_params()
    return (
        *judge_fairness(report, params, limits),
        *judge_registered((registered.GROUP,), params, limits),
    )


LIMITS: dict[str, StrictModel] = {
    "redact": redact.LIMITS,
    "validate": validate.LIMITS,
    "train": train.LIMITS,
    "explain": explain.LIMITS,
    "fairness": portfolio.LIMITS,
    "subgroups": conjunctions.LIMITS,
    "alternatives": grid.LIMITS,
}
# Each gate's own judge, on what it measured of a model that is fine.
JUDGES: dict[str, Callable[[Any], tuple[Check, ...]]] = {
    "redact": lambda limits: judge_redaction(redact.MEASURED, limits),
    "validate": lambda limits: judge_quality(validate.GOOD, validate.PARAMS, limits),
    "train": lambda limits: judge_model(train.GOOD, 0.8, limits),
    "explain": lambda limits: judge_explanation(explain.GOOD, limits),
    "fairness": lambda limits: judge_both(fairness.report(), limits),
    "subgroups": lambda limits: judge_subgroups(subgroups.report(), conjunctions.PARAMS, limits),
    "alternatives": lambda limits: judge_alternatives(alternatives.GOOD, limits),
}
FIELDS = [
    (gate, field)
    for gate, limits in LIMITS.items()
    for field in type(limits).model_fields
    if field != "not_applicable"
]
GATES = pytest.mark.parametrize("gate", list(LIMITS))


def hold(gate: str, checks: tuple[Check, ...], **case: Any) -> None:
    """Hold checks against the limits in force, as the worker does."""
    limits = LIMITS[gate].model_dump(mode="json") | case.pop("limits", {})
    verdict = Verdict(gate, "tiny", checks, digest_of(limits))
    require_own_limits(verdict, RULES_OF[gate], {"limits": {gate: limits}, **case})


def honest(gate: str) -> tuple[Check, ...]:
    return JUDGES[gate](LIMITS[gate])


def changed(gate: str, **change: Any) -> tuple[Check, ...]:
    """Return the honest checks with a change made to the first that compares with a number."""
    checks = list(honest(gate))
    number = next(n for n, check in enumerate(checks) if check.limit.startswith(("≥", "≤")))
    checks[number] = replace(checks[number], **change)
    return tuple(checks)


@GATES
def test_what_the_gate_s_own_judge_says_by_the_limits_in_force_holds(gate: str) -> None:
    hold(gate, honest(gate))


@pytest.mark.parametrize(("gate", "field"), FIELDS)
def test_a_gate_that_judged_by_one_other_limit_is_refused(gate: str, field: str) -> None:
    limits = LIMITS[gate]
    value = getattr(limits, field)
    # A share stays one: what is beyond 1 is refused when the case is read.
    lax = limits.model_copy(update={field: value / 2 if 0 < value < 1 else value * 2 + 1})
    with pytest.raises(EvidenceError, match="the limit in force"):
        hold(gate, JUDGES[gate](lax))


@pytest.mark.parametrize(("gate", "field"), FIELDS)
def test_a_limit_that_no_check_was_held_against_is_refused(gate: str, field: str) -> None:
    rules = RULES_OF[gate]
    by_text = {str(check_id): rule for check_id, rule in rules.items()}
    left = tuple(check for check in honest(gate) if by_text[check.id].field != field)
    with pytest.raises(EvidenceError, match=f"limit `{field}` was judged by no check"):
        hold(gate, left)


@GATES
def test_a_limit_that_the_gate_does_not_know_is_refused(gate: str) -> None:
    with pytest.raises(EvidenceError, match="limit `more` was judged by no check"):
        hold(gate, honest(gate), limits={"more": 0.5})


@GATES
def test_a_pass_with_a_value_on_the_wrong_side_is_refused(gate: str) -> None:
    sign = next(check.limit[0] for check in honest(gate) if check.limit[0] in "≥≤")
    wrong = -1e9 if sign == "≥" else 1e9
    with pytest.raises(EvidenceError, match="`pass` of a value that misses it"):
        hold(gate, changed(gate, value=wrong, outcome=Outcome.PASS))


@GATES
def test_a_fail_with_a_value_on_the_right_side_is_refused(gate: str) -> None:
    with pytest.raises(EvidenceError, match="`fail` of a value that meets it"):
        hold(gate, changed(gate, outcome=Outcome.FAIL))


@GATES
def test_a_check_of_no_catalogue_is_refused(gate: str) -> None:
    with pytest.raises(EvidenceError, match=f"a check of gate `{gate}`"):
        hold(gate, changed(gate, id=f"{gate}.made_up"))


@GATES
def test_a_limit_that_is_written_in_another_way_is_refused(gate: str) -> None:
    with pytest.raises(EvidenceError, match="found another limit"):
        hold(gate, changed(gate, limit="≥ 0, or so"))


@GATES
def test_undecided_holds_and_stays_undecided(gate: str) -> None:
    hold(gate, changed(gate, outcome=Outcome.UNDECIDED, value=None, margin=None, interval=None))


@GATES
def test_what_nothing_declares_may_not_be_left_unmeasured(gate: str) -> None:
    checks = list(honest(gate))
    number = next(n for n, check in enumerate(checks) if check.limit.startswith(("≥", "≤")))
    check = checks[number]
    checks[number] = replace(
        check, outcome=Outcome.NOT_MEASURED, value=None, margin=None, interval=None, reason="so"
    )
    with pytest.raises(EvidenceError, match="found not measured"):
        hold(gate, tuple(checks))


def test_a_number_that_prints_alike_is_held_against_the_exact_one() -> None:
    checks = list(honest("train"))
    checks[0] = replace(checks[0], value=0.6999999)
    with pytest.raises(EvidenceError, match="a value that misses it"):
        hold("train", tuple(checks))


@pytest.mark.parametrize("value", ["0.7", None, True])
def test_a_limit_in_force_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(EvidenceError, match="limit `auc` is no number"):
        hold("train", honest("train"), limits={"auc": value})


# What a use case declares.


def test_no_champion_has_to_be_what_the_use_case_declares() -> None:
    checks = judge_model(train.GOOD, None, train.LIMITS)
    hold("train", checks, train={"champion": "none yet"})
    with pytest.raises(EvidenceError, match=TrainCheck.AUC_LOST_TO_CHAMPION):
        hold("train", checks, train={"champion": {"path": "c.json", "sha256": "0" * 64}})


def test_a_first_version_has_to_be_declared() -> None:
    first = validate.PARAMS.model_copy(update={"first_version": "the first of its kind"})
    report = validate.GOOD.model_copy(update={"reference": None})
    checks = judge_quality(report, first, validate.LIMITS)
    hold("validate", checks, validate={"first_version": "the first of its kind"})
    with pytest.raises(EvidenceError, match=ValidateCheck.DRIFT):
        hold("validate", checks, validate={"first_version": None})


def test_a_column_on_one_side_only_is_undecided_and_holds() -> None:
    report = validate.GOOD.model_copy(update=validate.beside(drift={"income": None}))
    checks = judge_quality(report, validate.PARAMS, validate.LIMITS)
    assert Outcome.UNDECIDED in {check.outcome for check in checks}
    hold("validate", checks)


def test_missing_answers_have_to_be_declared() -> None:
    reason = "nobody planted any answers"
    limits = redact.LIMITS.model_copy(update={"not_applicable": reason})
    checks = judge_redaction(redact.UNMEASURED, limits)
    hold("redact", checks, limits={"not_applicable": reason})
    with pytest.raises(EvidenceError, match=RedactCheck.OWN_LEAK_RATIO):
        hold("redact", checks)


def test_data_without_free_text_has_no_leakage_to_judge() -> None:
    report = redact.UNMEASURED.model_copy(update={"texts": 0})
    hold("redact", judge_redaction(report, redact.LIMITS))


def test_leakage_that_could_not_be_measured_is_undecided_and_holds() -> None:
    hold("redact", judge_redaction(redact.UNMEASURED, redact.LIMITS))


def test_an_absent_group_is_undecided_and_holds() -> None:
    absent = (AbsentGroup(attribute="race", group="c"),)
    report = fairness.report(absent=absent)
    hold("fairness", judge_both(report, portfolio.LIMITS))


def test_an_attribute_is_excused_only_where_the_use_case_excuses_that_attribute() -> None:
    excused = ExcusedAttribute(attribute="old", reason="by law", by="Ada", date="2026-11-26")
    report = fairness.report(excused_attributes=(excused,))
    checks = judge_both(report, portfolio.LIMITS)
    excuse = {"reason": "by law", "by": "Ada", "date": "2026-11-26"}
    hold("fairness", checks, fairness={"excused": {"old": excuse}})
    for others in ({}, {"excused": {"sex": excuse}}, {"excused": {"old": {"reason": ""}}}):
        with pytest.raises(EvidenceError, match="found not measured"):
            hold("fairness", checks, fairness=others)


def test_a_forgotten_attribute_is_undecided_and_holds() -> None:
    report = fairness.report(forgotten_attributes=("old",))
    checks = judge_both(report, portfolio.LIMITS)
    assert Outcome.UNDECIDED in {check.outcome for check in checks}
    hold("fairness", checks)


def test_a_group_that_is_said_to_be_present_excuses_no_limit() -> None:
    alone = Check(
        FairnessCheck.GROUP_PRESENT, "groups of race", Outcome.PASS, 1.0, "every group present"
    )
    theil = tuple(check for check in honest("fairness") if check.id == FairnessCheck.THEIL_INDEX)
    with pytest.raises(EvidenceError, match="was judged by no check"):
        hold("fairness", (alone, *theil))


def test_every_proxy_above_the_limit_holds_as_a_fail() -> None:
    strong = explain.PROXY.model_copy(update={"strength": 0.5})
    report = explain.GOOD.model_copy(update={"proxies": (strong,)})
    checks = judge_explanation(report, explain.LIMITS)
    assert Outcome.FAIL in {check.outcome for check in checks if check.id == ExplainCheck.PROXY}
    hold("explain", checks)


def test_a_use_case_without_limits_is_refused() -> None:
    verdict = Verdict("train", "tiny", honest("train"), "")
    with pytest.raises(EvidenceError, match="limits in the use case"):
        require_own_limits(verdict, RULES_OF["train"], {})


def test_a_check_that_is_never_unmeasured_cannot_say_so() -> None:
    nothing = not_measured(TrainCheck.AUC_LOWER_END, "AUC", expected="≥ 0.7", reason="so")
    with pytest.raises(EvidenceError, match=TrainCheck.AUC_LOWER_END):
        hold("train", (nothing, *honest("train")[1:]))
