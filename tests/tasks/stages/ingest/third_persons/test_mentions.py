"""Places in a text that may be somebody's: whole words, whole numbers."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.stages.ingest.third_persons.mentions import (
    DENSE_DIGITS,
    EMAIL,
    NO_DIGIT_BYTES,
    find_mentions,
)

PAIRS = {"ann": {"null"}, "null": {"ann"}}


def places(text: str) -> set[tuple[str, str]]:
    return {(text[start:end], key) for start, end, key in find_mentions(text, PAIRS)}


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("Ann Null", {("Ann Null", "p ann null")}),
        (
            "Null, Ann",
            {("Null, Ann", "p null ann"), ("Null, Ann", "p ann null")},
        ),
        ("Ann B. Null", {("Ann B. Null", "p ann null")}),
        ("Ann B. Other", set()),
        ("Ann (Null)", set()),
        ("Ann xy Null and 12 34", set()),
        ("at C-10023!", {("C-10023", "n c10023")}),
        ("#AB1234567Z.", {("AB1234567Z", "n ab1234567z")}),
        ("(+49) 30 12345", {
            ("(+49) 30 12345", "n 493012345"), ("(+49) 30 12345", "t 493012345"),
            ("(+49) 30 12345", "t 3012345"), ("30 12345", "n 3012345"), ("30 12345", "t 3012345"),
        }),
    ],
)  # fmt: skip
def test_what_may_be_a_mention(text: str, mentions: set[tuple[str, str]]) -> None:
    assert places(text) == mentions


def test_a_number_in_many_blocks_is_looked_at_as_a_whole_up_to_its_longest() -> None:
    iban = "GB29 NWBK 6016 1331 9268 19"
    assert (iban, "n gb29nwbk60161331926819") in places(f"to {iban}.")
    many = " ".join(["1234"] * 40)
    assert max(len(text) for text, _ in places(many)) == 8 * 5 - 1  # 34 digits at most


def test_a_long_text_without_anybody_is_quick_to_pass() -> None:
    assert places("word " * 100_000) == set()
    assert places("1 " * 10_000 + "a" * 10_000) != places("")
    assert places("a" * 100_000 + " @") == set()


def test_every_digit_of_any_script_is_seen_among_the_bytes() -> None:
    for point in range(sys.maxunicode + 1):
        char = chr(point)
        if char.isdecimal():
            assert char.encode().translate(None, NO_DIGIT_BYTES), f"U+{point:04X}"
    assert DENSE_DIGITS.search("\u0661\u0662\u0663\u0664\u0665") is not None
    assert places("no. \u0661\u0662\u0663\u0664\u0665\u0666\u0667")


@given(st.text(alphabet="ab.+-@%40 \n<é", max_size=40))
def test_addresses_are_those_that_the_expression_matches(text: str) -> None:
    expected = {match.span() for match in EMAIL.finditer(text)}
    assert {place[:2] for place in find_mentions(text, {}) if place[2][0] == "e"} == expected
