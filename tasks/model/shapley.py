"""Interventional SHAP values: what each input adds to the log-odds, against rows to compare with.

With numpy alone and one row at a time in effect: a row's values do not depend on the rows beside
it, so that a decision is explained by the same bits in a batch and by itself. The tests hold the
values against the package shap, and against Shapley's own definition.
"""

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np

from .errors import BrokenModelError
from .families import Booster, Logistic, Matrix
from .trees import Leaf, leaves_of

CHUNK_ROWS = 20_000
MOST_CONDITIONS = 62  # conditions that fit into one integer
TOLERANCE = 1e-4  # log-odds, for a margin of size 1: XGBoost adds up in single precision


@dataclass(frozen=True)
class Compared:
    """A leaf, and which of its conditions the rows to compare with meet."""

    leaf: Leaf
    patterns: np.ndarray  # booleans, shape (patterns, depth): each that occurs, once
    shares: Matrix  # shape (patterns,): of all rows to compare with


class Explainer:
    """Contributions of one model's inputs, against `background`, shape (rows, inputs)."""

    def __init__(self, booster: Booster, background: Matrix) -> None:
        """Prepare for many rows.

        Raises:
            BrokenModelError: The model is of a kind that this does not explain.
        """
        self._booster = booster
        self._background = background
        self._leaves: tuple[Compared, ...] = ()
        if not isinstance(booster, Logistic):
            self._leaves = self._compared()

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

        result = np.zeros(matrix.shape, dtype=np.float64)
        for start in range(0, len(matrix), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            for compared in self._leaves:
                positions = compared.leaf.inputs
                result[rows, positions] += _of_leaf(compared, matrix[rows])
        return result

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
        result = np.zeros((len(matrix), groups), dtype=np.float64)
        if isinstance(self._booster, Logistic):
            alone = _of_linear(self._booster, matrix, self._background)
            for column, group in enumerate(group_of_input):
                result[:, group] -= alone[:, column]
            return result

        for start in range(0, len(matrix), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            for compared in self._leaves:
                holds = compared.leaf.holds(matrix[rows])
                group_of = group_of_input[compared.leaf.inputs]
                for group in np.unique(group_of):
                    is_in = group_of == group
                    share = compared.shares[compared.patterns[:, is_in].all(axis=1)].sum()
                    others_hold = holds[:, ~is_in].all(axis=1)
                    own_hold = holds[:, is_in].all(axis=1)
                    result[rows, group] += compared.leaf.value * others_hold * (share - own_hold)
        return result

    def _compared(self) -> tuple[Compared, ...]:
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

        prepared = []
        for leaf in leaves:
            patterns, positions = _distinct(leaf.holds(background))
            counts = np.bincount(positions, minlength=len(patterns))
            prepared.append(Compared(leaf, patterns, counts / len(background)))
        return tuple(prepared)


def _of_leaf(compared: Compared, matrix: Matrix) -> Matrix:
    """Return one leaf's contributions, shape (rows, depth).

    In a coalition S of inputs taken from the row x, the others from z, the leaf gives its value v
    where every condition is met by whichever of the two its input is taken from. Let P be the
    conditions that x alone meets, Q those that z alone meets; where some condition is met by
    neither, the leaf gives nothing. Then Shapley's value is, for an input of P,
    v (|P|-1)! |Q|! / (|P|+|Q|)!, and for one of Q, -v |P|! (|Q|-1)! / (|P|+|Q|)!
    (Laberge and Pequignot 2022, arXiv 2209.15123, "Understanding interventional TreeSHAP").
    """
    depth = len(compared.leaf.inputs)
    if depth == 0:
        return np.zeros((len(matrix), 0))

    rows, positions = _distinct(compared.leaf.holds(matrix))
    values = np.zeros(rows.shape, dtype=np.float64)
    for_mine, for_other = _weights(depth)

    # Pattern by pattern, in one order: a matrix product may add up in another order for another
    # number of rows, and a decision's reasons must not depend on who else is decided about.
    for other, share in zip(compared.patterns, compared.shares, strict=True):
        mine_alone = rows & ~other
        other_alone = ~rows & other
        is_alive = (rows | other).all(axis=1)
        mine = mine_alone.sum(axis=1)
        others = other_alone.sum(axis=1)
        gained = np.where(is_alive, share * for_mine[mine, others], 0.0)
        lost = np.where(is_alive, share * for_other[mine, others], 0.0)
        values += mine_alone * gained[:, None] - other_alone * lost[:, None]

    return np.asarray(compared.leaf.value * values[positions])


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


def _distinct(holds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of a boolean matrix, and which of them each row is."""
    if holds.shape[1] <= MOST_CONDITIONS:
        codes = holds @ (1 << np.arange(holds.shape[1], dtype=np.int64))
        _, first, positions = np.unique(codes, return_index=True, return_inverse=True)
        return holds[first], positions

    patterns, positions = np.unique(holds, axis=0, return_inverse=True)
    return patterns, positions.ravel()


def _of_linear(model: Logistic, matrix: Matrix, background: Matrix) -> Matrix:
    """Return the contributions of a linear model: weight times distance from the mean."""
    centre = model.standardised(background).mean(axis=0)
    return np.asarray((model.standardised(matrix) - centre) * model.weights)
