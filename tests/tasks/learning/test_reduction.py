"""Labels and weights of the reduction are Agarwal's: worth of approval, by group and label."""

import numpy as np
import pandas as pd
import pytest

from tasks.learning.reduction import towards_parity

GROUPS = pd.DataFrame({"race": pd.array(["x"] * 6 + ["y"] * 4, dtype="str")})
LABELS = np.array([1, 1, 1, 1, 1, 0, 1, 1, 0, 0], dtype=float)  # 5 of 6, and 2 of 4; 7 of 10


def test_the_worth_of_a_row_is_its_label_and_its_groups_shortfall() -> None:
    labels, weights = towards_parity(GROUPS, LABELS, 2.0)
    worth = np.where(labels == 1, weights, -weights)
    shortfall = np.repeat([0.7 - 5 / 6, 0.7 - 2 / 4], [6, 4])
    assert worth == pytest.approx(2 * LABELS - 1 + 2.0 * shortfall)


def test_worth_is_that_of_lagrange_multipliers_on_the_rate_of_each_group() -> None:
    """Section 3.4 written out: - lambda_g / p_g for the group, and + the sum of all lambdas."""
    labels, weights = towards_parity(GROUPS, LABELS, 3.0)
    shares = {"x": 0.6, "y": 0.4}
    multipliers = {
        group: 3.0 * share * (LABELS[GROUPS["race"] == group].mean() - LABELS.mean())
        for group, share in shares.items()
    }
    expected = [
        2 * label - 1 - multipliers[group] / shares[group] + sum(multipliers.values())
        for group, label in zip(GROUPS["race"], LABELS, strict=True)
    ]
    assert np.where(labels == 1, weights, -weights) == pytest.approx(expected)


def test_a_large_multiplier_turns_labels_of_the_group_with_fewer_favourable_ones() -> None:
    labels, _ = towards_parity(GROUPS, LABELS, 6.0)
    assert labels[6:].tolist() == [1, 1, 1, 1]
    assert labels[:6].tolist() == LABELS[:6].tolist()


def test_equal_rates_leave_labels_and_weights() -> None:
    labels, weights = towards_parity(GROUPS, np.array([1, 0, 1, 0, 1, 0, 1, 0, 1, 0.0]), 5.0)
    assert labels.tolist() == [1, 0] * 5
    assert weights == pytest.approx(np.ones(10))


def test_rows_of_unknown_group_keep_label_and_weight() -> None:
    groups = GROUPS.copy()
    groups.loc[[0, 9], "race"] = None
    labels, weights = towards_parity(groups, LABELS, 4.0)
    assert (labels[0], weights[0], labels[9], weights[9]) == (1, 1, 0, 1)


def test_no_known_group_changes_nothing() -> None:
    nobody = pd.DataFrame({"race": pd.array([None] * 10, dtype="str")})
    labels, weights = towards_parity(nobody, LABELS, 4.0)
    assert labels.tolist() == LABELS.tolist()
    assert weights.tolist() == [1] * 10
