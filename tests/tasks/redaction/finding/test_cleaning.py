"""Texts with characters that nobody sees, and with HTML's entities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.finding.cleaning import clean
from tasks.redaction.spans import Span

PIECES = st.sampled_from(
    ["Ann", "é", " ", "&amp;", "&#39;", "\u00ad", "\u200b", "&", ";", "&zz;", "&#x41;"]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("O&#39;Neil", "O'Neil"),
        ("Jo\u00adhn Mil\u200bler", "John Miller"),
        ("Ren&eacute; &amp; Co", "René & Co"),
        ("A&shy;nn", "Ann"),
    ],
)
def test_what_hides_a_name_goes(text: str, expected: str) -> None:
    cleaned = clean(text)
    assert cleaned is not None
    assert cleaned.text == expected
    assert cleaned.at_origin(Span(0, len(expected), "X")) == Span(0, len(text), "X")


@pytest.mark.parametrize("text", ["", "Ann Lee", "Müller", "AT&T", "R & D; then", "&nosuchentity;"])
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
        assert text[start:end] == char or text[start] == "&"
