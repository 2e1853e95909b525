"""People in texts: the recogniser's names mended, others by rules, and those that stand again."""

import pytest

from tasks.redaction.finding.people import PERSON, POSSIBLE, PeopleFinder
from tasks.redaction.spans import Span
from tests.tasks.redaction.finding.lists import TINY

RECOGNISED_SCORE = 0.85


def mended(text: str, name: str) -> list[str]:
    """Return what becomes of a name that the recogniser found, without what the rules find."""
    start = text.index(name)
    span = Span(start, start + len(name), PERSON, RECOGNISED_SCORE)
    result = PeopleFinder(TINY)._mend(text, span)
    return [] if result is None else [text[result.start : result.end]]


def people(text: str, *names: str) -> set[str]:
    """Return the people in a text in which the recogniser found `names`."""
    recognised = [
        Span(text.index(name), text.index(name) + len(name), PERSON, RECOGNISED_SCORE)
        for name in names
    ]
    return {text[span.start : span.end] for span in PeopleFinder(TINY).find(text, recognised)}


def test_nobody_is_found_in_a_text_without_names() -> None:
    assert people("the house is in walks") == set()
    assert people("") == set()


@pytest.mark.parametrize(
    ("text", "name", "result"),
    [
        ("Mr. Qureshi said", "Mr. Qureshi", ["Qureshi"]),
        ("Prof. Dr. Qureshi", "Prof. Dr. Qureshi", ["Qureshi"]),
        ("Qureshi's house", "Qureshi's", ["Qureshi"]),
        ("Qureshi\u2019s house", "Qureshi\u2019s", ["Qureshi"]),
        ("Patient Qureshi said", "Patient Qureshi", ["Qureshi"]),
        ("Qureshi42 said", "Qureshi42", ["Qureshi"]),
        ("Q2 Qureshi 42 said", "Q2 Qureshi 42", ["Q2 Qureshi 42"]),
        ("(Qureshi)", "(Qureshi)", ["Qureshi"]),
    ],
)
def test_a_recognised_name_is_cut_to_the_name(text: str, name: str, result: list[str]) -> None:
    assert mended(text, name) == result


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The House walks", "The House"),
        ("Mr. said", "Mr."),
        ("12345", "12345"),
        ("x" * 40, "x" * 40),
    ],
)
def test_what_is_no_name_is_left_out(text: str, name: str) -> None:
    assert mended(text, name) == []


def test_after_a_title_an_ordinary_word_is_a_name() -> None:
    assert mended("Mr. House walks", "House") == ["House"]
    assert mended("Mr. House walks", "Mr. House") == ["House"]
    assert mended("The House walks", "House") == []


def test_a_recognised_name_keeps_its_score() -> None:
    (span,) = PeopleFinder(TINY).find("Qureshi said", [Span(0, 7, PERSON, 0.6)])
    assert span.score == 0.6


def test_rules_find_what_the_recogniser_missed() -> None:
    assert people("the house is john smith 's") == {"john smith"}


def test_a_rule_does_not_begin_inside_a_name_that_a_rule_took() -> None:
    spans = PeopleFinder(TINY).find("Mr. John Smith said", [])
    assert [(span.start, span.end) for span in spans] == [(4, 14)]


def test_an_introduced_word_is_looked_at_in_any_case() -> None:
    assert people("my name is qureshi") == {"qureshi"}
    assert people("the qureshi") == set()


@pytest.mark.parametrize(
    ("text", "recognised", "longer"),
    [
        ("Anna van der Voet said", "Anna", "Anna van der Voet"),
        ("Qureshi Smith said", "Qureshi", "Qureshi Smith"),
        ("Qureshi X said", "Qureshi", "Qureshi X"),
    ],
)
def test_a_name_is_extended_by_what_goes_with_it(text: str, recognised: str, longer: str) -> None:
    assert longer in people(text, recognised)


@pytest.mark.parametrize(
    ("text", "recognised", "whole"),
    [
        ("[QURESHI_ZZAN] came", "QURESHI", "QURESHI_ZZAN"),
        ("by Zzan.Qureshi today", "Qureshi", "Zzan.Qureshi"),
        ("zz_Qureshi_scan_2.pdf", "Qureshi", "zz_Qureshi_scan"),
        ("saw Qureshi.The house", "Qureshi", "Qureshi"),
        ("saw Qureshi. Zzan", "Qureshi", "Qureshi"),
    ],
)
def test_a_name_goes_as_far_as_the_word_that_it_is_written_into(
    text: str, recognised: str, whole: str
) -> None:
    assert whole in people(text, recognised)


def test_a_name_is_not_extended_by_an_ordinary_word() -> None:
    assert people("Qureshi House", "Qureshi") == {"Qureshi"}


def test_a_name_that_was_found_is_found_again() -> None:
    text = "Qureshi said. The house is Qureshi"
    spans = PeopleFinder(TINY).find(text, [Span(0, 7, PERSON, RECOGNISED_SCORE)])
    assert [(span.start, span.score) for span in spans] == [(0, RECOGNISED_SCORE), (27, POSSIBLE)]


@pytest.mark.parametrize(
    "text", ["Qureshi said qureshi", "Ng said Ng", "Mr. Gray said. The Gray house"]
)
def test_short_ordinary_and_lower_case_words_are_not_found_again(text: str) -> None:
    first = text.split(" said")[0]
    assert len(PeopleFinder(TINY).find(text, [Span(0, len(first), PERSON, 0.85)])) <= 2
    assert people(text, first) <= {first, first.removeprefix("Mr. ")}


def test_every_span_is_a_person_within_the_text() -> None:
    text = "Mr. John van der Voet, Smith, Anna and j. smith; my name is qureshi"
    for span in PeopleFinder(TINY).find(text, []):
        assert span.kind == PERSON
        assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize(
    ("text", "recognised", "whole"),
    [
        ("To: Zzan, Qureshi; Yyan", "Qureshi", "Zzan, Qureshi"),
        ("To: Qureshi, Zzan\nCc: Yyan", "Qureshi", "Qureshi, Zzan"),
        ("a\tQureshi, Zzan\tb", "Qureshi", "Qureshi, Zzan"),
    ],
)
def test_of_an_entry_of_surname_and_given_name_both_halves_go(
    text: str, recognised: str, whole: str
) -> None:
    assert whole in people(text, recognised)


@pytest.mark.parametrize(
    "text", ["House, Qureshi", "Qureshi, house", "In Zzan, Qureshi said", "x Zzan, Qureshi"]
)
def test_what_is_no_entry_of_two_names_is_not_one(text: str) -> None:
    assert people(text, "Qureshi") == {"Qureshi"}


def test_an_initial_before_a_recognised_name_goes_with_it() -> None:
    assert "Z. Qureshi" in people("regards\nZ. Qureshi\nthe house", "Z. Qureshi")
