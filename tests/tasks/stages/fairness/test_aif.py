"""From counts AIF360 gives what it gives from rows, and None where it gives nan or infinity."""

import math

import numpy as np
import pandas as pd
import pytest
from aif360.datasets import BinaryLabelDataset
from aif360.metrics import ClassificationMetric
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tasks.disparity.counts import DecidedRows, GroupCounts, ScoreMoments, count_groups
from tasks.disparity.estimates import theil
from tasks.stages.fairness import aif

DECISIONS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=20, max_size=80
)


def counted(name: str, good: int, bad: int, approved_good: int, approved_bad: int) -> GroupCounts:
    people = good + bad
    return GroupCounts(name, good, bad, approved_good, approved_bad, ScoreMoments(), people)


def metrics_of_rows(
    is_in_group: np.ndarray, is_good: np.ndarray, is_approved: np.ndarray
) -> dict[str, float]:
    """Ask AIF360 itself, with one row per person."""
    frame = pd.DataFrame({"group": is_in_group.astype(float), "label": is_good.astype(float)})
    labelled = BinaryLabelDataset(
        df=frame, label_names=["label"], protected_attribute_names=["group"]
    )
    decided = labelled.copy()
    decided.labels = is_approved.astype(float).reshape(-1, 1)
    metric = ClassificationMetric(labelled, decided, [{"group": 1.0}], [{"group": 0.0}])
    with np.errstate(invalid="ignore", divide="ignore"):
        return {name: float(getattr(metric, name)()) for name in aif.METRICS}


@settings(max_examples=25, deadline=None)
@given(DECISIONS)
def test_counts_give_what_aif360_gives_from_rows(decisions: list[tuple[bool, bool, bool]]) -> None:
    is_in_group, is_good, is_approved = (
        np.array(column) for column in zip(*decisions, strict=True)
    )
    assume(is_in_group.any() and not is_in_group.all())
    counts = count_groups(
        pd.Series(np.where(is_in_group, "b", "a").tolist()),
        DecidedRows.of(is_good.astype(int), is_approved, np.zeros(len(decisions))),
    )
    metrics = aif.group_metrics(counts["b"], counts["a"])
    for name, value in metrics_of_rows(is_in_group, is_good, is_approved).items():
        assert metrics[name] == (pytest.approx(value) if math.isfinite(value) else None)


def test_metrics_are_those_of_their_definitions() -> None:
    group = counted("b", 60, 40, 50, 10)
    privileged = counted("a", 200, 50, 190, 10)
    assert aif.group_metrics(group, privileged) == pytest.approx(
        {
            "disparate_impact": (60 / 100) / (200 / 250),
            "statistical_parity_difference": 60 / 100 - 200 / 250,
            "equal_opportunity_difference": 50 / 60 - 190 / 200,
            "average_abs_odds_difference": (abs(50 / 60 - 190 / 200) + abs(10 / 40 - 10 / 50)) / 2,
        }
    )


def test_where_nobody_is_approved_the_ratio_is_none_not_nan() -> None:
    nobody = counted("b", 10, 10, 0, 0)
    assert aif.group_metrics(nobody, nobody)["disparate_impact"] is None


def test_a_group_without_a_good_row_has_no_equal_opportunity() -> None:
    no_good = counted("b", 0, 10, 0, 5)
    privileged = counted("a", 20, 10, 15, 5)
    metrics = aif.group_metrics(no_good, privileged)
    assert metrics["equal_opportunity_difference"] is None
    assert metrics["disparate_impact"] == pytest.approx(0.5 / (20 / 30))


@settings(max_examples=15, deadline=None)
@given(DECISIONS)
def test_the_theil_index_of_aif360_is_that_of_the_interval(
    decisions: list[tuple[bool, bool, bool]],
) -> None:
    _, is_good, is_approved = (np.array(column) for column in zip(*decisions, strict=True))
    cells = [is_good == is_approved, is_good & ~is_approved, ~is_good & is_approved]
    expected = float(theil(np.array([cell.sum() for cell in cells], dtype=float)))
    assume(math.isfinite(expected))
    assert aif.theil_index(is_good.astype(int), is_approved) == pytest.approx(expected, abs=1e-9)


def test_the_theil_index_is_none_where_nobody_has_a_benefit() -> None:
    assert aif.theil_index(np.ones(10), np.zeros(10)) is None
