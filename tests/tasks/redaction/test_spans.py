"""Spans: merged into disjoint ones, never masked twice, and the text between them untouched."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.cloud.aws_comprehend import KINDS as AMAZON
from tasks.redaction.cloud.google_dlp import KINDS as GOOGLE
from tasks.redaction.columns import hipaa
from tasks.redaction.finding.finder import LABELS as KINDS_OF_LABELS
from tasks.redaction.finding.languages import profile_of
from tasks.redaction.finding.patterns.recognisers import BUILTIN, load_recognisers
from tasks.redaction.linking import KINDS as OWN_KINDS
from tasks.redaction.params import ENTITIES
from tasks.redaction.spans import MASKED, Span, mask, masks_of, merge, without_masks

KINDS = ("PERSON", "OWN_NAME", "ID")
SPANS = st.lists(
    st.builds(
        lambda start, length, kind: Span(start, start + length, kind),
        st.integers(0, 40),
        st.integers(0, 12),
        st.sampled_from(KINDS),
    ),
    max_size=10,
)
TEXT = "Ann Lee met [PERSON] and Bob at [LOCATION], then went home early on Monday."


def covered(spans: tuple[Span, ...] | list[Span]) -> set[int]:
    return {index for span in spans for index in range(span.start, span.end)}


@given(SPANS, SPANS)
def test_merged_spans_are_sorted_disjoint_and_not_empty(
    first: list[Span], second: list[Span]
) -> None:
    merged = merge(first, second)
    assert all(one.end <= other.start for one, other in itertools.pairwise(merged))
    assert all(span.start < span.end for span in merged)


@given(SPANS, SPANS)
def test_merged_spans_cover_what_was_found_and_nothing_else(
    first: list[Span], second: list[Span]
) -> None:
    assert covered(merge(first, second)) == covered(first) | covered(second)


@given(SPANS, SPANS)
def test_merging_again_changes_nothing(first: list[Span], second: list[Span]) -> None:
    merged = merge(first, second)
    assert merge(merged) == merged


@given(SPANS)
def test_the_order_of_one_finder_s_spans_does_not_matter(spans: list[Span]) -> None:
    assert merge(spans) == merge(reversed(spans))


def test_where_finders_disagree_the_first_one_s_kind_counts() -> None:
    own = [Span(4, 10, "OWN_NAME")]
    others = [Span(0, 6, "PERSON")]
    assert merge(own, others) == (Span(0, 10, "OWN_NAME"),)
    assert merge(others, own) == (Span(0, 10, "PERSON"),)


def test_a_kind_is_that_of_the_best_finder_over_several_overlaps() -> None:
    chain = [Span(0, 5, "ID"), Span(8, 12, "ID")]
    assert merge([Span(11, 14, "OWN_NAME")], chain, [Span(4, 9, "PERSON")]) == (
        Span(0, 14, "OWN_NAME"),
    )


def test_spans_that_only_touch_stay_two() -> None:
    spans = (Span(0, 3, "ID"), Span(3, 6, "ID"))
    assert merge(spans) == spans


def test_nothing_merged_is_nothing() -> None:
    assert merge() == ()
    assert merge([], [Span(3, 3, "ID")]) == ()


def test_a_span_moves_with_its_text_and_stays_what_it_is() -> None:
    assert Span(2, 5, "ID", 0.4).moved(10) == Span(12, 15, "ID", 0.4)


@given(SPANS)
def test_a_masked_text_is_made_of_masks_and_what_lay_between(spans: list[Span]) -> None:
    merged = merge(spans)
    starts = [0, *(span.end for span in merged)]
    ends = [*(span.start for span in merged), len(TEXT)]
    between = [TEXT[start:end] for start, end in zip(starts, ends, strict=True)]
    masks = [f"[{span.kind}]" for span in merged]
    expected = "".join(
        piece for pair in itertools.zip_longest(between, masks, fillvalue="") for piece in pair
    )
    assert mask(TEXT, merged) == expected


def test_no_spans_change_nothing() -> None:
    assert mask(TEXT, ()) == TEXT


@given(SPANS)
def test_what_touches_a_mask_is_left_out_and_nothing_else(spans: list[Span]) -> None:
    masks = [range(*match.span()) for match in MASKED.finditer(TEXT)]
    remaining = without_masks(TEXT, spans)
    for span in spans:
        is_touching = any(set(range(span.start, span.end)) & set(place) for place in masks)
        is_empty_inside = span.start == span.end and any(
            place.start < span.start < place.stop for place in masks
        )
        assert (span in remaining) is not (is_touching or is_empty_inside)


@given(SPANS)
def test_masks_survive_masking(spans: list[Span]) -> None:
    redacted = mask(TEXT, without_masks(TEXT, merge(spans)))
    assert redacted.count("[LOCATION]") == 1
    assert redacted.count("[PERSON]") >= 1


@pytest.mark.parametrize("kind", ["PERSON", "OWN_NAME", "US_SSN", "WITHHELD"])
def test_what_masking_leaves_is_known_as_a_mask(kind: str) -> None:
    assert MASKED.fullmatch(mask("x", (Span(0, 1, kind),)))


@pytest.mark.parametrize("text", ["[person]", "[]", "[A B]", "[X1]", "PERSON"])
def test_other_brackets_are_no_masks(text: str) -> None:
    assert not MASKED.search(text)


@pytest.mark.parametrize(
    "word",
    ["[INFO]", "[MILLER]", "[JOHN_MILLER]", "[OWN]", "[WARNING]", "[_A]", "[A_]", "[person]"],
)
def test_a_word_in_brackets_is_no_mask(word: str) -> None:
    assert MASKED.fullmatch(word) is None
    assert without_masks(word, [Span(1, len(word) - 1, "PERSON")]) != ()


def test_every_kind_that_is_masked_leaves_a_mask() -> None:
    languages = [profile_of(language).recognisers() for language in ("en", "de", "fr", "es")]
    recognisers = [*load_recognisers(BUILTIN), *itertools.chain(*languages)]
    kinds = {recogniser.supported_entity for recogniser in recognisers}
    kinds |= {*ENTITIES, *hipaa.ENTITIES, *KINDS_OF_LABELS.values(), *GOOGLE.values()}
    kinds |= {*AMAZON.values(), *(f"OWN_{kind.upper()}" for kind in OWN_KINDS)}
    for kind in (*kinds, "NUMBER", "WITHHELD"):
        assert MASKED.fullmatch(mask("x", (Span(0, 1, kind),)))


def test_a_kind_of_a_user_s_recogniser_is_a_mask_where_it_is_known() -> None:
    masks = masks_of(frozenset(("STAFF", "XX_9")))
    assert masks.findall("[STAFF] [XX_9] [PERSON] [MILLER]") == ["[STAFF]", "[XX_9]", "[PERSON]"]
    assert without_masks("[STAFF]", [Span(1, 6, "PERSON")], masks) == ()
    assert without_masks("[STAFF]", [Span(1, 6, "PERSON")]) != ()
