"""Texts with characters that nobody sees, and with HTML's entities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.finding.cleaning import clean
from tasks.redaction.spans import Span

PIECES = st.sampled_from(
    [
        *("Ann", "é", " ", "&amp;", "&#39;", "\u00ad", "\u200b", "&", ";", "&zz;", "&#x41;"),
        *("e\u0301", "\u0301", "`", "\u2011", "\u202f", "x\u0304"),
    ]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("O&#39;Neil", "O'Neil"),
        ("Jo\u00adhn Mil\u200bler", "John Miller"),
        ("Ren&eacute; &amp; Co", "René & Co"),
        ("A&shy;nn", "Ann"),
        ("Mu\u0308ller", "Müller"),
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("x\u0304y\u0301", "xý"),
        ("O\u00b4Neil", "O'Neil"),
        ("O`Neil, D\u2032Angelo", "O'Neil, D'Angelo"),
        ("Lee\u2011Ann\u2010Marie", "Lee-Ann-Marie"),
        ("Ann\u202fLee\u3000Roe", "Ann Lee Roe"),
        ("A\u034fn\ufe0fn", "Ann"),
        ('user": "ann","date_of_birth" :3', "user: ann\ndate of birth: 3"),
        ("user': 'ann', 'x_y': 3", "user: ann\nx y: 3"),
        ("claim_no: 3", "claim no: 3"),
    ],
)
def test_what_hides_a_name_goes(text: str, expected: str) -> None:
    cleaned = clean(text)
    assert cleaned is not None
    assert cleaned.text == expected
    assert cleaned.at_origin(Span(0, len(expected), "X")) == Span(0, len(text), "X")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ann Lee",
        "Müller",
        "AT&T",
        "R & D; then",
        "&nosuchentity;",
        "`x`",
        "x \u00b4",
        "?a_b=c",
        "a_b",
        '"a", b',
    ],
)
def test_a_text_without_any_is_taken_as_it_is(text: str) -> None:
    assert clean(text) is None


@given(st.lists(PIECES, max_size=12).map("".join))
def test_every_character_has_a_place_and_places_are_in_order(text: str) -> None:
    cleaned = clean(text)
    if cleaned is None:
        return
    assert len(cleaned.text) == len(cleaned.starts) == len(cleaned.ends)
    assert list(cleaned.starts) == sorted(cleaned.starts)
    assert all(start < end for start, end in zip(cleaned.starts, cleaned.ends, strict=True))
    for char, start, end in zip(cleaned.text, cleaned.starts, cleaned.ends, strict=True):
        is_replaced = text[start] in "&`\u2011\u202f" or text[end - 1] in "\u0301\u0304"
        assert text[start:end] == char or is_replaced
