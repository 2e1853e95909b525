"""Presidio, the only place that imports it: what its analyzer finds, without what its analyzer does for nothing.

Names come from `names.py`; a pattern recogniser runs only on texts that its patterns could match at all
(`prefilter.py`); words of context are looked up only around what was found. The spans are Presidio's own.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.redaction.finding.patterns.prefilter import Prefilter
from tasks.redaction.finding.patterns.recognisers import load_recognisers
from tasks.redaction.ner.names import NameFinder, load_pipeline, model_path
from tasks.redaction.params import RedactParams
from tasks.redaction.spans import Span


@dataclass(frozen=True)
class _Words:
    """What Presidio's context enhancer reads of a text: where tokens start and end, lemmas, which are keywords."""

    start: list[int]
    end: list[int]
    lemmas: list[str]
    keywords: frozenset[str]


class PresidioFinder:
    """Find personal data in texts without knowing whose they are: what Presidio finds, at least `min_score` sure."""

    def __init__(self, params: RedactParams) -> None:
        self._entities = list(params.entities)
        self._language, self._min_score = params.language, params.min_score
        self._analyzer = _analyzer(params)
        self._engine = self._analyzer.nlp_engine
        self._recognisers = self._analyzer.registry.get_recognizers(
            language=params.language, entities=self._entities
        )
        self._contexts = {one.id: one.context for one in self._recognisers}
        self._prefilter = Prefilter(self._recognisers)
        self._labels = _Labels(self._engine, self._recognisers, params)
        self._names = NameFinder(self._engine.nlp[params.language])
        self._keywords: dict[str, tuple[str, ...]] = {}

    @property
    def recogniser(self) -> str:
        """Which recogniser of names is at work."""
        return self._names.recogniser

    def prove(self, texts: list[str]) -> None:
        """Try the fast recogniser of names on texts of the data; fall back to spaCy's own if they differ."""
        self._names.prove(texts)

    def find(self, texts: list[str]) -> Iterator[list[Span]]:
        """Yield the spans of each text, in order."""
        for text, labelled in zip(texts, self._names.find(texts), strict=True):
            names = [
                Span(start, end, kind)
                for start, end, label in labelled
                if (kind := self._labels.kind(label)) is not None
            ]
            yield self._found(text, names)

    def _found(self, text: str, names: list[Span]) -> list[Span]:
        results: list[Any] = []
        for recogniser in self._prefilter.candidates(text):
            results += (
                recogniser.analyze(text=text, entities=self._entities, nlp_artifacts=None) or ()
            )
        if results:
            self._enhance(text, results)
        kept = [result for result in results if result.score >= self._min_score]
        return self._labels.without_duplicates(names, kept)

    def _enhance(self, text: str, results: list[Any]) -> None:
        """Raise the score of what stands near a word of its recogniser's context (LemmaContextAwareEnhancer).

        Presidio's lemmas are here the lower-case words: its pipeline's lemmatizer is not run.
        """
        from presidio_analyzer import RecognizerResult
        from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer

        enhancer = self._analyzer.context_aware_enhancer
        words: _Words | None = None
        for result in results:
            metadata = result.recognition_metadata
            context = self._contexts.get(metadata[RecognizerResult.RECOGNIZER_IDENTIFIER_KEY])
            if not context or metadata.get(RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY):
                continue
            words = words or self._words(text)
            index = bisect_right(words.start, result.start) - 1
            if result.start >= words.end[index]:
                index += 1  # it begins with white space between two tokens
            near = enhancer._add_n_words_backward(
                index, enhancer.context_prefix_count, words.lemmas, words.keywords
            )
            near += enhancer._add_n_words_forward(
                index, enhancer.context_suffix_count, words.lemmas, words.keywords
            )
            if enhancer._find_supportive_word_in_context(
                near, context, enhancer.context_matching_mode
            ):
                raised = result.score + enhancer.context_similarity_factor
                raised = max(raised, enhancer.min_score_with_context_similarity)
                result.score = min(raised, ContextAwareEnhancer.MAX_SCORE)

    def _words(self, text: str) -> _Words:
        doc = self._names.pipeline.make_doc(text)
        lemmas = [token.lower_ for token in doc]
        for lemma in lemmas:
            if lemma not in self._keywords:
                self._keywords[lemma] = self._parts_of_keyword(lemma)
        keywords = frozenset(part for lemma in lemmas for part in self._keywords[lemma])
        start = [token.idx for token in doc]
        return _Words(
            start, [at + len(token) for at, token in zip(start, doc, strict=True)], lemmas, keywords
        )

    def _parts_of_keyword(self, lemma: str) -> tuple[str, ...]:
        is_no_keyword = self._engine.is_stopword(lemma, self._language) or self._engine.is_punct(
            lemma, self._language
        )
        return () if is_no_keyword or lemma in ("-PRON-", "be") else tuple(lemma.split(":"))


class _Labels:
    """What spaCy's labels are in Presidio's words, and how sure they are (NerModelConfiguration)."""

    def __init__(self, engine: Any, recognisers: list[Any], params: RedactParams) -> None:
        configuration = engine.ner_model_configuration
        self._mapping = configuration.model_to_presidio_entity_mapping
        self._ignored = configuration.labels_to_ignore
        self._low = configuration.low_score_entity_names
        self._score = configuration.default_score
        self._low_score = self._score * configuration.low_confidence_score_multiplier
        supported = {
            name
            for one in recognisers
            if type(one).__name__ == "SpacyRecognizer"
            for name in one.supported_entities
        }
        self._wanted = supported & set(params.entities)
        self._least = params.min_score
        self._kinds: dict[str, str | None] = {}

    def kind(self, label: str) -> str | None:
        """Return Presidio's word for a label, or None where it is not looked for or not sure enough."""
        if label not in self._kinds:
            kind = self._mapping.get(label, label)
            is_wanted = (
                label not in self._ignored and kind not in self._ignored and kind in self._wanted
            )
            self._kinds[label] = kind if is_wanted and self._score_of(kind) >= self._least else None
        return self._kinds[label]

    def without_duplicates(self, names: list[Span], results: list[Any]) -> list[Span]:
        """Return all spans without those that another of the same kind contains, as Presidio leaves them out."""
        if not results:
            return names
        from presidio_analyzer import EntityRecognizer, RecognizerResult

        named = [
            RecognizerResult(span.kind, span.start, span.end, self._score_of(span.kind))
            for span in names
        ]
        kept = EntityRecognizer.remove_duplicates([*named, *results])
        return [Span(result.start, result.end, result.entity_type) for result in kept]

    def _score_of(self, kind: str) -> float:
        return float(self._low_score if kind in self._low else self._score)


def _analyzer(params: RedactParams) -> Any:
    import tldextract.tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class LeanSpacyNlpEngine(SpacyNlpEngine):  # type: ignore[misc]
        def load(self) -> None:
            self.nlp = {params.language: load_pipeline(params.model)}

    # the list of domain suffixes that the package ships: redaction asks no one on the network, and never differs
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.tldextract.TLDExtract(
        suffix_list_urls=(), cache_dir=None
    )
    engine = LeanSpacyNlpEngine(
        models=[{"lang_code": params.language, "model_name": str(model_path(params.model))}]
    )
    engine.load()
    registry = RecognizerRegistry(supported_languages=[params.language])
    registry.load_predefined_recognizers(languages=[params.language], nlp_engine=engine)
    if params.recognisers:
        for recogniser in load_recognisers(Path(params.recognisers)):
            registry.add_pattern_recognizer_from_dict(recogniser.for_presidio())
    return AnalyzerEngine(
        registry=registry, nlp_engine=engine, supported_languages=[params.language]
    )
