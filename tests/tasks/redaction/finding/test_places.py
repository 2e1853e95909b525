"""Places: unknown words after "in", post codes beside a place, and the parts of an address."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.finding.places import LOCATION, UNLISTED_PLACE, join_places, named_places
from tasks.redaction.spans import Span
from tests.tasks.redaction.finding.lists import TINY


def named(text: str) -> list[str]:
    return [text[span.start : span.end] for span in named_places(text, TINY)]


def joined(text: str, *parts: str) -> list[str]:
    """Return the places of a text in which `parts` were found, as they are after joining."""
    spans = [Span(text.index(part), text.index(part) + len(part), LOCATION, 0.8) for part in parts]
    return [text[span.start : span.end] for span in join_places(text, spans)]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("moved to a house in Tilbury", ["Tilbury"]),
        ("IN Tilbury", []),
        ("near Stratford upon Avon", ["Stratford upon Avon"]),
        ("outside Rio de Janeiro today", ["Rio de Janeiro"]),
        ("in New Orleans and near Tilbury", ["New Orleans", "Tilbury"]),
        ("in Tilbury's house", ["Tilbury's"]),
        ("at Tilbury", []),
        ("within Tilbury", []),
        ("in tilbury", []),
        ("in USD", []),
        ("in Ur", []),
        ("in John", []),
        ("in House", []),
    ],
)
def test_an_unknown_capitalised_word_after_a_preposition_is_a_place(
    text: str, places: list[str]
) -> None:
    assert named(text) == places


def test_a_named_place_is_not_sure() -> None:
    (span,) = named_places("in Tilbury", TINY)
    assert (span.kind, span.score) == (LOCATION, UNLISTED_PLACE)


@pytest.mark.parametrize(
    ("text", "place", "result"),
    [
        ("to Tilbury 62704 today", "Tilbury", "Tilbury 62704"),
        ("to Tilbury, 62704-1234.", "Tilbury", "Tilbury, 62704-1234"),
        ("to Tilbury, D-62704", "Tilbury", "Tilbury, D-62704"),
        ("to Tilbury 1012 AB", "Tilbury", "Tilbury 1012 AB"),
        ("to 1012 AB Tilbury", "Tilbury", "1012 AB Tilbury"),
        ("to D-62704 Tilbury", "Tilbury", "D-62704 Tilbury"),
        ("to Tilbury\\n62704", "Tilbury", "Tilbury\\n62704"),
    ],
)
def test_a_post_code_goes_with_its_place(text: str, place: str, result: str) -> None:
    assert joined(text, place) == [result]


@pytest.mark.parametrize(
    "text",
    [
        "in Tilbury 62704%",
        "in Tilbury 123.45 was paid",
        "in Tilbury 62",
        "$1200 Tilbury",
        "1.2000 Tilbury",
    ],
)
def test_a_figure_is_no_post_code(text: str) -> None:
    assert joined(text, "Tilbury") == ["Tilbury"]


def test_the_code_after_a_place_counts_before_the_one_before_it() -> None:
    assert joined("1012 Tilbury 62704", "Tilbury") == ["Tilbury 62704"]


@pytest.mark.parametrize(
    ("text", "parts", "result"),
    [
        ("12 Elm Street, Tilbury", ("12 Elm Street", "Tilbury"), "12 Elm Street, Tilbury"),
        ("12 Elm Street in Tilbury", ("12 Elm Street", "Tilbury"), "12 Elm Street in Tilbury"),
        ("Tilbury (12 Elm Street", ("Tilbury", "12 Elm Street"), "Tilbury (12 Elm Street"),
    ],
)
def test_parts_of_an_address_are_one_place(text: str, parts: tuple[str, ...], result: str) -> None:
    assert joined(text, *parts) == [result]


def test_a_list_of_towns_stays_a_list() -> None:
    assert joined("Tilbury, Stratford", "Tilbury", "Stratford") == ["Tilbury", "Stratford"]


def test_other_words_part_two_places() -> None:
    text = "12 Elm Street is not Tilbury"
    assert joined(text, "12 Elm Street", "Tilbury") == ["12 Elm Street", "Tilbury"]


def test_places_that_overlap_are_one_and_as_sure_as_the_surest() -> None:
    spans = [Span(0, 8, LOCATION, 0.5), Span(4, 12, LOCATION, 0.9)]
    assert join_places("abcdefghijklmn", spans) == [Span(0, 12, LOCATION, 0.9)]


@given(
    st.text(alphabet="Ab1 ,.\n", min_size=20, max_size=60),
    st.lists(st.tuples(st.integers(0, 15), st.integers(1, 5)), max_size=6),
)
def test_joined_places_are_sorted_disjoint_and_cover_what_was_found(
    text: str, pairs: list[tuple[int, int]]
) -> None:
    spans = [Span(start, start + length, LOCATION, 0.8) for start, length in pairs]
    places = join_places(text, spans)
    assert all(one.end < other.start for one, other in itertools.pairwise(places))
    assert all(any(p.start <= s.start and s.end <= p.end for p in places) for s in spans)
