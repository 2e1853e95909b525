"""The `erasure:` section: no default, no unknown key; months end as the regulation says."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.erasure.policy import ErasureParams, add_months
from tasks.keystore.keys import Retention

LAW = {"months": 25, "basis": "12 CFR 1002.12(b)"}


def section(**changes: Any) -> dict[str, Any]:
    return {
        "identifiers": {"ignore": ["case", "blanks", "unicode form"]},
        "retrain_after": {"people": 1, "days": 30},
        "keep": {},
        **changes,
    }


def test_a_law_keeps_decision_records_where_the_section_says_so() -> None:
    params = ErasureParams.model_validate(section(keep={"decision-record": LAW}))

    assert params.decision_records is not None
    assert params.decision_records.months == 25
    assert params.keep.keys() == {Retention.DECISION_RECORD}


def test_a_section_that_keeps_nothing_has_no_law() -> None:
    assert ErasureParams.model_validate(section()).decision_records is None


@pytest.mark.parametrize("missing", ["identifiers", "retrain_after", "keep"])
def test_nothing_has_a_default(missing: str) -> None:
    values = section()
    del values[missing]
    with pytest.raises(ValidationError, match=missing):
        ErasureParams.model_validate(values)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"retrain_after": {"people": 0, "days": 30}}, id="a limit of nobody"),
        pytest.param({"retrain_after": {"people": 1, "days": -1}}, id="days before"),
        pytest.param({"retrain_after": {"people": 1}}, id="one limit of two"),
        pytest.param({"keep": {"decision-record": {**LAW, "months": 0}}}, id="no month"),
        pytest.param({"keep": {"decision-record": {**LAW, "basis": "law"}}}, id="no basis"),
        pytest.param({"keep": {"for-ever": LAW}}, id="an unknown class"),
        pytest.param({"kept": {}}, id="a misspelt key"),
        pytest.param({"identifiers": {"ignore": ["case"]}}, id="spellings that were never apart"),
        pytest.param({"identifiers": {"ignore": ["dots"]}}, id="an unknown difference"),
    ],
)
def test_what_would_decide_wrongly_about_people_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ErasureParams.model_validate(section(**change))


def test_a_section_cannot_be_changed_after_it_was_read() -> None:
    params = ErasureParams.model_validate(section())
    with pytest.raises(ValidationError, match="frozen"):
        setattr(params, "keep", {})  # noqa: B010 - mypy knows that it is frozen


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 12, 5), 1, date(2027, 1, 5)),
        (date(2026, 11, 24), 25, date(2028, 12, 24)),
        (date(2026, 3, 31), 0, date(2026, 3, 31)),
    ],
)
def test_a_month_ends_on_the_same_day_or_on_its_last(
    day: date, months: int, expected: date
) -> None:
    assert add_months(day, months) == expected


@given(st.dates(max_value=date(2200, 1, 1)), st.integers(min_value=1, max_value=600))
def test_a_term_never_ends_in_another_month_than_the_law_names(day: date, months: int) -> None:
    end = add_months(day, months)

    assert (end.year * 12 + end.month) - (day.year * 12 + day.month) == months
    assert end.day <= day.day
