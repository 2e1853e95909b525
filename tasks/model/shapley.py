"""Interventional SHAP values: what each input adds to the log-odds, against rows to compare with.

With numpy alone and one row at a time in effect: a row's values do not depend on the rows beside
it, so that a decision is explained by the same bits in a batch and by itself. The tests hold the
values against the package shap, and against Shapley's own definition.

What a leaf gives to a row depends on which of the leaf's conditions the row meets, and on nothing
else. So each row becomes a pattern of bits, and what a pattern is given is worked out once and
looked up: the time hardly grows with the number of rows to compare with. The package
woodelf-explainer rests on the same idea; `benchmarks/shapley.py` holds the two against each other.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

from .errors import BrokenModelError
from .families import Booster, Logistic, Matrix
from .leaf_blocks import BLOCK_LEAVES, Cuts, LeafBlock, bits_of, tables_of, weights_of
from .trees import Leaf, leaves_of

CHUNK_ROWS = 20_000
# Leaves of up to so many conditions have a table of all 2 ** depth patterns, where that is not far
# more than the patterns that occur among the rows to compare with; the small tables are kept.
MOST_TABLED = 16
ALWAYS_TABLED = 8
TABLED_PER_PATTERN = 64
MOST_BITS = 62  # conditions that fit into one integer
TOLERANCE = 1e-4  # log-odds, for a margin of size 1: XGBoost adds up in single precision


class DeepLeaf:
    """A leaf of many conditions, and which of them the rows to compare with meet."""

    def __init__(self, leaf: Leaf, cuts: Cuts, background: np.ndarray) -> None:
        self.value = leaf.value
        self.inputs = leaf.inputs
        self.depth = len(leaf.inputs)
        self._bounds = list(zip(*cuts.bounds((leaf,)), strict=True))
        # Booleans, shape (patterns, depth): each that occurs, once; and its share of those rows.
        self.patterns, positions = self.patterns_of(background)
        self.shares = np.bincount(positions) / len(positions)
        self.is_tabled = self.depth <= MOST_TABLED and 1 << self.depth <= TABLED_PER_PATTERN * len(
            self.patterns
        )

    def patterns_of(self, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which conditions rows meet, each pattern once, and which pattern each row has.

        Booleans of shape (patterns, depth), and positions of shape (rows,).
        """
        if self.depth <= MOST_TABLED:
            codes = self.codes(ranks)
            occurs = np.bincount(codes, minlength=1 << self.depth) > 0
            return bits_of(np.flatnonzero(occurs), self.depth), (np.cumsum(occurs) - 1)[codes]

        met = np.stack([self._meets(ranks, *bound) for bound in self._bounds], axis=1)
        return _distinct(met)

    def codes(self, ranks: np.ndarray) -> np.ndarray:
        """Return which conditions rows meet, a bit each, shape (rows,)."""
        codes = np.zeros(ranks.shape[1], dtype=np.min_scalar_type((1 << self.depth) - 1))
        for bit, bound in enumerate(self._bounds):
            meets = self._meets(ranks, *bound).astype(codes.dtype)
            codes |= np.left_shift(meets, bit, dtype=codes.dtype)
        return codes.astype(np.intp)

    @staticmethod
    def _meets(ranks: np.ndarray, position: int, least: int, greatest: int) -> np.ndarray:
        rank = ranks[position]
        return np.asarray((rank >= least) & (rank <= greatest))

    def make_table(self) -> Matrix:
        """Return what every pattern is given, shape (depth, 2 ** depth), by its code."""
        shares = np.zeros(1 << self.depth)
        shares[self.patterns @ (1 << np.arange(self.depth))] = self.shares
        table: Matrix = tables_of(shares[None], np.array([self.value]), self.depth)[0]
        return table

    def add_contributions(self, result: Matrix, ranks: np.ndarray) -> None:
        """Add what the leaf gives to each input of rows to `result`, shape (inputs, rows)."""
        table = self.make_table() if self.is_tabled else None
        for rows in _chunks(ranks.shape[1]):
            if table is None:
                patterns, positions = self.patterns_of(ranks[:, rows])
                result[self.inputs, rows] += _of_patterns(self, patterns).T[:, positions]
                continue

            codes = self.codes(ranks[:, rows])
            for position, given in zip(self.inputs, table, strict=True):
                # Codes are within the table; to check each would take as long again.
                result[position, rows] += given.take(codes, mode="clip")

    def add_raised(self, result: Matrix, ranks: np.ndarray, group_of_input: np.ndarray) -> None:
        """Add what neutralising each group of inputs gives to `result`, shape (groups, rows)."""
        group_of = group_of_input[self.inputs]
        for rows in _chunks(ranks.shape[1]):
            patterns, positions = self.patterns_of(ranks[:, rows])
            for group in np.unique(group_of):
                is_in = group_of == group
                share = self.shares[self.patterns[:, is_in].all(axis=1)].sum()
                others_met = patterns[:, ~is_in].all(axis=1)
                own_met = patterns[:, is_in].all(axis=1)
                given = self.value * others_met * (share - own_met)
                result[group, rows] += given.take(positions, mode="clip")


class Explainer:
    """Contributions of one model's inputs, against `background`, shape (rows, inputs)."""

    def __init__(self, booster: Booster, background: Matrix) -> None:
        """Prepare for many rows.

        Raises:
            BrokenModelError: The model is of a kind that this does not explain.
        """
        self._booster = booster
        self._background = background
        self._blocks: tuple[LeafBlock | DeepLeaf, ...] = ()
        if not isinstance(booster, Logistic):
            leaves = self._agreeing_leaves()
            self._cuts = Cuts(leaves, background.shape[1])
            self._blocks = tuple(_compared(leaves, self._cuts, self._cuts.ranks(background)))

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
        contributions, _ = self.explain(matrix, None, 0)
        return contributions

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
        _, raised = self.explain(matrix, group_of_input, groups)
        return raised

    def explain(
        self, matrix: Matrix, group_of_input: np.ndarray | None, groups: int
    ) -> tuple[Matrix, Matrix]:
        """Return `contributions` and `raised` in less time than one after the other.

        Without `group_of_input` the second has no groups, and takes no time.
        """
        given = np.zeros((matrix.shape[1], len(matrix)), dtype=np.float64)
        raised = np.zeros((groups, len(matrix)), dtype=np.float64)
        if isinstance(self._booster, Logistic):
            alone = _of_linear(self._booster, matrix, self._background)
            for column, group in enumerate(() if group_of_input is None else group_of_input):
                raised[group] -= alone[:, column]
            return alone, np.ascontiguousarray(raised.T)

        ranks = self._cuts.ranks(matrix)
        for block in self._blocks:
            if isinstance(block, DeepLeaf):
                block.add_contributions(given, ranks)
                if group_of_input is not None:
                    block.add_raised(raised, ranks, group_of_input)
                continue

            tables = block.tables
            raising = None if group_of_input is None else block.raising_tables(group_of_input)
            for rows, codes in block.slices(ranks):
                _add_given(given[:, rows], zip(block.inputs, tables, strict=True), codes)
                if raising is not None:
                    _add_given(raised[:, rows], raising, codes)
        return np.ascontiguousarray(given.T), np.ascontiguousarray(raised.T)

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


def _compared(
    leaves: tuple[Leaf, ...], cuts: Cuts, background: np.ndarray
) -> Iterator[LeafBlock | DeepLeaf]:
    """Yield leaves with what they are compared with, in their order, in blocks where that can be.

    A leaf without any condition gives nothing to any input.
    """
    some: list[Leaf] = []
    for leaf in leaves:
        if not len(leaf.inputs):
            continue
        is_deep = len(leaf.inputs) > min(ALWAYS_TABLED, MOST_TABLED)
        if some and (is_deep or len(some) == BLOCK_LEAVES):
            yield LeafBlock(some, cuts, background)
            some = []
        if is_deep:
            yield DeepLeaf(leaf, cuts, background)
        else:
            some.append(leaf)

    if some:
        yield LeafBlock(some, cuts, background)


def _add_given(
    result: Matrix, tables: Iterable[tuple[list[int], Matrix]], codes: np.ndarray
) -> None:
    """Add to rows of `result` what leaves give by codes, shape (leaves, columns of `result`)."""
    for (targets, table), leaf_codes in zip(tables, codes, strict=True):
        code = leaf_codes.astype(np.intp)  # by which numpy looks up; it would convert at each look
        for target, given in zip(targets, table, strict=True):
            # Codes are within the table; to check each would take as long again.
            result[target] += given.take(code, mode="clip")


def _of_patterns(leaf: DeepLeaf, mine: np.ndarray) -> Matrix:
    """Return what a leaf gives to rows that meet these of its conditions, shape (rows, depth).

    In a coalition S of inputs taken from the row x, the others from z, the leaf gives its value v
    where every condition is met by whichever of the two its input is taken from. Let P be the
    conditions that x alone meets, Q those that z alone meets; where some condition is met by
    neither, the leaf gives nothing. Then Shapley's value is, for an input of P,
    v (|P|-1)! |Q|! / (|P|+|Q|)!, and for one of Q, -v |P|! (|Q|-1)! / (|P|+|Q|)!
    (Laberge and Pequignot 2022, arXiv 2209.15123, "Understanding interventional TreeSHAP").

    Where no condition is met by neither, P is all that z misses, and Q all that x misses.
    """
    for_mine, for_other = weights_of(leaf.depth)
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


def _chunks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, CHUNK_ROWS):
        yield slice(start, start + CHUNK_ROWS)


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
