"""What words are in other languages: names first, then what the dictionary has."""

from collections.abc import Iterator

import pytest

from tasks.redaction.finding.languages import profile_of
from tasks.redaction.finding.languages.lexicons import load_language_lexicon
from tasks.redaction.finding.lexicon import FIRST, FREQUENT, LAST, NOUN, WORD
from tests.tasks.redaction.finding.languages.dictionaries import install


@pytest.fixture(scope="module", autouse=True)
def _small_dictionaries() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        load_language_lexicon.cache_clear()
        yield
    load_language_lexicon.cache_clear()


def test_german_nouns_are_known_by_their_capital() -> None:
    german = profile_of("de").lexicon()
    assert german.of("vertrag") == NOUN
    assert german.of("wohnt") == WORD
    assert german.is_ordinary("vertrag")
    assert not german.is_ordinary("quatschwort")


def test_a_name_that_is_a_word_too_stays_a_name_with_a_capital() -> None:
    french = profile_of("fr").lexicon()
    assert french.of("pierre") & (FIRST | NOUN | WORD) == FIRST | NOUN
    assert not french.is_ordinary("pierre")


def test_a_name_that_is_a_word_first_is_ordinary() -> None:
    german = profile_of("de").lexicon()
    assert german.of("ernst") & WORD
    assert not german.of("ernst") & FREQUENT
    assert german.is_ordinary("ernst")


def test_of_a_name_of_several_words_each_is_one_but_for_particles() -> None:
    spanish = profile_of("es").lexicon()
    assert spanish.of("garcía") & LAST
    assert not spanish.of("la") & (FIRST | LAST)


def test_people_from_elsewhere_are_known_unless_the_language_has_the_word() -> None:
    german = profile_of("de").lexicon()
    assert german.of("washington") & LAST
    assert not german.of("in") & (FIRST | LAST)
