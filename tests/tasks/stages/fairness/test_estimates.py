"""The bootstrap by counts is that of rows, and its metrics are those of their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.stages.fairness.bootstrap import average_abs_odds, cells_of, resampled, theil
from tasks.stages.fairness.counts import GroupCounts
from tasks.stages.fairness.intervals import percentile

GROUP = GroupCounts("b", good=60, bad=40, approved_good=50, approved_bad=10, score_sum=0.0)
PRIVILEGED = GroupCounts("a", good=200, bad=50, approved_good=190, approved_bad=10, score_sum=0.0)
CELLS = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(lambda cells: sum(cells) > 0)


def rows_of(counts: GroupCounts) -> np.ndarray:
    """Return the number of each row's cell: what `cells_of` counts."""
    return np.repeat(np.arange(4), cells_of(counts).astype(int))


def test_cells_are_approved_and_declined_good_then_approved_and_declined_bad() -> None:
    assert cells_of(GROUP).tolist() == [50, 10, 10, 30]


def test_every_resample_has_as_many_rows_as_the_group() -> None:
    draws = resampled(GROUP, 500, np.random.default_rng(1))
    assert draws.shape == (500, 4)
    assert set(draws.sum(axis=1)) == {100}


def test_resamples_scatter_around_the_group_as_multinomials_do() -> None:
    draws = resampled(GROUP, 20_000, np.random.default_rng(1))
    share = cells_of(GROUP) / 100
    np.testing.assert_allclose(draws.mean(axis=0), 100 * share, atol=0.15)
    np.testing.assert_allclose(draws.var(axis=0), 100 * share * (1 - share), rtol=0.05)


def test_a_group_without_rows_has_resamples_without_rows() -> None:
    empty = GroupCounts("c", 0, 0, 0, 0, 0.0)
    assert not resampled(empty, 10, np.random.default_rng(1)).any()


def test_the_same_seed_gives_the_same_resamples() -> None:
    first, second = (resampled(GROUP, 50, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_bootstrap_by_counts_is_the_bootstrap_of_rows() -> None:
    rng = np.random.default_rng(3)
    by_counts = average_abs_odds(resampled(GROUP, 4000, rng), resampled(PRIVILEGED, 4000, rng))

    def resample_rows(cells: np.ndarray) -> np.ndarray:
        return np.bincount(rng.choice(cells, len(cells)), minlength=4).astype(float)

    by_rows = np.array(
        [
            average_abs_odds(resample_rows(rows_of(GROUP)), resample_rows(rows_of(PRIVILEGED)))
            for _ in range(4000)
        ]
    )
    assert percentile(by_counts) == pytest.approx(percentile(by_rows), abs=0.02)


def test_average_absolute_odds_is_the_mean_of_two_differences() -> None:
    by_hand = (abs(50 / 60 - 190 / 200) + abs(10 / 40 - 10 / 50)) / 2
    assert float(average_abs_odds(cells_of(GROUP), cells_of(PRIVILEGED))) == pytest.approx(by_hand)


@given(CELLS)
def test_a_group_has_no_odds_difference_from_itself(cells: list[int]) -> None:
    counts = np.array(cells, dtype=float)
    difference = float(average_abs_odds(counts, counts))
    has_both_labels = cells[0] + cells[1] > 0 and cells[2] + cells[3] > 0
    assert difference == 0 if has_both_labels else math.isnan(difference)


def test_metrics_of_many_resamples_are_those_of_each() -> None:
    draws = resampled(GROUP, 5, np.random.default_rng(2))
    at_once = theil(draws)
    assert at_once.shape == (5,)
    assert at_once.tolist() == pytest.approx([float(theil(draw)) for draw in draws])


@given(CELLS)
def test_theil_is_its_definition_over_rows(cells: list[int]) -> None:
    """The mean of (b / m) ln(b / m) with b = decision - label + 1, and 0 ln 0 = 0."""
    benefits = np.repeat([1.0, 0.0, 2.0, 1.0], cells)
    relative = benefits / benefits.mean() if benefits.any() else benefits
    positive = relative[relative > 0]
    expected = (positive * np.log(positive)).sum() / len(benefits)
    value = float(theil(np.array(cells, dtype=float)))
    if benefits.any():
        assert value == pytest.approx(expected, abs=1e-12)
    else:
        assert math.isnan(value)


def test_theil_is_0_where_every_decision_is_right() -> None:
    assert float(theil(np.array([70.0, 0.0, 0.0, 30.0]))) == 0
