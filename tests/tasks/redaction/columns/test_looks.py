"""What columns look like, and what a person is told to check."""

import pandas as pd
import pytest

from tasks.config.cases import Columns
from tasks.redaction.columns.explaining import ColumnReport, explain_columns
from tasks.redaction.columns.looks import look
from tasks.stages.ingest.sample.people import people
from tests.tasks.redaction.notes import officers_notes

PEOPLE = people(300, 11)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        *(
            ("email", "email"),
            ("phone", "phone"),
            ("ssn", "ssn"),
            ("street", "street"),
            ("born", "date"),
        ),
        *(("name", "name"), ("city", "city"), ("account", "account")),
    ],
)
def test_a_column_of_people_looks_like_what_it_is(column: str, kind: str) -> None:
    seen = look(column, PEOPLE[column])
    assert (seen.kind, seen.is_clear) == (kind, True)
    assert seen.why


@pytest.mark.parametrize("column", ["email", "phone", "ssn", "street", "born"])
def test_values_tell_what_the_name_does_not(column: str) -> None:
    assert look("c17", PEOPLE[column]).kind == {"born": "date"}.get(column, column)


def test_numbers_categories_and_texts() -> None:
    assert look("x", [1.5, 2, 1_000_000, -3]).kind == "number"
    assert look("x", ["36,350", "1.0e5"]).kind == "number"
    assert look("colour", ["red", "blue"] * 50).kind == "category"
    assert look("x", officers_notes(50)).kind == "text"


def test_what_is_unsure_or_empty_is_free_text_and_not_clear() -> None:
    for values in (["qx1", "zz-9", "b", "r2", "t", "u", "v"], [], [None, float("nan"), ""]):
        seen = look("x", values)
        assert (seen.kind, seen.is_clear) == ("text", False)


def test_no_reason_quotes_a_value() -> None:
    for column in PEOPLE:
        seen = look(str(column), PEOPLE[column]).model_dump_json()
        assert not any(value in seen for value in PEOPLE[column].iloc[:200] if len(value) > 4)


def explained(values: list[str] | pd.Series, **declared: str) -> ColumnReport:
    columns = Columns.model_validate({"c": {"source": "a", **declared}})
    return explain_columns(pd.DataFrame({"c": values}), columns, {"c": "kept"})["c"]


def test_a_feature_that_looks_like_an_identifier_is_said() -> None:
    assert "ssn (100%)" in explained(PEOPLE["ssn"], role="feature", kind="category").check
    mixed = [*PEOPLE["email"].iloc[:20], *["none"] * 180]
    assert "email (10%)" in explained(mixed, role="feature", kind="category").check
    assert explained(PEOPLE["account"].str[:4].astype(int), role="feature").check == ""


def test_a_wrong_kind_is_said_and_a_right_one_is_not() -> None:
    assert "looks like phone" in explained(PEOPLE["phone"], role="identifier", kind="ssn").check
    assert explained(PEOPLE["phone"], role="identifier", kind="phone").check == ""
    assert explained(officers_notes(40), role="free_text", kind="text").check == ""
    assert "looks like email" in explained(PEOPLE["email"], role="free_text", kind="text").check


def test_a_column_that_ingest_drops_is_not_read() -> None:
    columns = Columns.model_validate({"old": {"role": "dropped", "source": "a", "kind": "text"}})
    one = explain_columns(pd.DataFrame({"x": [1]}), columns, {"old": "dropped"})["old"]
    assert (one.looks_like, one.check) == ("not read", "")
