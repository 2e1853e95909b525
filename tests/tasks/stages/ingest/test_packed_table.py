"""What is taken from a packed table is what went in, however it came and is asked for."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.stages.ingest import packed_table
from tasks.stages.ingest.packed_table import PackedTable

ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.text(max_size=5)),
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    ),
    max_size=9,
)


def frame_of(rows: list[Any]) -> pd.DataFrame:
    texts, numbers = zip(*rows, strict=True) if rows else ((), ())
    return pd.DataFrame(
        {"text": pd.Series(texts, dtype="str"), "number": pd.Series(numbers, dtype="float64")}
    )


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_table, "BLOCK_ROWS", 2)
        yield


@given(ROWS, st.data())
def test_rows_are_those_that_went_in(rows: list[Any], data: st.DataObject) -> None:
    frame = frame_of(rows)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    parts = [
        frame.iloc[start:end] for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)
    ]
    is_taken = st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))
    places = np.flatnonzero(data.draw(is_taken))

    table = PackedTable(iter(parts))

    assert len(table) == len(rows)
    assert table.columns == ("text", "number")
    pd.testing.assert_frame_equal(table.frame(table.columns), frame)
    taken = frame.iloc[places].reset_index(drop=True)
    pd.testing.assert_frame_equal(table.take(places, ["number", "text"]), taken[["number", "text"]])
    for name in table.columns:
        np.testing.assert_array_equal(table.missing(name), frame[name].isna().to_numpy())


def test_a_column_is_added_at_the_right_or_takes_the_place_of_one() -> None:
    table = PackedTable([frame_of([("a", 1.0), ("b", None), (None, 3.0)])])
    table.set_column("number", pd.Series([4.0, 5.0, 6.0]))
    table.set_column("flag", pd.Series([0.0, 1.0, None]))
    assert table.columns == ("text", "number", "flag")
    assert table["number"].tolist() == [4.0, 5.0, 6.0]
    assert table.missing("flag").tolist() == [False, False, True]


def test_what_is_added_to_some_of_the_columns_is_not_added_to_all() -> None:
    table = PackedTable([frame_of([("a", 1.0)])])
    some = table.only(["number"])
    some.set_column("number", pd.Series([2.0]))
    some.set_column("more", pd.Series([3.0]))
    assert (some.columns, table.columns) == (("number", "more"), ("text", "number"))
    assert (table["number"].tolist(), "more" in table) == ([1.0], False)
    assert len(some) == 1


def test_what_is_read_of_it_can_be_changed_and_it_is_not() -> None:
    table = PackedTable([frame_of([("a", 1.0), ("b", 2.0)])])
    numbers = table["number"]
    numbers.iloc[0] = 9.0
    part = table.take(np.array([0, 1]), ["number"])
    part.loc[0, "number"] = 9.0
    assert table["number"].tolist() == [1.0, 2.0]
