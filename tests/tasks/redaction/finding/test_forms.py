"""What a word's form says: is it written like a name, and may a name begin there?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.finding import forms
from tasks.redaction.finding.forms import WORDS, WordCutter, WordForm
from tasks.redaction.finding.lexicon import FIRST, FREQUENT, LAST
from tests.tasks.redaction.finding.lists import TINY, words_of


def form_of(word: str) -> WordForm:
    return WordForm(word, TINY)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ann-Marie O'Neil", ["Ann-Marie", "O'Neil"]),
        ("D\u2019Arcy", ["D\u2019Arcy"]),
        ("Z\u00fcrich, \u0141\u00f3d\u017a", ["Z\u00fcrich", "\u0141\u00f3d\u017a"]),
        ("rose22 and 4th", ["rose", "and", "th"]),
        ("a_b", ["a", "b"]),
        ("'quoted' -dash-", ["quoted", "dash"]),
        ("1234 !?", []),
        ("", []),
    ],
)
def test_words_are_letters_with_hyphens_and_apostrophes_inside(text: str, words: list[str]) -> None:
    assert WORDS.findall(text) == words


@given(st.text(max_size=60))
def test_words_lie_in_order_where_they_say(text: str) -> None:
    end = 0
    for word in words_of(text):
        assert end <= word.start < word.end <= len(text)
        assert text[word.start : word.end].lower() == word.form.lower
        end = word.end


def test_a_form_knows_its_case() -> None:
    assert not form_of("john").is_capital
    assert form_of("John").is_capital
    assert not form_of("John").is_upper
    assert form_of("JOHN").is_upper


def test_flags_are_asked_for_in_lower_case() -> None:
    assert form_of("JOHN").flags == FIRST | FREQUENT


def test_a_word_with_hyphens_has_the_flags_that_all_its_parts_have() -> None:
    assert form_of("Anna-John").flags == FIRST | FREQUENT
    assert form_of("Anna-Zelda").flags == FIRST
    assert form_of("Anna-Smith").flags == 0
    assert form_of("Mason-Smith").flags == LAST


@pytest.mark.parametrize(
    ("word", "may_be_name"),
    [
        ("Qureshi", True),
        ("Smith", True),
        ("smith", False),
        ("House", False),
        ("X", False),
        ("X" * forms.LONGEST_WORD, True),
        ("X" * (forms.LONGEST_WORD + 1), False),
    ],
)
def test_a_capitalised_word_that_is_not_ordinary_may_be_a_name(
    word: str, may_be_name: bool
) -> None:
    assert form_of(word).may_be_name is may_be_name


@pytest.mark.parametrize("word", ["mr", "Dear", "John", "john", "Zelda", "Qureshi", "Hunter"])
def test_the_rules_look_at_a_word_with_which_a_name_may_begin(word: str) -> None:
    assert form_of(word).may_begin


@pytest.mark.parametrize("word", ["zelda", "smith", "house", "House", "the", "qureshi"])
def test_the_rules_do_not_look_at_other_words(word: str) -> None:
    assert not form_of(word).may_begin


@pytest.mark.parametrize("word", ["named", "called", "Borrower", "is", "me", "I\u2019m"])
def test_the_last_word_of_an_introduction_announces_a_name(word: str) -> None:
    assert form_of(word).announces


def test_other_words_announce_nothing() -> None:
    assert not form_of("house").announces
    assert not form_of("John").announces


def test_a_word_s_form_is_made_once() -> None:
    cutter = WordCutter(TINY)
    first, second = cutter.words("John John")
    assert first.form is second.form
    assert cutter.words("John")[0].form is first.form


def test_forms_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "REMEMBERED_FORMS", 2)
    cutter = WordCutter(TINY)
    before = cutter.words("John")[0].form
    cutter.words("one two three")
    assert cutter.words("John")[0].form is not before
    assert len(cutter.forms) <= 2
