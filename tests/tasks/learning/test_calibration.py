"""Calibration beyond chance: what scatters by itself is held against nobody."""

import numpy as np
import pytest

from tasks.learning.calibration import Calibration, measure_calibration
from tasks.model.families import Matrix


def measured(shift: float = 0.0, rows: int = 300, **changes: float) -> Calibration:
    rng = np.random.default_rng(1)
    scores: Matrix = rng.uniform(0.3, 0.9, rows)
    labels = (rng.random(rows) < scores - shift).astype(float)
    return measure_calibration(scores, labels, significance=0.05, **changes)  # type: ignore[arg-type]


def test_a_calibrated_model_of_few_rows_has_an_error_that_chance_explains() -> None:
    calibration = measured()
    assert calibration.error > 0.01
    assert calibration.beyond_chance == 0


def test_a_shift_exceeds_chance_by_about_as_much_as_it_is_large() -> None:
    calibration = measured(shift=0.2, rows=5000)
    assert calibration.overrated_by == pytest.approx(0.2, abs=0.02)
    assert calibration.beyond_chance == pytest.approx(0.2 - calibration.chance_error, abs=0.02)


@pytest.mark.parametrize(("rows", "bins"), [(1, 1), (60, 1), (300, 3), (1000, 10), (5000, 10)])
def test_a_bin_has_about_a_hundred_rows_and_there_are_ten_at_most(rows: int, bins: int) -> None:
    assert len(measured(rows=rows).reliability) == bins


def test_rows_that_repeat_people_leave_more_to_chance() -> None:
    assert measured(design_effect=4.0).chance_error > 1.5 * measured().chance_error


def test_measuring_again_gives_the_same_figures() -> None:
    assert measured() == measured()
