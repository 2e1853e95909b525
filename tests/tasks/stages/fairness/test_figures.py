"""The figures: all groups at a glance, and an honest trade-off curve."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.gates import About, Check, Outcome
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.fairness.figures import (
    AttributeCodes,
    draw_frontier,
    forest_of_decisions,
    forest_of_errors,
    gravest_first,
    order_of_groups,
    trade_off,
)
from tests.tasks.stages.fairness.portfolio import LIMITS, decisions, measured


def check(outcome: Outcome, group: str) -> Check:
    return Check(
        FairnessCheck.DECLINE_RATIO,
        "decline ratio",
        outcome,
        None if outcome is Outcome.NOT_MEASURED else 1.0,
        "≤ 2",
        About(attribute="race", group=group),
    )


def test_failures_come_first_and_passes_last() -> None:
    outcomes = (Outcome.PASS, Outcome.UNDECIDED, Outcome.NOT_MEASURED, Outcome.FAIL)
    ordered = gravest_first([check(outcome, "b") for outcome in outcomes])
    assert [item.outcome for item in ordered] == [
        Outcome.FAIL,
        Outcome.UNDECIDED,
        Outcome.PASS,
        Outcome.NOT_MEASURED,
    ]


def test_failing_groups_are_drawn_first() -> None:
    report = measured({"a": (500, 0.9), "b": (100, 0.9), "c": (100, 0.5), "d": (100, 0.8)})
    checks = [
        check(Outcome.PASS, "b"),
        check(Outcome.FAIL, "c"),
        check(Outcome.UNDECIDED, "d"),
    ]
    assert [group.group for group in order_of_groups(report, checks)] == ["c", "d", "b"]


def test_every_limit_of_a_group_is_drawn() -> None:
    panels = (*forest_of_decisions(LIMITS), *forest_of_errors(LIMITS))
    drawn = [panel.limit for panel in panels]
    not_of_groups = ("theil_index", "registered_shift")
    assert drawn == [value for name, value in LIMITS if name not in not_of_groups]
    assert all(panel.lowest < panel.limit < panel.highest for panel in panels)


def attribute_codes() -> AttributeCodes:
    groups = pd.DataFrame({"race": pd.array(["a", "a", "b", "b", None], dtype="str")})
    return AttributeCodes.of(groups, measured({"a": (50, 0.9), "b": (50, 0.8)}).references[0])


def test_the_lowest_ratio_is_that_of_the_group_approved_least_often() -> None:
    approved = np.array([True, True, True, False, False])
    assert attribute_codes().lowest_ratio(approved) == pytest.approx(0.5)


def test_rows_without_a_group_have_no_ratio() -> None:
    approved = np.array([True, True, True, True, False])
    assert attribute_codes().lowest_ratio(approved) == 1.0


def test_where_the_privileged_group_is_never_approved_no_group_is_below_it() -> None:
    approved = np.array([False, False, True, True, True])
    assert attribute_codes().lowest_ratio(approved) == 1.0


def test_the_trade_off_is_the_lowest_ratio_and_the_balanced_accuracy() -> None:
    approved = np.array([True, True, True, False, False])
    actual = np.array([1, 0, 1, 0, 0])
    ratio, accuracy = trade_off(approved, actual == 1, [attribute_codes()])
    assert ratio == pytest.approx(0.5)
    assert accuracy == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize("is_good", [True, False])
def test_rows_of_one_label_have_no_balanced_accuracy(is_good: bool, tmp_path: Path) -> None:
    approved = np.array([True, True, True, False, False])
    assert trade_off(approved, np.full(5, is_good), [attribute_codes()]) == (0.5, None)

    rates = {"a": (50, 0.9), "b": (50, 0.8)}
    protected, rows = decisions(rates)
    same = replace(rows, is_good=np.full(len(rows), is_good))
    draw_frontier(tmp_path / "frontier.png", measured(rates), protected, same, 0.8)
    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")
