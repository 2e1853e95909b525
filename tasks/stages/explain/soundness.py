"""Tell whether the reasons that were named are reasons: each by itself, and the map as a whole."""

from collections import Counter

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.stats import rankdata

from tasks.model import ReasonMap
from tasks.model.families import Matrix
from tasks.model.reasons import NamedReasons

FEW_VALUES = 12  # a column of at most so many values is a code: each value is looked at by itself
FEWEST_ROWS_A_VALUE = 50  # or a value would go with anything by chance


class Soundness(BaseModel):
    """What was found about the reasons of all declined applicants. Counts and shares only."""

    model_config = ConfigDict(frozen=True)

    told: int  # reasons, over all applicants
    smallest_share: float | None  # of what is adverse about an applicant, in any reason told
    unraised: int  # told, though the score is not higher when they are neutralised
    untrue: int  # told, though the words are not true of the applicant's own figure
    untold: int  # applicants with a principal factor that the map has no true words for
    fidelity: float | None  # None where nobody was declined
    drivers: dict[str, dict[str, int]]  # code -> feature that was most adverse -> told to


def measure_soundness(named: NamedReasons, reasons: ReasonMap, top: np.ndarray) -> Soundness:
    """Return how sound the reasons `top` are, shape (declined, 4), indices or -1.

    `top` is what applicants are told. It is looked at by itself, not as part of `named`, so that
    what is judged here is what they get, wherever it comes from.
    """
    is_told = top >= 0
    position = np.maximum(top, 0)

    def of_told(values: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, position, axis=1)[is_told]

    adverse = np.maximum(-named.grouped, 0.0)
    # A row without anything adverse divides by next to nothing, and has no reason that is told.
    shares = of_told(adverse / np.maximum(adverse.sum(axis=1, keepdims=True), 1e-300))
    return Soundness(
        told=int(is_told.sum()),
        smallest_share=float(shares.min()) if len(shares) else None,
        # Not `<= 0`: what is no number has raised nothing.
        unraised=int((~(of_told(named.raised) > 0)).sum()),
        untrue=int((~of_told(named.is_true)).sum()),
        untold=int((named.untold[:, 0] >= 0).sum()),
        fidelity=measure_fidelity(named, top),
        drivers=_count_drivers(of_told(named.drivers), reasons, top[is_told]),
    )


def measure_fidelity(named: NamedReasons, top: np.ndarray) -> float | None:
    """Return the mean share of the reasons not told that the weakest reason told outweighs.

    One reason outweighs another where the score rises more when its features are neutralised. The
    weakest counts for an applicant, not all together: a strong first reason would hide that the
    others are drawn by lot. What is untold is left out, for it is counted by itself, and so is a
    reason that can move no score. None where nobody was declined.
    """
    if not len(top):
        return None

    is_told = _is_chosen(top, named.raised.shape)
    is_untold = _is_chosen(named.untold, named.raised.shape)
    is_other = ~is_told & ~is_untold & (named.raised != 0).any(axis=0)

    weakest = np.where(is_told, named.raised, np.inf).min(axis=1)
    outweighed = (is_other & (named.raised < weakest[:, None])).sum(axis=1)
    others = is_other.sum(axis=1)
    # Whoever is told nothing is told nothing false, and is counted as declined without a reason.
    shares = np.where(others > 0, outweighed / np.maximum(others, 1), 1.0)
    return float(shares.mean())


def measure_cohesion(
    matrix: Matrix, features: tuple[str, ...], reasons: ReasonMap
) -> dict[str, float]:
    """Return for each reason of several features the association that ties them together.

    Features are tied one to another, the strongest tie first, until all hang together; the weakest
    tie that this takes is the cohesion. A bucket of features that have nothing to do with each
    other has next to none, and no sentence can be about all of them.

    The association of two features is the largest |2 AUC - 1| of a flag towards the other, or
    |Spearman's rank correlation| of two figures. A code is a flag for each of its values.

    Args:
        matrix: A sample of rows, shape (rows, inputs).
        features: The feature of each input.
        reasons: The map.
    """
    cohesion = {}
    for group in reasons.reasons:
        columns = [
            _columns_of(matrix[:, np.array([name == feature for name in features])])
            for feature in group.features
            if feature in features
        ]
        tied = [part for part in columns if part]  # a feature that never varies says nothing
        if len(tied) > 1:
            cohesion[group.code] = _weakest_tie(tied)

    return cohesion


def _is_chosen(top: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return as booleans of `shape` (rows, reasons) what `top` has as indices."""
    is_chosen = np.zeros(shape, dtype=bool)
    for column in top.T:
        rows = np.flatnonzero(column >= 0)
        is_chosen[rows, column[rows]] = True
    return is_chosen


def _weakest_tie(features: list[list[Matrix]]) -> float:
    """Return the weakest tie of the strongest tree over all features (Prim's algorithm)."""
    strongest = [_association(features[0], other) for other in features]
    left = set(range(1, len(features)))
    weakest = 1.0
    while left:
        # Prim's: the feature that is tied most strongly to those that hang together already comes
        # next.
        following = max(left, key=lambda position: strongest[position])
        weakest = min(weakest, strongest[following])
        left.remove(following)
        for other in left:
            tie = _association(features[following], features[other])
            strongest[other] = max(strongest[other], tie)

    return weakest


def _columns_of(inputs: Matrix) -> list[Matrix]:
    """Return a feature's columns: as they are, and a flag for each value of a code."""
    columns = []
    for column in inputs.T:
        values, counts = np.unique(column, return_counts=True)
        if len(values) > 1:
            columns.append(column)
        if 2 < len(values) <= FEW_VALUES:
            columns += [
                (column == value).astype(float)
                for value, rows in zip(values, counts, strict=True)
                if FEWEST_ROWS_A_VALUE <= rows < len(column)
            ]

    return columns


def _association(mine: list[Matrix], others: list[Matrix]) -> float:
    return max(
        max(_one_way(first, second), _one_way(second, first)) for first in mine for second in others
    )


def _one_way(first: Matrix, second: Matrix) -> float:
    """Return |2 AUC - 1| of `second` about the flag `first`, else the rank correlation."""
    values = np.unique(first)
    ranks = rankdata(second)
    if len(values) == 2:
        is_high = first == values[1]
        difference = ranks[is_high].mean() - ranks[~is_high].mean()
        return float(abs(2 * difference / len(ranks)))
    return float(abs(np.corrcoef(rankdata(first), ranks)[0, 1]))


def _count_drivers(
    drivers: np.ndarray, reasons: ReasonMap, told: np.ndarray
) -> dict[str, dict[str, int]]:
    features = [feature for group in reasons.reasons for feature in group.features]
    counts = Counter(zip(told.tolist(), drivers.tolist(), strict=True))
    by_code: dict[str, dict[str, int]] = {}
    for (reason, driver), people in sorted(counts.items()):
        by_code.setdefault(reasons.reasons[reason].code, {})[features[driver]] = people
    return by_code
