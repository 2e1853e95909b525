"""The multicalibration error: its distribution by chance, and what it sees."""

import numpy as np
import pytest

from tasks.stages.subgroups.multicalibration import (
    Multicalibration,
    chance_of_range,
    measure_multicalibration,
    range_of_chance,
)
from tests.tasks.stages.subgroups.portfolio import SmallPortfolio, portfolio

# Of Kuiper's statistic at so many standard deviations, by the package `mcgrad` 0.1.5.
PUBLISHED = {1.5: 0.5129407542302482, 3.0: 0.010799168467638398, 4.0: 0.00025336993465507884}


def measured(small: SmallPortfolio) -> Multicalibration:
    return measure_multicalibration(small.cells(), 2, 50, 0.05)


@pytest.mark.parametrize(("deviations", "chance"), PUBLISHED.items())
def test_chance_is_that_of_the_range_of_a_brownian_motion(deviations: float, chance: float) -> None:
    assert chance_of_range(deviations) == pytest.approx(chance, rel=1e-6)


def test_the_range_of_a_chance_is_the_inverse() -> None:
    for probability in (0.5, 0.05, 1e-4):
        assert chance_of_range(range_of_chance(probability)) == pytest.approx(probability)


def test_right_scores_are_within_chance() -> None:
    assert all(item.p_value > 0.05 for item in measured(portfolio()).segments)


def test_scores_that_are_too_high_in_one_conjunction_are_seen_there() -> None:
    small = portfolio()
    is_member = (small.protected["sex"] == "female") & (small.protected["age"] == "old")
    small.rows.is_good[is_member.to_numpy() & (np.arange(len(small.rows)) % 8 == 0)] = False
    worst = measured(small).segments[0]
    assert {worst.attribute, worst.group} == {"sex and age", "female / old"}
    assert worst.p_value < 0.001
    assert worst.error == pytest.approx(0.11, abs=0.03)


def test_scores_that_are_too_high_here_and_too_low_there_are_seen() -> None:
    small = portfolio()
    centre = small.rows.scores.mean()
    small.rows.scores[:] = np.clip(centre + 0.3 * (small.rows.scores - centre), 0, 1)
    whole = next(item for item in measured(small).segments if item.attribute == "all rows")
    residuals = small.rows.is_good - small.rows.scores
    assert abs(residuals.mean()) < 0.01
    assert whole.p_value < 1e-6


def test_an_error_as_large_as_what_is_visible_lies_just_beyond_chance() -> None:
    small = portfolio()
    whole = next(item for item in measured(small).segments if item.attribute == "all rows")
    small.rows.scores[:] -= whole.smallest_visible * 1.3
    shifted = next(item for item in measured(small).segments if item.attribute == "all rows")
    assert shifted.p_value < 0.05


def test_the_figure_in_deviations_is_that_of_the_sorted_rows() -> None:
    small = portfolio(2_000)
    order = np.argsort(small.rows.scores)
    walk = np.cumsum((small.rows.is_good - small.rows.scores)[order])
    spread = np.sqrt((small.rows.scores * (1 - small.rows.scores)).sum())
    exact = (max(walk.max(), 0) - min(walk.min(), 0)) / spread
    whole = next(item for item in measured(small).segments if item.attribute == "all rows")
    # Summed in parts of the score, it can only be a little less.
    assert exact - 0.3 < whole.deviations <= exact
