"""A person is found in every spelling, and never in another person's name or address."""

import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.erasure.searching import automata
from tasks.erasure.searching.automata import PATTERNS_AT_ONCE
from tasks.erasure.searching.search_terms import (
    SHORTEST_CHARACTERS,
    Match,
    PersonalValue,
    SearchTerms,
)

ANN = PersonalValue("email", "ann@example.org")
ZOE = PersonalValue("name", 'Zoë "Q" Müller-Lee')


@pytest.mark.parametrize(
    "content",
    [
        "ann@example.org",
        "to: Ann@Example.ORG, cc",
        '{"a": "x\\nann@example.org"}',
        "?mail=ann%40example.org&x=1",
        "/users/ann%40example.org",
        "<a href='mailto:ann@example.org'>",
        "mail ann@example.org.",
        "%20ann@example.org",
        "&lt;ann@example.org&gt;",
        "\\u003cann@example.org",
    ],
)
def test_an_address_is_found_however_it_is_written(content: str) -> None:
    assert SearchTerms.of([ANN]).has_match(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        "joann@example.org",
        "jo.ann@example.org",
        "jo-ann@example.org",
        "jo+ann@example.org",
        "éann@example.org",
        "ann@example.org.uk",
        "ann@example.orga",
        "ann@example.org-x",
        "bob@example.org",
        "ann at example org",
        "",
    ],
)
def test_another_person_s_address_is_not_taken_for_it(content: str) -> None:
    assert not SearchTerms.of([ANN]).has_match(content.encode())


@pytest.mark.parametrize("content", ["Ann Quarantined", "Joann Quarantine", "éAnn Quarantine"])
def test_a_name_within_a_longer_word_is_another(content: str) -> None:
    terms = SearchTerms.of([PersonalValue("name", "Ann Quarantine")])

    assert not terms.has_match(content.encode())


@pytest.mark.parametrize(
    "written",
    [
        ZOE.text,
        ZOE.text.casefold(),
        json.dumps(ZOE.text),
        json.dumps(ZOE.text, ensure_ascii=False),
        html.escape(ZOE.text),
        quote(ZOE.text),
        quote_plus(ZOE.text),
        ZOE.text.replace('"', '""'),
    ],
)
def test_a_name_with_letters_quotes_and_case_is_found_and_masked_in_every_form(
    written: str,
) -> None:
    terms = SearchTerms.of([ZOE])
    cell = f"<td>{written}</td>".encode()

    assert terms.has_match(cell)
    masked, count = terms.mask(cell)
    assert count == 1
    assert not terms.has_match(masked)


def test_half_a_name_is_not_the_name() -> None:
    assert not SearchTerms.of([ZOE]).has_match("Zoë Q Müller".encode())


def test_masking_takes_theirs_and_leaves_the_others() -> None:
    text = b"ann@example.org; bob@example.org; joann@example.org; ANN@example.org"

    masked = SearchTerms.of([ANN]).mask(text)

    assert masked == (b"[erased]; bob@example.org; joann@example.org; [erased]", 2)


def test_a_match_says_where_and_what_kind_and_quotes_nothing() -> None:
    (match,) = SearchTerms.of([ANN]).find(b"to ann@example.org")

    assert match == Match(start=3, end=18, kind="email")


@pytest.mark.parametrize("patterns_at_once", [PATTERNS_AT_ONCE, 1])
def test_of_two_values_that_overlap_the_first_is_masked_once(
    monkeypatch: pytest.MonkeyPatch, patterns_at_once: int
) -> None:
    monkeypatch.setattr(automata, "PATTERNS_AT_ONCE", patterns_at_once)
    terms = SearchTerms.of([ANN, PersonalValue("text", "example.org")])

    assert terms.mask(b"to ann@example.org, too") == (b"to [erased], too", 1)


def test_two_kinds_with_one_spelling_give_the_same_kind_in_every_run() -> None:
    values = [PersonalValue("text", "Q-1234x"), PersonalValue("login", "Q-1234x")]

    for ordered in (values, values[::-1]):
        (match,) = SearchTerms.of(ordered).find(b"Q-1234x")
        assert match.kind == "login"


@pytest.mark.parametrize("text", ["Li", "Anna", "   ", " Anna "])
def test_short_values_are_counted_and_not_searched(text: str) -> None:
    terms = SearchTerms.of([PersonalValue("name", text)])

    assert not terms
    assert terms.too_short == 1
    assert not terms.has_match(text.encode())


def test_a_value_of_the_shortest_length_is_searched() -> None:
    text = "x" * SHORTEST_CHARACTERS

    assert SearchTerms.of([PersonalValue("login", text)]).has_match(text.encode())


def test_terms_of_nobody_match_nothing() -> None:
    terms = SearchTerms.of([])

    assert not terms
    assert not terms.has_match(b"anything")
    assert not terms.has_bytes(b"anything")
    assert terms.mask(b"anything") == (b"anything", 0)


def test_thousands_of_people_are_searched_for_at_once() -> None:
    people = 6 * PATTERNS_AT_ONCE
    terms = SearchTerms.of(
        [PersonalValue("email", f"person{number}@example.org") for number in range(people)]
    )
    last = range(people - 10, people + 10)
    text = "\n".join(f"person{number}@example.org" for number in last)

    assert [match.kind for match in terms.find(text.encode())] == ["email"] * 10


def test_people_are_found_whichever_automaton_they_are_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(automata, "PATTERNS_AT_ONCE", 1)
    terms = SearchTerms.of([ANN, PersonalValue("email", "bob@example.org")])

    masked, count = terms.mask(b"bob@example.org ann@example.org")

    assert (masked, count) == (b"[erased] [erased]", 2)


def test_raw_bytes_are_searched_without_looking_at_what_stands_beside() -> None:
    terms = SearchTerms.of([ANN])

    assert terms.has_bytes(b"xann@example.orgx")
    assert not terms.has_match(b"xann@example.orgx")


def test_a_name_for_a_report_loses_their_value_also_within_a_word() -> None:
    terms = SearchTerms.of([ANN])

    assert terms.mask_name("joann@example.org.txt") == "jo[erased].txt"
    assert terms.mask_name("bob@example.org.txt") == "bob@example.org.txt"


@given(st.text(min_size=5, max_size=30), st.text(alphabet=" <>\n,;", max_size=5))
def test_whatever_stands_alone_is_found_and_masked_for_good(value: str, around: str) -> None:
    terms = SearchTerms.of([PersonalValue("street", value)])
    if terms.too_short or terms.ambiguous:
        return
    text = value.strip()
    content = f" {around}{text}{around} ".encode("utf-8", errors="surrogatepass")

    assert terms.has_match(content)
    masked, _ = terms.mask(content)
    assert not terms.has_match(masked)
