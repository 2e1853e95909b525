"""Interventional SHAP values: what each input adds to the log-odds, against rows to compare with.

With numpy alone and one row at a time in effect: a row's values do not depend on the rows beside
it, so that a decision is explained by the same bits in a batch and by itself. The tests hold the
values against the package shap, and against Shapley's own definition.

What a leaf gives to a row depends on which of the leaf's conditions the row meets, and on nothing
else. So each row becomes a pattern of bits, and what a pattern is given is worked out once and
looked up: the time hardly grows with the number of rows to compare with. The package
woodelf-explainer rests on the same idea; `benchmarks/shapley.py` holds the two against each other.
"""

from collections.abc import Iterator
from functools import cached_property
from math import factorial

import numpy as np

from .errors import BrokenModelError
from .families import Booster, Logistic, Matrix
from .trees import Leaf, leaves_of

CHUNK_ROWS = 20_000
# Leaves of up to so many conditions have a table of all 2 ** depth patterns, where that is not far
# more than the patterns that occur among the rows to compare with; the small tables are kept.
MOST_TABLED = 16
ALWAYS_TABLED = 8
TABLED_PER_PATTERN = 64
MOST_BITS = 62  # conditions that fit into one integer
TOLERANCE = 1e-4  # log-odds, for a margin of size 1: XGBoost adds up in single precision


class Cuts:
    """Where an ensemble's leaves cut each input: a value's rank says which conditions it meets.

    A rank is the number of cuts below a value: a small integer, compared many times as fast.
    """

    def __init__(self, leaves: tuple[Leaf, ...], inputs: int) -> None:
        found: list[list[float]] = [[] for _ in range(inputs)]
        for leaf in leaves:
            for position, low, high in zip(leaf.inputs, leaf.low, leaf.high, strict=True):
                found[position] += [cut for cut in (low, high) if np.isfinite(cut)]
        self._cuts = [np.unique(np.array(cuts, dtype=np.float64)) for cuts in found]

    def ranks(self, matrix: Matrix) -> list[np.ndarray]:
        """Return the ranks of each input's values, an array of shape (rows,) for each input."""
        return [
            np.searchsorted(cuts, column).astype(np.min_scalar_type(len(cuts)))
            for cuts, column in zip(self._cuts, matrix.T, strict=True)
        ]

    def bounds(self, leaf: Leaf) -> Iterator[tuple[int, int | None, int | None]]:
        """Yield each condition of a leaf: an input, its least rank and its greatest, if any."""
        for position, low, high in zip(leaf.inputs, leaf.low, leaf.high, strict=True):
            cuts = self._cuts[position]
            least = int(np.searchsorted(cuts, low)) + 1 if np.isfinite(low) else None
            greatest = int(np.searchsorted(cuts, high)) if np.isfinite(high) else None
            yield int(position), least, greatest


class ComparedLeaf:
    """A leaf, its conditions as ranks, and which of them the rows to compare with meet."""

    def __init__(self, leaf: Leaf, cuts: Cuts, background: list[np.ndarray]) -> None:
        self.value = leaf.value
        self.inputs = leaf.inputs
        self.depth = len(leaf.inputs)
        self._bounds = tuple(cuts.bounds(leaf))
        # Booleans, shape (patterns, depth): each that occurs, once; and its share of those rows.
        self.patterns, positions = self.patterns_of(background, slice(None))
        self.shares = np.bincount(positions) / len(positions)
        self.is_tabled = self.depth <= MOST_TABLED and (
            self.depth <= ALWAYS_TABLED
            or 1 << self.depth <= TABLED_PER_PATTERN * len(self.patterns)
        )

    def patterns_of(self, ranks: list[np.ndarray], rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return which conditions rows meet, each pattern once, and which pattern each row has.

        Booleans of shape (patterns, depth), and positions of shape (rows,).
        """
        if self.depth <= MOST_TABLED:
            codes = self.codes(ranks, rows)
            occurs = np.bincount(codes, minlength=1 << self.depth) > 0
            return _bits(np.flatnonzero(occurs), self.depth), (np.cumsum(occurs) - 1)[codes]

        met = np.stack([self._meets(ranks, rows, *bound) for bound in self._bounds], axis=1)
        return _distinct(met)

    def codes(self, ranks: list[np.ndarray], rows: slice) -> np.ndarray:
        """Return which conditions rows meet, a bit each, shape (rows,)."""
        codes = np.zeros(len(ranks[0][rows]), dtype=np.min_scalar_type((1 << self.depth) - 1))
        for bit, bound in enumerate(self._bounds):
            meets = self._meets(ranks, rows, *bound).astype(codes.dtype)
            codes |= np.left_shift(meets, bit, dtype=codes.dtype)
        return codes.astype(np.intp)  # by which numpy looks up; it would convert at each look

    @staticmethod
    def _meets(
        ranks: list[np.ndarray],
        rows: slice,
        position: int,
        least: int | None,
        greatest: int | None,
    ) -> np.ndarray:
        rank = ranks[position][rows]
        if least is None:
            return np.asarray(rank <= greatest)
        above = np.asarray(rank >= least)
        return above if greatest is None else above & (rank <= greatest)

    @property
    def table(self) -> Matrix:
        """What every pattern is given, shape (depth, 2 ** depth), by its code."""
        return self._kept_table if self.depth <= ALWAYS_TABLED else self._make_table()

    @cached_property
    def _kept_table(self) -> Matrix:
        return self._make_table()

    def _make_table(self) -> Matrix:
        """Work out `_of_patterns` for all patterns at once.

        The shares of those that meet at least some conditions, by how many they meet, are sums over
        supersets, which are added up one condition at a time: depth * 2 ** depth sums instead of
        4 ** depth.
        """
        depth, size = self.depth, 1 << self.depth
        codes = np.arange(size)
        met = self.patterns.sum(axis=1)
        shares = np.zeros((depth + 1, size))  # by number of conditions met, and by code
        shares[met, self.patterns @ (1 << np.arange(depth))] = self.shares
        for bit in range(depth):
            pairs = shares.reshape(depth + 1, -1, 2, 1 << bit)
            pairs[:, :, 0] += pairs[:, :, 1]

        # Of a pattern's code, `size - 1 - code` has the conditions that it misses.
        with_missed = shares[:, ::-1]
        missed = depth - _bits(codes, depth).sum(axis=1)
        for_mine, for_other = (
            weights[depth - np.arange(depth + 1)[:, None], missed] for weights in _weights(depth)
        )
        # Added up in one order: no matrix product, for which each machine has an order of its own.
        lost = (with_missed * for_other).sum(axis=0)
        given = [
            np.where(
                codes >> bit & 1,
                # Of those, the ones that miss this condition: all, less those that meet it, too.
                (for_mine * (with_missed - with_missed[:, codes ^ 1 << bit])).sum(axis=0),
                -lost,
            )
            for bit in range(depth)
        ]
        return self.value * np.array(given).reshape(depth, size)


class Explainer:
    """Contributions of one model's inputs, against `background`, shape (rows, inputs)."""

    def __init__(self, booster: Booster, background: Matrix) -> None:
        """Prepare for many rows.

        Raises:
            BrokenModelError: The model is of a kind that this does not explain.
        """
        self._booster = booster
        self._background = background
        self._leaves: tuple[ComparedLeaf, ...] = ()
        if not isinstance(booster, Logistic):
            leaves = self._agreeing_leaves()
            self._cuts = Cuts(leaves, background.shape[1])
            ranks = self._cuts.ranks(background)
            self._leaves = tuple(ComparedLeaf(leaf, self._cuts, ranks) for leaf in leaves)

    @property
    def background(self) -> Matrix:
        """The rows to compare with, shape (rows, inputs)."""
        return self._background

    @cached_property
    def base(self) -> float:
        """Mean log-odds of the background: what the contributions of a row are added to."""
        return float(self._booster.margin(self._background).mean())

    def contributions(self, matrix: Matrix) -> Matrix:
        """Return each input's contribution to each row's log-odds, shape (rows, inputs).

        `base` plus a row's contributions is its margin.
        """
        if isinstance(self._booster, Logistic):
            return _of_linear(self._booster, matrix, self._background)

        result = np.zeros((matrix.shape[1], len(matrix)), dtype=np.float64)
        ranks = self._cuts.ranks(matrix)
        for leaf in self._leaves:
            table = leaf.table if leaf.is_tabled else None
            for rows in _chunks(len(matrix)):
                if table is None:
                    patterns, positions = leaf.patterns_of(ranks, rows)
                    result[leaf.inputs, rows] += _of_patterns(leaf, patterns).T[:, positions]
                    continue

                codes = leaf.codes(ranks, rows)
                for position, given in zip(leaf.inputs, table, strict=True):
                    # Codes are within the table; to check each would take as long again.
                    result[position, rows] += given.take(codes, mode="clip")
        return np.ascontiguousarray(result.T)

    def raised(self, matrix: Matrix, group_of_input: np.ndarray, groups: int) -> Matrix:
        """Return by how much each row's log-odds rise when a group of inputs is neutralised.

        Neutralised means taken from the background: the result is the mean, over its rows, of the
        log-odds with the group's inputs theirs and the others the row's own, less the row's own
        log-odds; shape (rows, groups). It is a group's last step in Shapley's sense, where a
        contribution is the mean over all steps.

        Args:
            matrix: The rows, shape (rows, inputs).
            group_of_input: Which group each input belongs to, shape (inputs,).
            groups: How many groups there are.
        """
        result = np.zeros((groups, len(matrix)), dtype=np.float64)
        if isinstance(self._booster, Logistic):
            alone = _of_linear(self._booster, matrix, self._background)
            for column, group in enumerate(group_of_input):
                result[group] -= alone[:, column]
            return np.ascontiguousarray(result.T)

        ranks = self._cuts.ranks(matrix)
        for leaf in self._leaves:
            group_of = group_of_input[leaf.inputs]
            for rows in _chunks(len(matrix)):
                patterns, positions = leaf.patterns_of(ranks, rows)
                for group in np.unique(group_of):
                    is_in = group_of == group
                    share = leaf.shares[leaf.patterns[:, is_in].all(axis=1)].sum()
                    others_met = patterns[:, ~is_in].all(axis=1)
                    own_met = patterns[:, is_in].all(axis=1)
                    given = leaf.value * others_met * (share - own_met)
                    result[group, rows] += given.take(positions, mode="clip")
        return np.ascontiguousarray(result.T)

    def _agreeing_leaves(self) -> tuple[Leaf, ...]:
        constant, leaves = leaves_of(self._booster)
        background = self._background

        # A model that the two readings disagree about must not be explained by the wrong one.
        margins = self._booster.margin(background)
        sums = np.full(len(background), constant)
        for leaf in leaves:
            sums += leaf.value * leaf.holds(background).all(axis=1)
        if not (np.abs(sums - margins) <= TOLERANCE * np.maximum(1, np.abs(margins))).all():
            raise BrokenModelError(
                "explanations",
                expected="trees that add up to the model's own log-odds",
                found="others",
                remedy="Train with plain boosting: what cannot be explained cannot be registered.",
            )

        return leaves


def _of_patterns(leaf: ComparedLeaf, mine: np.ndarray) -> Matrix:
    """Return what a leaf gives to rows that meet these of its conditions, shape (rows, depth).

    In a coalition S of inputs taken from the row x, the others from z, the leaf gives its value v
    where every condition is met by whichever of the two its input is taken from. Let P be the
    conditions that x alone meets, Q those that z alone meets; where some condition is met by
    neither, the leaf gives nothing. Then Shapley's value is, for an input of P,
    v (|P|-1)! |Q|! / (|P|+|Q|)!, and for one of Q, -v |P|! (|Q|-1)! / (|P|+|Q|)!
    (Laberge and Pequignot 2022, arXiv 2209.15123, "Understanding interventional TreeSHAP").

    Where no condition is met by neither, P is all that z misses, and Q all that x misses.
    """
    for_mine, for_other = _weights(leaf.depth)
    values = np.zeros(mine.shape, dtype=np.float64)
    missed = (~mine).sum(axis=1)

    # Pattern by pattern, in one order: a decision's reasons must not depend on who else is decided
    # about.
    for other, share in zip(leaf.patterns, leaf.shares, strict=True):
        weighed = share * (mine | other).all(axis=1)
        gained = weighed * for_mine[(~other).sum(), missed]
        lost = weighed * for_other[(~other).sum(), missed]
        values += gained[:, None] * ~other - lost[:, None] * ~mine
    return np.asarray(leaf.value * values)


def _bits(codes: np.ndarray, depth: int) -> np.ndarray:
    """Return which bits each code has, booleans of shape (codes, depth)."""
    return np.asarray(codes[:, None] >> np.arange(depth) & 1, dtype=bool)


def _chunks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, CHUNK_ROWS):
        yield slice(start, start + CHUNK_ROWS)


def _weights(depth: int) -> tuple[Matrix, Matrix]:
    """Return Shapley's weights of a condition of P, and of one of Q, by |P| and |Q|."""
    for_mine = np.zeros((depth + 1, depth + 1))
    for_other = np.zeros((depth + 1, depth + 1))
    for mine in range(depth + 1):
        for other in range(depth + 1 - mine):
            orders = factorial(mine + other)
            if mine:
                for_mine[mine, other] = factorial(mine - 1) * factorial(other) / orders
            if other:
                for_other[mine, other] = factorial(mine) * factorial(other - 1) / orders
    return for_mine, for_other


def _distinct(met: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of a boolean matrix, and which of them each row is."""
    if met.shape[1] <= MOST_BITS:
        codes = met @ (1 << np.arange(met.shape[1], dtype=np.int64))
        _, first, positions = np.unique(codes, return_index=True, return_inverse=True)
        return met[first], positions

    patterns, positions = np.unique(met, axis=0, return_inverse=True)
    return patterns, positions.ravel()


def _of_linear(model: Logistic, matrix: Matrix, background: Matrix) -> Matrix:
    """Return the contributions of a linear model: weight times distance from the mean."""
    centre = model.standardised(background).mean(axis=0)
    return np.asarray((model.standardised(matrix) - centre) * model.weights)
