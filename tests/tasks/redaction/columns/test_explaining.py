"""Every declared column explained; a person looks where declaration and data disagree."""

from typing import Any

import pandas as pd
import pytest

from tasks.config.cases import Columns
from tasks.redaction.columns.explaining import ColumnReport, explain_columns
from tasks.stages.ingest.sample.people import people
from tests.tasks.redaction.notes import officers_notes

PEOPLE = people(100, 12)


def explained(values: Any, fate: str = "kept", **declared: str) -> ColumnReport:
    columns = Columns.model_validate({"c": {"source": "a", **declared}})
    return explain_columns(pd.DataFrame({"c": values}), columns, {"c": fate})["c"]


def test_a_report_says_what_is_declared_and_what_became_of_it() -> None:
    report = explained(PEOPLE["email"], "dropped", role="identifier", kind="email")
    assert (report.role, report.declared, report.fate) == ("identifier", "email", "dropped")
    assert report.looks_like == "email"
    assert report.why


@pytest.mark.parametrize(
    ("column", "kind"),
    [("email", "email"), ("phone", "phone"), ("ssn", "ssn"), ("street", "street")],
)
def test_a_column_that_is_what_it_is_declared_as_needs_no_look(column: str, kind: str) -> None:
    assert explained(PEOPLE[column], role="identifier", kind=kind).check == ""


def test_an_account_may_look_like_a_number() -> None:
    assert explained(range(10**9, 10**9 + 50), role="identifier", kind="account").check == ""


@pytest.mark.parametrize("role", ["feature", "protected", "target"])
def test_identities_in_a_column_that_is_kept_are_doubtful(role: str) -> None:
    check = explained(PEOPLE["ssn"], role=role, kind="category").check
    assert "kept as it is" in check
    assert "ssn (100%)" in check


def test_a_few_identities_among_other_values_are_doubtful_too() -> None:
    values = [*PEOPLE["email"].iloc[:6], *["none"] * 94]
    assert "email (6%)" in explained(values, role="feature", kind="category").check
    values = [*PEOPLE["email"].iloc[:2], *["none"] * 98]
    assert explained(values, role="feature", kind="category").check == ""


def test_sentences_in_a_column_that_is_kept_are_doubtful_unless_declared_as_categories() -> None:
    assert "free text" in explained(officers_notes(30), role="feature", kind="text").check
    assert explained(officers_notes(30), role="feature", kind="category").check == ""


def test_an_identifier_declared_as_free_text_is_doubtful() -> None:
    check = explained(PEOPLE["email"], role="free_text", kind="text").check
    assert "masked as free text, but looks like email" in check


def test_a_wrong_kind_is_doubtful_because_row_link_goes_by_it() -> None:
    check = explained(PEOPLE["email"], role="identifier", kind="phone").check
    assert "declared as phone, but looks like email" in check


def test_planted_answers_are_nobody_s() -> None:
    columns = Columns.model_validate(
        {
            "n": {"role": "free_text", "source": "a", "kind": "text"},
            "c": {"role": "gold", "source": "a", "kind": "text", "describes": "n"},
        }
    )
    rows = pd.DataFrame({"n": ["x"] * 100, "c": PEOPLE["email"]})
    assert explain_columns(rows, columns, {"n": "", "c": ""})["c"].check == ""


def test_no_report_quotes_a_value() -> None:
    report = explained(PEOPLE["email"], role="feature", kind="category").model_dump_json()
    assert not any(value in report for value in PEOPLE["email"])
