"""spaCy's tokenizer with a memory: a run of characters without white space is always cut the same way.

Follows `spacy.tokenizer.Tokenizer`: texts are cut at white space, one space after a word belongs to that word, other
white space is a token of its own. Runs longer than any word are cut first, because the tokenizer takes time that grows
with their square.
"""

import re
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.redact.ner.memory import Columns, Numbered

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
        self.types: Numbered[tuple[int, int]] = Numbered(space=False, **dict.fromkeys(ATTRIBUTES, number))
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
            with self._pipeline.memory_zone():  # spaCy forgets again what it has not known before
                self._learn(new)
        which = self._runs.look_up(runs)
        gaps = np.fromiter(chain.from_iterable(gaps for _, gaps in by_text), dtype=np.int64, count=len(runs))
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

    def _learn(self, runs: list[str]) -> None:
        docs = [self._pipeline.tokenizer(run) for run in runs]
        tokens = [token for doc in docs for token in doc]
        types = [(token.orth, token.norm) for token in tokens]
        if new := self.types.missing(types):
            lexemes = [self._pipeline.vocab[orth] for orth, _ in new]
            columns = {
                "ORTH": [orth for orth, _ in new],
                "NORM": [norm for _, norm in new],
                "PREFIX": [lexeme.prefix for lexeme in lexemes],
                "SUFFIX": [lexeme.suffix for lexeme in lexemes],
                "SHAPE": [lexeme.shape for lexeme in lexemes],
            }
            arrays = {name: np.array(values, dtype=np.uint64) for name, values in columns.items()}
            self.types.add(new, space=np.array([lexeme.is_space for lexeme in lexemes]), **arrays)
        start = np.array([token.idx for token in tokens], dtype=np.int64)
        length = np.array([len(token) for token in tokens], dtype=np.int64)
        first = self._cut.append(len(tokens), type=self.types.look_up(types), start=start, end=start + length)
        by_run = np.array([len(doc) for doc in docs], dtype=np.int64)
        self._runs.add(runs, length=np.array(list(map(len, runs))), first=first + _before(by_run)[:-1], tokens=by_run)


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
