"""Declared columns: what stays, what becomes coarser, what becomes a pseudonym, what goes."""

import ipaddress
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config.cases import Columns
from tasks.errors import ConfigError
from tasks.redaction.columns.structured import coarse_dates, coarse_networks, redact_structured
from tasks.redaction.params import RedactParams

SECRET = b"k" * 32


def params(**changes: Any) -> RedactParams:
    values: dict[str, Any] = {
        "language": "en",
        "model": "m",
        "min_score": 0.35,
        "tokenised": (),
        "dates": "year",
        "chunk_rows": 10,
    }
    return RedactParams.model_validate({**values, **changes})


def redacted(
    values: list[Any], settings: RedactParams | None = None, **declared: str
) -> pd.DataFrame:
    """Redact a frame with one declared column `c`."""
    columns = Columns.model_validate({"c": {"source": "a", **declared}})
    count = len(values)
    rows = pd.DataFrame({"subject": ["s"] * count, "person": range(count), "c": values})
    return redact_structured(rows, columns, settings or params(), SECRET)


@pytest.mark.parametrize("role", ["feature", "protected", "target"])
def test_what_later_stages_learn_from_stays_as_it_is(role: str) -> None:
    assert redacted([1, 2], role=role, kind="number")["c"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("role", "kind"),
    [("identifier", "ssn"), ("subject", "email"), ("free_text", "text")],
)
def test_what_tells_who_somebody_is_goes(role: str, kind: str) -> None:
    result = redacted(["536-22-8841"], role=role, kind=kind)
    assert list(result.columns) == ["subject", "person"]


def test_a_tokenised_identifier_becomes_a_pseudonym_of_its_value() -> None:
    settings = params(tokenised=("c",))
    result = redacted(["123", "123", "456"], settings, role="identifier", kind="account")["c"]
    assert result[0] == result[1] != result[2]
    assert "123" not in result[0]


def test_what_is_tokenised_has_to_be_an_identifier() -> None:
    with pytest.raises(ConfigError, match="c"):
        redacted([1], params(tokenised=("c",)), role="feature", kind="number")


def test_a_quasi_identifier_without_a_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match="phone"):
        redacted(["x"], role="quasi_identifier", kind="phone")


@pytest.mark.parametrize(
    ("kind", "value", "coarse"),
    [
        ("ip", "203.0.113.77", "203.0.113.0/24"),
        ("ip", "2001:db8:1:2::7", "2001:db8:1::/48"),
        ("date", "1980-03-04", "1980"),
        ("age", "93", "90+"),
    ],
)
def test_a_quasi_identifier_becomes_coarser_by_its_kind(kind: str, value: str, coarse: str) -> None:
    assert redacted([value], role="quasi_identifier", kind=kind)["c"].tolist() == [coarse]


def test_dates_become_months_where_that_is_declared() -> None:
    result = redacted(["1980-03-04"], params(dates="month"), role="quasi_identifier", kind="date")
    assert result["c"].tolist() == ["1980-03"]


@pytest.mark.parametrize("value", ["not an ip", "999.1.1.1", "", "203.0.113", None])
def test_what_is_no_address_is_withheld(value: str | None) -> None:
    assert coarse_networks(pd.Series([value, "10.0.0.1"], dtype="str")).isna().tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize("value", ["soon", "1980-13-01", "", None])
def test_what_is_no_date_is_withheld(value: str | None) -> None:
    values = pd.Series([value, "1970-01-01"], dtype="str")
    assert coarse_dates(values, "year").isna().tolist() == [True, False]


@given(st.ip_addresses())
def test_a_network_holds_its_address_and_hides_the_rest(address: Any) -> None:
    (network,) = coarse_networks(pd.Series([str(address)], dtype="str"))
    parsed = ipaddress.ip_network(network)
    assert address in parsed
    assert parsed.num_addresses > 1


@given(st.dates())
def test_a_coarse_date_is_the_beginning_of_the_date(day: Any) -> None:
    values = pd.Series([day.isoformat()], dtype="str")
    (month,) = coarse_dates(values, "month")
    (year,) = coarse_dates(values, "year")
    if not pd.isna(month):
        assert day.isoformat().startswith(month)
        assert month.startswith(year)


@pytest.mark.parametrize(
    "others",
    [
        ["2026-12-31T23:30:00+01:00", "2026-07-01T00:30:00+02:00"],  # winter and summer
        ["2026-12-31", "2026-07-01T00:30:00Z"],
        ["9999-12-31", "2026-07-01T09:30:00.123456789"],
        ["2026-12-31 23:30:00", None],
    ],
)
def test_a_date_is_coarse_by_itself_whatever_stands_in_other_rows(others: list[str | None]) -> None:
    values = pd.Series(["2026-01-01T00:30:00+05:30", "no date", *others], dtype="str")
    months = coarse_dates(values, "month")
    assert months[0] == "2026-01"
    expected = [None if pd.isna(value) else value[:7] for value in values[2:]]
    assert [None if pd.isna(month) else month for month in months[1:]] == [None, *expected]
    # A column without any value is of no type of its own.
    without: pd.Series[Any] = pd.Series([None, None], dtype="float64")
    assert coarse_dates(without, "month").isna().all()
    assert len(coarse_dates(without[:0], "month")) == 0


def test_no_rows_are_no_rows() -> None:
    assert len(redacted([], role="feature", kind="number")) == 0


OCTETS = st.integers(0, 300).map(str) | st.from_regex(r"0?[0-9]{1,3}", fullmatch=True)


@given(st.lists(OCTETS, min_size=3, max_size=5).map(".".join))
def test_what_is_read_by_its_form_is_what_python_reads(value: str) -> None:
    try:
        expected = str(ipaddress.ip_network((value, 24), strict=False))
    except ValueError:
        expected = None
    (network,) = coarse_networks(pd.Series([value], dtype="str"))
    assert (None if pd.isna(network) else network) == expected


@pytest.mark.parametrize("offset", ["Z", "+01:00", "-0800", "+02"])
def test_the_day_of_a_time_is_that_of_its_own_place(offset: str) -> None:
    values = pd.Series([f"2024-01-01T00:30:00{offset}", f"2023-12-31 23:30:00.5{offset}"])
    assert list(coarse_dates(values, "month")) == ["2024-01", "2023-12"]


def test_times_of_several_offsets_are_read_together() -> None:
    values = pd.Series(["2024-01-01T00:00:00+01:00", "2024-07-01T00:00:00+02:00", "1980-02-03"])
    assert list(coarse_dates(values, "year")) == ["2024", "2024", "1980"]
