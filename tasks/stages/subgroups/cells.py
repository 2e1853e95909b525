"""Rows reduced to cells: one for each combination of values of all attributes that occurs.

All that is searched is summed from cells. Their number is bounded by the attributes' values, so
that a search of ten million rows takes as long as one of a hundred thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import combinations

import numpy as np
import pandas as pd

from tasks.disparity.counts import POOLED, DecidedRows, design_effect, group_names
from tasks.formats.shown import own_name

NOT_KNOWN = "not known"

# Rows are summed in so many parts of the score, with equally many rows each. Between two of their
# edges a cumulated error is not looked at: it can only be missed by what one part holds.
SCORE_PARTS = 50

SEARCHED = 0  # the half of the people on which subgroups are searched
CONFIRMED = 1


class Total(IntEnum):
    """What is summed in a cell, by its position."""

    ROWS = 0
    PEOPLE = 1  # each counted where the person's first row is
    DECLINED = 2
    GOOD = 3
    GOOD_DECLINED = 4
    RESIDUAL = 5  # label less score


@dataclass(frozen=True)
class Attribute:
    """A column that divides people; `codes` are positions in `levels`, shape (rows,)."""

    name: str
    levels: tuple[str, ...]
    codes: np.ndarray
    is_protected: bool

    @classmethod
    def protected(cls, name: str, values: pd.Series, smallest: int) -> "Attribute":
        """Return a protected column; whose value is not known are a group of their own."""
        return cls._of_names(name, group_names(values), smallest, is_protected=True)

    @classmethod
    def audited(cls, name: str, values: pd.Series, bins: int, smallest: int) -> "Attribute":
        """Return a feature, in `bins` parts with equally many rows where it is a number.

        A number of at most so many values is a code, and each value a level. Ends of the parts are
        values of people, and never shown.
        """
        is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        # Booleans count as numbers for pandas, and are levels here.
        if is_number and values.nunique() > bins:
            numbers = values.to_numpy(dtype=float, na_value=np.nan)
            # Missing values have no place in the order: they take no part in the ends, and become
            # "not known" below. `searchsorted` puts a NaN behind the last end, so that the minimum
            # keeps the position valid until then.
            ends = np.nanquantile(numbers, np.arange(1, bins) / bins)
            parts = np.searchsorted(ends, numbers, side="left")
            names = pd.Series(
                [f"part {part} of {bins}" for part in range(1, bins + 1)], dtype="str"
            )
            values = names.take(np.minimum(parts, bins - 1)).reset_index(drop=True)
            values = values.where(~np.isnan(numbers))

        return cls._of_names(name, group_names(values), smallest, is_protected=False)

    @classmethod
    def _of_names(
        cls, name: str, names: "pd.Series[str]", smallest: int, *, is_protected: bool
    ) -> "Attribute":
        """Return levels in order of name; values of fewer rows than a subgroup needs are pooled.

        None of them could be searched, and a rare value may be a person's that slipped in.
        """
        codes, found = pd.factorize(names, sort=True)
        levels = [str(level) for level in found]
        codes = np.where(codes < 0, len(levels), codes)
        levels.append(own_name(NOT_KNOWN, levels))
        pooled = own_name(POOLED, levels)

        is_rare = np.bincount(codes, minlength=len(levels)) < smallest
        kept = np.flatnonzero(~is_rare)
        # All that is rare goes to the place behind the kept ones, which is the pool's. It is a
        # level like any other, and may be searched: its people are not left out.
        new_codes = np.full(len(levels), len(kept))
        new_codes[kept] = np.arange(len(kept))
        return cls(name, (*(levels[code] for code in kept), pooled), new_codes[codes], is_protected)


@dataclass(frozen=True)
class Subset:
    """Some of the attributes, by position; every choice of one level each is a conjunction."""

    positions: tuple[int, ...]
    shape: tuple[int, ...]  # levels of each
    protected: tuple[int, ...]  # which of `positions` are protected, as axes of `shape`


@dataclass(frozen=True)
class Cells:
    """Sums over the rows of each cell that occurs.

    Attributes:
        attributes: All of them, protected ones first.
        codes: The level of each attribute, shape (cells, attributes).
        totals: Shape (cells, 2 halves, totals), by `Total`.
        residuals: Labels less scores, by part of the score from low to high; shape (cells, parts).
        variances: Of the labels, if the scores are right: s (1 - s); shape (cells, parts).
        design: By how much rows of the same people widen the variance of a sum of residuals.
    """

    attributes: tuple[Attribute, ...]
    codes: np.ndarray
    totals: np.ndarray
    residuals: np.ndarray
    variances: np.ndarray
    design: float

    @classmethod
    def of(
        cls, attributes: tuple[Attribute, ...], rows: DecidedRows, is_confirmed: np.ndarray
    ) -> "Cells":
        """Sum rows; `is_confirmed` says which are of people set aside, shape (rows,)."""
        # A number in mixed radix: one sort of one array finds all cells, whatever the number of
        # attributes. `_levels_of` reads it back, and numpy refuses there where the product does not
        # fit.
        key = np.zeros(len(rows), dtype=np.int64)
        for attribute in attributes:
            key = key * len(attribute.levels) + attribute.codes
        occurring, cell = np.unique(key, return_inverse=True)
        cells = len(occurring)

        residuals = rows.is_good - rows.scores
        # People are summed like rows, so each may count once only. With several rows in one half a
        # person counts in the cell of the first; the halves are drawn by person, so no person is in
        # both.
        is_first = np.zeros(len(rows))
        is_first[np.unique(rows.people, return_index=True)[1]] = 1
        values = {
            Total.ROWS: np.ones(len(rows)),
            Total.PEOPLE: is_first,
            Total.DECLINED: ~rows.is_approved,
            Total.GOOD: rows.is_good,
            Total.GOOD_DECLINED: rows.is_good & ~rows.is_approved,
            Total.RESIDUAL: residuals,
        }
        # Both halves in one pass: the search takes one slice, and a subgroup's size is asked of
        # both.
        half_of_cell = cell * 2 + is_confirmed
        totals = np.empty((cells, 2, len(Total)))
        for total, weights in values.items():
            summed = np.bincount(half_of_cell, weights=weights, minlength=2 * cells)
            totals[..., total] = summed.reshape(cells, 2)

        # Equal scores are in one part, so that no order among them is made up.
        ends = np.unique(np.quantile(rows.scores, np.arange(1, SCORE_PARTS) / SCORE_PARTS))
        part_of_cell = cell * SCORE_PARTS + np.searchsorted(ends, rows.scores, side="left")
        by_part = (cells, SCORE_PARTS)
        # Calibration is of all rows: it searches nothing that would have to be confirmed, but
        # corrects for the number of its segments.
        size = cells * SCORE_PARTS
        spread = rows.scores * (1 - rows.scores)
        return cls(
            attributes=attributes,
            codes=_levels_of(occurring, attributes),
            totals=totals,
            residuals=np.bincount(part_of_cell, residuals, size).reshape(by_part),
            variances=np.bincount(part_of_cell, spread, size).reshape(by_part),
            design=design_effect(residuals, rows.people) if rows.are_people_repeated else 1.0,
        )

    def subsets(self, depth: int) -> Iterator[Subset]:
        """Yield every set of one to `depth` attributes."""
        for size in range(1, min(depth, len(self.attributes)) + 1):
            for positions in combinations(range(len(self.attributes)), size):
                chosen = [self.attributes[position] for position in positions]
                yield Subset(
                    positions,
                    tuple(len(attribute.levels) for attribute in chosen),
                    tuple(axis for axis, item in enumerate(chosen) if item.is_protected),
                )

    def sum_by(self, subset: Subset, values: np.ndarray) -> np.ndarray:
        """Return `values` of all cells, shape (cells, …), summed by conjunction, (*shape, …)."""
        levels = tuple(self.codes[:, position] for position in subset.positions)
        # Conjunctions that do not occur are summed, too, to 0: so that strata are sums along an
        # axis.
        key = np.ravel_multi_index(levels, subset.shape)
        conjunctions = int(np.prod(subset.shape))
        flat = values.reshape(len(values), -1)
        width = flat.shape[1]
        summed = np.bincount(
            (key[:, None] * width + np.arange(width)).ravel(), flat.ravel(), conjunctions * width
        )
        return summed.reshape(*subset.shape, *values.shape[1:])

    def names_of(self, subset: Subset, index: int) -> tuple[tuple[str, str], ...]:
        """Return attribute and level of each part of a conjunction, by its flat index."""
        levels = np.unravel_index(index, subset.shape)
        return tuple(
            (self.attributes[position].name, self.attributes[position].levels[level])
            for position, level in zip(subset.positions, levels, strict=True)
        )


def _levels_of(keys: np.ndarray, attributes: tuple[Attribute, ...]) -> np.ndarray:
    """Return the level of each attribute that a key was made of."""
    shape = tuple(len(attribute.levels) for attribute in attributes)
    return np.stack(np.unravel_index(keys, shape), axis=1)
