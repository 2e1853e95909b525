"""Presidio, the only place that imports it: an analyzer over a lean spaCy pipeline.

Of the pipeline only `ner` runs (it makes its own token vectors); lemmas, which Presidio wants for context words, are
the lower-case words. The phone recogniser, which tries eight regions on every text, sees only texts with enough digits.
"""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.errors import ConfigError
from tasks.redact.params import RedactParams
from tasks.redact.spans import Span

FEWEST_PHONE_DIGITS = 7
NEEDLESS = ["tagger", "parser", "senter", "attribute_ruler", "lemmatizer", "tok2vec"]


class PresidioFinder:
    """Find personal data in texts without knowing whose they are."""

    def __init__(self, params: RedactParams) -> None:
        self._params = params
        self._batch = _batch_analyzer(params)

    def find(self, texts: list[str]) -> Iterator[list[Span]]:
        """Yield the spans of each text, in order, at least `min_score` sure."""
        results = self._batch.analyze_iterator(
            texts,
            language=self._params.language,
            batch_size=256,
            entities=list(self._params.entities),
            score_threshold=self._params.min_score,
        )
        for found in results:
            yield [Span(result.start, result.end, result.entity_type) for result in found]


def _batch_analyzer(params: RedactParams) -> Any:
    import tldextract.tldextract
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    class FilteredPhoneRecognizer(PhoneRecognizer):  # type: ignore[misc]
        def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> Any:
            if len(re.findall(r"\d", text)) < FEWEST_PHONE_DIGITS:
                return []
            return super().analyze(text, entities, nlp_artifacts)

    # the list of domain suffixes that the package ships: redaction asks no one on the network, and never differs
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    engine = _nlp_engine(params)
    registry = RecognizerRegistry(supported_languages=[params.language])
    registry.load_predefined_recognizers(languages=[params.language], nlp_engine=engine)
    registry.remove_recognizer("PhoneRecognizer")
    registry.add_recognizer(FilteredPhoneRecognizer(supported_language=params.language))
    if params.recognisers:
        registry.add_recognizers_from_yaml(params.recognisers)
    return BatchAnalyzerEngine(
        AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[params.language])
    )


def _nlp_engine(params: RedactParams) -> Any:
    import spacy
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from spacy.language import Language

    @Language.component("lower_case_lemmas")  # type: ignore[untyped-decorator]
    def lower_case_lemmas(doc: Any) -> Any:
        for token in doc:
            token.lemma_ = token.lower_
        return doc

    class LeanSpacyNlpEngine(SpacyNlpEngine):  # type: ignore[misc]
        def load(self) -> None:
            pipeline = spacy.load(model_path(params.model), exclude=NEEDLESS)
            pipeline.add_pipe("lower_case_lemmas")
            self.nlp = {params.language: pipeline}

    engine = LeanSpacyNlpEngine(models=[{"lang_code": params.language, "model_name": str(model_path(params.model))}])
    engine.load()
    return engine


def model_path(name: str) -> Path:
    """Return the folder of an installed spaCy pipeline; it is never downloaded.

    Raises:
        ConfigError: No such package is installed.
    """
    spec = find_spec(name)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    for candidate in (folder / "_model", folder, *folder.glob(f"{name}-*")) if folder else ():
        if (candidate / "config.cfg").is_file():
            return candidate
    raise ConfigError(
        "redact.model",
        expected="an installed spaCy pipeline",
        found=f"none named {name}",
        remedy="Install it and pin it in configs/models.lock.",
    )
