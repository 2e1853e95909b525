"""Columns that are held in few bytes come back as they were."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_series_equal

from tasks.stages.validate.reference.holding import HeldRows, columns_of

ROWS = 5_000
RNG = np.random.default_rng(5)
PSEUDONYMS = [f"{number % 1_000:032x}" for number in range(ROWS)]


def columns() -> dict[str, Any]:
    """Return a column of every kind that sealed rows have, repeated values and own ones."""
    amounts = RNG.normal(size=ROWS)
    flags = RNG.integers(0, 2, ROWS)
    gaps = np.where(flags == 1, np.nan, RNG.integers(0, 9, ROWS))
    nullable = pd.array(np.where(flags == 1, 3, RNG.integers(0, 9, ROWS)), "Int64")
    nullable[::7] = pd.NA
    return {
        "amounts": amounts,
        "single": amounts.astype(np.float32),
        "flags": flags,
        "yes": flags == 1,
        "gaps": gaps,
        "signed zeros": np.where(flags == 1, 0.0, -0.0),
        "codes": RNG.integers(0, 300, ROWS).astype(float),
        "dates": pd.to_datetime(RNG.integers(0, 50, ROWS), unit="D").to_numpy(),
        "nullable": nullable,
        "maybe": pd.array([None if flag else True for flag in flags], "boolean"),
        "nullable floats": pd.array([None if flag else 0.5 for flag in flags], "Float64"),
        "groups": pd.array(np.where(flags == 1, "black", "white"), "str"),
        "some groups": pd.array([None if flag else "white" for flag in flags], "str"),
        "texts": pd.array([f"text {number}" for number in range(ROWS)], "str"),
        "some texts": pd.array([None if n % 3 else f"é{n}" for n in range(ROWS)], "str"),
        "subject": pd.array(PSEUDONYMS, "str"),
        "own": pd.array([f"{number:032x}" for number in range(ROWS)], "str"),
        "upper": pd.array([f"{number:032X}" for number in range(ROWS)], "str"),
        "odd": pd.array([f"{number:07x}" for number in range(ROWS)], "str"),
        "empty": pd.array([""] * ROWS, "str"),
    }


FRAME = pd.DataFrame(columns())


@pytest.mark.parametrize("rows", [ROWS, 1_700, 1])
def test_every_column_comes_back_exactly(rows: int) -> None:
    """Sealed parts are slices of larger arrays, too, and some are empty."""
    some = FRAME.head(40) if rows == 1 else FRAME
    parts = [HeldRows.of(some.iloc[start : start + rows]) for start in range(0, len(some), rows)]
    held = HeldRows.joined([HeldRows.of(some.head(0)), *parts])
    assert len(held) == len(some)
    assert held.columns == tuple(some)
    for name in map(str, some):
        assert_series_equal(held[name], some[name])
        if some[name].dtype == float:
            assert (np.signbit(held[name]) == np.signbit(some[name])).all()
    pd.testing.assert_frame_equal(columns_of(held, ["groups", "flags"]), some[["groups", "flags"]])


@pytest.mark.parametrize("name", ["subject", "own", "groups", "some groups", "texts", "gaps"])
def test_numbers_are_equal_where_values_are(name: str) -> None:
    parts = [HeldRows.of(FRAME.iloc[start : start + 999]) for start in range(0, ROWS, 999)]
    numbers = HeldRows.joined(parts).number(name)
    known = FRAME[name].notna().to_numpy()
    pairs = pd.DataFrame({"number": numbers[known], "value": FRAME[name][known].to_numpy()})
    assert len(pairs.drop_duplicates()) == pairs["number"].nunique() == pairs["value"].nunique()
    assert set(numbers[known]) == set(range(pairs["number"].nunique()))
    assert set(numbers[~known]) <= {-1}


def test_pseudonyms_that_differ_in_one_half_alone_are_two_people() -> None:
    first, second = "0" * 16, "1" * 16
    texts = [first + first, first + second, second + first, first + second]
    numbers = HeldRows.of(pd.DataFrame({"subject": pd.array(texts, "str")})).number("subject")
    assert numbers[1] == numbers[3]
    assert len(set(numbers)) == 3


def test_flags_and_pseudonyms_take_what_they_say() -> None:
    """A million rows of fifty flags would be 400 MB as numbers."""
    (flags,) = HeldRows.of(FRAME[["gaps"]]).parts["gaps"]
    (own,) = HeldRows.of(FRAME[["own"]]).parts["own"]
    assert vars(flags)["codes"].itemsize == 1
    assert vars(own)["digits"].shape == (ROWS, 16)


def test_rows_of_nobody_keep_their_columns() -> None:
    held = HeldRows.joined([HeldRows.of(FRAME.head(0)), HeldRows.of(FRAME.head(0))])
    assert len(held) == 0
    assert held["subject"].dtype == FRAME["subject"].dtype
    assert not len(held.number("subject"))
