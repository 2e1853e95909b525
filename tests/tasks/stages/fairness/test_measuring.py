import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from aif360.datasets import BinaryLabelDataset
from aif360.metrics import ClassificationMetric
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from tasks.gates import Outcome
from tasks.gates.verdict import Check
from tasks.stages.fairness import aif
from tasks.stages.fairness.bootstrap import average_abs_odds, cells_of, resampled, theil
from tasks.stages.fairness.counts import POOLED, GroupCounts, count_groups, intersect
from tasks.stages.fairness.intervals import fisher, holm, katz, newcombe, percentile, wilson
from tasks.stages.fairness.judging import FairnessCheck, judge_fairness
from tasks.stages.fairness.measuring import measure_fairness
from tasks.stages.fairness.params import FairnessLimits, FairnessParams

counts = st.tuples(st.integers(1, 60), st.integers(61, 200))
LIMITS = FairnessLimits(
    disparate_impact=0.8,
    equal_opportunity_difference=0.1,
    average_abs_odds_difference=0.15,
    underrated_by=0.05,
    theil_index=0.5,
)


def params(**change: str) -> FairnessParams:
    values = {
        "privileged": {"race": "a"},
        "evaluate_on": "out_of_fold",
        "decision_rule": "interval",
        "interval_from_rows": 100,
        "smallest_group_rows": 30,
        "significance": 0.05,
        "bootstrap": 2000,
        "seed": 1,
    }
    return FairnessParams(**(values | change))


def portfolio(
    rates: dict[str, tuple[int, float]],
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Make decisions: group -> (rows, share approved); everybody's label is what the decision is, but for a tenth."""
    groups, approved = [], []
    for group, (rows, rate) in rates.items():
        groups += [group] * rows
        approved += [i < round(rows * rate) for i in range(rows)]
    yes = np.array(approved)
    actual = np.where(np.arange(len(yes)) % 10 == 0, ~yes, yes).astype(int)
    return pd.DataFrame({"race": pd.array(groups, dtype="str")}), actual, yes, actual.astype(float)


def judged(rates: dict[str, tuple[int, float]], **change: str) -> tuple[Check, ...]:
    protected, actual, yes, scores = portfolio(rates)
    chosen = params(**change)
    return judge_fairness(measure_fairness(protected, actual, yes, scores, chosen), chosen, LIMITS)


def impact(checks: tuple[Check, ...], group: str = "b") -> Check:
    return next(
        check
        for check in checks
        if check.id == FairnessCheck.DISPARATE_IMPACT_RATIO and check.about.group == group
    )


@given(counts)
def test_wilson_is_statsmodels_wilson(pair: tuple[int, int]) -> None:
    assert wilson(*pair) == pytest.approx(proportion_confint(*pair, method="wilson"), abs=1e-9)


@given(counts, counts)
def test_newcombe_is_statsmodels_newcombe(one: tuple[int, int], other: tuple[int, int]) -> None:
    expected = confint_proportions_2indep(*one, *other, method="newcomb", compare="diff")
    assert newcombe(*one, *other) == pytest.approx(expected, abs=1e-9)


@given(counts, counts)
def test_katz_is_statsmodels_log_interval(one: tuple[int, int], other: tuple[int, int]) -> None:
    expected = confint_proportions_2indep(*one, *other, method="log", compare="ratio")
    assert katz(*one, *other) == pytest.approx(expected, rel=1e-9)


def test_holm_is_the_textbook_example_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@pytest.mark.parametrize(
    "function", [wilson, lambda a, b: newcombe(a, b, 1, 2), lambda a, b: katz(a, b, 1, 2)]
)
def test_nothing_counted_gives_nan_not_a_number_that_passes(function: Callable[..., Any]) -> None:
    assert all(math.isnan(end) for end in function(0, 0))


def metrics_of_rows(inside: np.ndarray, good: np.ndarray, yes: np.ndarray) -> dict[str, float]:
    """Ask AIF360 itself, with one row per person."""
    frame = pd.DataFrame({"group": inside.astype(float), "label": good.astype(float)})
    truth = BinaryLabelDataset(df=frame, label_names=["label"], protected_attribute_names=["group"])
    decided = truth.copy()
    decided.labels = yes.astype(float).reshape(-1, 1)
    metric = ClassificationMetric(truth, decided, [{"group": 1.0}], [{"group": 0.0}])
    with np.errstate(invalid="ignore", divide="ignore"):
        return {name: float(getattr(metric, name)()) for name in aif.METRICS}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=20, max_size=80))
def test_counts_give_what_aif360_gives_from_rows(rows: list[tuple[bool, ...]]) -> None:
    inside, good, yes = (np.array(column) for column in zip(*rows, strict=True))
    groups = pd.Series(np.where(inside, "b", "a"))
    found = count_groups(groups, good.astype(int), yes, np.zeros(len(rows)))
    if set(found) != {"a", "b"}:
        return
    known = aif.group_metrics(found["b"], found["a"])
    for name, value in metrics_of_rows(inside, good, yes).items():
        assert known[name] == (pytest.approx(value) if math.isfinite(value) else None)
    odds = float(average_abs_odds(cells_of(found["b"]), cells_of(found["a"])))
    if known["average_abs_odds_difference"] is None:
        assert not math.isfinite(odds)
    else:
        assert odds == pytest.approx(known["average_abs_odds_difference"])
    everyone = count_groups(
        pd.Series(["x"] * len(rows)), good.astype(int), yes, np.zeros(len(rows))
    )["x"]
    known_theil = aif.theil_index(good.astype(int), yes)
    if known_theil is not None and yes.any() and 0 < theil(cells_of(everyone)) < 10:
        assert float(theil(cells_of(everyone))) == pytest.approx(known_theil, abs=1e-9)


def test_the_bootstrap_by_counts_is_the_bootstrap_of_rows() -> None:
    rng = np.random.default_rng(3)
    group, other = GroupCounts("b", 60, 40, 50, 10, 0.0), GroupCounts("a", 200, 50, 190, 10, 0.0)
    fast = average_abs_odds(resampled(group, 4000, rng), resampled(other, 4000, rng))

    def rows(counts: GroupCounts) -> np.ndarray:
        return np.repeat(np.arange(4), cells_of(counts).astype(int))

    def resample(labels: np.ndarray) -> np.ndarray:
        return np.bincount(rng.choice(labels, len(labels)), minlength=4).astype(float)

    slow = np.array(
        [average_abs_odds(resample(rows(group)), resample(rows(other))) for _ in range(4000)]
    )
    assert percentile(fast) == pytest.approx(percentile(slow), abs=0.02)


def test_the_interval_decides_and_says_how_many_rows_would() -> None:
    assert impact(judged({"a": (5000, 0.9), "b": (5000, 0.88)})).outcome is Outcome.PASS
    assert impact(judged({"a": (5000, 0.9), "b": (5000, 0.5)})).outcome is Outcome.FAIL
    straddling = impact(judged({"a": (500, 0.9), "b": (60, 0.75)}))
    assert straddling.outcome is Outcome.UNDECIDED
    assert "rows of this group would decide" in straddling.would_decide


def test_a_small_portfolio_passes_on_its_point_and_fails_only_significantly() -> None:
    rule = {"decision_rule": "small_portfolio"}
    assert impact(judged({"a": (500, 0.9), "b": (60, 0.75)}, **rule)).outcome is Outcome.PASS
    assert impact(judged({"a": (500, 0.9), "b": (60, 0.6)}, **rule)).outcome is Outcome.FAIL
    assert impact(judged({"a": (60, 0.9), "b": (40, 0.7)}, **rule)).outcome is Outcome.UNDECIDED


def test_too_small_a_group_is_undecided_whatever_it_shows() -> None:
    checks = judged({"a": (500, 0.9), "b": (20, 0.8)}, decision_rule="small_portfolio")
    assert impact(checks).outcome is Outcome.UNDECIDED
    assert "too few" in impact(checks).reason


@pytest.mark.parametrize("rates", [{"b": (100, 0.9)}, {"a": (100, 0.9)}])
def test_an_absent_group_is_undecided_never_a_pass(rates: dict[str, tuple[int, float]]) -> None:
    checks = judged(rates)
    assert any(
        check.outcome is Outcome.UNDECIDED and "nothing can be said" in check.reason
        for check in checks
    )


def test_nobody_approved_anywhere_is_undecided_though_aif360_says_nan() -> None:
    assert impact(judged({"a": (500, 0.0), "b": (500, 0.0)})).outcome is Outcome.UNDECIDED


def test_rows_without_a_group_are_counted_and_change_no_other_group() -> None:
    protected, actual, yes, scores = portfolio({"a": (300, 0.9), "b": (300, 0.85)})
    report = measure_fairness(protected, actual, yes, scores, params())
    more = pd.concat(
        [protected, pd.DataFrame({"race": pd.array([None] * 50, dtype="str")})], ignore_index=True
    )
    extended = measure_fairness(
        more,
        np.append(actual, np.ones(50)),
        np.append(yes, np.zeros(50, bool)),
        np.append(scores, np.zeros(50)),
        params(),
    )
    assert extended.rows_without_group == {"race": 50}
    assert extended.groups[0].approval_rate == report.groups[0].approval_rate


def test_small_groups_are_pooled_until_the_pool_is_large_enough_and_nobody_is_left_out() -> None:
    rows = pd.DataFrame(
        {"race": ["a"] * 500 + ["b"] * 40 + ["c"] * 20, "sex": ["m"] * 300 + ["f"] * 260}
    )
    joint = intersect(rows, ("race", "sex"), 30, "a / m")
    assert set(joint) == {"a / m", "a / f", POOLED}
    assert (joint == POOLED).sum() == 60


@pytest.mark.parametrize("limit", ["disparate_impact", "theil_index"])
def test_a_limit_has_no_default(limit: str) -> None:
    values = LIMITS.model_dump()
    del values[limit]
    with pytest.raises(ValueError, match=limit):
        FairnessLimits(**values)


def test_fisher_sees_no_difference_where_a_side_is_empty() -> None:
    assert fisher(0, 0, 3, 9) == 1.0
