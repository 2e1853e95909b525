"""Cells hold every row once, and what marks a column's end points at nobody."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.stages.validate.reference.cells import (
    MISSING,
    OTHER,
    ColumnProfile,
    cell_codes,
    count_cells,
    number_of,
    profile_column,
)

RNG = np.random.default_rng(8)
INCOME = pd.Series(np.exp(RNG.normal(8, 1, 2000)))


def series(values: list[Any]) -> "pd.Series[Any]":
    return pd.Series(values)


def counts(values: list[Any], cells: ColumnProfile) -> dict[str, int]:
    series = pd.Series(values)
    return count_cells(cell_codes(series, cells), cells)


def test_categories_of_numbers_are_in_order_of_their_value() -> None:
    cells = profile_column(pd.Series([10.0] * 20 + [9.0] * 20 + [1.0] * 20))
    assert cells.own_cells == ("1", "9", "10")


def test_one_and_true_are_one_category_and_what_is_unknown_is_other() -> None:
    cells = profile_column(pd.Series([0.0] * 20 + [1.0] * 20))
    assert counts([1, 0, 7], cells) == {"0": 1, "1": 1, OTHER: 1}
    assert counts([True, False], cells) == {"0": 1, "1": 1}


def test_a_gap_is_other_where_the_profile_knows_none() -> None:
    without = profile_column(series(["a"] * 20 + ["b"] * 20))
    assert counts(["a", None], without) == {"a": 1, OTHER: 1}
    with_gaps = profile_column(pd.Series(["a"] * 20 + ["b"] * 20 + [None] * 10))
    assert counts(["a", None], with_gaps) == {"a": 1, MISSING: 1}


def test_text_in_a_column_of_numbers_is_other_and_no_gap() -> None:
    cells = profile_column(INCOME)
    assert counts(["a", "b"], cells) == {OTHER: 2}


def test_a_tail_holds_ten_rows_at_least_and_its_end_is_nobody_s_value() -> None:
    support = profile_column(INCOME).support
    assert support is not None
    assert ((support.low > INCOME).sum(), (support.high < INCOME).sum()) >= (10, 10)
    assert not {support.low, support.high} & set(INCOME)
    assert support.beyond_share is not None
    assert 10 / 2000 <= support.beyond_share <= 0.025


def test_a_column_with_a_spike_at_its_end_has_no_share_of_few_rows() -> None:
    values = pd.Series([0.0] * 1000 + list(INCOME[:1000]))
    support = profile_column(values).support
    assert support is not None
    assert support.low == 0


def test_too_few_rows_have_no_tails() -> None:
    assert profile_column(INCOME[:39]).support is None
    assert profile_column(series(["a", "b"] * 100)).support is None


@pytest.mark.parametrize(
    ("name", "number"), [("1", 1.0), ("1e+06", 1e6), ("a", None), ("nan", None)]
)
def test_a_category_is_a_number_or_text(name: str, number: float | None) -> None:
    assert number_of(name) == number
