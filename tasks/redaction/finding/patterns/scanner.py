"""Find personal data by its form: one RE2 pass says which patterns match at all, those find where, validators decide.

Built-in patterns run on RE2: linear time, whatever the text. A user's pattern runs as Python's, as in Presidio, behind
the relaxed form of itself (`prefilter.py`).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tasks.redaction.finding.patterns.plain import Plain
from tasks.redaction.finding.patterns.prefilter import MEMORY, as_ascii, relaxed
from tasks.redaction.finding.patterns.recognisers import Recogniser
from tasks.redaction.finding.patterns.validators import SLOW, VALIDATORS, Validator
from tasks.redaction.spans import Span

CONTEXT_BEFORE, CONTEXT_AFTER = 5, 1  # words; Presidio looks at five before
WINDOW = 90  # characters in which those words are looked for
CONTEXT_ADDS, CONTEXT_LEAST = (
    0.35,
    0.4,
)  # Presidio's context_similarity_factor and min_score_with_context_similarity
MOST_SLOW_CHECKS = (
    40  # of a slow validator, by pattern and text; what comes after is taken unchecked: masked
)
FLAGS = re.DOTALL | re.MULTILINE | re.IGNORECASE  # Presidio's


@dataclass(frozen=True)
class _Pattern:
    kind: str
    score: float
    finditer: Callable[[str], Iterable[Any]]
    group: int  # which group is the personal data
    validator: Validator | None
    validated_score: float
    context: frozenset[str]
    is_slow: bool  # does the validator take so long that a text may not ask it without end?
    may_shrink: bool  # is a match that the validator refuses tried again without its last group?

    def spans(self, text: str) -> Iterable[tuple[int, int, float]]:
        """Yield what matches and is not refused, and how sure the match makes."""
        for number, match in enumerate(self.finditer(text)):
            start, end = match.span(self.group)
            if self.is_slow and number >= MOST_SLOW_CHECKS:
                yield start, end, self.validated_score
                continue
            score = self._score(text, start, end) if end > start else None
            while (
                score is None
                and self.may_shrink
                and (groups := text[start:end].rsplit(maxsplit=1))[1:]
            ):
                end = start + len(groups[0].rstrip())
                score = self._score(text, start, end)
            if score is not None:
                yield start, end, score

    def _score(self, text: str, start: int, end: int) -> float | None:
        score = self.score
        if self.validator is not None:
            verdict = self.validator(text[start:end])
            if verdict is False:
                return None
            score = max(score, self.validated_score) if verdict else score
        if self.context and score < 1 and _has_context(text, start, end, self.context):
            score = min(1.0, max(score + CONTEXT_ADDS, CONTEXT_LEAST))
        return score


class Scanner:
    """Runs recognisers over texts: those that are built in, and a user's own."""

    def __init__(self, builtin: tuple[Recogniser, ...], users: tuple[Recogniser, ...] = ()) -> None:
        self._builtin = _PatternSet()
        for recogniser in builtin:
            for regex, score in _regexes(recogniser):
                compiled = _compiled(regex)
                self._builtin.add(
                    regex, _pattern(recogniser, score, compiled.finditer, compiled.groupindex)
                )
        self._users = _PatternSet()
        for recogniser in users:
            for regex, score in _regexes(recogniser):
                own = re.compile(regex, FLAGS)
                self._users.add(
                    relaxed(regex), _pattern(recogniser, score, own.finditer, own.groupindex)
                )

    def find(self, text: Plain) -> list[Span]:
        """Return what the recognisers find in a text, with scores; spans of several types may overlap."""
        found: dict[tuple[int, int, str], float] = {}
        for pattern in self._builtin.matching(text.text):
            for start, end, score in pattern.spans(text.text):
                _keep(found, (*text.span(start, end), pattern.kind), score)
        if self._users.patterns:
            for pattern in self._users.matching(as_ascii(text.original)):
                for start, end, score in pattern.spans(text.original):
                    _keep(found, (start, end, pattern.kind), score)
        return [
            Span(start, end, kind, score) for (start, end, kind), score in sorted(found.items())
        ]


def _keep(
    found: dict[tuple[int, int, str], float], key: tuple[int, int, str], score: float
) -> None:
    found[key] = max(score, found.get(key, 0.0))


class _PatternSet:
    """Patterns, and one RE2 pass that says which of them match a text anywhere."""

    def __init__(self) -> None:
        import re2

        self._set = re2.Set.SearchSet(_options())
        self._set.Add(
            "."
        )  # matches every text but the empty one: where it is missing, RE2 has given up
        self._owners: list[int] = [-1]
        self._always: list[int] = []
        self._is_compiled = False
        self.patterns: list[_Pattern] = []

    def add(self, wider: str | None, pattern: _Pattern) -> None:
        """Add a pattern with one for RE2 that matches wherever it does; None: it is looked for in every text."""
        if wider is not None and _compiles(wider):
            self._set.Add(wider)
            self._owners.append(len(self.patterns))
        else:
            self._always.append(len(self.patterns))
        self.patterns.append(pattern)

    def matching(self, text: str) -> list[_Pattern]:
        """Return the patterns that may match; all of them where RE2 gives up."""
        if not self._is_compiled:
            self._set.Compile()
            self._is_compiled = True
        matched = self._set.Match(text) or ()
        if 0 not in matched:
            return list(self.patterns) if text else []
        return [
            self.patterns[index]
            for index in sorted({*map(self._owners.__getitem__, matched), *self._always} - {-1})
        ]


def _pattern(recogniser: Recogniser, score: float, finditer: Any, groups: Any) -> _Pattern:
    return _Pattern(
        recogniser.supported_entity,
        score,
        finditer,
        groups.get("value", 0),
        VALIDATORS[recogniser.validator] if recogniser.validator else None,
        recogniser.validated_score,
        frozenset(word.lower() for word in recogniser.context),
        recogniser.validator in SLOW,
        recogniser.may_shrink,
    )


def _regexes(recogniser: Recogniser) -> list[tuple[str, float]]:
    listed = [(pattern.regex, pattern.score) for pattern in recogniser.patterns]
    if recogniser.deny_list:
        words = "|".join(map(re.escape, sorted(recogniser.deny_list, key=len, reverse=True)))
        listed.append((rf"(?:^|(?<=\W))(?:{words})(?=\W|$)", recogniser.deny_list_score))
    return listed


def _has_context(text: str, start: int, end: int, context: frozenset[str]) -> bool:
    before = text[max(0, start - WINDOW) : start].lower().split()[-CONTEXT_BEFORE:]
    after = text[end : end + WINDOW].lower().split(maxsplit=CONTEXT_AFTER)[:CONTEXT_AFTER]
    near = " ".join([*before, *after])
    return any(word in near for word in context)


def _compiled(regex: str) -> Any:
    import re2

    return re2.compile(regex, _options())


def _compiles(regex: str) -> bool:
    import re2

    try:
        _compiled(regex)
    except re2.error:
        return False
    return True


def _options() -> Any:
    import re2

    options = re2.Options()
    options.max_mem, options.log_errors = MEMORY, False
    options.case_sensitive, options.dot_nl, options.one_line = False, True, False
    return options
