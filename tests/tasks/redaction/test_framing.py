"""Frames as they come: labels of any type, the same twice, missing values of any kind, an index."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.redaction import redact_frame
from tests.tasks.redaction.heldout import rows

SECRET = b"s" * 32
TEXT = "Call JOHN MILLER"


@pytest.mark.parametrize("missing", [None, pd.NA, float("nan"), pd.NaT], ids=str)
@pytest.mark.parametrize(("name", "value"), [("note", TEXT), ("name", "Ann Lee"), ("n", 3)])
def test_missing_stays_missing_whatever_it_is(name: str, value: object, missing: object) -> None:
    values = np.array([value, missing], dtype=object)
    redacted, reasons = redact_frame(pd.DataFrame({name: values}), SECRET)
    assert list(redacted[name].isna()) == [False, True]
    assert redacted[name][0] not in ("Ann Lee", TEXT)
    assert "1 values" in reasons[name]


@pytest.mark.parametrize(
    "dtype", ["Int64", "Float64", "boolean", "datetime64[ns]", "category", "float32"]
)
def test_columns_of_types_that_know_missing_values(dtype: Any) -> None:
    values: list[Any] = [1, None]
    column = pd.Series(values, dtype=None if dtype == "datetime64[ns]" else "Float64")
    redacted, _ = redact_frame(pd.DataFrame({"c": column.astype(dtype)}), SECRET)
    assert list(redacted["c"].isna()) == [False, True]


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1],
        ["a", "a"],
        [np.nan, None],
        [("a", "b"), ("a", "c")],
        [1, "1"],
        [pd.Timestamp("2026-01-01"), b"x"],
    ],
    ids=["numbers", "twice", "missing", "tuples", "alike", "other"],
)
def test_labels_of_any_type_stay_and_every_column_is_treated(labels: list[Any]) -> None:
    frame: Any = pd.DataFrame([[TEXT, "Ask Robert Miller."]])
    frame.columns = pd.Index(labels)
    before = frame.copy()
    redacted, reasons = redact_frame(frame, SECRET)
    pd.testing.assert_index_equal(redacted.columns, frame.columns)
    assert list(redacted.iloc[0]) == ["Call [PERSON]", "Ask [PERSON]."]
    assert set(reasons) == set(map(str, frame.columns))
    pd.testing.assert_frame_equal(frame, before)


def test_kinds_and_drop_name_columns_by_their_labels_as_text() -> None:
    frame = pd.DataFrame([["Ann Lee", 5, 7]])
    redacted, reasons = redact_frame(frame, SECRET, {"0": "name"}, drop=["2"])
    assert list(map(str, redacted.columns)) == ["0", "1"]
    assert len(redacted[0][0]) == 32
    assert reasons["2"] == "dropped, as asked"


def test_columns_of_one_name_are_linked_each_and_share_an_entry_of_the_reasons() -> None:
    frame = pd.DataFrame([["Ann", "Quillfeather", "Quillfeather rang."]])
    frame.columns = pd.Index(["name", "name", "note"])
    redacted, reasons = redact_frame(frame, SECRET)
    assert redacted["note"][0] == "[OWN_NAME] rang."
    assert reasons["name"].count("its name") == 1


@pytest.mark.parametrize("index", [[0, 0], ["x", "x"]], ids=["numbers", "words"])
def test_rows_of_one_label_are_two_rows(index: list[Any]) -> None:
    frame = pd.DataFrame({"note": [TEXT, "Ask Robert Miller."]}, index=index)
    redacted, _ = redact_frame(frame, SECRET)
    assert list(redacted["note"]) == ["Call [PERSON]", "Ask [PERSON]."]


def test_an_index_that_tells_who_somebody_is_does_not_stay() -> None:
    frame = pd.DataFrame({"note": ["jo.roe@mailbox.org wrote"]}, index=["jo.roe@mailbox.org"])
    redacted, reasons = redact_frame(frame, SECRET)
    assert "jo.roe" not in redacted.to_csv()
    assert redacted["note"].iloc[0] == "[OWN_EMAIL] wrote"
    assert reasons["index"].startswith("email")
    assert redacted.index.name is None


def test_levels_of_an_index_are_treated_one_by_one_and_may_be_dropped() -> None:
    index = pd.MultiIndex.from_tuples(
        [("Ann Lee", 3, "x"), ("Bo Ray", 4, "y")], names=["name", "n", "z"]
    )
    frame = pd.DataFrame({"a": [1, 2]}, index=index)
    redacted, reasons = redact_frame(frame, SECRET, drop=["z"])
    assert redacted.index.names == ["name", "n"]
    assert list(redacted.index.get_level_values("n")) == [3, 4]
    assert "Ann" not in redacted.to_csv()
    assert reasons["z"] == "dropped, as asked"

    without, _ = redact_frame(frame, SECRET, drop=["name", "n", "z"])
    assert list(without.index) == [0, 1]


def test_an_index_that_counts_rows_stays() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3]}).iloc[1:]
    redacted, reasons = redact_frame(frame, SECRET)
    pd.testing.assert_index_equal(redacted.index, frame.index)
    assert set(reasons) == {"a"}


def test_frames_without_rows_or_columns() -> None:
    assert redact_frame(pd.DataFrame({"note": []}), SECRET)[0].shape == (0, 1)
    assert redact_frame(pd.DataFrame(index=[5, 6]), SECRET)[0].shape == (2, 0)


def test_values_that_are_no_texts_are_pseudonymised_or_withheld() -> None:
    frame = pd.DataFrame({"name": [["Ann Lee"]], "x": [{"a": "Ann Lee"}], "y": [np.array([1, 2])]})
    redacted, _ = redact_frame(frame, SECRET, {"name": "name"})
    assert len(redacted["name"][0]) == 32
    assert list(redacted.loc[0, ["x", "y"]]) == ["[WITHHELD]", "[WITHHELD]"]


def test_a_frame_is_masked_until_nothing_more_is_found() -> None:
    frame = pd.DataFrame({"note": [row.text for row in rows(600, seed=5)]})
    once, _ = redact_frame(frame, SECRET)
    again, _ = redact_frame(once, SECRET)
    assert not again.equals(once)  # else this sample says nothing

    stable, _ = redact_frame(frame, SECRET, until_stable=True)
    again, _ = redact_frame(stable, SECRET)
    assert again.equals(stable)
