"""Columns that grow, and rows found by a key: nothing is lost, and room is kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.ner.memory import GrowingColumns, NumberedRows


def test_an_example_sets_a_column_s_shape_and_type() -> None:
    columns = GrowingColumns(2, vector=np.zeros(3, dtype=np.float32), flag=False)
    assert columns["vector"].shape == (2, 3)
    assert columns["vector"].dtype == np.float32
    assert columns["flag"].dtype == np.bool_


@given(st.lists(st.integers(0, 9), max_size=12))
def test_what_is_appended_stays_in_order_however_often_it_grows(counts: list[int]) -> None:
    columns = GrowingColumns(1, value=0)
    expected: list[int] = []
    for number, count in enumerate(counts):
        first = columns.append(count, value=np.full(count, number))
        assert first == len(expected)
        expected += [number] * count
    assert columns["value"][: columns.count].tolist() == expected


def test_clearing_forgets_rows_and_keeps_the_room() -> None:
    columns = GrowingColumns(1, value=0)
    columns.append(100, value=np.arange(100))
    room = len(columns["value"])
    columns.clear()
    assert columns.count == 0
    assert len(columns["value"]) == room


def test_a_key_is_numbered_in_order_of_appearance() -> None:
    rows: NumberedRows[str] = NumberedRows(1, value=0)
    assert rows.add(["a", "b"], value=np.array([1, 2])) == 0
    assert rows.add(["c"], value=np.array([3])) == 2
    assert rows.look_up(["c", "a", "c"]).tolist() == [2, 0, 2]


def test_what_is_missing_is_named_once_in_order() -> None:
    rows: NumberedRows[str] = NumberedRows(1, value=0)
    rows.add(["a"], value=np.array([1]))
    assert rows.missing(["c", "a", "b", "c"]) == ["c", "b"]


def test_an_unknown_key_is_an_error_not_a_row() -> None:
    rows: NumberedRows[str] = NumberedRows(1, value=0)
    with pytest.raises(KeyError):
        rows.look_up(["a"])


def test_after_clearing_keys_are_numbered_anew() -> None:
    rows: NumberedRows[str] = NumberedRows(1, value=0)
    rows.add(["a"], value=np.array([1]))
    rows.clear()
    assert rows.missing(["a"]) == ["a"]
    assert rows.add(["b"], value=np.array([2])) == 0
