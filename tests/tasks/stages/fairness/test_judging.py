"""The gate `fairness`: what each check is about, and the rule that judges uncertain figures."""

from typing import Any

import pytest

from tasks.gates import About, Check, Outcome
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import (
    AbsentGroup,
    Estimate,
    FairnessReport,
    GroupReport,
    Measure,
)
from tasks.stages.fairness.params import FairnessLimits, FairnessParams

LIMITS = FairnessLimits(
    disparate_impact=0.8,
    equal_opportunity_difference=0.1,
    average_abs_odds_difference=0.1,
    underrated_by=0.05,
    theil_index=0.5,
)
PARAMS = FairnessParams(
    privileged={"race": "a"},
    evaluate_on="out_of_fold",
    decision_rule="small_portfolio",
    interval_from_rows=1000,
    smallest_group_rows=30,
    significance=0.05,
    bootstrap=2000,
    seed=1,
)
FINE = {
    Measure.DISPARATE_IMPACT_RATIO: (1.0, (0.9, 1.1)),
    Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST: (1.0, (0.9, 1.1)),
    Measure.STATISTICAL_PARITY_DIFFERENCE: (-0.9, (-0.95, -0.85)),
    Measure.EQUAL_OPPORTUNITY_DIFFERENCE: (0.0, (-0.05, 0.05)),
    Measure.AVERAGE_ABS_ODDS_DIFFERENCE: (0.01, (0.0, 0.05)),
    Measure.UNDERRATED_BY: (0.0, (-0.02, 0.02)),
}


def estimate(
    measure: Measure,
    value: float | None,
    interval: tuple[float, float] | None,
    p_value: float | None = None,
    rows: int = 100,
) -> Estimate:
    return Estimate(
        measure=measure, value=value, interval=interval, p_value=p_value, group_rows=rows
    )


def report(*changed: Estimate, absent: tuple[AbsentGroup, ...] = ()) -> FairnessReport:
    """Return a report of one group, whose every figure is fine but those that are given."""
    by_measure = {measure: estimate(measure, *figures) for measure, figures in FINE.items()}
    by_measure |= {one.measure: one for one in changed}
    group = GroupReport(
        attribute="race",
        group="b",
        privileged="a",
        rows=100,
        approval_rate=0.5,
        approval_interval=(0.4, 0.6),
        estimates=tuple(by_measure.values()),
    )
    return FairnessReport(
        evaluated_on="out_of_fold",
        rows=200,
        groups=(group,),
        references=(),
        absent=absent,
        theil=estimate(Measure.THEIL_INDEX, 0.1, (0.05, 0.15)),
        rows_without_group={},
    )


def judged(*changed: Estimate, **change: Any) -> dict[str, Check]:
    params = PARAMS.model_copy(update=change)
    return {check.id: check for check in judge_fairness(report(*changed), params, LIMITS)}


def test_a_fair_model_passes_every_check_and_what_has_no_limit_is_not_judged() -> None:
    checks = judged()
    assert set(checks) == set(FairnessCheck) - {FairnessCheck.GROUP_PRESENT}
    assert {check.outcome for check in checks.values()} == {Outcome.PASS}


def test_a_check_says_which_group_of_which_attribute_it_is_about() -> None:
    checks = judged()
    assert checks[FairnessCheck.UNDERRATED_BY].about == About(attribute="race", group="b")
    assert checks[FairnessCheck.UNDERRATED_BY].key == (
        "fairness.underrated_by[attribute=race, group=b]"
    )
    assert checks[FairnessCheck.THEIL_INDEX].key == "fairness.theil_index"


@pytest.mark.parametrize(
    ("absent", "words"),
    [
        (AbsentGroup(attribute="race", group="a"), "no rows of a:"),
        (AbsentGroup(attribute="race", group=None), "no rows of any other group:"),
    ],
)
def test_an_absent_group_is_undecided_under_its_own_id(absent: AbsentGroup, words: str) -> None:
    check = judge_fairness(report(absent=(absent,)), PARAMS, LIMITS)[-1]
    assert (check.id, check.outcome) == (FairnessCheck.GROUP_PRESENT, Outcome.UNDECIDED)
    assert check.about == About(attribute="race", group=absent.group)
    assert words in check.reason


@pytest.mark.parametrize(
    ("value", "interval"), [(None, (0.9, 1.1)), (1.0, None), (float("nan"), (0.9, 1.1))]
)
def test_a_figure_that_cannot_be_computed_is_undecided(
    value: float | None, interval: tuple[float, float] | None
) -> None:
    check = judged(estimate(Measure.DISPARATE_IMPACT_RATIO, value, interval))[
        FairnessCheck.DISPARATE_IMPACT_RATIO
    ]
    assert (check.outcome, check.value) == (Outcome.UNDECIDED, None)
    assert "cannot be computed from 100 rows" in check.reason


OUTCOMES = [  # value, interval, p, rows, rule -> outcome, a part of its reason
    (0.9, (0.85, 0.95), None, 10, "small_portfolio", Outcome.PASS, "whole interval meets"),
    (0.6, (0.5, 0.7), None, 10, "small_portfolio", Outcome.FAIL, "whole interval misses"),
    (0.9, (0.7, 1.1), 0.5, 100, "interval", Outcome.UNDECIDED, "holds the limit"),
    (0.7, (0.5, 0.9), 0.001, 5000, "small_portfolio", Outcome.FAIL, "is significant"),
    (0.7, (0.5, 0.9), 0.5, 5000, "small_portfolio", Outcome.UNDECIDED, "holds the limit"),
    (0.9, (0.7, 1.1), 0.001, 5000, "small_portfolio", Outcome.UNDECIDED, "holds the limit"),
    (0.9, (0.7, 1.1), 0.5, 29, "small_portfolio", Outcome.UNDECIDED, "too few to judge"),
    (0.9, (0.7, 1.1), 0.5, 100, "small_portfolio", Outcome.PASS, "point estimate meets"),
    (0.9, (0.7, 1.1), None, 100, "small_portfolio", Outcome.PASS, "no test"),
    (0.7, (0.5, 0.9), 0.001, 100, "small_portfolio", Outcome.FAIL, "misses the limit, signif"),
    (0.7, (0.5, 0.9), 0.5, 100, "small_portfolio", Outcome.UNDECIDED, "not significantly"),
    (0.7, (0.5, 0.9), None, 100, "small_portfolio", Outcome.UNDECIDED, "no test"),
]


@pytest.mark.parametrize(
    ("value", "interval", "p_value", "rows", "rule", "outcome", "words"), OUTCOMES
)
def test_every_branch_of_the_declared_rule(
    value: float,
    interval: tuple[float, float],
    p_value: float | None,
    rows: int,
    rule: str,
    outcome: Outcome,
    words: str,
) -> None:
    impact = estimate(Measure.DISPARATE_IMPACT_RATIO, value, interval, p_value, rows)
    check = judged(impact, decision_rule=rule)[FairnessCheck.DISPARATE_IMPACT_RATIO]
    assert check.outcome is outcome
    assert words in check.reason
    assert bool(check.would_decide) == (outcome is Outcome.UNDECIDED)


def test_a_difference_counts_by_its_size_in_either_direction() -> None:
    for sign in (1, -1):
        edges = sorted((sign * 0.15, sign * 0.25))
        lower = estimate(Measure.EQUAL_OPPORTUNITY_DIFFERENCE, sign * 0.2, (edges[0], edges[1]))
        check = judged(lower)[FairnessCheck.EQUAL_OPPORTUNITY_DIFFERENCE]
        assert check.outcome is Outcome.FAIL
        assert check.value == 0.2
        assert check.interval == (0.15, 0.25)
        assert check.limit == "≤ 0.1 (absolute)"


def test_overrating_a_group_is_not_what_the_limit_on_underrating_asks_about() -> None:
    overrated = estimate(Measure.UNDERRATED_BY, -0.4, (-0.5, -0.3))
    assert judged(overrated)[FairnessCheck.UNDERRATED_BY].outcome is Outcome.PASS


def test_many_tests_at_once_make_each_of_them_say_less() -> None:
    alone = estimate(Measure.DISPARATE_IMPACT_RATIO, 0.7, (0.5, 0.9), 0.03)
    assert judged(alone)[FairnessCheck.DISPARATE_IMPACT_RATIO].outcome is Outcome.FAIL
    other = estimate(Measure.EQUAL_OPPORTUNITY_DIFFERENCE, 0.0, (-0.05, 0.05), 0.9)
    among_others = judged(alone, other)[FairnessCheck.DISPARATE_IMPACT_RATIO]
    assert among_others.outcome is Outcome.UNDECIDED
    assert "Holm p = 0.06" in among_others.reason


def test_a_figure_on_its_limit_is_decided_by_no_number_of_rows() -> None:
    on_it = estimate(Measure.DISPARATE_IMPACT_RATIO, 0.8, (0.7, 0.9))
    check = judged(on_it, decision_rule="interval")[FairnessCheck.DISPARATE_IMPACT_RATIO]
    assert check.would_decide == "no number of rows decides a figure that lies on its limit"
