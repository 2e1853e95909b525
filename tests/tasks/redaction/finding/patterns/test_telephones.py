"""The matcher of `phonenumbers` itself is the oracle: region by region, over each text."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberMatcher

from tasks.redaction.finding.patterns import telephones
from tasks.redaction.finding.patterns.telephones import LONGEST_TEXT, Telephones

REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")  # Presidio's
BY_LENIENCY = {leniency: Telephones(REGIONS, leniency) for leniency in range(4)}

DIGITS = "0123456789" * 3 + "\u0661\u0664\uff11\uff14\u0967\u096c"
BETWEEN = " -./()[]+x,;#\u00a0\u2013\uff0b\u200b\n"
PREFIXES = ("", "+", "+1", "+49", "+972", "00", "011", "0", "1", "0055", "(0", "44", "90", "015")
NUMBERS = st.builds(
    str.__add__,
    st.sampled_from(PREFIXES),
    st.lists(
        st.sampled_from(DIGITS) | st.sampled_from(DIGITS + BETWEEN), min_size=1, max_size=16
    ).map("".join),
)
KNOWN = st.sampled_from(
    (
        "413 295 1160",
        "(413) 295-1160 ext. 12",
        "030 1234567",
        "020 7946 0958",
        "01 23 45 67 89",
        "+972 3-123-4567",
        "98765 43210",
        "(11) 91234-5678",
        "0xx30 1234567",
        "2012-01-02 08",
        "12/03/2011",
        "211-227 (2003)",
        "16401",
        "1,234.56",
    )
)
AROUND = st.sampled_from(
    ("", " ", " call ", "$", "%", "\u20ac", "a", "\u00e9", ":15", ". ", "/", "\n")
)
TEXTS = st.lists(AROUND | NUMBERS | KNOWN, max_size=7).map("".join)


def by_matcher(text: str, leniency: int) -> set[tuple[int, int]]:
    return {
        (match.start, match.end)
        for region in REGIONS
        for match in PhoneNumberMatcher(text, region, leniency=leniency)
    }


@given(TEXTS)
@example("030 1234567 / 413 295 1160")
@example("+49 30 1234567, +1 413 295 1160x12")
@example("2012-01-02 08:15")
@example("2012-01-02 08 15")
@example("12345 - 332-445-1234 is my number")
@example("651-234-2345/332-445-1234")
@example("(650) 223 3345 (754) 223 3321")
@example("\u0664\u0661\u0663 \u0662\u0669\u0665 \u0661\u0661\u0666\u0660")
def test_it_finds_what_the_matcher_finds_region_by_region(text: str) -> None:
    assert BY_LENIENCY[1].places(text) == by_matcher(text, 1)


@pytest.mark.parametrize("leniency", [0, 2, 3])
@given(text=TEXTS)
def test_it_does_so_however_lenient_the_matcher_is(leniency: int, text: str) -> None:
    assert BY_LENIENCY[leniency].places(text) == by_matcher(text, leniency)


@pytest.mark.parametrize("text", ["16401", "dial 01641 now", "0xx30 1234567", "+491640"])
def test_few_digits_or_a_carrier_s_letters_are_enough(text: str) -> None:
    assert BY_LENIENCY[1].places(text) == by_matcher(text, 1) != set()


def test_a_long_text_goes_to_the_matcher_itself() -> None:
    text = "413 295 1160, " + "some words, " * (LONGEST_TEXT // 12) + "030 1234567"
    assert BY_LENIENCY[1].places(text) == by_matcher(text, 1) != set()


def test_what_was_forgotten_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telephones, "REMEMBERED", 2)
    forgetful = Telephones(REGIONS, 1)
    text = "413 295 1160 or 413 295 1161, in 2024, 36 of 412"
    assert forgetful.places(text) == forgetful.places(text) == by_matcher(text, 1)


def test_a_region_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no region XY"):
        Telephones(("XY",), 1)
