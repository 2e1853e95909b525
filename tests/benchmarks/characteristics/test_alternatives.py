"""A small run of the measurement: luck blocks nobody, and a dominated model is found."""

import pytest

from benchmarks.characteristics.alternatives import decline_ratio, held_against, measure_small


def test_what_was_promised_holds() -> None:
    rows = measure_small(3)
    assert rows
    for row in rows:
        assert row.expected_low <= row.rate <= row.expected_high, row


def test_a_configuration_is_as_much_better_as_it_is_called() -> None:
    assert decline_ratio(held_against(0.3)) == pytest.approx(0.7 * decline_ratio(0.8), rel=0.01)
