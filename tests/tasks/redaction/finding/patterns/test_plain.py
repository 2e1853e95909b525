"""The plain form of a text: ASCII, what nobody sees left out, and mapped back to the original."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.finding.patterns.plain import (
    HYPHENS,
    LIGATURES,
    LOOK_ALIKES,
    OTHER_SIGN,
    QUOTES,
    to_plain,
)

ANY_TEXT = st.text(max_size=40)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Jos\u00e9 N\u00fa\u00f1ez", "Jose Nunez"),
        ("e\u0301", "e"),
        ("Stra\u00dfe", "Strase"),
        ("\u0141\u00f3d\u017a", "Lodz"),
        ("\u00c6r\u0153", "AEroe"),
        ("\uff21\uff22\uff11", "AB1"),
        ("\u0661\u0662\u0663", "123"),
        ("\u0967\u0968", "12"),
        ("j\u043ee", "joe"),
        ("\u0391nna", "Anna"),
        ("a\u200bb\u00adc", "abc"),
        ("\u202eabc", "abc"),
        ("1\u20132\u20113", "1-2-3"),
        ("a\u00a0b\u2003c", "a b c"),
        ("a\u2028b\x85c", "a\nb\nc"),
        ("\u2018a\u2019 \u201cb\u201d", "'a' \"b\""),
        ("\u0416\u0436", "Xx"),
        ("\u4e2d", "x"),
        ("\u20ac5", OTHER_SIGN + "5"),
        ("\U0001f600", OTHER_SIGN),
        ("\ufb01ne", "fine"),
        ("tab\tand\r\n", "tab\tand\r\n"),
    ],
)
def test_a_text_is_read_as_ascii(text: str, plain: str) -> None:
    assert to_plain(text).text == plain


@given(ANY_TEXT)
def test_the_plain_form_is_ascii(text: str) -> None:
    assert to_plain(text).text.isascii()


@given(ANY_TEXT)
def test_the_plain_form_is_its_own_plain_form(text: str) -> None:
    plain = to_plain(text).text
    assert to_plain(plain).text == plain


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=40))
def test_ascii_stays_as_it_is(text: str) -> None:
    plain = to_plain(text)
    assert plain.text == plain.original == text
    assert plain.origin is None


@given(ANY_TEXT)
def test_the_origin_never_decreases_and_lies_in_the_original(text: str) -> None:
    plain = to_plain(text)
    if plain.origin is None:
        return
    assert len(plain.origin) == len(plain.text)
    assert list(plain.origin) == sorted(plain.origin)
    assert all(0 <= index < len(text) for index in plain.origin)


@given(ANY_TEXT, st.data())
def test_a_span_s_original_reads_the_same(text: str, data: st.DataObject) -> None:
    plain = to_plain(text)
    start = data.draw(st.integers(0, len(plain.text)))
    end = data.draw(st.integers(start, len(plain.text)))
    low, high = plain.span(start, end)
    if start < end:
        assert plain.text[start:end] in to_plain(text[low:high]).text


@given(ANY_TEXT, st.data())
def test_a_character_s_place_is_its_first_in_the_plain_form(text: str, data: st.DataObject) -> None:
    plain = to_plain(text)
    index = data.draw(st.integers(0, len(text)))
    place = plain.place(index)
    assert 0 <= place <= len(plain.text)
    if plain.origin is not None:
        assert all(origin < index for origin in plain.origin[:place])
        assert all(origin >= index for origin in plain.origin[place:])


def test_an_empty_span_stays_empty() -> None:
    low, high = to_plain("\u00e9a").span(1, 1)
    assert low == high


def test_a_span_covers_what_is_invisible_inside_it_but_not_beside_it() -> None:
    text = "\u200b4\u200b1\u200b"
    plain = to_plain(text)
    assert plain.text == "41"
    assert plain.span(0, 2) == (1, 4)


@pytest.mark.parametrize("table", [LOOK_ALIKES, QUOTES, LIGATURES])
def test_every_replacement_is_ascii_for_a_character_that_is_not(table: dict[str, str]) -> None:
    for char, replacement in table.items():
        assert not char.isascii()
        assert replacement.isascii()


@pytest.mark.parametrize("char", sorted(LOOK_ALIKES))
def test_a_look_alike_keeps_its_case(char: str) -> None:
    replacement = LOOK_ALIKES[char]
    assert replacement.isupper() == unicodedata.category(char).endswith("Lu") or char in "\u0406"


@pytest.mark.parametrize("char", sorted(HYPHENS))
def test_a_hyphen_of_any_kind_is_one(char: str) -> None:
    assert to_plain(f"1{char}2").text == "1-2"
