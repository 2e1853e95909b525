"""Presidio, in the only module that imports it: what its analyzer finds, without idle work.

Names come from `ner/names.py`; a pattern recogniser runs only on texts that its patterns could
match at all (`prefilter.py`); telephone numbers are what its recogniser finds, without asking the
matcher twice (`telephones.py`); words of context are looked up only around what was found. The
spans are Presidio's own.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import ConfigError
from tasks.redaction.characters import well_formed
from tasks.redaction.finding.patterns.prefilter import Prefilter
from tasks.redaction.finding.patterns.recognisers import load_recognisers
from tasks.redaction.finding.patterns.telephones import Telephones
from tasks.redaction.ner.names import PIPELINE_LOCK, NameFinder, load_pipeline, model_path
from tasks.redaction.ner.tokens import TokenizedText
from tasks.redaction.params import RedactParams
from tasks.redaction.spans import MASK_KINDS, Span, masks_of


@dataclass(frozen=True)
class _ContextTokens:
    """What Presidio's context enhancer reads of a text: one item a token, and all its keywords."""

    starts: list[int]
    ends: list[int]
    lemmas: list[str]
    keywords: "_Keywords"


class _Keywords:
    """The keywords of a text, as a container of words that is asked about a few of them.

    They are the parts of all lemmas between colons. So a word is one if it is its own only part, or
    a part of a lemma with a colon; of the other lemmas nothing has to be known.
    """

    def __init__(self, lemmas: list[str], parts_of: Callable[[str], tuple[str, ...]]) -> None:
        self._parts_of = parts_of
        self._between_colons = frozenset(
            part for lemma in lemmas if ":" in lemma for part in parts_of(lemma)
        )

    def __contains__(self, word: str) -> bool:
        return word in self._between_colons or self._parts_of(word) == (word,)


class PresidioFinder:
    """Find what Presidio finds, at least `min_score` sure. Safe for threads."""

    def __init__(self, params: RedactParams) -> None:
        self._entities = list(params.entities)
        self._language = params.language
        self._min_score = params.min_score
        self._analyzer = _open_analyzer(params)
        self.kinds = frozenset(self._analyzer.get_supported_entities(params.language))
        self.masks = masks_of(self.kinds - MASK_KINDS)
        self._engine = self._analyzer.nlp_engine
        self._recognisers = self._analyzer.registry.get_recognizers(
            language=params.language, entities=self._entities
        )
        self._contexts = {recogniser.id: recogniser.context for recogniser in self._recognisers}
        self._prefilter = Prefilter(self._recognisers)
        self._labels = _Labels(self._engine, self._recognisers, params)
        # Presidio's own class alone: one of a user's may find otherwise.
        self._telephones = {
            id(recogniser): Telephones(recogniser.supported_regions, recogniser.leniency)
            for recogniser in self._recognisers
            if type(recogniser).__name__ == "PhoneRecognizer"
        }
        self._names = NameFinder(self._engine.nlp[params.language])
        # lemma -> keywords; it grows with the different words beside what patterns find
        self._keywords: dict[str, tuple[str, ...]] = {}

    @property
    def recogniser(self) -> str:
        """Which recogniser of names is at work, and why."""
        return self._names.recogniser

    def prove(self, texts: list[str]) -> None:
        """Try the fast recogniser of names on texts of the data; drop it if spaCy's own differs."""
        self._names.prove([well_formed(text) for text in texts])

    def find(self, texts: list[str]) -> Iterator[list[Span]]:
        """Yield the spans of each text, in order."""
        texts = [well_formed(text) for text in texts]
        labelled_by_text = self._names.find(texts)
        results_by_text = [self._match_patterns(text) for text in texts]
        self._enhance(texts, results_by_text)
        for labelled, results in zip(labelled_by_text, results_by_text, strict=True):
            names = [
                Span(start, end, kind)
                for start, end, label in labelled
                if (kind := self._labels.kind(label)) is not None
            ]
            # Only now: context may have raised a score above the limit.
            sure = [result for result in results if result.score >= self._min_score]
            yield self._labels.without_duplicates(names, sure)

    def _match_patterns(self, text: str) -> list[Any]:
        """Return what recognisers other than that of names find in one text, in their order."""
        results: list[Any] = []
        for recogniser in self._prefilter.candidates(text):
            if telephones := self._telephones.get(id(recogniser)):
                results += _telephone_results(recogniser, telephones.places(text))
            else:
                results += (
                    recogniser.analyze(text=text, entities=self._entities, nlp_artifacts=None) or ()
                )
        return results

    def _enhance(self, texts: list[str], results_by_text: list[list[Any]]) -> None:
        """Raise the score of what stands near a word of its recogniser's context.

        The words of all texts that need them are asked for at once: those that the recogniser of
        names has read already.
        """
        pending: list[tuple[str, list[Any]]] = []
        for text, results in zip(texts, results_by_text, strict=True):
            if open_results := [result for result in results if self._context_of(result)]:
                pending.append((text, open_results))

        words_by_text = self._names.words([text for text, _ in pending])
        for (_, results), words in zip(pending, words_by_text, strict=True):
            tokens = self._tokens(words)
            for result in results:
                self._enhance_result(result, tokens)

    def _context_of(self, result: Any) -> list[str] | None:
        """Return the words that make a result surer; None or empty: none does."""
        from presidio_analyzer import RecognizerResult

        metadata = result.recognition_metadata
        if metadata.get(RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY):
            return None
        return self._contexts.get(metadata[RecognizerResult.RECOGNIZER_IDENTIFIER_KEY])

    def _enhance_result(self, result: Any, tokens: _ContextTokens) -> None:
        """Raise one result's score where a word of its context stands near.

        This is `LemmaContextAwareEnhancer.enhance_using_context`. Presidio's lemmas are here the
        lower-case words: its pipeline's lemmatizer is not run.
        """
        from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer

        enhancer = self._analyzer.context_aware_enhancer
        index = bisect_right(tokens.starts, result.start) - 1
        if result.start >= tokens.ends[index]:
            index += 1  # it begins with white space between two tokens
        near = enhancer._add_n_words_backward(
            index, enhancer.context_prefix_count, tokens.lemmas, tokens.keywords
        )
        near += enhancer._add_n_words_forward(
            index, enhancer.context_suffix_count, tokens.lemmas, tokens.keywords
        )
        if enhancer._find_supportive_word_in_context(
            near, self._context_of(result), enhancer.context_matching_mode
        ):
            raised = result.score + enhancer.context_similarity_factor
            # Presidio's own arithmetic (2.2, `enhance_using_context`): add, raise to a least score,
            # cap.
            raised = max(raised, enhancer.min_score_with_context_similarity)
            result.score = min(raised, ContextAwareEnhancer.MAX_SCORE)

    def _tokens(self, words: TokenizedText) -> _ContextTokens:
        lemmas = [word.lower() for word in words.written]
        return _ContextTokens(
            words.starts, words.ends, lemmas, _Keywords(lemmas, self._parts_of_keyword)
        )

    def _parts_of_keyword(self, lemma: str) -> tuple[str, ...]:
        """Return the keywords that Presidio makes of a lemma (`NlpArtifacts.set_keywords`)."""
        parts = self._keywords.get(lemma)
        if parts is None:
            # The pipeline learns words while it is asked, and another thread's batch makes it
            # forget them.
            with PIPELINE_LOCK:
                is_stopword = self._engine.is_stopword(lemma, self._language)
                is_punct = self._engine.is_punct(lemma, self._language)
            is_none = is_stopword or is_punct or lemma in ("-PRON-", "be")
            parts = () if is_none else tuple(lemma.split(":"))
            self._keywords[lemma] = parts

        return parts


def _telephone_results(recogniser: Any, places: set[tuple[int, int]]) -> list[Any]:
    """Return what Presidio's recogniser makes of telephone numbers, but the explanation."""
    from presidio_analyzer import EntityRecognizer, RecognizerResult

    metadata = {
        RecognizerResult.RECOGNIZER_NAME_KEY: recogniser.name,
        RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: recogniser.id,
    }
    kind = recogniser.supported_entities[0]
    results = [
        RecognizerResult(kind, *place, recogniser.SCORE, recognition_metadata=dict(metadata))
        for place in sorted(places)
    ]
    remaining: list[Any] = EntityRecognizer.remove_duplicates(results)
    return remaining


class _Labels:
    """What spaCy's labels are in Presidio's words, and how sure they are.

    Follows Presidio's `NerModelConfiguration`.
    """

    def __init__(self, engine: Any, recognisers: list[Any], params: RedactParams) -> None:
        configuration = engine.ner_model_configuration
        self._mapping = configuration.model_to_presidio_entity_mapping
        self._ignored = configuration.labels_to_ignore
        self._low = configuration.low_score_entity_names
        self._score = configuration.default_score
        self._low_score = self._score * configuration.low_confidence_score_multiplier
        supported = {
            name
            for recogniser in recognisers
            if type(recogniser).__name__ == "SpacyRecognizer"
            for name in recogniser.supported_entities
        }
        self._entities = supported & set(params.entities)
        self._min_score = params.min_score
        self._kinds: dict[str, str | None] = {}

    def kind(self, label: str) -> str | None:
        """Return Presidio's word for a label; None where it is not wanted or not sure enough."""
        if label not in self._kinds:
            kind = self._mapping.get(label, label)
            is_ignored = label in self._ignored or kind in self._ignored
            is_wanted = not is_ignored and kind in self._entities
            is_sure = self._score_of(kind) >= self._min_score
            self._kinds[label] = kind if is_wanted and is_sure else None
        return self._kinds[label]

    def without_duplicates(self, names: list[Span], results: list[Any]) -> list[Span]:
        """Return all spans without those that another of the same kind contains.

        Presidio itself leaves them out. Its results carry no score here: they were judged already.
        """
        if not results:
            return names  # spaCy's entities never overlap
        from presidio_analyzer import EntityRecognizer, RecognizerResult

        named = [
            RecognizerResult(span.kind, span.start, span.end, self._score_of(span.kind))
            for span in names
        ]
        remaining = EntityRecognizer.remove_duplicates([*named, *results])
        return [Span(result.start, result.end, result.entity_type) for result in remaining]

    def _score_of(self, kind: str) -> float:
        return float(self._low_score if kind in self._low else self._score)


def _open_analyzer(params: RedactParams) -> Any:
    """Return Presidio's analyzer on the installed pipeline, with the use case's recognisers.

    Raises:
        ConfigError: No pipeline is named, or it is not installed.
    """
    model = params.model
    if model is None:
        raise ConfigError(
            "redact.model",
            expected="a pipeline, which Presidio needs",
            found="none",
            remedy="Name one of the language, or use `mode: fast`.",
        )
    import tldextract.tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    pipeline = load_pipeline(model)

    class LeanSpacyNlpEngine(SpacyNlpEngine):  # type: ignore[misc]
        def load(self) -> None:
            self.nlp = {params.language: pipeline}

    # The list of domain suffixes that the package ships: redaction asks nobody on the network, and
    # finds the same on every day.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.tldextract.TLDExtract(
        suffix_list_urls=(), cache_dir=None
    )
    engine = LeanSpacyNlpEngine(
        models=[{"lang_code": params.language, "model_name": str(model_path(model))}]
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
