"""Lists of words are data: in lower case, and each one named by what it does."""

import pytest

from tasks.redaction.finding.words import word_list

LISTS = (
    "ambiguous",
    "titles",
    "abbreviated_titles",
    "particles",
    "greetings",
    "fields",
    "sentence",
)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_words_in_lower_case(name: str) -> None:
    words = word_list(name)
    assert words
    assert {word.lower() for word in words} == words


def test_a_list_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match="verbs"):
        word_list("verbs")


def test_a_list_is_read_once() -> None:
    assert word_list("titles") is word_list("titles")


def test_every_abbreviated_title_is_a_title() -> None:
    assert word_list("abbreviated_titles") <= word_list("titles")


def test_no_greeting_is_a_title() -> None:
    assert not word_list("greetings") & word_list("titles")
