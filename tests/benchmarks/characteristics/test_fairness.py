"""A small run of the measurement: no check misses a bias on its limit, and parity is certified."""

import pytest

from benchmarks.characteristics import partial_pooling
from benchmarks.characteristics.fairness import (
    GATE_BANDS,
    GOAL,
    measure_checks,
    measure_coverage,
    measure_gate,
    measure_people,
    measure_single_ratio,
    measure_unknown,
)
from benchmarks.characteristics.row import Row


def hold(rows: list[Row]) -> None:
    assert rows
    for row in rows:
        assert row.expected_low <= row.rate <= row.expected_high, row


def test_no_check_passes_more_often_than_promised_where_the_truth_lies_on_its_limit() -> None:
    hold(list(measure_checks(40, 3, (100,), (0.88,))))


def test_a_ratio_of_seven_tenths_is_missed_at_no_size_and_no_line_between_sizes() -> None:
    rows = list(measure_single_ratio(60, 3, (30, 299, 300)))
    hold(rows)
    assert sum(1 - row.rate for row in rows) / len(rows) <= GOAL


@pytest.mark.parametrize("case", [(0.88, 1.0, 250), (0.88, 1.0, 2000), (0.88, 0.7, 100)])
def test_the_whole_gate_blocks_bias_and_few_rows_and_lets_parity_of_many_pass(
    case: tuple[float, float, int],
) -> None:
    hold(list(measure_gate(30, 3, {case: GATE_BANDS[case]})))


def test_several_rows_of_a_person_and_hidden_groups_make_nobody_pass() -> None:
    hold([*measure_people(15, 3, (5,)), *measure_unknown(15, 3)])


def test_intervals_hold_the_truth_at_small_counts() -> None:
    hold(list(measure_coverage((10,))))


def test_partial_pooling_would_miss_most_small_biased_groups() -> None:
    assert partial_pooling.passed_ratio(30, 0.5, 0.7, 40, 3) > 0.5
