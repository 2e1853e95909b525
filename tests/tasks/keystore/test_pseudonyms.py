"""Pseudonyms: equal for two spellings of one identifier, different under another secret."""

import hashlib
import hmac

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.keystore.pseudonyms import (
    ASCII_SPACES,
    LENGTH,
    normal_form,
    normal_forms,
    pseudonym,
    pseudonyms,
)

SECRET = bytes(range(32))


def texts(*values: str | None) -> "pd.Series[str]":
    return pd.Series(pd.array(values, dtype="str"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Ada@Example.org", "ada@example.org"),
        ("  ada ", "ada"),
        ("\tada\n", "ada"),
        ("stra\N{LATIN SMALL LETTER SHARP S}e", "STRASSE"),
        ("\N{FULLWIDTH LATIN SMALL LETTER A}da", "ada"),
        ("nee\N{COMBINING ACUTE ACCENT}", "ne\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("\N{NO-BREAK SPACE}ada", "ada"),
        ("\N{LATIN SMALL LIGATURE FI}na", "FINA"),
    ],
)
def test_two_spellings_of_an_identifier_have_the_same_pseudonym(first: str, second: str) -> None:
    assert pseudonym(SECRET, first) == pseudonym(SECRET, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [("ada", "adam"), ("a da", "ada"), ("0012", "12"), ("ada.b", "adab"), ("", "0")],
)
def test_two_identifiers_have_two_pseudonyms(first: str, second: str) -> None:
    assert pseudonym(SECRET, first) != pseudonym(SECRET, second)


def test_a_pseudonym_is_the_first_128_bits_of_hmac_sha256() -> None:
    expected = hmac.new(SECRET, b"ada", hashlib.sha256).hexdigest()[:32]
    assert pseudonym(SECRET, " ADA ") == expected


def test_another_secret_gives_another_pseudonym() -> None:
    assert pseudonym(SECRET, "ada") != pseudonym(SECRET[::-1], "ada")


@given(st.text())
def test_every_pseudonym_is_lower_case_hex_of_one_length(value: str) -> None:
    text = pseudonym(SECRET, value)
    assert len(text) == LENGTH
    assert len(bytes.fromhex(text)) * 2 == LENGTH
    assert text == text.lower()


@given(st.lists(st.none() | st.text(max_size=12), max_size=12))
def test_the_normal_forms_of_a_column_are_those_of_its_values(values: list[str | None]) -> None:
    expected = [None if value is None else normal_form(value) for value in values]
    column = normal_forms(texts(*values))
    assert [None if pd.isna(value) else value for value in column] == expected


@given(st.lists(st.text(st.characters(max_codepoint=127), max_size=12), max_size=12))
def test_the_short_way_for_ascii_gives_what_the_long_way_gives(values: list[str]) -> None:
    assert normal_forms(texts(*values)).tolist() == [normal_form(value) for value in values]


def test_the_ascii_spaces_are_those_that_strip_removes() -> None:
    assert {chr(code) for code in range(128) if not chr(code).strip()} == set(ASCII_SPACES)


def test_normal_forms_keep_index_and_name() -> None:
    column = pd.Series(pd.array(["A", "B"], dtype="str"), index=[7, 3], name="email")
    normal = normal_forms(column)
    assert normal.index.tolist() == [7, 3]
    assert normal.name == "email"


def test_an_empty_column_has_an_empty_normal_form() -> None:
    assert normal_forms(texts()).tolist() == []


def test_a_missing_identifier_has_no_pseudonym() -> None:
    column = pseudonyms(SECRET, texts("ada", None, "ada"))
    assert column.isna().tolist() == [False, True, False]


def test_a_column_of_pseudonyms_holds_that_of_every_value_in_its_place() -> None:
    column = pseudonyms(SECRET, texts("ada", "Ben", "ADA"))
    assert column.tolist() == [pseudonym(SECRET, name) for name in ("ada", "ben", "ada")]


def test_a_number_has_the_pseudonym_of_its_digits() -> None:
    assert pseudonyms(SECRET, pd.Series([17])).tolist() == [pseudonym(SECRET, "17")]


def test_a_column_of_nothing_but_missing_values_stays_missing() -> None:
    assert pseudonyms(SECRET, texts(None, None)).isna().all()
