"""A person is found in every spelling, and never in another person's name or address."""

import html
import json
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.erasure.searching import automata
from tasks.erasure.searching.automata import PATTERNS_AT_ONCE
from tasks.erasure.searching.search_terms import (
    MASK,
    SHORTEST_CHARACTERS,
    TOO_SHORT,
    Match,
    PersonalValue,
    SearchTerms,
)
from tasks.erasure.searching.spellings import fold

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


def test_a_short_town_is_not_counted_since_it_only_corroborates() -> None:
    assert SearchTerms.of([PersonalValue("city", "Ulm")]).too_short == 0


def test_a_number_is_measured_without_its_separators() -> None:
    assert SearchTerms.of([PersonalValue("account", "1-2-3-4")]).too_short == 1


def test_a_name_of_three_chinese_characters_is_long_enough() -> None:
    terms = SearchTerms.of([PersonalValue("name", "王小明")])

    assert terms.mask("我是王小明吗".encode()) == ("我是[erased]吗".encode(), 1)


def test_the_sentence_about_short_values_names_the_limit() -> None:
    assert str(SHORTEST_CHARACTERS) in TOO_SHORT


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


# Values that others carry, too


NAME = PersonalValue("name", "Ann Quarantine", "a")
BORN = PersonalValue("date", "1980-03-01", "a")
TOWN = PersonalValue("city", "Springfield", "a")
PHONE = PersonalValue("phone", "+49 170 1234567", "a")
MENTIONED = PersonalValue("email", "bob@example.org", "a", is_mentioned=True)


def shared(*values: PersonalValue, carriers: Iterable[Iterable[PersonalValue]]) -> SearchTerms:
    answer = [frozenset(carried) for carried in carriers]
    return SearchTerms.of(values, find_carriers=lambda _: answer)


def test_a_name_that_somebody_else_has_identifies_nobody_alone() -> None:
    terms = shared(NAME, carriers=[[NAME]])
    content = b"Ann Quarantine came"

    (match,) = terms.find(content)
    assert match.is_ambiguous
    assert not terms.identifies([match])
    assert not terms.has_match(content)
    assert terms.has_ambiguous(content)
    assert terms.mask(content) == (content, 0)


def test_a_name_that_nobody_else_has_identifies() -> None:
    terms = shared(NAME, carriers=[[BORN]])

    assert terms.mask(b"Ann Quarantine came") == (b"[erased] came", 1)
    assert not terms.has_ambiguous(b"Ann Quarantine came")


def test_two_people_of_one_name_are_told_apart_by_what_else_is_known() -> None:
    terms = shared(NAME, BORN, carriers=[[NAME]])
    content = b"Ann Quarantine, born 01.03.1980\nAnn Quarantine, born 02.04.1981\n"

    assert terms.has_match(content)
    assert terms.has_ambiguous(content)
    masked = b"[erased], born [erased]\nAnn Quarantine, born 02.04.1981\n"
    assert terms.mask(content) == (masked, 2)


def test_of_a_line_about_two_namesakes_one_is_masked() -> None:
    terms = shared(NAME, BORN, carriers=[[NAME]])
    content = b"Ann Quarantine (1975-01-01), Ann Quarantine (1980-03-01)"

    assert terms.mask(content) == (b"Ann Quarantine (1975-01-01), [erased] ([erased])", 2)


def test_a_unique_value_takes_the_nearest_name_with_it() -> None:
    terms = shared(ANN, replace(NAME, person=""), carriers=[[replace(NAME, person="")]])
    content = b"Ann Quarantine <ann@example.org>, Ann Quarantine <ann2@example.org>"

    masked, count = terms.mask(content)

    assert masked == b"[erased] <[erased]>, Ann Quarantine <ann2@example.org>"
    assert count == 2


def test_of_two_candidates_the_nearer_is_taken_whichever_comes_first() -> None:
    terms = shared(ANN, replace(NAME, person=""), carriers=[[replace(NAME, person="")]])
    content = b"Ann Quarantine rang; then ann@example.org (Ann Quarantine) wrote"

    assert terms.mask(content)[0] == b"Ann Quarantine rang; then [erased] ([erased]) wrote"


def test_who_shares_both_values_is_not_told_apart_by_them() -> None:
    terms = shared(NAME, BORN, carriers=[[NAME, BORN]])

    assert not terms.has_match(b"Ann Quarantine, born 1980-03-01")
    assert terms.has_ambiguous(b"Ann Quarantine, born 1980-03-01")


def test_values_of_two_people_identify_neither() -> None:
    born = replace(BORN, person="b")
    terms = shared(NAME, born, carriers=[[NAME]])

    assert not terms.has_match(b"Ann Quarantine, born 1980-03-01")


@pytest.mark.parametrize("between", ["\n", " " * 500])
def test_what_stands_far_apart_or_in_another_line_says_nothing(between: str) -> None:
    terms = shared(NAME, BORN, carriers=[[NAME]])

    assert not terms.has_match(f"Ann Quarantine{between}1980-03-01".encode())


def test_a_town_and_a_day_are_nobody_s() -> None:
    terms = shared(BORN, TOWN, carriers=[])

    assert list(terms.find(b"Springfield, 1980-03-01")) == []
    assert not terms.has_bytes(b"Springfield, 1980-03-01")


def test_who_else_is_asked_once_and_only_where_the_answer_matters() -> None:
    asked: list[SearchTerms] = []

    def answer(terms: SearchTerms) -> list[frozenset[PersonalValue]]:
        asked.append(terms)
        return [frozenset({NAME})]

    terms = SearchTerms.of([ANN, NAME], find_carriers=answer)
    terms.mask(b"ann@example.org; bob")
    assert asked == []
    for _ in range(2):
        terms.mask(b"Ann Quarantine")
    assert asked == [terms]


def test_an_address_in_their_text_may_be_somebody_else_s() -> None:
    assert not shared(MENTIONED, carriers=[[MENTIONED]]).has_match(b"bob@example.org")
    assert shared(MENTIONED, carriers=[]).has_match(b"bob@example.org")


@pytest.mark.parametrize("text", ["Finished", "Model", "candidate", "Completed"])
def test_a_word_of_a_schema_changes_nothing_and_is_told(text: str) -> None:
    terms = SearchTerms.of([PersonalValue("name", text)])
    content = f"state: {text}".encode()

    assert terms.mask(content) == (content, 0)
    assert terms.has_ambiguous(content)


def test_a_list_of_names_is_left_to_a_person() -> None:
    terms = SearchTerms.of([NAME])

    assert not terms.has_match(b"Bob Quarantine, Ann Lee")
    assert terms.has_ambiguous(b"Bob Quarantine, Ann Lee")
    assert terms.has_match(b"Quarantine, Ann: yes")


def test_values_known_as_ambiguous_identify_together() -> None:
    terms = SearchTerms.of([NAME, PHONE], ambiguous=[NAME, PHONE])

    assert not terms.has_match(b"Ann Quarantine")
    assert terms.has_match(b"Ann Quarantine, 0170 1234567")


def test_matches_without_values_are_told_apart_by_their_kinds() -> None:
    name, phone, other = (
        Match(0, 5, "name", True),
        Match(6, 9, "phone", True),
        Match(10, 15, "name", True),
    )
    terms = SearchTerms.of([NAME])

    assert terms.identifies([name, phone])
    assert not terms.identifies([name, other])
    assert not terms.identifies([])
    assert terms.identifies([Match(0, 5, "name")])


def test_what_others_carry_is_found_with_its_place_and_asks_nobody() -> None:
    terms = shared(NAME, BORN, carriers=[[NAME]])

    found = list(terms.find_carried(b"x\0ANN QUARANTINE\0Joann Quarantine\x001.3.1980"))

    assert found == [(2, NAME), (34, BORN)]


# Bytes of every kind


@pytest.mark.parametrize(
    ("content", "masked"),
    [
        ("Ann\u200b Quar\u00adantine!", b"[erased]!"),
        ("Jo\u200bann Quarantine", None),
        # What says in which direction a text runs: marks, embeddings, isolates.
        ("\u200eAnn\u200f Quarantine\u061c!", b"[erased]"),
        ("\u202bAnn \u202aQuarantine\u202c\u202c!", b"[erased]"),
        ("\u2067Ann\u2069 \u2066Quarantine\u2069!", b"[erased]"),
        ("Jo\u200fann Quarantine", None),
        ("x" * 900 + "Ann Q\u200buarantine" + "\u200b" * 3, b"x" * 900),
    ],
)
def test_what_nobody_sees_parts_no_name(content: str, masked: bytes | None) -> None:
    terms = SearchTerms.of([NAME])
    encoded = content.replace("x" * 900, "x" * 899 + " ").encode()

    if masked is None:
        assert terms.mask(encoded) == (encoded, 0)
    else:
        assert terms.mask(encoded)[1] == 1
        assert b"uarantine" not in terms.mask(encoded)[0]
        assert terms.has_bytes(encoded)


def test_raw_bytes_without_a_value_have_none_whatever_is_invisible_there() -> None:
    assert not SearchTerms.of([NAME]).has_bytes("Bob\u200b Quarantine \u00ad".encode())


def test_stray_bytes_beside_a_value_part_it() -> None:
    assert SearchTerms.of([NAME]).mask(b"\xff\x80Ann Quarantine\xc3\x00") == (
        b"\xff\x80[erased]\xc3\x00",
        1,
    )


def test_a_shorter_name_is_found_where_the_longer_goes_on() -> None:
    longer = PersonalValue("name", "Ann Quarantine Lee")

    assert SearchTerms.of([NAME, longer]).mask(b"Ann Quarantine Leeds") == (b"[erased] Leeds", 1)


def test_nothing_of_a_value_is_shown() -> None:
    terms = SearchTerms.of([NAME], ambiguous=[NAME])
    (match,) = terms.find(b"Ann Quarantine")

    assert "Quarantine" not in repr(terms) + repr(match)


GIVEN = ("Ann", "Joann", "Zoë", "Ольга", "Νίκος", "Mary-Ann", "O'Hara", "Lee", "Søren", "مريم")
FAMILY = ("Quarantine", "Quinson", "Müller", "Петрова", "Παππάς", "Straßer", "Lee", "Iñárritu")
SIGNS = ("", " ", "\n", ", ", "; ", "-", "'", "@", ".", "\u200b", "\u0301", "é", "%20", "\\u00e9")


def texts_about(people: list[str]) -> st.SearchStrategy[str]:
    parts = st.sampled_from([*people, *GIVEN, *FAMILY, "No remarks at all.", "Model", "王小明"])
    return st.lists(st.tuples(st.sampled_from(SIGNS), parts), max_size=12).map(
        lambda pairs: "".join(sign + part for sign, part in pairs)
    )


@st.composite
def people_and_text(draw: st.DrawFn) -> tuple[str, str, str]:
    """Return the address of somebody, their name, and a text about them and others."""
    given_name = draw(st.sampled_from(GIVEN))
    family = draw(st.sampled_from(FAMILY))
    others = [f"{draw(st.sampled_from(GIVEN))} {draw(st.sampled_from(FAMILY))}" for _ in range(3)]
    address = f"{given_name}.{family}@example.org"
    name = f"{given_name} {family}"
    written = [address, name, f"{family}, {given_name}", f"jo{address}", f"{address}.uk", *others]
    return address, name, draw(texts_about(written))


@given(people_and_text())
def test_masking_changes_no_byte_that_does_not_identify(
    person_and_text: tuple[str, str, str],
) -> None:
    address, name, text = person_and_text
    terms = SearchTerms.of([PersonalValue("email", address), PersonalValue("name", name)])
    content = text.encode("utf-8", errors="surrogatepass")
    spans = [(match.start, match.end) for match in terms.find(content) if not match.is_ambiguous]

    masked, count = terms.mask(content)

    # What stands between the masks stands in the text, in that order and whole; and what was taken
    # out has every letter of the address or of the name, and of nothing else.
    parts = masked.split(MASK)
    assert len(parts) == count + 1
    place = 0
    for part in parts:
        found = content.find(part, place)
        assert found >= place
        place = found + len(part)
    for start, end in spans:
        letters = letters_of(unquote(content[start:end].decode()))
        assert letters in {
            letters_of(address),
            letters_of(name),
            letters_of(" ".join(reversed(name.split()))),
        }
    assert not terms.has_match(masked)


def letters_of(text: str) -> str:
    return "".join(char for char in fold(text) if char.isalnum())


@given(st.binary(max_size=200))
def test_any_bytes_can_be_searched_and_keep_what_is_not_theirs(content: bytes) -> None:
    terms = shared(ANN, NAME, BORN, carriers=[[NAME]])

    assert terms.mask(content) == (content, 0)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_bytes_around_a_value_stay_as_they_are(before: bytes, after: bytes) -> None:
    terms = SearchTerms.of([ANN])
    content = before + b" ann@example.org " + after

    assert terms.mask(content) == (before + b" [erased] " + after, 1)


def test_rows_are_sifted_by_what_may_begin_in_them() -> None:
    terms = SearchTerms.of([PersonalValue("name", "Ann Quarantine"), PersonalValue("city", "Linz")])
    rows = [
        b"nobody",
        b"\x07xAnn Quarantine\x00Ann Quarantine",  # several, and within a longer word
        b"",
        b"of Ann Quaran",
        b"tine",  # none is lost behind one that goes on in the next row
        b"linz1980-03-01",
    ]

    assert terms.sift_rows(rows) == [rows[1], rows[3]]
    assert terms.sift_rows([*rows, b"ANN  QUARANTINE"])[-1] == b"ANN  QUARANTINE"
    assert terms.sift_rows([]) == []


def test_the_next_record_s_name_is_not_the_one_behind_an_account() -> None:
    name = PersonalValue("name", "Ann Quarantine", "ann")
    values = [
        name,
        PersonalValue("email", "ann@example.org", "ann"),
        PersonalValue("account", "61728394", "ann"),
        PersonalValue("account", "DE44500105175407324931", "ann"),
    ]
    terms = SearchTerms.of(values, ambiguous=[name])
    line = b"Ann Quarantine; ann@example.org; 61728394; DE44500105175407324931 | Ann Quarantine;"

    masked, _ = terms.mask(line)

    assert masked == b"[erased]; [erased]; [erased]; [erased] | Ann Quarantine;"


def test_what_identifies_one_of_two_erased_people_takes_no_name_of_the_other() -> None:
    name = PersonalValue("name", "Ann Quarantine", "ann")
    values = [name, PersonalValue("email", "bob@example.org", "bob")]
    terms = SearchTerms.of(values, ambiguous=[name])

    masked, _ = terms.mask(b"bob@example.org and Ann Quarantine")

    assert masked == b"[erased] and Ann Quarantine"


def test_what_stands_alone_behind_a_mask_is_masked_too() -> None:
    terms = SearchTerms.of([PersonalValue("email", "ann.quarantine@example.org"), NAME])

    content = b"ann.quarantine@example.org.Ann Quarantine"

    assert terms.mask(content) == (b"[erased].[erased]", 2)


def test_masking_ends_for_somebody_who_is_called_as_the_mask_is() -> None:
    terms = SearchTerms.of([PersonalValue("identifier", MASK.decode())])

    clean, _ = terms.mask(b"of " + MASK)

    assert clean == b"of " + MASK
