"""Columns that grow, and rows found by a key: nothing is lost, and room is kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.ner.memory import SPREADING, GrowingColumns, HashedRows, NumberedRows


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


@given(st.lists(st.lists(st.integers(0, 60) | st.integers(0, 2**63 - 1), max_size=40), max_size=6))
def test_hashed_keys_keep_their_numbers_however_often_the_table_grows(
    batches: list[list[int]],
) -> None:
    rows = HashedRows(1, value=0)
    known: dict[int, int] = {}
    for batch in batches:
        numbers, new = rows.number(np.array(batch, dtype=np.int64))
        assert set(new.tolist()) == set(batch) - known.keys()
        known |= {key: len(known) + place for place, key in enumerate(new.tolist())}
        rows["value"][rows.count - len(new) : rows.count] = new
        assert rows.count == len(known)
        assert numbers.tolist() == [known[key] for key in batch]
        assert rows["value"][numbers].tolist() == batch


def test_hashed_keys_that_want_one_slot_get_one_each() -> None:
    rows = HashedRows(1000, value=0)
    # multiples of this hash alike as far as the table's bits go: all want one slot
    alike = pow(int(SPREADING), -1, 2**64)
    keys = np.array([alike * step % 2**64 for step in range(2000)], dtype=np.uint64)
    keys = keys[keys < 2**63].astype(np.int64)
    numbers, new = rows.number(np.concatenate([keys, keys]))
    assert sorted(new.tolist()) == sorted(keys.tolist())
    assert numbers[: len(keys)].tolist() == numbers[len(keys) :].tolist()
    assert len(set(numbers.tolist())) == len(keys)


def test_after_clearing_hashed_keys_are_numbered_anew() -> None:
    rows = HashedRows(1, value=0)
    rows.number(np.array([5, 6]))
    rows.clear()
    numbers, new = rows.number(np.array([6]))
    assert (numbers.tolist(), new.tolist(), rows.count) == ([0], [6], 1)
