"""spaCy's tokenizer with a memory: a run of characters without white space is always cut the same way.

Follows `spacy.tokenizer.Tokenizer`: texts are cut at white space, one space after a word belongs to that word, other
white space is a token of its own. Runs longer than any word are cut first, because the tokenizer takes time that grows
with their square.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.redaction.ner.memory import Columns, Numbered

Ints = npt.NDArray[np.int64]
LONGEST_RUN = 150  # characters; longer ones are no words but data
RUNS = re.compile(rf"\S{{1,{LONGEST_RUN}}}|\s{{1,1000}}")
ATTRIBUTES = ("ORTH", "NORM", "PREFIX", "SUFFIX", "SHAPE")


@dataclass(frozen=True)
class Tokens:
    """The tokens of several texts, one after the other."""

    types: Ints  # of each token: the number of its type
    start: Ints  # first character, counted from the beginning of its own text
    end: Ints
    lengths: Ints  # tokens by text


class Tokenizer:
    """Cuts texts into tokens of numbered types. All that the network looks at follows from a type: (orth, norm)."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        number = np.uint64(0)
        examples: dict[str, Any] = dict.fromkeys(ATTRIBUTES, number)
        self.types: Numbered[tuple[int, int]] = Numbered(space=False, **examples)
        self._runs: Numbered[str] = Numbered(length=0, first=0, tokens=0)
        self._cut = Columns(type=0, start=0, end=0)  # the tokens of all runs, one after the other

    @property
    def remembered(self) -> int:
        """How many runs of characters are remembered."""
        return self._runs.count

    def cut(self, texts: list[str]) -> Tokens:
        """Return the tokens of all texts."""
        by_text = [_runs(text) for text in texts]
        runs = list(chain.from_iterable(runs for runs, _ in by_text))
        if new := self._runs.missing(runs):
            with _forgetful(self._pipeline):
                self._learn(new)
        which = self._runs.look_up(runs)
        gaps = np.fromiter(
            chain.from_iterable(gaps for _, gaps in by_text), dtype=np.int64, count=len(runs)
        )
        runs_by_text = np.array([len(runs) for runs, _ in by_text], dtype=np.int64)
        begin = _before(self._runs["length"][which] + gaps)
        begin = begin[:-1] - np.repeat(begin[_before(runs_by_text)[:-1]], runs_by_text)
        tokens = self._runs["tokens"][which]
        before = _before(tokens)
        place = np.arange(before[-1]) + np.repeat(self._runs["first"][which] - before[:-1], tokens)
        begin = np.repeat(begin, tokens)
        return Tokens(
            self._cut["type"][place],
            begin + self._cut["start"][place],
            begin + self._cut["end"][place],
            np.diff(before[_before(runs_by_text)]),
        )

    def clear(self) -> None:
        """Forget all runs and types."""
        for columns in (self.types, self._runs, self._cut):
            columns.clear()

    def _learn(self, runs: list[str]) -> None:
        """Cut new runs: those without white space at once, a line each, so that none touches another."""
        words = [run for run in runs if not run[0].isspace()]
        if words:
            self._keep(
                words, self._pipeline.tokenizer("\n".join(words)), [len(word) + 1 for word in words]
            )
        for space in (run for run in runs if run[0].isspace()):
            self._keep([space], self._pipeline.tokenizer(space), [len(space)])

    def _keep(self, runs: list[str], doc: Any, steps: list[int]) -> None:
        """Keep the tokens of a text that consists of `runs`, each `steps` characters before the next."""
        attributes = doc.to_array([*ATTRIBUTES, "IS_SPACE", "IDX", "LENGTH"]).reshape(len(doc), -1)
        if len(runs) > 1:
            attributes = attributes[
                attributes[:, len(ATTRIBUTES)] == 0
            ]  # without the ends of lines
        begin = _before(np.array(steps, dtype=np.int64))
        start, length = (attributes[:, column].astype(np.int64) for column in (-2, -1))
        bounds = np.searchsorted(start, begin)
        first = self._cut.append(
            len(attributes),
            type=self._types(attributes),
            start=start - np.repeat(begin[:-1], np.diff(bounds)),
            end=start + length - np.repeat(begin[:-1], np.diff(bounds)),
        )
        self._runs.add(
            runs,
            length=np.array(list(map(len, runs))),
            first=first + bounds[:-1],
            tokens=np.diff(bounds),
        )

    def _types(self, attributes: "npt.NDArray[np.uint64]") -> Ints:
        pairs = list(zip(attributes[:, 0].tolist(), attributes[:, 1].tolist(), strict=True))
        if new := self.types.missing(pairs):
            place = dict(zip(reversed(pairs), range(len(pairs) - 1, -1, -1), strict=True))
            rows = attributes[[place[pair] for pair in new]]
            columns = {name: rows[:, column] for column, name in enumerate(ATTRIBUTES)}
            self.types.add(new, space=rows[:, len(ATTRIBUTES)].astype(bool), **columns)
        return self.types.look_up(pairs)


@contextmanager
def _forgetful(pipeline: Any) -> Iterator[None]:
    """Let spaCy forget, at the end, the words that it had not known; of those it computes only what is looked at."""
    from spacy.attrs import IDS

    vocab, getters = pipeline.vocab, pipeline.vocab.lex_attr_getters
    needed = {IDS[name] for name in (*ATTRIBUTES, "LOWER", "IS_SPACE")}
    with pipeline.memory_zone():
        vocab.lex_attr_getters = {key: getter for key, getter in getters.items() if key in needed}
        try:
            yield
        finally:
            vocab.lex_attr_getters = getters


def _runs(text: str) -> tuple[list[str], list[int]]:
    """Return a text's runs, and by how many characters each is followed before the next begins."""
    runs = text.split(" ")
    if runs == text.split() and len(max(runs, key=len)) <= LONGEST_RUN:
        return runs, [1] * len(runs)
    runs, gaps, is_word = [], list[int](), False
    for match in RUNS.finditer(text):
        run = match.group()
        if is_word and run[0] == " ":
            gaps[-1], run = 1, run[1:]
        if run:
            runs.append(run)
            gaps.append(0)
        is_word = not match.group()[0].isspace()
    return runs, gaps


def _before(counts: Ints) -> Ints:
    """Return the sum of all counts before each, and last the sum of all."""
    sums = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=sums[1:])
    return sums
