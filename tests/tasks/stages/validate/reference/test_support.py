"""Rows beyond what was accepted are seen, however few the accepted version had."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.stages.validate.reference.cells import cell_codes, profile_column
from tasks.stages.validate.reference.support import Beyond, compare_support


def compared(accepted: list[Any], delivered: list[Any]) -> Beyond:
    cells = {"x": profile_column(pd.Series(accepted))}
    frame = pd.DataFrame({"x": delivered})
    codes = {"x": cell_codes(frame["x"], cells["x"])}
    return compare_support(cells, len(accepted), frame, codes, significance=0.005)["x"]


def incomes(seed: int) -> "np.ndarray[Any, Any]":
    return np.exp(np.random.default_rng(seed).normal(8, 1, 2000))


def test_a_fresh_delivery_is_within() -> None:
    assert compared(list(incomes(1)), list(incomes(2))).excess == 0


@pytest.mark.parametrize("factor", [1000, 1 / 1000])
def test_another_unit_in_a_part_of_the_rows_is_beyond(factor: float) -> None:
    values = incomes(2)
    values[:100] *= factor
    assert compared(list(incomes(1)), list(values)).excess > 0.03


def test_new_categories_are_beyond_and_known_ones_are_not() -> None:
    known = ["a"] * 500 + ["b"] * 500
    assert compared(known, known).excess == 0
    assert compared(known, known + ["c"] * 50).excess == pytest.approx(0.038, abs=0.001)


def test_gaps_are_beyond_where_there_were_none() -> None:
    known = ["a"] * 500 + ["b"] * 500
    assert compared(known, known + [None] * 50).is_beyond_chance
    with_gaps = known + [None] * 50
    assert not compared(with_gaps, with_gaps).is_beyond_chance


def test_fewer_than_ten_rows_are_told_as_ten() -> None:
    known = ["a"] * 500 + ["b"] * 500
    item = compared(known, [*known, "c"])
    assert (item.accepted, item.delivered) == (0.01, 0.01)


def test_an_accepted_version_of_no_row_has_nothing_to_compare_with() -> None:
    accepted: pd.Series[Any] = pd.Series(["a"] * 20)
    cells = {"x": profile_column(accepted)}
    frame = pd.DataFrame({"x": ["a", "b"]})
    codes = {"x": cell_codes(frame["x"], cells["x"])}
    assert compare_support(cells, 0, frame, codes, significance=0.005) == {}
