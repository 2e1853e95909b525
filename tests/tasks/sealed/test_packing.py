"""Packing: every frame that is taken comes back exactly, every other is refused by column."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SealError
from tasks.sealed.packing import Layout, pack, unpack

TEXTS = st.lists(st.none() | st.text(max_size=20), max_size=12)


def round_trip(frame: pd.DataFrame) -> pd.DataFrame:
    layout = Layout.of(frame)
    return unpack(pack(frame, layout), layout)


def column(values: Any, dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.array(values, dtype=dtype) if dtype else values})


# What comes back


@given(TEXTS)
def test_any_texts_come_back(values: list[str | None]) -> None:
    frame = column(values, "str")
    pd.testing.assert_frame_equal(round_trip(frame), frame)


@given(TEXTS, st.data())
def test_two_columns_of_texts_do_not_run_into_each_other(
    values: list[str | None], data: st.DataObject
) -> None:
    others = data.draw(
        st.lists(st.none() | st.text(max_size=20), min_size=len(values), max_size=len(values))
    )
    frame = pd.DataFrame({"x": pd.array(values, dtype="str"), "y": pd.array(others, dtype="str")})
    pd.testing.assert_frame_equal(round_trip(frame), frame)


@given(st.lists(st.floats(width=64)))
def test_any_floats_come_back_bit_for_bit(values: list[float]) -> None:
    frame = column(np.array(values, dtype=np.float64))
    assert round_trip(frame)["x"].to_numpy().tobytes() == frame["x"].to_numpy().tobytes()


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_any_nullable_integers_come_back(values: list[int | None]) -> None:
    frame = column(values, "Int64")
    pd.testing.assert_frame_equal(round_trip(frame), frame)


@pytest.mark.parametrize(
    "dtype",
    ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "bool"],
)
def test_the_extremes_of_a_number_type_come_back_with_their_type(dtype: str) -> None:
    kind = np.dtype(dtype)
    if kind.kind == "b":
        extremes = [False, True]
    else:
        limits: Any = np.finfo(dtype) if kind.kind == "f" else np.iinfo(dtype)
        extremes = [limits.min, limits.max]
    frame = column(np.array(extremes, dtype=kind))
    pd.testing.assert_frame_equal(round_trip(frame), frame)


@pytest.mark.parametrize(
    "dtype", ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"]
)
def test_a_missing_integer_is_no_zero(dtype: str) -> None:
    frame = column([0, None, 1], dtype)
    back = round_trip(frame)
    pd.testing.assert_frame_equal(back, frame)
    assert back["x"].isna().tolist() == [False, True, False]


def test_a_missing_boolean_is_no_false() -> None:
    frame = column([False, None, True], "boolean")
    pd.testing.assert_frame_equal(round_trip(frame), frame)


@pytest.mark.parametrize("dtype", ["Float32", "Float64"])
def test_a_missing_nullable_float_stays_missing(dtype: str) -> None:
    frame = column([0.5, None], dtype)
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_a_missing_text_is_no_empty_text() -> None:
    back = round_trip(column(["", None], "str"))
    assert back["x"].isna().tolist() == [False, True]
    assert back["x"][0] == ""


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_days_come_back_in_their_unit_with_missing_ones(unit: str) -> None:
    frame = column(np.array(["1970-01-01", "NaT", "2026-11-24"], dtype=f"datetime64[{unit}]"))
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_minus_zero_keeps_its_sign() -> None:
    assert np.signbit(round_trip(column(np.array([-0.0])))["x"][0])


def test_numbers_of_the_other_byte_order_keep_their_values() -> None:
    frame = column(np.array([1, 2**40], dtype=">i8"))
    assert round_trip(frame)["x"].tolist() == [1, 2**40]


def test_texts_as_python_objects_come_back_as_texts() -> None:
    back = round_trip(pd.DataFrame({"x": pd.Series(["a", None, "ü"], dtype=object)}))
    assert back["x"].dtype == "str"
    assert back["x"].tolist()[::2] == ["a", "ü"]
    assert back["x"].isna().tolist() == [False, True, False]


def test_a_column_of_nothing_but_missing_objects_is_a_column_of_texts() -> None:
    frame = pd.DataFrame({"x": pd.Series([None, None], dtype=object)})
    assert round_trip(frame)["x"].isna().all()


def test_a_text_with_a_zero_byte_comes_back() -> None:
    frame = column(["a\x00b", "\x00"], "str")
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_a_long_text_comes_back() -> None:
    frame = column(["x" * 100_000, ""], "str")
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_an_empty_frame_keeps_columns_and_types(people: pd.DataFrame) -> None:
    frame = people.iloc[:0]
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_the_order_of_columns_is_kept(people: pd.DataFrame) -> None:
    frame = people[["city", "subject", "income"]]
    assert list(round_trip(frame).columns) == ["city", "subject", "income"]


@pytest.mark.parametrize("name", ["", "0", "1m", "naïve", 'quoted "name"', "new\nline"])
def test_any_name_of_a_column_comes_back(name: str) -> None:
    frame = pd.DataFrame({name: [1], "x": [2]})
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_rows_are_packed_one_by_one(people: pd.DataFrame) -> None:
    """Where a row stands and which rows are beside it does not change its bytes."""
    layout = Layout.of(people)
    together = pack(people, layout)
    assert [pack(people.iloc[[row]], layout)[0] for row in range(6)] == together


def test_some_of_the_rows_are_unpacked_as_those_rows(people: pd.DataFrame) -> None:
    layout = Layout.of(people)
    rows = pack(people, layout)
    expected = people.iloc[[4, 1]].reset_index(drop=True)
    pd.testing.assert_frame_equal(unpack([rows[4], rows[1]], layout), expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_some_of_the_columns_are_unpacked_as_those_columns(
    people: pd.DataFrame, reverse: bool
) -> None:
    layout = Layout.of(people)
    rows = pack(people, layout)
    names = tuple(map(str, people.columns))[:: -1 if reverse else 1]
    for several in (names[:1], names[1:3], names[::2], names):
        pd.testing.assert_frame_equal(unpack(rows, layout, several), people[list(several)])


def test_the_index_of_a_frame_is_not_packed(people: pd.DataFrame) -> None:
    layout = Layout.of(people)
    assert pack(people.set_index(people.index + 100), layout) == pack(people, layout)


# Layouts


def test_a_layout_comes_back_from_its_json(people: pd.DataFrame) -> None:
    layout = Layout.of(people)
    assert Layout.from_json(layout.to_json()) == layout


@pytest.mark.parametrize(
    "text",
    [
        b"5",
        b"null",
        b"[5]",
        b'{"abc": 1}',
        b'[["a", "plain"]]',
        b'[["a", "plain", 5]]',
        b"[",
        b"[" * 100_000,
    ],
)
def test_what_is_no_layout_is_refused_by_one_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|layout|column|deep"):
        Layout.from_json(text)


def test_a_layout_says_name_kind_and_type_of_every_column() -> None:
    frame = pd.DataFrame({"a": [1.5], "b": pd.array([1], dtype="Int32"), "c": ["x"]})
    assert json.loads(Layout.of(frame).to_json()) == [
        ["a", "plain", "<f8"],
        ["b", "masked", "<i4"],
        ["c", "text", "str"],
    ]


def test_a_layout_does_not_depend_on_the_values(people: pd.DataFrame) -> None:
    assert Layout.of(people.iloc[:0]) == Layout.of(people)


def test_the_fixed_part_has_no_padding() -> None:
    frame = pd.DataFrame(
        {"a": np.array([1], dtype="int8"), "b": pd.array([1], dtype="Int64"), "c": ["x"]}
    )
    assert Layout.of(frame).record.itemsize == 1 + (8 + 1) + 4


# What is refused


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, "a"], dtype=object),
        pd.Series([b"a"], dtype=object),
        pd.Series([[1]], dtype=object),
        pd.Series([1j]),
        pd.Series([pd.Timedelta(days=1)]),
        pd.Series([pd.Timestamp("2026-01-01", tz="UTC")]),
        pd.Series(["a"], dtype="category"),
        pd.Series([pd.Period("2026")]),
    ],
    ids=["mixed", "bytes", "lists", "complex", "spans", "zones", "categories", "periods"],
)
def test_a_column_that_would_not_come_back_exactly_is_refused_by_name(
    values: "pd.Series[Any]",
) -> None:
    with pytest.raises(SealError, match="column `secret column`: expected numbers"):
        Layout.of(pd.DataFrame({"good": range(len(values)), "secret column": values}))


def test_a_refusal_quotes_no_value() -> None:
    frame = pd.DataFrame({"x": pd.Series(["Rumpelstiltskin", 1], dtype=object)})
    with pytest.raises(SealError) as refusal:
        Layout.of(frame)
    assert "Rumpelstiltskin" not in str(refusal.value)


@pytest.mark.parametrize("change", [b"more", None], ids=["longer", "shorter"])
def test_a_row_whose_texts_have_other_lengths_is_refused(change: bytes | None) -> None:
    frame = column(["abc", "de"], "str")
    layout = Layout.of(frame)
    first, second = pack(frame, layout)
    altered = first + change if change else first[:-1]
    with pytest.raises(SealError, match="texts of the lengths it says"):
        unpack([altered, second], layout)


def test_a_row_without_its_fixed_part_is_refused() -> None:
    frame = column([1, 2])
    layout = Layout.of(frame)
    first, _ = pack(frame, layout)
    with pytest.raises(ValueError, match="buffer size"):
        unpack([first, b"x"], layout)
