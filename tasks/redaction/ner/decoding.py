"""From vectors to entities: the best valid transition at every token, as spaCy's BILUO transition system takes it.

While no entity is open, a token's transition depends on its own window only, so it is kept with the window. What an
open entity does next depends on its first token too: those are decoded in step, all that begin at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.redaction.ner.memory import Columns
from tasks.redaction.ner.network import Matrix, Network

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
STEPS_TOGETHER = 8  # tokens that all open entities are decoded for in step
AHEAD = 256  # tokens of a longer one that are decoded at once


@dataclass(frozen=True)
class Found:
    """Tokens `first` to before `end`, counted over all texts, are an entity of label number `label`."""

    first: int
    end: int
    label: int


class Decoder:
    """Takes transitions: begin or single token by label, or outside; then inside or last."""

    def __init__(self, network: Network, ner: Any) -> None:
        self._network = network
        names = [ner.moves.get_class_name(index) for index in range(ner.moves.n_moves)]
        self.labels = sorted(name[2:] for name in names if name.startswith("B-"))
        self._begin, self._inside, self._last, self._unit = (
            np.array([names.index(f"{kind}-{label}") for label in self.labels]) for kind in "BILU"
        )
        self._outside = names.index("O")
        score = np.float32(0)
        self._best = Columns(
            begin=0, begin_score=score, unit=0, unit_score=score, outside_score=score
        )

    def clear(self) -> None:
        """Forget what is kept by window."""
        self._best.clear()

    def decode(
        self, numbers: Ints, vectors: Matrix, spaces: Flags, lengths: Ints
    ) -> list[list[Found]]:
        """Return the entities of each text; `numbers` says which row of `vectors` is each token's."""
        self._learn(vectors)
        last = np.zeros(len(numbers), dtype=bool)
        last[np.cumsum(lengths)[lengths > 0] - 1] = True
        moves = self._moves(numbers, spaces, last)
        busy = np.flatnonzero(moves < 2 * len(self.labels))
        ends = busy + 1
        opens = np.flatnonzero(moves[busy] < len(self.labels))
        ends[opens] = self._ends(busy[opens], moves[busy[opens]], (numbers, vectors, last))
        bounds = np.searchsorted(busy, np.concatenate([[0], np.cumsum(lengths)]))
        found = []
        for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            one_text = zip(busy[low:high].tolist(), ends[low:high].tolist(), strict=True)
            found.append(self._reachable(one_text, moves, (numbers, vectors, last)))
        return found

    def _reachable(
        self, candidates: Any, moves: Ints, tokens: tuple[Ints, Matrix, Flags]
    ) -> list[Found]:
        """Walk a text: an entity that would begin inside the one before is none."""
        found: list[Found] = []
        at = 0
        for first, end in candidates:
            if first < at:
                continue
            label = int(moves[first]) % len(self.labels)
            at = end if end > 0 else self._end(first, label, tokens)
            found.append(Found(first, at, label))
        return found

    def _learn(self, vectors: Matrix) -> None:
        new = vectors[self._best.count :]
        if not len(new):
            return
        scores = self._network.scorer.closed(self._network.states(new))
        begin, unit = (
            np.ascontiguousarray(scores[:, moves].T) for moves in (self._begin, self._unit)
        )  # by label
        self._best.append(
            len(new),
            begin=begin.argmax(axis=0),
            begin_score=begin.max(axis=0),
            unit=unit.argmax(axis=0),
            unit_score=unit.max(axis=0),
            outside_score=scores[:, self._outside],
        )

    def _moves(self, numbers: Ints, spaces: Flags, last: Flags) -> Ints:
        """Return each token's best valid move while no entity is open: begin, unit (after them), outside (2 * labels).

        White space starts no entity, and the last token begins none that goes on (spaCy's Begin, Unit and Out).
        """
        best, count = self._best, len(self.labels)
        begin = np.where(spaces | last, -np.inf, best["begin_score"][numbers])
        unit = np.where(spaces, -np.inf, best["unit_score"][numbers])
        move: Ints = np.where(begin >= unit, best["begin"][numbers], count + best["unit"][numbers])
        return np.where(np.maximum(begin, unit) > best["outside_score"][numbers], move, 2 * count)

    def _ends(self, first: Ints, labels: Ints, tokens: tuple[Ints, Matrix, Flags]) -> Ints:
        """Return the end of each entity that begins at `first`; 0 for one that is longer than `STEPS_TOGETHER`."""
        numbers, vectors, _ = tokens
        ends = np.zeros(len(first), dtype=np.int64)
        running, now = np.arange(len(first)), first + 1
        opened = self._network.scorer.opened(self._network.states(vectors[numbers[first]]))
        for _ in range(STEPS_TOGETHER):
            if not len(running):
                break
            inside = self._goes_on(now[running], opened[running], labels[running], tokens)
            ends[running[~inside]] = now[running[~inside]] + 1
            running = running[inside]
            now[running] += 1
        return ends

    def _end(self, first: int, label: int, tokens: tuple[Ints, Matrix, Flags]) -> int:
        numbers, vectors, _ = tokens
        opened = self._network.scorer.opened(self._network.states(vectors[numbers[[first]]]))
        start = first + STEPS_TOGETHER
        while True:
            now = np.arange(start, min(start + AHEAD, len(numbers)))
            stops = np.flatnonzero(~self._goes_on(now, opened, np.full(len(now), label), tokens))
            if len(stops):
                return start + int(stops[0]) + 1
            start += AHEAD

    def _goes_on(
        self, now: Ints, opened: Matrix, labels: Ints, tokens: tuple[Ints, Matrix, Flags]
    ) -> Flags:
        """Say of each open entity whether it goes on after the token `now`; at a text's end it does not."""
        numbers, vectors, last = tokens
        states = self._network.states(
            np.concatenate([vectors[numbers[now]], vectors[numbers[now - 1]]])
        )
        scores = self._network.scorer.open(states[: len(now)], opened, states[len(now) :])
        rows = np.arange(len(now))
        inside: Flags = scores[rows, self._inside[labels]] >= scores[rows, self._last[labels]]
        return inside & ~last[now]
