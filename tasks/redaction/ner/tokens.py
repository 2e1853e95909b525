"""spaCy's tokenizer with a memory: a run without white space is always cut the same way.

Follows `spacy.tokenizer.Tokenizer`: texts are cut at white space, one space after a word belongs to
that word, other white space is a token of its own. Runs longer than any word are cut first, because
the tokenizer takes time that grows with their square.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.redaction.ner.memory import GrowingColumns, NumberedRows

Ints = npt.NDArray[np.int64]
LONGEST_RUN = 150  # characters; longer ones are no words but data
RUNS = re.compile(rf"\S{{1,{LONGEST_RUN}}}|\s{{1,1000}}")
# what the network's embeddings look at
ATTRIBUTES = ("ORTH", "NORM", "PREFIX", "SUFFIX", "SHAPE")


@dataclass(frozen=True)
class Tokens:
    """The tokens of several texts, one after the other.

    Attributes:
        types: Of each token, the number of its type.
        start: Of each, its first character, counted from the beginning of its own text.
        end: Of each, the character after its last.
        lengths: Tokens by text.
    """

    types: Ints
    start: Ints
    end: Ints
    lengths: Ints


@dataclass(frozen=True)
class TokenizedText:
    """The tokens of one text: one item a token, in order, in each list.

    Attributes:
        starts: Of each, its first character.
        ends: Of each, the character after its last.
        written: Each as it stands in the text.
    """

    starts: list[int]
    ends: list[int]
    written: list[str]


class Tokenizer:
    """Cuts texts into tokens of numbered types.

    A type is a pair (ORTH, NORM): all that the network looks at follows from it.
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        number = np.uint64(0)
        examples: dict[str, Any] = dict.fromkeys(ATTRIBUTES, number)
        self.types: NumberedRows[tuple[int, int]] = NumberedRows(space=False, **examples)
        self.words: list[str] = []  # of each type, as it is written
        # of each run: its length in characters, its first row in `_cut`, and how many rows are its
        self._runs: NumberedRows[str] = NumberedRows(length=0, first=0, tokens=0)
        # the tokens of all runs, one after the other, with their places in their runs
        self._cut = GrowingColumns(type=0, start=0, end=0)

    @property
    def remembered(self) -> int:
        """How many runs of characters, or types of token, are remembered: whichever is more."""
        return max(self._runs.count, self.types.count)

    def cut(self, texts: list[str]) -> Tokens:
        """Return the tokens of all texts."""
        by_text = [_runs(text) for text in texts]
        runs = list(chain.from_iterable(runs for runs, _ in by_text))
        if new := self._runs.missing(runs):
            with _forgetful(self._pipeline):
                self._learn(new)
        run_rows = self._runs.look_up(runs)

        # Where each run begins in its own text: the sum of what stands before it in all texts, less
        # what stands before its text.
        gaps = np.fromiter(
            chain.from_iterable(gaps for _, gaps in by_text), dtype=np.int64, count=len(runs)
        )
        runs_by_text = np.array([len(runs) for runs, _ in by_text], dtype=np.int64)
        before_runs = _sums_before(self._runs["length"][run_rows] + gaps)
        before_texts = before_runs[_sums_before(runs_by_text)[:-1]]
        run_starts = before_runs[:-1] - np.repeat(before_texts, runs_by_text)

        # The rows of each run's tokens, one run after the other.
        tokens = self._runs["tokens"][run_rows]
        before = _sums_before(tokens)
        shifts = self._runs["first"][run_rows] - before[:-1]
        rows = np.arange(before[-1]) + np.repeat(shifts, tokens)
        starts = np.repeat(run_starts, tokens)
        return Tokens(
            types=self._cut["type"][rows],
            start=starts + self._cut["start"][rows],
            end=starts + self._cut["end"][rows],
            lengths=np.diff(before[_sums_before(runs_by_text)]),
        )

    def clear(self) -> None:
        """Forget all runs and types."""
        self.words.clear()
        for columns in (self.types, self._runs, self._cut):
            columns.clear()

    def _learn(self, runs: list[str]) -> None:
        """Cut new runs; those without white space all at once, a line each, so that none touch."""
        words = [run for run in runs if not run[0].isspace()]
        if words:
            self._keep(
                words, self._pipeline.tokenizer("\n".join(words)), [len(word) + 1 for word in words]
            )
        for space in (run for run in runs if run[0].isspace()):
            self._keep([space], self._pipeline.tokenizer(space), [len(space)])

    def _keep(self, runs: list[str], doc: Any, steps: list[int]) -> None:
        """Keep the tokens of `doc`, a text that consists of `runs`.

        `steps` says how many characters after each of them the next one begins.
        """
        attributes = doc.to_array([*ATTRIBUTES, "IS_SPACE", "IDX", "LENGTH"]).reshape(len(doc), -1)
        if len(runs) > 1:
            is_space = attributes[:, len(ATTRIBUTES)] != 0  # the ends of lines between the runs
            attributes = attributes[~is_space]

        run_starts = _sums_before(np.array(steps, dtype=np.int64))
        starts = attributes[:, -2].astype(np.int64)
        lengths = attributes[:, -1].astype(np.int64)
        bounds = np.searchsorted(starts, run_starts)  # where the tokens of each run begin
        tokens = np.diff(bounds)
        in_run = starts - np.repeat(run_starts[:-1], tokens)
        first = self._cut.append(
            len(attributes),
            type=self._number_types(attributes),
            start=in_run,
            end=in_run + lengths,
        )
        self._runs.add(
            runs,
            length=np.array(list(map(len, runs))),
            first=first + bounds[:-1],
            tokens=tokens,
        )

    def _number_types(self, attributes: "npt.NDArray[np.uint64]") -> Ints:
        """Return the number of each token's type, learning the new ones."""
        pairs = list(zip(attributes[:, 0].tolist(), attributes[:, 1].tolist(), strict=True))
        if new := self.types.missing(pairs):
            # pair -> its first row: of equal keys the last one stays, so backwards
            place = dict(zip(reversed(pairs), range(len(pairs) - 1, -1, -1), strict=True))
            rows = attributes[[place[pair] for pair in new]]
            columns = {name: rows[:, column] for column, name in enumerate(ATTRIBUTES)}
            strings = self._pipeline.vocab.strings
            self.words += [strings[orth] for orth, _ in new]
            self.types.add(new, space=rows[:, len(ATTRIBUTES)].astype(bool), **columns)

        return self.types.look_up(pairs)


@contextmanager
def _forgetful(pipeline: Any) -> Iterator[None]:
    """Let spaCy forget, at the end, the words that it had not known.

    Meanwhile it computes of them only the attributes that are looked at.
    """
    from spacy.attrs import IDS

    vocab = pipeline.vocab
    getters = vocab.lex_attr_getters
    needed = {IDS[name] for name in (*ATTRIBUTES, "LOWER", "IS_SPACE")}
    with pipeline.memory_zone():
        vocab.lex_attr_getters = {key: getter for key, getter in getters.items() if key in needed}
        try:
            yield
        finally:
            vocab.lex_attr_getters = getters


def _runs(text: str) -> tuple[list[str], list[int]]:
    """Return a text's runs, and how many characters stand between each and the next: 0 or 1."""
    # Most texts have one space between words, and no other white space: then splitting is enough.
    runs = text.split(" ")
    if runs == text.split() and len(max(runs, key=len)) <= LONGEST_RUN:
        return runs, [1] * len(runs)

    runs = []
    gaps: list[int] = []
    is_word = False
    for match in RUNS.finditer(text):
        run = match.group()
        if is_word and run[0] == " ":
            # the space belongs to the word before; what is left is white space of its own
            gaps[-1] = 1
            run = run[1:]
        if run:
            runs.append(run)
            gaps.append(0)
        is_word = not match.group()[0].isspace()
    return runs, gaps


def has_longer_run(text: str) -> bool:
    """Say whether a text has a run that is cut before the tokenizer reads it."""
    return any(len(run) > LONGEST_RUN for run in text.split())


def _sums_before(counts: Ints) -> Ints:
    """Return the sum of all counts before each, and last the sum of all."""
    sums = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=sums[1:])
    return sums
