"""The rules for names, each on a lexicon of a dozen words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.finding.naming import (
    LIKELY,
    LONGEST_NAME_WORDS,
    POSSIBLE,
    SURE,
    last_word_of_name,
    match_name,
)
from tests.tasks.redaction.finding.lists import words_of


def match(text: str, index: int = 0) -> tuple[str, float] | None:
    """Return the name that the rules find at word `index`, with its score."""
    span, _ = match_name(text, words_of(text), index)
    return None if span is None else (text[span.start : span.end], span.score)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mr. Qureshi called", "Qureshi"),
        ("Mr Qureshi called", "Qureshi"),
        ("Dr. John Smith said", "John Smith"),
        ("MRS. SMITH", "SMITH"),
        ("Ms. J. R. Smith", "J. R. Smith"),
        ("Nurse Qureshi", "Qureshi"),
        ("nurse Qureshi", "Qureshi"),
        ("mr. qureshi said", "qureshi"),
        ("mr. john smith", "john smith"),
        ("Mr\nQureshi", "Qureshi"),
    ],
)
def test_what_follows_a_title_is_surely_a_name(text: str, name: str) -> None:
    assert match(text) == (name, SURE)


@pytest.mark.parametrize(
    "text", ["nurse qureshi", "the nurse said", "mr. said", "Mr", "Mr, Qureshi", "mr x"]
)
def test_a_title_alone_is_no_name(text: str) -> None:
    found = match(text)
    assert found is None or found[1] < SURE


def test_a_title_takes_its_own_word_but_is_no_part_of_the_span() -> None:
    text = "Mr. John Smith said"
    span, words_used = match_name(text, words_of(text), 0)
    assert span is not None
    assert text[span.start : span.end] == "John Smith"
    assert words_used == 3


@pytest.mark.parametrize(
    ("text", "name"),
    [("Dear Qureshi,", "Qureshi"), ("hi, Anna Smith", "Anna Smith"), ("Regards,\nJohn", "John")],
)
def test_what_follows_a_greeting_is_likely_a_name(text: str, name: str) -> None:
    assert match(text) == (name, LIKELY)


@pytest.mark.parametrize("text", ["Dear qureshi", "dear House", "Dear. Qureshi"])
def test_a_greeting_needs_a_word_like_a_name_right_after_it(text: str) -> None:
    assert match(text) is None


@pytest.mark.parametrize(
    ("text", "index", "name"),
    [
        ("my name is john", 3, "john"),
        ("my name is qureshi smith", 3, "qureshi smith"),
        ("named: Qureshi", 1, "Qureshi"),
        ("call me zelda", 2, "zelda"),
        ("I am Qureshi", 2, "Qureshi"),
        ("I'm Qureshi", 1, "Qureshi"),
        ("borrower: Qureshi", 1, "Qureshi"),
        ('"borrower"="Qureshi"', 1, "Qureshi"),
    ],
)
def test_what_is_introduced_is_likely_a_name(text: str, index: int, name: str) -> None:
    assert match(text, index) == (name, LIKELY)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("my name is said", 3),
        ("i am qureshi", 2),
        ("borrower: house", 1),
        ("borrower Qureshi", 1),
        ("borrower: qureshi", 1),
        ("named. qureshi", 1),
        ("my name is x", 3),
    ],
)
def test_an_introduction_does_not_make_a_name_of_a_word(text: str, index: int) -> None:
    assert match(text, index) is None


@pytest.mark.parametrize(
    ("text", "name", "score"),
    [
        ("Smith, John", "Smith, John", LIKELY),
        ("Smith,John Mason said", "Smith,John Mason", LIKELY),
        ("Qureshi, Anna", "Qureshi, Anna", LIKELY),
        ("Smith, Qureshi", "Smith, Qureshi", POSSIBLE),
    ],
)
def test_a_surname_may_come_first(text: str, name: str, score: float) -> None:
    assert match(text) == (name, score)


@pytest.mark.parametrize("text", ["smith, john", "Smith, house", "House, John", "Smith; John"])
def test_a_comma_joins_no_other_words(text: str) -> None:
    span = match(text)
    assert span is None or "," not in span[0]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("John Smith said", "John Smith"),
        ("JOHN SMITH", "JOHN SMITH"),
        ("john smith", "john smith"),
        ("John Qureshi", "John Qureshi"),
        ("Mason Gray", "Mason Gray"),
        ("J. Smith", "J. Smith"),
        ("J. Qureshi", "J. Qureshi"),
    ],
)
def test_a_given_and_a_family_name_are_likely_one(text: str, name: str) -> None:
    assert match(text) == (name, LIKELY)


@pytest.mark.parametrize(
    "text", ["John smith", "john Smith", "zelda smith", "MASON GRAY", "j. smith", "X. house"]
)
def test_names_of_two_words_are_written_alike(text: str) -> None:
    found = match(text)
    assert found is None or " " not in found[0]


def test_a_full_stop_ends_a_sentence_except_after_an_initial() -> None:
    assert match("John. Smith said") == ("John", POSSIBLE)
    assert match("J. Smith said") == ("J. Smith", LIKELY)


def test_two_unknown_capitalised_words_are_possibly_a_name() -> None:
    assert match("Qureshi Okonkwo") == ("Qureshi Okonkwo", POSSIBLE)
    assert match("QURESHI OKONKWO") is None
    assert match("Qureshi\nOkonkwo") is None
    assert match("Qureshi House") is None


@pytest.mark.parametrize(
    ("text", "name"), [("John", "John"), ("Zelda", "Zelda"), ("john", "john"), ("JOHN", "JOHN")]
)
def test_a_given_name_alone_is_possibly_a_person(text: str, name: str) -> None:
    assert match(text) == (name, POSSIBLE)


@pytest.mark.parametrize("text", ["zelda", "Mason", "Hunter", "hunter", "Smith", "Qureshi", "The"])
def test_other_words_alone_are_nobody(text: str) -> None:
    assert match(text) is None


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("John Smith walks", 1),
        ("Ludwig van Beethoven", 2),
        ("Ludwig van", 0),
        ("J. R. Smith", 2),
        ("John Smith House", 1),
        ("John SMITH", 0),
        ("John X Smith", 2),
        ("John  Smith", 1),
        ("John   Smith", 0),
        ("John\nSmith", 0),
        ("John, Smith", 0),
        ("John o Smith", 0),
    ],
)
def test_a_name_goes_on_over_capitalised_words_and_particles(text: str, last: int) -> None:
    assert last_word_of_name(text, words_of(text), 0) == last


def test_a_name_has_a_greatest_length() -> None:
    text = "Qureshi " * 20
    assert last_word_of_name(text, words_of(text), 0) == LONGEST_NAME_WORDS - 1
    assert last_word_of_name(text, words_of(text), 0, most_words=2) == 1


@given(
    st.lists(
        st.sampled_from(
            ["Mr", ".", ",", "John", "smith", "Dear", "van", "X", "\n", "named", "Qureshi", "House"]
        ),
        min_size=1,
        max_size=12,
    )
)
def test_a_name_lies_between_its_words_and_takes_at_least_one(pieces: list[str]) -> None:
    text = " ".join(pieces)
    words = words_of(text)
    for index in range(len(words)):
        span, words_used = match_name(text, words, index)
        assert 1 <= words_used <= len(words) - index
        if span is not None:
            assert words[index].start <= span.start < span.end
            assert span.end == words[index + words_used - 1].end
