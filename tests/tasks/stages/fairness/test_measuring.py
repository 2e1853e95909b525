"""The report: whom it compares with whom, and what each figure and interval rests on."""

import numpy as np
import pandas as pd
import pytest

from tasks.errors import ConfigError
from tasks.stages.fairness.intervals import fisher, katz, newcombe, wilson
from tasks.stages.fairness.measuring import (
    AbsentGroup,
    Estimate,
    GroupReport,
    Measure,
    measure_fairness,
)
from tests.tasks.stages.fairness.portfolio import Rates, decisions, fairness_params, measured

RATES: Rates = {"a": (500, 0.9), "b": (100, 0.75), "c": (80, 0.95)}


def estimate(group: GroupReport, measure: Measure) -> Estimate:
    return next(item for item in group.estimates if item.measure == measure)


def joint(groups: dict[tuple[str, str], int]) -> pd.DataFrame:
    people = [group for group, rows in groups.items() for _ in range(rows)]
    return pd.DataFrame(people, columns=["race", "sex"]).astype("str")


def test_every_group_but_the_privileged_one_is_compared_with_it() -> None:
    report = measured(RATES)
    assert [group.group for group in report.groups] == ["b", "c"]
    assert {group.privileged for group in report.groups} == {"a"}
    assert [group.group for group in report.references] == ["a"]


def test_a_group_has_its_size_its_approval_rate_and_wilson_s_interval() -> None:
    group = measured(RATES).groups[0]
    assert (group.rows, group.approval_rate) == (100, 0.75)
    assert group.approval_interval == wilson(75, 100)


def test_the_impact_ratio_has_katz_s_interval_and_fisher_s_test() -> None:
    impact = estimate(measured(RATES).groups[0], Measure.DISPARATE_IMPACT_RATIO)
    assert impact.value == pytest.approx(0.75 / 0.9)
    assert impact.interval == katz(75, 100, 450, 500)
    assert impact.p_value == fisher(75, 100, 450, 500)


def test_the_parity_difference_has_newcombe_s_interval() -> None:
    parity = estimate(measured(RATES).groups[0], Measure.STATISTICAL_PARITY_DIFFERENCE)
    assert parity.value == pytest.approx(0.75 - 0.9)
    assert parity.interval == newcombe(75, 100, 450, 500)


def test_equal_opportunity_is_about_good_rows_only() -> None:
    protected, actual, approved, scores = decisions(RATES)
    report = measure_fairness(protected, actual, approved, scores, fairness_params())
    race = protected["race"].to_numpy()
    rates = {group: approved[(race == group) & (actual == 1)].mean() for group in ("a", "b")}
    opportunity = estimate(report.groups[0], Measure.EQUAL_OPPORTUNITY_DIFFERENCE)
    assert opportunity.value == pytest.approx(rates["b"] - rates["a"])


def test_the_highest_rate_need_not_be_the_privileged_group_s() -> None:
    report = measured(RATES)
    measure = Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST
    assert estimate(report.groups[0], measure).value == pytest.approx(0.75 / 0.95)
    assert estimate(report.groups[0], measure).interval == katz(75, 100, 76, 80)


def test_the_group_with_the_highest_rate_is_level_with_itself() -> None:
    highest = measured(RATES).groups[1]
    assert estimate(highest, Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST).value == 1.0


def test_the_bootstrap_interval_holds_its_figure() -> None:
    odds = estimate(measured(RATES).groups[0], Measure.AVERAGE_ABS_ODDS_DIFFERENCE)
    assert odds.value is not None
    assert odds.interval is not None
    assert odds.interval[0] <= odds.value <= odds.interval[1]


def test_the_same_seed_gives_the_same_report_and_another_one_other_intervals() -> None:
    assert measured(RATES) == measured(RATES)
    assert measured(RATES, seed=2).groups[0] != measured(RATES).groups[0]


def test_a_group_is_underrated_by_its_observed_share_less_its_mean_score() -> None:
    protected, actual, approved, _ = decisions(RATES)
    scores = np.full(len(actual), 0.6)
    report = measure_fairness(protected, actual, approved, scores, fairness_params())
    good = int(actual[protected["race"] == "b"].sum())
    underrated = estimate(report.groups[0], Measure.UNDERRATED_BY)
    low, high = wilson(good, 100)
    assert underrated.value == pytest.approx(good / 100 - 0.6)
    assert underrated.interval == pytest.approx((low - 0.6, high - 0.6))


def test_privileged_groups_are_asked_for_their_calibration_only() -> None:
    (reference,) = measured(RATES).references
    assert [item.measure for item in reference.estimates] == [Measure.UNDERRATED_BY]


def test_the_theil_index_is_over_all_rows_whatever_their_group() -> None:
    report = measured(RATES)
    other = measured({"a": (680, 0.88)})
    assert report.theil.group_rows == 680
    assert other.theil.value is not None


@pytest.mark.parametrize(
    ("rates", "absent"),
    [({"b": (100, 0.9)}, "a"), ({"a": (100, 0.9)}, None)],
)
def test_an_absent_group_is_named(rates: Rates, absent: str | None) -> None:
    report = measured(rates)
    assert report.absent == (AbsentGroup(attribute="race", group=absent),)
    assert report.groups == ()


def test_what_cannot_be_computed_is_none_never_nan() -> None:
    impact = estimate(
        measured({"a": (50, 0.0), "b": (50, 0.0)}).groups[0], Measure.DISPARATE_IMPACT_RATIO
    )
    assert impact.value is None


def test_rows_without_a_group_are_counted_and_change_no_other_group() -> None:
    protected, actual, approved, scores = decisions(RATES)
    unknown = pd.DataFrame({"race": pd.array([None] * 50, dtype="str")})
    extended = measure_fairness(
        pd.concat([protected, unknown], ignore_index=True),
        np.append(actual, np.ones(50)),
        np.append(approved, np.zeros(50, bool)),
        np.append(scores, np.zeros(50)),
        fairness_params(),
    )
    assert extended.rows_without_group == {"race": 50}
    assert extended.groups == measured(RATES).groups


def test_combinations_of_attributes_are_groups_too() -> None:
    protected = joint({("a", "m"): 200, ("a", "f"): 100, ("b", "m"): 90, ("b", "f"): 80})
    rng = np.random.default_rng(5)
    actual = rng.integers(0, 2, 470)
    approved = rng.random(470) < 0.8
    params = fairness_params(privileged={"race": "a", "sex": "m"}, intersection=("race", "sex"))
    report = measure_fairness(protected, actual, approved, rng.random(470), params)
    assert [(group.attribute, group.group) for group in report.groups] == [
        ("race", "b"),
        ("sex", "f"),
        ("race and sex", "a / f"),
        ("race and sex", "b / f"),
        ("race and sex", "b / m"),
    ]
    assert report.groups[-1].privileged == "a / m"


@pytest.mark.parametrize(
    "change", [{"privileged": {"rce": "a"}}, {"intersection": ("race", "sex")}]
)
def test_a_column_that_is_not_there_is_one_line(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="columns with role `protected`"):
        measured(RATES, **change)
