"""The table of power: honest about small groups, blind to nothing, the same twice."""

import numpy as np
import pytest

from tasks.disparity.counts import DecidedRows
from tasks.gates import Outcome
from tasks.stages.fairness.power import (
    Portfolio,
    PowerTable,
    draw_rows,
    power_of_report,
    power_table,
)
from tests.tasks.stages.fairness.portfolio import LIMITS, fairness_params, measured

ROWS = {"race": {"a": 2500, "b": 2500, "c": 60}}


def table(base_rate: float = 0.8) -> PowerTable:
    return power_table(ROWS, base_rate, fairness_params(), LIMITS, replicates=20)


def test_large_groups_are_certified_at_parity_and_small_ones_cannot_be() -> None:
    large, small = table().groups
    assert (large.group, small.group) == ("b", "c")
    assert large.false_block <= 0.1
    assert small.false_block >= 0.9
    assert table().gate_false_block >= small.false_block


def test_no_bias_is_missed_whatever_the_size() -> None:
    for group in table().groups:
        assert group.missed_at_limit == 0
        assert group.missed_bias == 0


def test_the_same_plan_gives_the_same_table() -> None:
    assert table() == table()


def test_it_is_printed_by_group() -> None:
    lines = list(table().lines())
    assert "at parity and an approval rate of 80% the gate blocks" in lines[0]
    assert lines[1].startswith("  b (race), 2,500 rows: blocked at parity")


def test_an_attribute_without_anybody_to_compare_is_left_out() -> None:
    for rows in ({"a": 100}, {"b": 100, "c": 100}, {"a": 0, "b": 100}):
        power = power_table({"race": rows}, 0.8, fairness_params(), LIMITS, 1)
        assert power.groups == ()


def test_combinations_are_compared_with_their_own_privileged_group() -> None:
    params = fairness_params(privileged={"race": "a", "sex": "m"}, intersections=(("race", "sex"),))
    rows = {"race and sex": {"a / m": 300, "b / m": 100}}
    (group,) = power_table(rows, 0.8, params, LIMITS, 1).groups
    assert (group.attribute, group.group) == ("race and sex", "b / m")


def drawn(ratio: float) -> tuple[DecidedRows, DecidedRows]:
    is_lowered = np.arange(400_000) % 2 == 0
    rows = draw_rows(is_lowered, 0.8, ratio, np.random.default_rng(1))
    return rows[is_lowered], rows[~is_lowered]


@pytest.mark.parametrize("ratio", [1.0, 0.8, 0.7])
def test_a_bias_lowers_approvals_by_its_ratio_and_leaves_labels_alone(ratio: float) -> None:
    lowered, others = drawn(ratio)
    assert others.is_approved.mean() == pytest.approx(0.8, abs=0.005)
    assert lowered.is_approved.mean() == pytest.approx(0.8 * ratio, abs=0.005)
    assert lowered.is_good.mean() == pytest.approx(others.is_good.mean(), abs=0.005)


def test_scores_of_unbiased_rows_are_calibrated_and_see_as_much_as_scorecards_do() -> None:
    from sklearn.metrics import roc_auc_score

    lowered, _ = drawn(1.0)
    assert lowered.scores.mean() == pytest.approx(lowered.is_good.mean(), abs=0.005)
    assert 0.75 < roc_auc_score(lowered.is_good, lowered.scores) < 0.85


def test_every_check_of_a_group_is_simulated() -> None:
    checks = Portfolio(ROWS, 0.8, fairness_params(), LIMITS).checks(1.0, 0)
    made = {check.id for check in checks if check.about.group == "b"}
    real = measured({"a": (300, 0.9), "b": (200, 0.8)})
    assert {f"fairness.{item.measure}" for item in real.groups[0].estimates} - made == {
        "fairness.statistical_parity_difference"  # measured, and without a limit
    }
    assert {check.outcome for check in checks} <= {Outcome.PASS, Outcome.UNDECIDED, Outcome.FAIL}


def test_the_table_of_a_report_is_of_its_groups_and_their_rate() -> None:
    power = power_of_report(measured({"a": (300, 1.0), "b": (200, 0.8)}), fairness_params(), LIMITS)
    assert [(group.group, group.rows) for group in power.groups] == [("b", 200)]
    assert 0.99 < power.base_rate < 1
