"""Exactly the declared columns, each in the one type of its kind; no error quotes a value."""

from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SourceError
from tasks.stages.ingest.reading.delivery import ExpectedDelivery, conform
from tests.tasks.stages.ingest.deliveries import NAMES

NUMBER = ExpectedDelivery("bank", frozenset({"x"}), ("x",), frozenset({"x"}), frozenset())
FLAG = ExpectedDelivery("bank", frozenset({"x"}), ("x",), frozenset({"x"}), frozenset({"x"}))
TEXT = ExpectedDelivery("bank", frozenset({"x"}), ("x",), frozenset(), frozenset())
CELLS = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6),
    st.floats(),
    st.text(max_size=5),
    st.booleans(),
    st.dates(),
)


def conformed(values: "pd.Series[Any]", expected: ExpectedDelivery) -> list[Any]:
    column = conform(pd.DataFrame({"x": values}), expected)["x"]
    return [None if pd.isna(value) else value for value in column]


def objects(*cells: object) -> "pd.Series[Any]":
    return pd.Series(list(cells), dtype=object)


def test_the_declared_columns_in_any_order_are_accepted(expected: ExpectedDelivery) -> None:
    expected.check_names(reversed(NAMES))


@pytest.mark.parametrize(
    ("delivered", "message"),
    [
        ([*NAMES, "religion"], "1 undeclared column of"),
        (NAMES[1:], "absent: email"),
        ([*NAMES, "income"], "twice: income"),
    ],
)
def test_other_columns_are_refused_by_name(
    expected: ExpectedDelivery, delivered: list[str], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        expected.check_names(delivered)


def test_a_delivery_gives_up_each_column_that_is_converted() -> None:
    frame = pd.DataFrame({"x": [1, 2]})
    assert conform(frame, NUMBER)["x"].tolist() == [1.0, 2.0]
    assert frame.empty


def test_only_columns_that_are_read_are_returned_in_their_order() -> None:
    expected = ExpectedDelivery(
        "bank", frozenset({"a", "b", "c"}), ("c", "a"), frozenset(), frozenset()
    )
    assert list(conform(pd.DataFrame({"a": ["1"], "b": ["2"], "c": ["3"]}), expected)) == ["c", "a"]


@pytest.mark.parametrize(
    "values",
    [
        objects(1, 2.5, Decimal("3")),
        objects("Ann", None),
        pd.Series(["4711"], dtype="str"),
        pd.Series(pd.to_datetime(["1970-01-31"])),
        objects(float("inf")),
    ],
)
def test_numbers_of_any_type_become_floats_and_nothing_else_does(values: "pd.Series[Any]") -> None:
    if all(isinstance(value, int | Decimal | float) for value in values) and values[0] == 1:
        assert conformed(values, NUMBER) == [1.0, 2.5, 3.0]
        return
    with pytest.raises(SourceError, match=r"in x \(1 row: 1\)") as refusal:
        conform(pd.DataFrame({"x": values}), NUMBER)
    assert not any(text in str(refusal.value) for text in ("Ann", "4711", "1970"))


def test_a_flag_is_0_or_1_or_missing() -> None:
    assert conformed(objects(0, 1, None), FLAG) == [0.0, 1.0, None]
    with pytest.raises(SourceError, match=r"x \(2 rows: 2, 3\)"):
        conform(pd.DataFrame({"x": [0, 2, 0.5]}), FLAG)


def test_a_whole_number_may_stand_for_text() -> None:
    assert conformed(pd.Series([12, 13]), TEXT) == ["12", "13"]


@pytest.mark.parametrize("values", [pd.Series([12.5]), pd.Series([True]), objects(True)])
def test_a_fraction_and_a_truth_value_are_no_text(values: "pd.Series[Any]") -> None:
    with pytest.raises(SourceError, match=r"x \(1 row: 1\)"):
        conform(pd.DataFrame({"x": values}), TEXT)


def test_blank_text_is_missing() -> None:
    assert conformed(pd.Series(["", " \t", "a "], dtype="str"), TEXT) == [None, None, "a "]


def test_a_column_without_any_value_is_missing_text() -> None:
    assert conformed(pd.Series([None, None], dtype="float64"), TEXT) == [None, None]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pd.Series(pd.to_datetime(pd.Series(["1970-01-31", None]))), ["1970-01-31", None]),
        (pd.Series(pd.to_datetime(["1970-01-31T09:30"])), ["1970-01-31T09:30:00.000000"]),
        (objects(date(1970, 1, 31)), ["1970-01-31"]),
    ],
)
def test_dates_become_iso_8601_text(values: "pd.Series[Any]", text: list[str | None]) -> None:
    assert conformed(values, TEXT) == text


@given(st.lists(CELLS, max_size=8))
def test_conforming_numbers_gives_finite_floats_or_refuses(cells: list[Any]) -> None:
    infinities = (float("inf"), -float("inf"))
    try:
        values = conform(pd.DataFrame({"x": objects(*cells)}), NUMBER)["x"]
    except SourceError:
        assert any(isinstance(cell, str | date) or cell in infinities for cell in cells)
        return
    assert values.dtype == "float64"
    assert [pd.isna(value) for value in values] == [pd.isna(cell) for cell in cells]
    assert [value for value in values if not pd.isna(value)] == [
        float(cell) for cell in cells if not pd.isna(cell)
    ]


@given(st.lists(CELLS, max_size=8))
def test_conforming_text_keeps_text_and_whole_numbers_or_refuses(cells: list[Any]) -> None:
    try:
        values = conformed(objects(*cells), TEXT)
    except SourceError:
        assert any(isinstance(cell, bool | float) for cell in cells)
        return
    assert values == [
        None if pd.isna(cell) or not str(cell).strip() else str(cell) for cell in cells
    ]
