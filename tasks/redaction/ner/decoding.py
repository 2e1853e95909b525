"""From vectors to entities: the best valid transition at every token.

The transitions are those of spaCy's BILUO system (begin, inside, last, unit, out). While no entity
is open, a token's transition depends on its own window only, so it is kept with the window. What an
open entity does next depends on its first token too: those are decoded in step, all that begin at
once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.redaction.ner.memory import GrowingColumns
from tasks.redaction.ner.network import Matrix, Network

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
STEPS_TOGETHER = 8  # tokens for which all open entities are decoded in step; few are longer
TOKENS_AHEAD = 256  # tokens of a longer one that are decoded at once


@dataclass(frozen=True)
class EntityTokens:
    """Tokens `first` to before `end`, counted over all texts, are an entity.

    `label` is the place of its label in `Decoder.labels`.
    """

    first: int
    end: int
    label: int


@dataclass(frozen=True)
class _TokenRows:
    """The tokens of all texts, one after the other.

    `vectors[numbers[i]]` is the vector of token i; `is_last` says whether it ends its text.
    """

    numbers: Ints
    vectors: Matrix
    is_last: Flags


class Decoder:
    """Takes transitions: begin or unit by label, or out; then inside or last.

    A move is one number: `label` to begin one, `len(labels) + label` for a unit, and
    `2 * len(labels)` for out.
    """

    def __init__(self, network: Network, ner: Any) -> None:
        self._network = network
        names = [ner.moves.get_class_name(index) for index in range(ner.moves.n_moves)]
        self.labels = sorted(name[2:] for name in names if name.startswith("B-"))
        self._begin, self._inside, self._last, self._unit = (
            np.array([names.index(f"{kind}-{label}") for label in self.labels]) for kind in "BILU"
        )
        self._outside = names.index("O")

        # by window: the best label to begin and for a unit, with their scores, and that of out
        score = np.float32(0)
        self._best = GrowingColumns(
            begin=0, begin_score=score, unit=0, unit_score=score, outside_score=score
        )

    def clear(self) -> None:
        """Forget what is kept by window."""
        self._best.clear()

    def decode(
        self,
        numbers: Ints,
        vectors: Matrix,
        spaces: Flags,
        lengths: Ints,
        wanted: Flags | None = None,
    ) -> list[list[EntityTokens]]:
        """Return the entities of each text.

        Args:
            numbers: Of each token, which row of `vectors` is its own.
            vectors: One row a window; rows are only ever added between two calls.
            spaces: Whether a token is white space.
            lengths: Tokens by text.
            wanted: Which tokens have a vector at all: an entity begins and ends among them. None:
                all have.
        """
        self._learn(vectors)
        is_last = np.zeros(len(numbers), dtype=bool)
        is_last[np.cumsum(lengths)[lengths > 0] - 1] = True
        if wanted is not None:
            is_last[:-1] |= ~wanted[1:]
        tokens = _TokenRows(numbers, vectors, is_last)

        # First pass, all tokens at once: where an entity could begin, and where it would end.
        moves = self._moves(numbers, spaces, is_last)
        may_start = moves < 2 * len(self.labels)
        starts = np.flatnonzero(may_start if wanted is None else may_start & wanted)
        ends = starts + 1
        opening = np.flatnonzero(moves[starts] < len(self.labels))
        ends[opening] = self._ends(starts[opening], moves[starts[opening]], tokens)

        # Second pass, text by text: which of them do begin.
        bounds = np.searchsorted(starts, np.concatenate([[0], np.cumsum(lengths)]))
        entities = []
        for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            candidates = zip(starts[low:high].tolist(), ends[low:high].tolist(), strict=True)
            entities.append(self._walk(candidates, moves, tokens))
        return entities

    def _walk(
        self, candidates: Iterable[tuple[int, int]], moves: Ints, tokens: _TokenRows
    ) -> list[EntityTokens]:
        """Walk a text: an entity that would begin inside the one before is none."""
        entities: list[EntityTokens] = []
        free = 0  # the first token that no entity has taken
        for first, end in candidates:
            if first < free:
                continue
            label = int(moves[first]) % len(self.labels)
            free = end if end > 0 else self._end(first, label, tokens)
            entities.append(EntityTokens(first, free, label))

        return entities

    def _learn(self, vectors: Matrix) -> None:
        """Keep the best moves of the windows that are new since the last time."""
        new = vectors[self._best.count :]
        if not len(new):
            return

        scores = self._network.scorer.closed(self._network.states(new))
        # labels in rows: the largest of a column is found faster when a row is contiguous
        begin, unit = (
            np.ascontiguousarray(scores[:, moves].T) for moves in (self._begin, self._unit)
        )
        self._best.append(
            len(new),
            begin=begin.argmax(axis=0),
            begin_score=begin.max(axis=0),
            unit=unit.argmax(axis=0),
            unit_score=unit.max(axis=0),
            outside_score=scores[:, self._outside],
        )

    def _moves(self, numbers: Ints, spaces: Flags, is_last: Flags) -> Ints:
        """Return each token's best valid move while no entity is open.

        White space starts no entity, and the last token begins none that goes on (the conditions of
        spaCy's `Begin`, `Unit` and `Out`).
        """
        best = self._best
        count = len(self.labels)
        begin = np.where(spaces | is_last, -np.inf, best["begin_score"][numbers])
        unit = np.where(spaces, -np.inf, best["unit_score"][numbers])
        move: Ints = np.where(begin >= unit, best["begin"][numbers], count + best["unit"][numbers])
        return np.where(np.maximum(begin, unit) > best["outside_score"][numbers], move, 2 * count)

    def _ends(self, first: Ints, labels: Ints, tokens: _TokenRows) -> Ints:
        """Return the end of each entity that begins at `first`.

        0 for one that is longer than `STEPS_TOGETHER`: it is followed only if it does begin.
        """
        ends = np.zeros(len(first), dtype=np.int64)
        running = np.arange(len(first))  # the entities that are still open
        current = first + 1  # of each, the token that is decoded next
        opened = self._opened(first, tokens)
        for _ in range(STEPS_TOGETHER):
            if not len(running):
                break
            goes_on = self._goes_on(current[running], opened[running], labels[running], tokens)
            stopped = running[~goes_on]
            ends[stopped] = current[stopped] + 1
            running = running[goes_on]
            current[running] += 1

        return ends

    def _end(self, first: int, label: int, tokens: _TokenRows) -> int:
        """Return the end of one long entity: decoded as if it went on, up to its first stop."""
        opened = self._opened(np.array([first]), tokens)
        start = first + STEPS_TOGETHER
        while True:
            ahead = np.arange(start, min(start + TOKENS_AHEAD, len(tokens.numbers)))
            goes_on = self._goes_on(ahead, opened, np.full(len(ahead), label), tokens)
            stops = np.flatnonzero(~goes_on)
            if len(stops):
                return start + int(stops[0]) + 1
            start += TOKENS_AHEAD

    def _opened(self, first: Ints, tokens: _TokenRows) -> Matrix:
        """Return what the first tokens of entities add to all later states of theirs."""
        states = self._network.states(tokens.vectors[tokens.numbers[first]])
        return self._network.scorer.opened(states)

    def _goes_on(self, current: Ints, opened: Matrix, labels: Ints, tokens: _TokenRows) -> Flags:
        """Say of each open entity whether it goes on after its token `current`.

        At a text's end it does not.
        """
        count = len(current)
        numbers = tokens.numbers
        # one product for both tokens of the states: matrices this small are bound by calls
        states = self._network.states(
            np.concatenate([tokens.vectors[numbers[current]], tokens.vectors[numbers[current - 1]]])
        )
        scores = self._network.scorer.open(states[:count], opened, states[count:])
        rows = np.arange(count)
        inside: Flags = scores[rows, self._inside[labels]] >= scores[rows, self._last[labels]]
        return inside & ~tokens.is_last[current]
