"""Searching again: what is found beside a mask lies where it stood before anything was masked."""

import re
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.spans import Span, mask, without_masks
from tasks.redaction.stability import search_until_stable

# what gives a word away: itself, or the mask that stands before it
CHAIN = re.compile(r"\bann\b|(?<=\[A\] )bob\b|(?<=\[B\] )cy\b")
KINDS = {"ann": "A", "bob": "B", "cy": "LONGER_THAN_CY"}


def search(_: list[int], texts: list[str]) -> Iterator[tuple[Span, ...]]:
    for text in texts:
        matches = [Span(*match.span(), KINDS[match.group()]) for match in CHAIN.finditer(text)]
        yield without_masks(text, matches)


def test_each_search_sees_what_the_last_one_masked() -> None:
    texts = ["ann bob cy", "cy ann bob ann bob cy", "bob cy", ""]
    spans = search_until_stable(texts, search)
    assert [mask(text, found) for text, found in zip(texts, spans, strict=True)] == [
        "[A] [B] [LONGER_THAN_CY]",
        "cy [A] [B] [A] [B] [LONGER_THAN_CY]",
        "bob cy",
        "",
    ]


@given(st.lists(st.sampled_from(["ann", "bob", "cy", "dee", "[A]"]), max_size=12))
def test_spans_are_those_of_the_original_and_nothing_more_is_found(words: list[str]) -> None:
    text = " ".join(words)
    (spans,) = search_until_stable([text], search)
    assert all(KINDS[text[span.start : span.end]] == span.kind for span in spans)
    assert list(search([0], [mask(text, spans)])) == [()]


def test_only_texts_that_changed_are_searched_again_by_their_own_number() -> None:
    asked: list[list[int]] = []

    def counted(numbers: list[int], texts: list[str]) -> Iterator[tuple[Span, ...]]:
        asked.append(list(numbers))
        return search(numbers, texts)

    search_until_stable(["dee", "ann", "dee", "ann bob"], counted)
    assert asked == [[0, 1, 2, 3], [1, 3], [3]]
