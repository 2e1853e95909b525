"""Frames as they come: labels of any type, the same twice, missing values of any kind, an index."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.redaction import mask_texts, redact_frame
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


def test_a_remark_between_numbers_is_masked_and_the_numbers_stay() -> None:
    values = ["1", "2.5", "n/a", "1,200"] * 60 + [TEXT]
    redacted, reasons = redact_frame(pd.DataFrame({"reading": values}), SECRET)
    assert list(redacted["reading"])[:-1] == values[:-1]
    assert redacted["reading"].iloc[-1] == "Call [PERSON]"
    assert "cells masked as free text" in reasons["reading"]

    numbers = pd.DataFrame({"reading": pd.Series([1.5, 2, None] * 80 + [TEXT], dtype="object")})
    redacted, _ = redact_frame(numbers, SECRET)
    assert list(redacted["reading"].iloc[[0, 1, -1]]) == [1.5, 2, "Call [PERSON]"]
    assert redacted["reading"].isna().sum() == 80


def test_a_remark_between_numbers_is_linked_to_its_row() -> None:
    frame = pd.DataFrame(
        {"name": ["Ann Quillfeather"] * 250, "reading": [1] * 249 + ["quillfeather"]}
    )
    redacted, _ = redact_frame(frame, SECRET)
    assert redacted["reading"].iloc[-1] == "[OWN_NAME]"


def test_what_is_no_category_by_itself_is_masked_wherever_it_stands() -> None:
    values = ["open", "closed"] * 150 + [TEXT, "closed"]
    frame = pd.DataFrame({"status": values, "handled": ["Anna Kowalski", "open"] * 151})
    redacted, reasons = redact_frame(frame, SECRET)
    assert list(redacted["status"]) == [*values[:-2], "Call [PERSON]", "closed"]
    assert set(redacted["handled"]) == {"[PERSON]", "open"}
    assert "1 cells masked" in reasons["status"]
    assert "151 cells masked" in reasons["handled"]


@pytest.mark.parametrize("value", [b"Ann Lee", ["Ann Lee"], {"a": "Ann Lee"}], ids=str)
def test_a_category_that_is_no_value_by_itself_is_withheld(value: Any) -> None:
    redacted, _ = redact_frame(pd.DataFrame({"x": [value, "open"] * 40}), SECRET)
    assert list(redacted["x"]) == ["[WITHHELD]", "open"] * 40


def test_categories_that_name_regions_and_those_that_are_declared_stay() -> None:
    regions = ["Virginia", "Georgia", "New York", "Kansas"]
    agents = ["Anna Kowalski", "Peter Miller"] * 80
    frame = pd.DataFrame({"state": regions * 40, "agent": agents})
    frame["state"] = frame["state"].astype("category")
    redacted, _ = redact_frame(frame, SECRET, {"agent": "category"})
    pd.testing.assert_frame_equal(redacted, frame)


def test_a_number_of_somebody_is_the_same_in_a_column_with_gaps() -> None:
    whole = pd.DataFrame({"account": [8123455, 7], "note": ["about 8123455", ""]})
    gaps = pd.DataFrame({"account": [8123455, None], "note": ["about 8123455", ""]})
    one, _ = redact_frame(whole, SECRET, {"note": "text"})
    other, _ = redact_frame(gaps, SECRET, {"note": "text"})
    assert one["account"][0] == other["account"][0]
    assert one["note"][0] == other["note"][0] == "about [OWN_ACCOUNT]"


@pytest.mark.parametrize(
    ("value", "year"),
    [
        ("1962-05-03", "1962"),
        ("24.12.1979", "1979"),
        ("9/7/1953", "1953"),
        ("3 May 1962", "1962"),
        ("2024-01-01T00:30:00+02:00", "2024"),
        ("03/04/62", None),
        ("soon", None),
    ],
)
def test_a_date_in_any_form_becomes_its_year_where_one_can_be_meant(
    value: str, year: str | None
) -> None:
    redacted, _ = redact_frame(pd.DataFrame({"dob": [value]}), SECRET, {"dob": "date"})
    assert redacted["dob"].isna()[0] if year is None else redacted["dob"][0] == year


def test_times_of_summer_and_winter_become_years() -> None:
    seen = pd.to_datetime(["2024-01-01", "2024-07-01"]).tz_localize("Europe/Berlin")
    redacted, _ = redact_frame(pd.DataFrame({"seen": seen}), SECRET)
    assert list(redacted["seen"]) == ["2024", "2024"]


def test_masks_of_a_user_s_recognisers_stay_masks(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "recognizers: [{name: Staff, supported_entity: STAFF,"
        " patterns: [{name: word, regex: 'STAFF|Q7', score: 0.9}]}]"
    )
    settings: dict[str, Any] = {"recognisers": path, "entities": ["STAFF"], "until_stable": True}
    frame = pd.DataFrame({"note": ["Q7 came"]})
    assert redact_frame(frame, SECRET, **settings)[0]["note"][0] == "[STAFF] came"
    assert mask_texts(["[STAFF] and Q7"], **settings) == ["[STAFF] and [STAFF]"]
