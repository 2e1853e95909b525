"""Spellings of one value share a key; those of two values share none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.stages.ingest.third_persons.spellings import (
    KIND_OF_PREFIX,
    KINDS,
    ValueKind,
    email_keys,
    fold_word,
    keys_of,
    number_keys,
    phone_keys,
    searched_keys,
    value_kind,
)


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        ("name", ValueKind.PERSON),
        ("email", ValueKind.EMAIL),
        ("phone", ValueKind.PHONE),
        ("ssn", ValueKind.NUMBER),
        ("account", ValueKind.NUMBER),
        ("text", ValueKind.NUMBER),
        ("city", None),
        ("street", None),
        ("date", None),
    ],
)
def test_what_a_column_holds(kind: str, of: ValueKind | None) -> None:
    assert value_kind(kind) is of


@pytest.mark.parametrize("kind", ValueKind)
def test_a_value_that_identifies_nobody_has_no_key(kind: ValueKind) -> None:
    assert keys_of(kind, "Ann") == keys_of(kind, "") == keys_of(kind, "  ") == ()
    assert keys_of(kind, " ".join(["Ann"] * 60)) == ()


def test_an_address_in_a_column_of_numbers_is_an_address() -> None:
    assert keys_of(ValueKind.NUMBER, "Ann@example.org") == ("e ann@example.org",)


def test_an_address_is_known_with_and_without_its_plus() -> None:
    assert email_keys(" Ann+x@Example.org") == ("e ann+x@example.org", "e ann@example.org")
    assert email_keys("@example.org") == email_keys("ann@") == email_keys("ann") == ()


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("+49 (0)30 1234567", ("t 49301234567", "t 301234567")),
        ("0049 30 1234567", ("t 49301234567", "t 301234567")),
        ("030 1234567", ("t 301234567",)),
        ("+1 617 555 0147", ("t 16175550147", "t 6175550147")),
        ("1 617 555 0147", ("t 16175550147", "t 6175550147")),
        ("+7 495 123 45 67", ("t 74951234567", "t 4951234567")),
        ("+353 1 234 5678", ("t 35312345678", "t 12345678")),
        ("12345", ()),
        ("1234567890123456", ()),
    ],
)
def test_telephones_have_a_key_with_and_without_country(text: str, keys: tuple[str, ...]) -> None:
    assert phone_keys(text) == keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("C-10023", ("n c10023",)),
        ("C-1002", ()),
        ("ABCDEF-1", ()),
        ("123456", ()),
        ("1234567", ("n 1234567",)),
        ("1" * 35, ()),
    ],
)
def test_numbers_that_are_too_short_or_too_long_have_none(text: str, keys: tuple[str, ...]) -> None:
    assert number_keys(text) == keys


def test_a_number_with_letters_is_no_telephone() -> None:
    assert list(searched_keys("C-1002345")) == ["n c1002345"]
    assert list(searched_keys("1002345")) == ["n 1002345", "t 1002345"]


@given(st.text())
def test_folding_twice_changes_nothing(word: str) -> None:
    assert fold_word(fold_word(word)) == fold_word(word)


@given(st.sampled_from(KINDS), st.text())
def test_every_key_says_of_what_kind_it_is(kind: ValueKind, text: str) -> None:
    for key in keys_of(kind, text):
        assert key[0] in KIND_OF_PREFIX
