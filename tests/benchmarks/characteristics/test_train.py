"""The gate lets calibrated models of 300 rows through and sees each fault: a small run."""

import pytest

from benchmarks.characteristics.row import Row
from benchmarks.characteristics.train import SITUATIONS, WHOLE_GATE, measure

FAULTS = tuple(situation.name for situation in SITUATIONS if situation.seen_by is not None)


@pytest.fixture(scope="module")
def table() -> list[Row]:
    return measure(8, 5)


def test_every_rate_lies_in_its_band(table: list[Row]) -> None:
    for row in table:
        assert row.expected_low <= row.rate <= row.expected_high, row


def test_a_calibrated_model_of_300_rows_passes(table: list[Row]) -> None:
    rates = [
        row.rate
        for row in table
        if row.situation == "nothing is wrong" and "calibration" in row.check and row.rows == 300
    ]
    assert rates == [0, 0, 0]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_blocks_the_gate_most_of_the_time(table: list[Row], fault: str) -> None:
    rates = [row.rate for row in table if (row.situation, row.check) == (fault, WHOLE_GATE)]
    assert len(rates) == 1
    assert rates[0] > 0.5
