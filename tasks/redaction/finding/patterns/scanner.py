"""Find personal data by its form.

A few RE2 passes over a text say which patterns match at all (`_PatternSet`); each of those finds
where (`_CompiledPattern`); validators and words of context decide.

Built-in patterns run on RE2: linear time, whatever the text. A user's pattern runs as Python's, as
in Presidio, behind the relaxed form of itself (`prefilter.py`).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.redaction.finding.patterns.plain import PlainText
from tasks.redaction.finding.patterns.prefilter import (
    as_ascii,
    re2_options,
    relaxed,
    without_upper_bounds,
)
from tasks.redaction.finding.patterns.recognisers import Recogniser
from tasks.redaction.finding.patterns.validators import SLOW, VALIDATORS, Validator
from tasks.redaction.spans import Span

WORDS_BEFORE = 5  # words in which context is looked for; Presidio's context_prefix_count
WORDS_AFTER = 1  # Presidio looks at none after
WINDOW = 90  # characters in which those words are looked for
CONTEXT_ADDS = 0.35  # Presidio's context_similarity_factor
CONTEXT_LEAST = 0.4  # Presidio's min_score_with_context_similarity
# Checks by a slow validator, per pattern and text. What comes after is taken unchecked, so masked:
# a text may cost neither time without end nor a leak.
MOST_SLOW_CHECKS = 40
# Patterns in one RE2 set. RE2 makes its automaton's states while it reads, and those of one set
# multiply: all patterns in one set take 150 µs for a note at first and 32 in the end, in sets of
# this size 54 and 16.
PATTERNS_A_SET = 22
# what stands before data of groups and is none of it: another column, a date, a year
BEFORE_ANOTHER = re.compile(
    r"(?:[^\t\n]{1,30}?(?:[\t\n]| {2,})|\d{1,4}([-/.])\d{1,2}\1\d{1,4}\s|(?:19|20)\d{2}\s)\s*"
)
FLAGS = re.DOTALL | re.MULTILINE | re.IGNORECASE  # Presidio's


@dataclass(frozen=True)
class _CompiledPattern:
    kind: str
    score: float
    finditer: Callable[[Any], Iterable[Any]]  # over what `spans` is given to search
    group: int  # which group is the personal data
    validator: Validator | None
    validated_score: float
    context: frozenset[str]
    is_slow: bool  # does the validator take so long that a text may not ask it without end?
    may_shrink: bool  # is a match that the validator refuses tried again without its last group?
    may_begin_later: bool  # and without its first ones?

    def spans(self, text: str, searched: str | bytes) -> Iterable[tuple[int, int, float]]:
        """Yield start, end and score of what matches and is not refused.

        `searched` is the text again, or its bytes where it is ASCII: RE2 reads bytes, and would
        encode the text for every pattern.
        """
        for number, match in enumerate(self.finditer(searched)):
            start, end = match.span(self.group)
            if self.is_slow and number >= MOST_SLOW_CHECKS:
                yield start, end, self.validated_score
                continue

            score = self._score(text, start, end) if end > start else None
            # A pattern for groups of characters may have taken the word after the last one too.
            while (
                score is None
                and self.may_shrink
                and (groups := text[start:end].rsplit(maxsplit=1))[1:]
            ):
                end = start + len(groups[0].rstrip())
                score = self._score(text, start, end)
            if score is not None:
                yield start, end, score
            if self.may_begin_later and (score is None or score < self.validated_score):
                yield from self._later(text, start, end)

    def _later(self, text: str, start: int, end: int) -> Iterable[tuple[int, int, float]]:
        """Yield what is surely the data once what stands before it is left out, if anything is.

        "1936 (06) 300-4279", in two columns of a table: a pattern for groups of digits, which looks
        from left to right, began too early.
        """
        while (other := BEFORE_ANOTHER.match(text, start, end)) is not None:
            start = other.end()
            score = self._score(text, start, end)
            if score is not None and score >= self.validated_score:
                yield start, end, score
                return

    def _score(self, text: str, start: int, end: int) -> float | None:
        """Return how sure a match makes; None where the validator refuses it."""
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
        """Compile all patterns.

        A built-in pattern reads plain texts, so it is its own RE2 pattern; a user's may be written
        for any characters and reads the original.
        """
        self._builtin = _PatternSet()
        for recogniser in builtin:
            for regex, score in _regexes(recogniser):
                compiled = _compile_re2(regex)
                pattern = _bind(recogniser, score, compiled.finditer, compiled.groupindex)
                self._builtin.add(without_upper_bounds(regex), pattern)

        self._users = _PatternSet()
        for recogniser in users:
            for regex, score in _regexes(recogniser):
                python = re.compile(regex, FLAGS)
                pattern = _bind(recogniser, score, python.finditer, python.groupindex)
                self._users.add(relaxed(regex), pattern)

        # here and not at the first text: two threads may bring that one together
        self._builtin.compile()
        self._users.compile()

    def find(self, plain: PlainText) -> list[Span]:
        """Return what the recognisers find, sorted; spans of several kinds may overlap.

        Places are the original's; of equal spans the best score counts.
        """
        scores: dict[tuple[int, int, str], float] = {}
        text = plain.text
        encoded = text.encode("ascii")
        for pattern in self._builtin.matching(encoded):
            for start, end, score in pattern.spans(text, encoded):
                _keep_best(scores, (*plain.span(start, end), pattern.kind), score)

        if self._users.patterns:
            original = plain.original
            if plain.origin is not None:
                encoded = as_ascii(original).encode("ascii")
            for pattern in self._users.matching(encoded):
                for start, end, score in pattern.spans(original, original):
                    _keep_best(scores, (start, end, pattern.kind), score)
        return [
            Span(start, end, kind, score) for (start, end, kind), score in sorted(scores.items())
        ]


def _keep_best(
    scores: dict[tuple[int, int, str], float], place: tuple[int, int, str], score: float
) -> None:
    scores[place] = max(score, scores.get(place, 0.0))


class _PatternSet:
    """Patterns, and a few RE2 passes that say which of them match a text anywhere."""

    def __init__(self) -> None:
        self._wider: list[tuple[str, int]] = []  # a pattern for RE2, and the number of its own
        self._sets: list[tuple[Any, tuple[int, ...]]] = []  # with the numbers of their patterns
        self._always: list[int] = []  # patterns that are looked for in every text
        self.patterns: list[_CompiledPattern] = []

    def add(self, wider: str | None, pattern: _CompiledPattern) -> None:
        """Add a pattern with one for RE2 that matches wherever it does.

        Without one, or with one that RE2 does not understand, it is looked for in every text.
        """
        if wider is not None and _compiles(wider):
            self._wider.append((wider, len(self.patterns)))
        else:
            self._always.append(len(self.patterns))
        self.patterns.append(pattern)

    def compile(self) -> None:
        """Make the sets ready: once, after the last pattern and before the first text."""
        import re2

        for first in range(0, len(self._wider), PATTERNS_A_SET):
            part = self._wider[first : first + PATTERNS_A_SET]
            compiled = re2.Set.SearchSet(re2_options())
            # Matches every text but the empty one: where it is missing from the answer, RE2 gave
            # up.
            compiled.Add(".")
            for wider, _ in part:
                compiled.Add(wider)
            compiled.Compile()
            self._sets.append((compiled, (-1, *(number for _, number in part))))

    def matching(self, text: bytes) -> list[_CompiledPattern]:
        """Return the patterns that may match, in order; all of a set where RE2 gives up."""
        if not text:
            return []
        numbers = list(self._always)
        for compiled, owners in self._sets:
            matched: list[int] = compiled.Match(text) or []
            numbers += map(owners.__getitem__, matched) if 0 in matched else owners
        return [self.patterns[number] for number in sorted({*numbers} - {-1})]


def _bind(
    recogniser: Recogniser,
    score: float,
    finditer: Callable[[str], Iterable[Any]],
    groups: Mapping[str, int],
) -> _CompiledPattern:
    """Return one compiled pattern with what its recogniser says about all of them."""
    return _CompiledPattern(
        kind=recogniser.supported_entity,
        score=score,
        finditer=finditer,
        group=groups.get("value", 0),  # without a group of that name: the whole match
        validator=VALIDATORS[recogniser.validator] if recogniser.validator else None,
        validated_score=recogniser.validated_score,
        context=frozenset(word.lower() for word in recogniser.context),
        is_slow=recogniser.validator in SLOW,
        may_shrink=recogniser.may_shrink,
        may_begin_later=recogniser.may_begin_later,
    )


def _regexes(recogniser: Recogniser) -> list[tuple[str, float]]:
    """Return a recogniser's patterns with their scores; its list of words is one, as Presidio's."""
    regexes = [(pattern.regex, pattern.score) for pattern in recogniser.patterns]
    if recogniser.deny_list:
        # longest first: an alternation takes the first that matches, not the longest
        words = "|".join(map(re.escape, sorted(recogniser.deny_list, key=len, reverse=True)))
        regexes.append((rf"(?:^|(?<=\W))(?:{words})(?=\W|$)", recogniser.deny_list_score))
    return regexes


def _has_context(text: str, start: int, end: int, context: frozenset[str]) -> bool:
    """Say whether a word of context stands near `text[start:end]`, also inside a longer word."""
    before = text[max(0, start - WINDOW) : start].lower().split()[-WORDS_BEFORE:]
    after = text[end : end + WINDOW].lower().split(maxsplit=WORDS_AFTER)[:WORDS_AFTER]
    near = " ".join([*before, *after])
    return any(map(near.__contains__, context))


def _compile_re2(regex: str) -> Any:
    import re2

    return re2.compile(regex, re2_options())


def _compiles(regex: str) -> bool:
    import re2

    try:
        _compile_re2(regex)
    except re2.error:
        return False
    return True
