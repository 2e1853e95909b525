"""Of a row only what identifies is searched for: columns by their roles, texts by their spans."""

import pandas as pd
import pytest

from tasks.config.cases import Column, Columns, Role
from tasks.erasure.searching.identifying import (
    PART_WORDS,
    classify_column,
    find_mentions,
    read_values,
)
from tasks.erasure.searching.search_terms import PersonalValue

DECLARED = Columns(
    {
        "email": Column(role=Role.SUBJECT, source="a", kind="email"),
        "name": Column(role=Role.IDENTIFIER, source="a", kind="name"),
        "city": Column(role=Role.IDENTIFIER, source="a", kind="city"),
        "born": Column(role=Role.QUASI, source="a", kind="date"),
        "zone": Column(role=Role.QUASI, source="a", kind="text"),
        "ip": Column(role=Role.QUASI, source="a", kind="ip"),
        "member": Column(role=Role.IDENTIFIER, source="a"),
        "notes": Column(role=Role.FREE_TEXT, source="a", kind="text"),
        "gold": Column(role=Role.GOLD, source="a", kind="text", describes="notes"),
        "income": Column(role=Role.FEATURE, source="a"),
    }
)
LONG = "She asked twice about the second loan in March."


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("subject", "pseudonym"),
        ("email", "email"),
        ("name", "name"),
        ("city", "city"),
        ("born", "date"),
        ("ip", "ip"),
        ("notes", "note"),
        ("gold", "note"),
        ("zone", ""),
        ("income", ""),
        ("never declared", ""),
    ],
)
def test_a_column_is_looked_for_by_its_role(name: str, kind: str) -> None:
    assert classify_column(name, DECLARED) == kind


@pytest.mark.parametrize(
    ("name", "kind"), [("subject", "pseudonym"), ("phone", "phone"), ("remarks", "note")]
)
def test_of_a_use_case_that_was_removed_a_column_is_known_by_its_name(name: str, kind: str) -> None:
    assert classify_column(name, None) == kind


def kinds_in(text: str) -> list[tuple[str, str]]:
    return [(value.kind, value.text) for value in find_mentions(text, "a")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Completed",
        "Finished",
        "candidate",
        "Model",
        "No remarks at all.",
        "Paid 12.500,00 on 2026-11-03 12:30.",
        "From 01.02.2026 to 03.04.2026",
        "Card 4111 1111 1111 1112",
        "IBAN DE88370400440532013000",
        "Order 1111111111111111",
        "Number 12345678901",
    ],
)
def test_of_a_text_that_names_nothing_nothing_is_searched_for(text: str) -> None:
    assert kinds_in(text) == []


@pytest.mark.parametrize(
    ("text", "kind", "span"),
    [
        ("Mail ann@example.org.", "email", "ann@example.org"),
        ("IBAN DE89 3704 0044 0532 0130 00.", "iban", "DE89 3704 0044 0532 0130 00"),
        ("Card 4111-1111-1111-1111.", "card", "4111-1111-1111-1111"),
        ("SSN 123-45-6789", "ssn", "123-45-6789"),
        ("Call +49 170 1234567 now", "phone", "+49 170 1234567"),
        ("Call (202) 555-0143.", "phone", "(202) 555-0143"),
        (LONG, "note", LONG),
    ],
)
def test_of_a_text_what_it_mentions_is_searched_for(text: str, kind: str, span: str) -> None:
    assert (kind, span) in kinds_in(text)
    assert all(value.is_mentioned for value in find_mentions(text, "a"))


@pytest.mark.parametrize("text", ["Supercalifragilisticexpialidocious remarks", "a b c d e f g h"])
def test_a_text_is_long_in_characters_and_in_words(text: str) -> None:
    assert kinds_in(text) == []


def test_a_very_long_text_is_searched_part_by_part() -> None:
    words = [f"word{number}" for number in range(2 * PART_WORDS + 1)]

    parts = [value.text.split() for value in find_mentions("  ".join(words), "a")]

    assert [len(part) for part in parts] == [20, 20, 21]
    assert [word for part in parts for word in part] == words


def test_every_value_says_whose_it_is() -> None:
    frame = pd.DataFrame(
        {
            "subject": ["a", "b"],
            "email": ["ann@example.org", None],
            "member": [1234567, 7654321],
            "ip": ["10.0.0.1", "10.0.0.0/24"],
            "income": ["rich", "richer"],
            "notes": ["Mail ann@example.org", "Mail ann@example.org"],
        }
    )

    assert read_values(frame, DECLARED) == {
        PersonalValue("pseudonym", "a", "a"),
        PersonalValue("pseudonym", "b", "b"),
        PersonalValue("email", "ann@example.org", "a"),
        PersonalValue("number", "1234567", "a"),
        PersonalValue("number", "7654321", "b"),
        PersonalValue("ip", "10.0.0.1", "a"),
        PersonalValue("network", "10.0.0.0/24", "b"),
        # Of the two only one has it as a column's value: of the other it is only mentioned.
        PersonalValue("email", "ann@example.org", "b", is_mentioned=True),
    }


def test_no_row_has_no_value() -> None:
    assert read_values(pd.DataFrame(), DECLARED) == set()


def test_a_column_of_fractions_identifies_nobody() -> None:
    frame = pd.DataFrame({"subject": ["a"], "member": [0.5]})

    assert read_values(frame, DECLARED) == {PersonalValue("pseudonym", "a", "a")}


def test_what_another_version_said_is_not_read_again_and_is_theirs_still() -> None:
    first = pd.DataFrame({"subject": ["a"], "email": ["ann@example.org"], "notes": [None]})
    second = first.assign(notes=["write to ann@example.org or bob@example.org"])
    seen: set[tuple[str, str, str]] = set()

    assert read_values(first, DECLARED, seen) == read_values(first, DECLARED)
    # Her own address is no mention, though it was known already.
    (mentioned,) = read_values(second, DECLARED, seen)
    assert mentioned.text == "bob@example.org"
    assert read_values(second, DECLARED, seen) == set()


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("a@b.c%d@e.f", ["a@b.c", "%d@e.f"]),
        ("ann@example and bob@example.org.", ["bob@example.org"]),
        ("a@b@c.d", ["b@c.d"]),
        # By a pattern whose time grows by the square these would take minutes each.
        (f"{'a' * 200_000} ann@example.org", ["ann@example.org"]),
        (f"ann@example.org {'b.' * 100_000}", ["ann@example.org"]),
    ],
)
def test_every_address_of_a_text_is_found_once(text: str, addresses: list[str]) -> None:
    assert [span for kind, span in kinds_in(text) if kind == "email"] == addresses
