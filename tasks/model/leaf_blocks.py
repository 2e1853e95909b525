"""Leaves of few conditions, many at a time: which conditions rows meet, and what that gives them.

What is added up is added in the order of leaves, conditions and groups, one after the other, so
that a row's values are the same bits however leaves are put into blocks, and rows into slices.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import factorial

import numpy as np

from .families import Matrix
from .trees import Leaf

SLICE_ROWS = 8_192  # of a block's conditions: what is computed of them stays in the cache
BLOCK_LEAVES = 64


class Cuts:
    """Where an ensemble's leaves cut each input: a value's rank says which conditions it meets.

    A rank is the number of cuts below a value: a small integer, compared many times as fast.
    """

    def __init__(self, leaves: Sequence[Leaf], inputs: int) -> None:
        positions, lows, highs = _conditions_of(leaves)
        self._cuts = []
        for position in range(inputs):
            is_of_input = positions == position
            ends = np.concatenate([lows[is_of_input], highs[is_of_input]])
            self._cuts.append(np.unique(ends[np.isfinite(ends)]))
        # One more than any rank: what a condition that nothing meets asks for.
        self._beyond = 1 + max((len(cuts) for cuts in self._cuts), default=0)
        self._type = np.min_scalar_type(self._beyond)

    def ranks(self, matrix: Matrix) -> np.ndarray:
        """Return the ranks of each input's values, shape (inputs, rows)."""
        ranks = np.empty((len(self._cuts), len(matrix)), dtype=self._type)
        for position, cuts in enumerate(self._cuts):
            ranks[position] = np.searchsorted(cuts, matrix[:, position])
        return ranks

    def bounds(self, leaves: Sequence[Leaf]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return all conditions of leaves: inputs, least ranks and greatest ones.

        Each of shape (conditions,), leaf after leaf. The least rank of a condition without a lower
        end is 0, the greatest of one without an upper end the number of cuts.
        """
        positions, lows, highs = _conditions_of(leaves)
        least = np.zeros(len(positions), dtype=self._type)
        greatest = np.zeros(len(positions), dtype=self._type)
        for position, cuts in enumerate(self._cuts):
            is_of_input = positions == position
            low = lows[is_of_input]
            above = np.searchsorted(cuts, low) + 1
            least[is_of_input] = np.where(np.isfinite(low), above, 0)
            greatest[is_of_input] = np.searchsorted(cuts, highs[is_of_input])

        # Two thresholds of one leaf may be one in single precision.
        is_empty = least > greatest
        least[is_empty] = self._beyond
        greatest[is_empty] = self._beyond
        return positions, least, greatest


class LeafBlock:
    """Some leaves of up to eight conditions, and which of these the rows to compare with meet."""

    def __init__(self, leaves: Sequence[Leaf], cuts: Cuts, background: np.ndarray) -> None:
        """Prepare a block; each leaf has a condition, and `background` are ranks."""
        self.inputs = [leaf.inputs.tolist() for leaf in leaves]
        self._values = np.array([leaf.value for leaf in leaves])
        self._depths = np.array([len(leaf.inputs) for leaf in leaves])

        # Condition by condition, of the leaves that have so many: the deepest first, so that these
        # are the first ones each time.
        order = np.argsort(-self._depths, kind="stable")
        self._place = np.argsort(order, kind="stable")
        starts = np.cumsum(self._depths) - self._depths
        positions, least, greatest = cuts.bounds(leaves)
        self._conditions = []
        for bit in range(int(self._depths.max())):
            deep = order[self._depths[order] > bit]
            of_bit = starts[deep] + bit
            span = greatest[of_bit] - least[of_bit]
            self._conditions.append((positions[of_bit], least[of_bit, None], span[:, None]))

        codes = self.codes(background)
        sizes = 1 << self._depths
        self._first_codes = np.cumsum(sizes) - sizes
        counts = np.bincount(
            (codes + self._first_codes[:, None]).ravel(), minlength=int(sizes.sum())
        )
        # Of all leaves' codes, leaf after leaf: the share of the rows to compare with.
        self._shares = counts / background.shape[1]
        self._raising_of: dict[bytes, list[tuple[list[int], Matrix]]] = {}

    def slices(self, ranks: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield slices of rows with their codes, shape (leaves, rows of the slice)."""
        for start in range(0, ranks.shape[1], SLICE_ROWS):
            rows = slice(start, start + SLICE_ROWS)
            yield rows, self.codes(ranks[:, rows])

    def codes(self, ranks: np.ndarray) -> np.ndarray:
        """Return which conditions of each leaf rows meet, a bit each, shape (leaves, rows)."""
        codes = np.zeros((len(self._depths), ranks.shape[1]), dtype=np.uint8)
        for bit, (positions, least, span) in enumerate(self._conditions):
            # Ranks are unsigned: what is below the least becomes greater than any.
            above = ranks[positions]
            above -= least
            codes[: len(positions)] |= np.left_shift(above <= span, bit, dtype=np.uint8)
        return codes[self._place]

    @cached_property
    def tables(self) -> list[Matrix]:
        """What each leaf gives to rows, by their codes, shape (depth, 2 ** depth) for each."""
        tables: list[Matrix] = [np.zeros((0, 1))] * len(self._depths)
        for depth in np.unique(self._depths).tolist():
            of_depth = np.flatnonzero(self._depths == depth)
            codes = self._first_codes[of_depth, None] + np.arange(1 << depth)
            given = tables_of(self._shares[codes], self._values[of_depth], depth)
            for leaf, table in zip(of_depth.tolist(), given, strict=True):
                tables[leaf] = table
        return tables

    def raising_tables(self, group_of_input: np.ndarray) -> list[tuple[list[int], Matrix]]:
        """Return each leaf's groups of inputs, and what neutralising each gives, by code.

        The groups are in order, what they give has the shape (groups of the leaf, 2 ** depth).
        """
        grouping = group_of_input.tobytes()
        if grouping not in self._raising_of:
            # Of the last grouping alone: a model is asked about one, its reasons'.
            self._raising_of = {
                grouping: [
                    self._raising_table(leaf, group_of_input[np.array(inputs)])
                    for leaf, inputs in enumerate(self.inputs)
                ]
            }

        return self._raising_of[grouping]

    def _raising_table(self, leaf: int, group_of: np.ndarray) -> tuple[list[int], Matrix]:
        size = 1 << len(group_of)
        shares = self._shares[self._first_codes[leaf] :][:size]
        occurring = np.flatnonzero(shares)
        occurring_shares = shares[occurring]

        mask_of: dict[int, int] = {}
        for bit, group in enumerate(group_of.tolist()):
            mask_of[group] = mask_of.get(group, 0) | 1 << bit
        groups = sorted(mask_of)
        masks = np.array([mask_of[group] for group in groups])[:, None]
        # Of the rows to compare with, those that meet all of a group's conditions.
        share = np.array([occurring_shares[row].sum() for row in occurring & masks == masks])

        codes = np.arange(size)
        others = size - 1 - masks
        others_met = codes & others == others
        own_met = codes & masks == masks
        return groups, self._values[leaf] * others_met * (share[:, None] - own_met)


def tables_of(shares: Matrix, values: Matrix, depth: int) -> Matrix:
    """Work out what every pattern of conditions is given, for many leaves of one depth at once.

    The shares of those that meet at least some conditions, by how many they meet, are sums over
    supersets, which are added up one condition at a time: depth * 2 ** depth sums instead of
    4 ** depth.

    Args:
        shares: Of the rows to compare with, by their codes, shape (leaves, 2 ** depth).
        values: Of the leaves, shape (leaves,).
        depth: How many conditions each has.

    Returns:
        Shape (leaves, depth, 2 ** depth).
    """
    size = 1 << depth
    leaves = len(values)
    codes = np.arange(size)
    met = bits_of(codes, depth).sum(axis=1)
    by_met = np.zeros((leaves, depth + 1, size))  # by number of conditions met, and by code
    by_met[:, met, codes] = shares
    for bit in range(depth):
        pairs = by_met.reshape(leaves, depth + 1, -1, 2, 1 << bit)
        pairs[:, :, :, 0] += pairs[:, :, :, 1]

    # Of a pattern's code, `size - 1 - code` has the conditions that it misses.
    with_missed = np.ascontiguousarray(by_met[:, :, ::-1])
    for_mine, for_other = (
        weights[depth - np.arange(depth + 1)[:, None], depth - met] for weights in weights_of(depth)
    )
    # Added up in one order: no matrix product, for which each machine has an order of its own.
    lost = _sum_by_met(with_missed, for_other)
    given = np.empty((leaves, depth, size))
    for bit in range(depth):
        # Of those, the ones that miss this condition: all, less those that meet it, too.
        gained = _sum_by_met(with_missed - with_missed[:, :, codes ^ 1 << bit], for_mine)
        given[:, bit] = np.where(codes >> bit & 1, gained, -lost)
    given *= values[:, None, None]
    return given


def bits_of(codes: np.ndarray, depth: int) -> np.ndarray:
    """Return which bits each code has, booleans of shape (codes, depth)."""
    return np.asarray(codes[:, None] >> np.arange(depth) & 1, dtype=bool)


def weights_of(depth: int) -> tuple[Matrix, Matrix]:
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


def _sum_by_met(shares: Matrix, weights: Matrix) -> Matrix:
    total = shares[:, 0] * weights[0]
    for met in range(1, len(weights)):
        total += shares[:, met] * weights[met]
    return np.asarray(total)


def _conditions_of(leaves: Sequence[Leaf]) -> tuple[np.ndarray, Matrix, Matrix]:
    """Return input, lower and upper end of every condition, leaf after leaf."""
    if not leaves:
        return np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)
    positions = np.concatenate([leaf.inputs for leaf in leaves])
    lows = np.concatenate([leaf.low for leaf in leaves])
    highs = np.concatenate([leaf.high for leaf in leaves])
    return positions, lows, highs
