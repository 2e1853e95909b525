"""Masks that stand in a text already: read as something natural, and never found again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.finding.surrogates import (
    BLANK,
    OTHER_SURROGATE,
    SURROGATES,
    blank_masks,
    replace_masks,
)
from tasks.redaction.spans import MASKED

MASKED_TEXTS = st.lists(
    st.sampled_from(["[PERSON]", "[OWN_NAME]", "[ID]", "Ann Lee ", "at ", "[", "]", "\n", ""]),
    max_size=10,
).map("".join)


@pytest.mark.parametrize("text", ["", "no mask", "[ not one ]", "[lower]", "[X1]"])
def test_a_text_without_masks_is_not_replaced(text: str) -> None:
    assert replace_masks(text) is None
    assert blank_masks(text) == text


@pytest.mark.parametrize("kind", SURROGATES)
def test_a_mask_becomes_something_of_its_kind(kind: str) -> None:
    unmasked = replace_masks(f"met [{kind}] today")
    assert unmasked is not None
    assert unmasked.text == f"met {SURROGATES[kind]} today"


def test_a_mask_of_another_kind_becomes_a_number() -> None:
    unmasked = replace_masks("id [US_SSN]")
    assert unmasked is not None
    assert unmasked.text == f"id {OTHER_SURROGATE}"


def test_a_place_between_masks_is_mapped_back() -> None:
    text = "[PERSON] met Zoe Quill near [LOCATION] today"
    unmasked = replace_masks(text)
    assert unmasked is not None
    start = unmasked.text.index("Zoe")
    place = unmasked.original(start, start + len("Zoe Quill"))
    assert place is not None
    assert text[place[0] : place[1]] == "Zoe Quill"


@pytest.mark.parametrize("name", ["Mary Smith", "Smith met", "Zoe"])
def test_a_place_in_or_beside_a_surrogate_is_none_of_the_original(name: str) -> None:
    unmasked = replace_masks("Zoe [PERSON] met somebody")
    assert unmasked is not None
    start = unmasked.text.index(name)
    assert unmasked.original(start, start + len(name)) is None


def test_at_the_ends_of_a_text_nothing_is_beside_a_mask() -> None:
    text = "Zoe came and [PERSON] left Zoe"
    unmasked = replace_masks(text)
    assert unmasked is not None
    assert unmasked.original(0, 3) == (0, 3)
    length = len(unmasked.text)
    assert unmasked.original(length - 3, length) == (len(text) - 3, len(text))


@given(MASKED_TEXTS)
def test_blanked_masks_keep_the_length_and_everything_else(text: str) -> None:
    blanked = blank_masks(text)
    assert len(blanked) == len(text)
    inside = {index for match in MASKED.finditer(text) for index in range(*match.span())}
    for index, char in enumerate(blanked):
        assert char == (BLANK if index in inside else text[index])


@given(MASKED_TEXTS)
def test_replaced_masks_leave_no_mask_and_all_other_pieces(text: str) -> None:
    unmasked = replace_masks(text)
    if unmasked is None:
        assert not MASKED.search(text)
        return
    assert len(unmasked.pieces) == len(MASKED.findall(text)) + 1
    for start, end, original in unmasked.pieces:
        assert unmasked.text[start:end] == text[original : original + end - start]


@given(MASKED_TEXTS, st.integers(0, 60), st.integers(1, 10))
def test_what_is_mapped_back_is_the_same_text(text: str, start: int, length: int) -> None:
    unmasked = replace_masks(text)
    if unmasked is None:
        return
    place = unmasked.original(start, start + length)
    if place is not None:
        assert unmasked.text[start : start + length] == text[place[0] : place[1]]
