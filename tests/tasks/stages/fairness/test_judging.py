"""The gate `fairness`: what each check is about, and the rule that judges uncertain figures."""

from typing import Any

import pytest

from tasks.disparity.estimates import Estimate, Measure
from tasks.gates import About, Check, Outcome
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import (
    AbsentGroup,
    ExcusedAttribute,
    FairnessReport,
    GroupReport,
)
from tests.tasks.stages.fairness.portfolio import LIMITS, fairness_params

FINE = {
    Measure.DISPARATE_IMPACT_RATIO: (1.0, (0.9, 1.1)),
    Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST: (1.0, (0.9, 1.1)),
    Measure.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS: (1.0, (0.9, 1.1)),
    Measure.DECLINE_RATIO: (1.0, (0.8, 1.3)),
    Measure.DECLINE_RATIO_OVER_CUTOFFS: (1.0, (0.8, 1.3)),
    Measure.ODDS_RATIO: (1.0, (0.8, 1.3)),
    Measure.STANDARDISED_MEAN_DIFFERENCE: (0.0, (-0.1, 0.1)),
    Measure.STATISTICAL_PARITY_DIFFERENCE: (-0.9, (-0.95, -0.85)),
    Measure.EQUAL_OPPORTUNITY_DIFFERENCE: (0.0, (-0.05, 0.05)),
    Measure.AVERAGE_ABS_ODDS_DIFFERENCE: (0.01, (0.0, 0.05)),
    Measure.UNDERRATED_BY: (0.0, (-0.02, 0.02)),
}
IMPACT = Measure.DISPARATE_IMPACT_RATIO
AT_CUTOFFS = Measure.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS


def estimate(
    measure: Measure,
    value: float | None,
    interval: tuple[float, float] | None,
    people: int = 100,
    approval_rate: float | None = None,
) -> Estimate:
    return Estimate(
        measure=measure,
        value=value,
        interval=interval,
        group_rows=100,
        fewest_people=people,
        approval_rate=approval_rate,
    )


def report(*changed: Estimate, **change: Any) -> FairnessReport:
    """Return a report of one group, whose every figure is fine but those that are given."""
    fine = [estimate(measure, *figures) for measure, figures in FINE.items()]
    replaced = {one.measure for one in changed}
    group = GroupReport(
        attribute="race",
        group="b",
        privileged="a",
        rows=100,
        people=100,
        approval_rate=0.5,
        approval_interval=(0.4, 0.6),
        estimates=(*(one for one in fine if one.measure not in replaced), *changed),
    )
    values: dict[str, Any] = {
        "evaluated_on": "out_of_fold",
        "rows": 200,
        "people": 200,
        "groups": (group,),
        "references": (),
        "absent": (),
        "judged_attributes": ("race",),
        "excused_attributes": (),
        "forgotten_attributes": (),
        "theil": estimate(Measure.THEIL_INDEX, 0.1, (0.05, 0.15)),
        "rows_without_group": {},
    }
    return FairnessReport(**values | change)


def judged(*changed: Estimate, **change: Any) -> dict[str, Check]:
    checks = judge_fairness(report(*changed, **change), fairness_params(), LIMITS)
    return {check.id: check for check in checks}


def impact(value: float, interval: tuple[float, float], people: int = 100) -> Check:
    return judged(estimate(IMPACT, value, interval, people))[FairnessCheck.DISPARATE_IMPACT_RATIO]


def test_a_fair_model_passes_every_check_and_what_has_no_limit_is_not_judged() -> None:
    checks = judged()
    elsewhere = {FairnessCheck.GROUP_PRESENT, FairnessCheck.REGISTERED_DECISIONS}
    # Nobody is better off than the privileged group here.
    elsewhere |= {item for item in FairnessCheck if item.endswith("_to_better_off")}
    assert set(checks) == set(FairnessCheck) - elsewhere
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
    check = judged(absent=(absent,))[FairnessCheck.GROUP_PRESENT]
    assert check.outcome is Outcome.UNDECIDED
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


def test_the_whole_interval_has_to_meet_the_limit() -> None:
    check = impact(0.9, (0.81, 0.99))
    assert check.outcome is Outcome.PASS
    assert "the whole interval meets the limit" in check.reason
    assert check.would_decide == ""


def test_a_point_estimate_alone_passes_nobody() -> None:
    check = impact(1.0, (0.79, 1.2))
    assert check.outcome is Outcome.UNDECIDED
    assert "cannot be certified on 100 rows: the interval holds the limit" in check.reason
    # (1 - 0.79) is 1.05 times (1 - 0.8): as many rows as its square.
    assert check.would_decide == "about 111 would, if the figure stays"


def test_of_a_figure_that_misses_it_is_told_how_many_rows_would_fail_it() -> None:
    check = impact(0.75, (0.6, 0.9))
    assert check.outcome is Outcome.UNDECIDED
    # (0.9 - 0.75) is 3 times (0.8 - 0.75): as many rows as its square.
    assert check.would_decide == "about 900 would fail it, if the figure stays"


@pytest.mark.parametrize(("value", "would"), [(1.2, "would"), (0.2, "would fail it")])
def test_the_row_minimum_comes_before_any_interval(value: float, would: str) -> None:
    check = impact(value, (value - 0.05, value + 0.05), people=29)
    assert check.outcome is Outcome.UNDECIDED
    assert "29 people on one side, fewer than 30" in check.reason
    assert check.would_decide == f"about 104 {would}, if the figure stays"


def test_a_miss_fails_where_the_number_of_tests_does_not_explain_it() -> None:
    check = impact(0.5, (0.4, 0.6))
    assert check.outcome is Outcome.FAIL
    assert "the whole interval misses the limit (Holm p = " in check.reason
    assert check.margin == pytest.approx(-0.3)


def test_a_miss_that_may_be_chance_among_the_tests_is_undecided_and_never_a_pass() -> None:
    """p = 0.03 by itself: eleven tests make 0.3 of it."""
    check = impact(0.7, (0.61, 0.79))
    assert check.outcome is Outcome.UNDECIDED
    assert "may be chance among so many tests" in check.reason
    assert check.would_decide.startswith("about 1")


def test_more_tests_make_no_pass_easier_and_none_harder() -> None:
    others = [estimate(Measure.ODDS_RATIO, 9.0, (5.0, 16.0))]
    assert impact(0.9, (0.81, 0.99)).outcome is Outcome.PASS
    check = judged(estimate(IMPACT, 0.9, (0.81, 0.99)), *others)[
        FairnessCheck.DISPARATE_IMPACT_RATIO
    ]
    assert check.outcome is Outcome.PASS


def test_a_pass_below_the_screen_says_that_it_is_to_be_looked_at() -> None:
    assert "below the screen of 0.9" in impact(0.88, (0.82, 0.95)).reason
    assert "screen" not in impact(0.92, (0.82, 0.95)).reason


def test_a_figure_at_the_end_of_an_interval_that_misses_is_undecided_without_a_number() -> None:
    """The Theil index of few people with very many rows: its posterior lies beyond it."""
    theil = estimate(Measure.THEIL_INDEX, 0.0002, (0.0002, 0.07))
    limits = LIMITS.model_copy(update={"theil_index": 0.0001})
    checks = judge_fairness(report(theil=theil), fairness_params(), limits)
    (check,) = [check for check in checks if check.id == FairnessCheck.THEIL_INDEX]
    assert check.outcome is Outcome.UNDECIDED
    assert "cannot be said" in check.would_decide


def test_the_worst_cut_off_decides_and_is_named() -> None:
    fine = estimate(AT_CUTOFFS, 1.0, (0.9, 1.1), approval_rate=0.9)
    wide = estimate(AT_CUTOFFS, 0.9, (0.75, 1.1), approval_rate=0.7)
    check = judged(fine, wide)[FairnessCheck.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS]
    assert check.outcome is Outcome.UNDECIDED
    assert check.interval == (0.75, 1.1)
    assert check.reason.startswith("at an approval rate of 0.7 ")


def test_a_cut_off_that_misses_decides_even_if_anothers_interval_reaches_further() -> None:
    missing = estimate(AT_CUTOFFS, 0.6, (0.56, 0.64), approval_rate=0.9)
    wide = estimate(AT_CUTOFFS, 0.9, (0.3, 1.5), approval_rate=0.7)
    check = judged(missing, wide)[FairnessCheck.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS]
    assert check.outcome is Outcome.FAIL
    assert check.value == 0.6


def test_a_cut_off_without_a_figure_leaves_all_of_them_undecided() -> None:
    fine = estimate(AT_CUTOFFS, 1.0, (0.9, 1.1), approval_rate=0.9)
    nothing = estimate(AT_CUTOFFS, None, None, approval_rate=0.5)
    check = judged(fine, nothing)[FairnessCheck.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS]
    assert (check.outcome, check.value) == (Outcome.UNDECIDED, None)


@pytest.mark.parametrize(
    ("measure", "value", "interval"),
    [
        (Measure.DECLINE_RATIO, 5.5, (3.9, 7.7)),
        (Measure.DECLINE_RATIO_OVER_CUTOFFS, 5.5, (3.9, 7.7)),
        (Measure.ODDS_RATIO, 6.0, (4.0, 9.0)),
        (Measure.STANDARDISED_MEAN_DIFFERENCE, 0.8, (0.6, 1.0)),
    ],
)
def test_what_a_ratio_of_approvals_near_1_does_not_show_fails(
    measure: Measure, value: float, interval: tuple[float, float]
) -> None:
    checks = judged(estimate(measure, value, interval))
    failed = [check.id for check in checks.values() if check.outcome is Outcome.FAIL]
    assert failed == [f"fairness.{measure}"]


def test_a_group_that_scores_higher_is_not_what_the_mean_difference_asks_about() -> None:
    higher = estimate(Measure.STANDARDISED_MEAN_DIFFERENCE, -0.8, (-1.0, -0.6))
    check = judged(higher)[FairnessCheck.STANDARDISED_MEAN_DIFFERENCE]
    assert check.outcome is Outcome.PASS


def test_a_protected_column_that_nobody_judges_or_excuses_is_undecided() -> None:
    check = judged(judged_attributes=(), forgotten_attributes=("old",))[
        FairnessCheck.ATTRIBUTE_COVERED
    ]
    assert check.outcome is Outcome.UNDECIDED
    assert check.about == About(attribute="old")
    assert "fairness.excused" in check.reason


def test_an_excuse_is_no_pass_and_names_person_date_and_reason() -> None:
    excused = ExcusedAttribute(attribute="old", reason="by law", by="Ada", date="2026-11-26")
    check = judged(judged_attributes=(), excused_attributes=(excused,))[
        FairnessCheck.ATTRIBUTE_COVERED
    ]
    assert check.outcome is Outcome.NOT_MEASURED
    assert check.reason == "excused by Ada on 2026-11-26: by law"


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


def test_a_figure_on_its_limit_is_decided_by_no_number_of_rows() -> None:
    check = impact(0.8, (0.7, 0.9))
    assert check.would_decide == "no number of rows decides a figure that lies on its limit"
