"""A small run of the measurement: parity of many rows passes, and a planted subgroup is seen."""

from benchmarks.characteristics.row import Row
from benchmarks.characteristics.subgroups import (
    measure_calibration,
    measure_parity,
    measure_planted,
)


def hold(rows: list[Row]) -> None:
    assert rows
    for row in rows:
        assert row.expected_low <= row.rate <= row.expected_high, row


def test_a_fair_model_passes_from_the_stated_number_of_rows() -> None:
    hold(list(measure_parity(8, 3, (20_000,), 0.88)))


def test_right_scores_of_three_hundred_people_pass() -> None:
    hold(list(measure_calibration(12, 3, (300, 2_000), 0.88)))


def test_a_subgroup_that_no_attribute_shows_is_found_and_fails() -> None:
    rows = list(measure_planted(8, 3, (20_000,), "in a part"))
    hold(rows)
    assert rows[1].rate > 0.8
