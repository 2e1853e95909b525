"""Each rule, and above all what it makes of a missing value."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import DataError
from tasks.stages.ingest.deriving import derive
from tasks.stages.ingest.params import AtMost, FromFlags, Recode

FLAGS = FromFlags(rule="from_flags", flags={"is_white": "white", "is_black": "black"})
SEX = Recode(rule="recode", column="male", labels={1: "male", 0: "female"})
SHORT = AtMost(rule="at_most", column="weeks", limit=8)
NUMBERS = st.lists(st.one_of(st.none(), st.floats(-100, 100)), max_size=20)


def flags(white: list[float | None], black: list[float | None]) -> pd.DataFrame:
    return pd.DataFrame({"is_white": white, "is_black": black}, dtype="float64")


def test_the_only_flag_that_is_set_gives_the_category() -> None:
    derived = derive("race", flags([1, 0], [0, 1]), FLAGS)
    assert derived.tolist() == ["white", "black"]


def test_no_flag_several_flags_and_missing_flags_are_missing() -> None:
    derived = derive("race", flags([0, 1, None], [0, 1, None]), FLAGS)
    assert derived.isna().all()


def test_a_missing_flag_beside_a_set_one_counts_as_not_set() -> None:
    assert derive("race", flags([1], [None]), FLAGS).tolist() == ["white"]


def test_a_code_becomes_its_label_and_a_missing_one_stays_missing() -> None:
    rows = pd.DataFrame({"male": [1.0, 0.0, None]})
    assert derive("sex", rows, SEX).fillna("?").tolist() == ["male", "female", "?"]


def test_a_code_without_a_label_is_counted_and_not_quoted() -> None:
    rows = pd.DataFrame({"male": [1.0, 4711.0, 4711.0]})
    with pytest.raises(DataError, match=r"derived column `sex`.*2 rows with others") as refusal:
        derive("sex", rows, SEX)
    assert "4711" not in str(refusal.value)


@given(NUMBERS)
def test_a_threshold_gives_1_up_to_the_limit_and_keeps_what_is_missing(
    weeks: list[float | None],
) -> None:
    rows = pd.DataFrame({"weeks": pd.Series(weeks, dtype="float64")})
    derived = derive("short", rows, SHORT)
    expected = [None if value is None else float(value <= 8) for value in weeks]
    assert [None if pd.isna(value) else value for value in derived] == expected


def test_derived_columns_keep_the_index_of_their_rows() -> None:
    rows = pd.DataFrame({"weeks": [8.0, 9.0]}, index=[7, 3])
    assert derive("short", rows, SHORT).index.tolist() == [7, 3]
