"""The report: whom it compares with whom, and what each figure and interval rests on."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.disparity.counts import DecidedRows, GroupCounts, ScoreMoments
from tasks.disparity.estimates import Estimate, Measure
from tasks.disparity.intervals import Proportion, newcombe, ratio_interval, wilson
from tasks.errors import ConfigError
from tasks.stages.fairness.aif import group_metrics
from tasks.stages.fairness.measuring import (
    AbsentGroup,
    ExcusedAttribute,
    GroupReport,
    measure_fairness,
    plain_metrics,
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


def test_the_impact_ratio_has_the_interval_of_a_ratio() -> None:
    impact = estimate(measured(RATES).groups[0], Measure.DISPARATE_IMPACT_RATIO)
    assert impact.value == pytest.approx(0.75 / 0.9)
    assert impact.interval == ratio_interval(Proportion(75, 100), Proportion(450, 500))
    assert (impact.group_rows, impact.fewest_people) == (100, 100)


def test_the_parity_difference_has_newcombe_s_interval() -> None:
    parity = estimate(measured(RATES).groups[0], Measure.STATISTICAL_PARITY_DIFFERENCE)
    assert parity.value == pytest.approx(0.75 - 0.9)
    assert parity.interval == newcombe(Proportion(75, 100), Proportion(450, 500))


def towards(group: GroupReport) -> set[str]:
    return {item.towards for item in group.estimates if item.towards}


@pytest.mark.parametrize(
    ("rates", "is_alarm"),
    [
        ({"a": (30, 0.8), "b": (900, 0.95)}, False),
        ({"a": (40, 0.93), "b": (900, 0.95)}, False),
        # No more people than the privileged group: only what is certain counts.
        ({"a": (900, 0.8), "b": (300, 0.95)}, True),
        ({"a": (900, 0.8), "b": (900, 0.95)}, True),
        # Too few to be compared with anybody; and as it should be.
        ({"a": (900, 0.5), "b": (29, 1.0)}, None),
        ({"a": (900, 0.95), "b": (300, 0.8)}, None),
    ],
)
def test_a_privileged_group_that_is_worse_off_is_compared(
    rates: Rates, is_alarm: bool | None
) -> None:
    # At the plan's own cut-off nobody's scores differ: the model's decisions say who is better off.
    protected, rows = decisions(rates)
    alike = DecidedRows.of(rows.is_good, rows.is_approved, np.ones(len(rows)))
    report = measure_fairness(protected, alike, fairness_params())
    assert towards(report.references[0]) == (set() if is_alarm is None else {"b"})
    further = [item for item in report.references[0].estimates if item.towards]
    assert all(item.is_alarm is is_alarm for item in further)
    assert towards(report.groups[0]) == set()


def test_who_is_better_off_at_another_cut_off_of_the_plan_is_compared_with() -> None:
    scores = np.repeat([0.9, 0.1], [500, 500])
    rows = DecidedRows.of(np.arange(1000) % 2, np.ones(1000, dtype=bool), scores)
    protected = pd.DataFrame({"race": pd.array(["b"] * 500 + ["a"] * 500, dtype="str")})
    report = measure_fairness(protected, rows, fairness_params())
    assert towards(report.references[0]) == {"b"}


def test_between_two_others_each_is_compared_with_those_that_are_better_off() -> None:
    report = measured({"a": (300, 0.85), "b": (900, 0.95), "c": (300, 0.7)})
    (reference,) = report.references
    others = {group.group: group for group in report.groups}
    assert [towards(reference), towards(others["b"]), towards(others["c"])] == [{"b"}, set(), {"b"}]
    decline = [
        item.value for item in others["c"].estimates if item.measure is Measure.DECLINE_RATIO
    ]
    assert decline == [pytest.approx(0.3 / 0.15), pytest.approx(0.3 / 0.05)]


def test_equal_opportunity_is_about_good_rows_only() -> None:
    protected, rows = decisions(RATES)
    report = measure_fairness(protected, rows, fairness_params())
    race = protected["race"].to_numpy()
    rates = {group: rows.is_approved[(race == group) & rows.is_good].mean() for group in ("a", "b")}
    opportunity = estimate(report.groups[0], Measure.EQUAL_OPPORTUNITY_DIFFERENCE)
    assert opportunity.value == pytest.approx(rates["b"] - rates["a"])


def test_the_highest_rate_need_not_be_the_privileged_group_s() -> None:
    report = measured(RATES)
    measure = Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST
    expected = ratio_interval(Proportion(75, 100), Proportion(76, 80))
    assert estimate(report.groups[0], measure).value == pytest.approx(0.75 / 0.95)
    assert estimate(report.groups[0], measure).interval == expected


def test_the_privileged_group_is_compared_with_the_highest_rate_too() -> None:
    (reference,) = measured(RATES).references
    measure = Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST
    assert estimate(reference, measure).value == pytest.approx(0.9 / 0.95)


def test_nobody_is_compared_with_themselves_nor_twice_with_the_privileged_group() -> None:
    measure = Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST
    highest = measured(RATES).groups[1]
    assert measure not in {item.measure for item in highest.estimates}
    level = measured({"a": (500, 0.9), "b": (100, 0.75)})
    for group in (*level.groups, *level.references):
        assert measure not in {item.measure for item in group.estimates}


def test_a_handful_of_people_does_not_set_the_highest_rate() -> None:
    report = measured({**RATES, "d": (12, 1.0)})
    highest = estimate(report.groups[0], Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST)
    assert highest.value == pytest.approx(0.75 / 0.95)


def test_the_odds_interval_holds_its_figure() -> None:
    odds = estimate(measured(RATES).groups[0], Measure.AVERAGE_ABS_ODDS_DIFFERENCE)
    assert odds.value is not None
    assert odds.interval is not None
    assert odds.interval[0] <= odds.value <= odds.interval[1]


def test_the_same_seed_gives_the_same_report_and_another_one_another_interval() -> None:
    assert measured(RATES) == measured(RATES)
    assert measured(RATES, seed=2).theil.interval != measured(RATES).theil.interval


def test_a_group_is_underrated_by_its_observed_share_less_its_mean_score() -> None:
    protected, rows = decisions(RATES)
    flat = DecidedRows.of(rows.is_good.astype(int), rows.is_approved, np.full(len(rows), 0.6))
    report = measure_fairness(protected, flat, fairness_params())
    good = int(rows.is_good[protected["race"] == "b"].sum())
    underrated = estimate(report.groups[0], Measure.UNDERRATED_BY)
    low, high = wilson(good, 100)
    assert underrated.value == pytest.approx(good / 100 - 0.6)
    # Scores that do not vary are no part of the chance.
    assert underrated.interval == pytest.approx((low - 0.6, high - 0.6))


def test_privileged_groups_are_asked_for_their_calibration_only() -> None:
    (reference,) = measured({"a": (500, 0.9), "b": (100, 0.75)}).references
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


def test_rows_without_a_group_are_counted_and_widen_what_they_could_be() -> None:
    protected, rows = decisions(RATES)
    unknown = pd.DataFrame({"race": pd.array([None] * 20, dtype="str")})
    extended = measure_fairness(
        pd.concat([protected, unknown], ignore_index=True),
        DecidedRows.of(
            np.append(rows.is_good, np.ones(20)),
            np.append(rows.is_approved, np.zeros(20)),
            np.append(rows.scores, np.zeros(20)),
        ),
        fairness_params(),
    )
    assert extended.rows_without_group == {"race": 20}
    known = estimate(measured(RATES).groups[0], Measure.DISPARATE_IMPACT_RATIO)
    widened = estimate(extended.groups[0], Measure.DISPARATE_IMPACT_RATIO)
    assert widened.value == known.value
    # All twenty were declined: at worst they were of the group.
    assert widened.interval is not None
    assert known.interval is not None
    assert widened.interval[0] == pytest.approx(
        ratio_interval(Proportion(75, 120), Proportion(450, 500))[0]
    )
    assert widened.interval[1] > known.interval[1]


def test_combinations_of_attributes_are_groups_too() -> None:
    protected = joint({("a", "m"): 200, ("a", "f"): 100, ("b", "m"): 90, ("b", "f"): 80})
    rng = np.random.default_rng(5)
    rows = DecidedRows.of(rng.integers(0, 2, 470), rng.random(470) < 0.8, rng.random(470))
    params = fairness_params(privileged={"race": "a", "sex": "m"}, intersections=(("race", "sex"),))
    report = measure_fairness(protected, rows, params)
    assert [(group.attribute, group.group) for group in report.groups] == [
        ("race", "b"),
        ("sex", "f"),
        ("race and sex", "a / f"),
        ("race and sex", "b / f"),
        ("race and sex", "b / m"),
    ]
    assert report.groups[-1].privileged == "a / m"


def test_every_protected_column_is_judged_excused_or_reported_as_forgotten() -> None:
    protected, rows = decisions(RATES)
    protected = protected.assign(old=1, married=0)
    excuse = {"reason": "by law", "by": "Ada", "date": date(2026, 11, 26)}
    report = measure_fairness(protected, rows, fairness_params(excused={"old": excuse}))
    assert report.judged_attributes == ("race",)
    assert report.excused_attributes == (
        ExcusedAttribute(attribute="old", reason="by law", by="Ada", date="2026-11-26"),
    )
    assert report.forgotten_attributes == ("married",)


@pytest.mark.parametrize(
    "change",
    [
        {"intersections": (("race",),)},
        {"intersections": (("race", "sex"),)},
        {
            "privileged": {"race": "a", "sex": "m", "race and sex": "x"},
            "intersections": (("race", "sex"),),
        },
        {
            "privileged": {"a": "1", "b and c": "1", "a and b": "1", "c": "1"},
            "intersections": (("a", "b and c"), ("a and b", "c")),
        },
        {"excused": {"race": {"reason": "r", "by": "b", "date": date(2026, 1, 1)}}},
        {"excused": {"old": {"reason": " ", "by": "b", "date": date(2026, 1, 1)}}},
        {"excused": {"old": {"reason": "r", "date": date(2026, 1, 1)}}},
        {"cutoffs": ()},
    ],
)
def test_parameters_that_leave_somebody_out_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        fairness_params(**change)


@settings(max_examples=20)
@given(st.tuples(*[st.integers(1, 40)] * 4), st.tuples(*[st.integers(1, 40)] * 4))
def test_metrics_of_counts_are_those_of_aif360(
    mine: tuple[int, int, int, int], theirs: tuple[int, int, int, int]
) -> None:
    group, privileged = (
        GroupCounts(
            name,
            good=cells[0] + cells[1],
            bad=cells[2] + cells[3],
            approved_good=cells[0],
            approved_bad=cells[2],
            scores=ScoreMoments(),
            people=sum(cells),
        )
        for name, cells in (("b", mine), ("a", theirs))
    )
    assert plain_metrics(group, privileged) == pytest.approx(group_metrics(group, privileged))


@pytest.mark.parametrize("change", [{"privileged": {"rce": "a"}}])
def test_a_column_that_is_not_there_is_one_line(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="columns with role `protected`"):
        measured(RATES, **change)
