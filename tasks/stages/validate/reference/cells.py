"""The cells of a column: categories by name, or bins of numbers, coarse enough to keep in git.

Since the accepted profile is committed and read by many, it must not point at few people: edges of
bins are rounded to four digits, shares to three, and a cell of fewer than ten rows is pooled or
left out.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from tasks.config.strict import StrictModel

BINS = 10  # deciles, as is customary for the population stability index
ROWS_PER_BIN = 20  # a version with fewer rows than two bins' worth is one bin
MAX_CATEGORIES = 12  # a column of numbers with at most so many different values is categorical
SMALLEST_CELL = 10  # rows
EDGE_DIGITS = 4  # significant digits of a bin's edge
SHARE_DECIMALS = 3

# A tail is half a percent of the rows: what a model has seen too rarely to learn from. Of a small
# version it is twice the smallest cell, so that rounding its end leaves ten rows beyond.
TAIL_RATIO = 0.005
SMALLEST_TAIL = 2 * SMALLEST_CELL

# Names of cells beside bins and categories.
OTHER = "other"
MISSING = "missing"

# A cell's number for every row of a column, shape (rows,), in the smallest type that holds them.
CellCodes = np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]


class Support(StrictModel):
    """Where a column of numbers ends, but for its tails.

    `beyond_share` is the share of rows below `low` or above `high`; None where they are fewer than
    ten, of whom no number is told.
    """

    low: float
    high: float
    beyond_share: float | None


class ColumnProfile(StrictModel):
    """Shares of rows by cell: categories by name, or bins of numbers (`bin 00`, `bin 01`, …).

    `edges` (None for categories) are the lower ends of all bins but the first. A value on which two
    deciles fall, that is, which about a tenth of the rows share, is in `spikes` and has a bin of
    its own: in a bin with its neighbours it would hide how these move. `support` is None for
    categories, and in a profile that was made before there was any.
    """

    edges: tuple[float, ...] | None
    spikes: tuple[float, ...] = ()
    shares: dict[str, float]
    support: Support | None = None

    @property
    def own_cells(self) -> tuple[str, ...]:
        """The bins or categories in order, without `other` and `missing`."""
        if self.edges is None:
            return tuple(sorted(set(self.shares) - {OTHER, MISSING}, key=_order))
        return tuple(bin_names(self.edges, self.spikes))


def category_names(values: "pd.Series[float]") -> "pd.Series[str]":
    """Return values as text; 1, 1.0 and True are one category. None of `values` is missing."""
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.astype(float)
        # Each different number once, however many rows it has.
        return numbers.map({number: _number_name(number) for number in numbers.unique()})
    return values.astype(str)


def _number_name(number: float) -> str:
    """Return a number in six digits, or in as many as tell it from its neighbours."""
    short = f"{number:g}"
    # A source in single precision, as Stata's, holds 3.2 as 3.2000000476837158: it is the same
    # category as 3.2. Of whole numbers no digit is a rounding.
    is_rounded = not number.is_integer() and np.float32(short) == np.float32(number)
    # Of two groups 1000001 and 1000002 the small one would hide in the large one.
    return short if is_rounded or float(short) == number else repr(float(number))


def bin_names(edges: tuple[float, ...], spikes: tuple[float, ...]) -> list[str]:
    """Return the names of all bins: n edges part the line into n + 1, each spike one into three."""
    return [f"bin {number:02d}" for number in range(len(edges) + 2 * len(spikes) + 1)]


def profile_column(values: "pd.Series[float]") -> ColumnProfile:
    """Return a column's cells with their shares of all rows; cells of few rows are held back."""
    present = values.dropna()
    edges: tuple[float, ...] | None = None
    spikes: tuple[float, ...] = ()
    support = None
    if pd.api.types.is_numeric_dtype(values) and present.nunique() > MAX_CATEGORIES:
        edges, spikes = _bins(present.to_numpy(float))
        support = _support(present.to_numpy(float), len(values))
        names = bin_names(edges, spikes)
    else:
        names = sorted(category_names(pd.Series(present.unique())).unique())

    cells = ColumnProfile(edges=edges, spikes=spikes, shares=dict.fromkeys([*names, MISSING], 0.0))
    counts = count_cells(cell_codes(values, cells), cells)

    # Small cells are pooled; a pool that is small itself is left out, and the shares sum to less.
    # A pool of one small cell is that cell: it is kept only if it has ten rows itself.
    kept_counts = {cell: count for cell, count in counts.items() if count >= SMALLEST_CELL}
    pooled_rows = sum(counts.values()) - sum(kept_counts.values())
    if pooled_rows >= SMALLEST_CELL:
        kept_counts[OTHER] = kept_counts.get(OTHER, 0) + pooled_rows

    shares = {
        cell: round(count / len(values), SHARE_DECIMALS)
        for cell, count in sorted(kept_counts.items())
    }
    return ColumnProfile(edges=edges, spikes=spikes, shares=shares, support=support)


def cell_codes(values: "pd.Series[float]", cells: ColumnProfile) -> CellCodes:
    """Return the cell of every row: its place in `own_cells`, then `other`, then `missing`.

    What fits to no cell is `other`. Each different value is looked up once, however many rows it
    has.
    """
    names = cells.own_cells
    other = len(names)
    smallest = np.min_scalar_type(other + 1)
    if cells.edges is None:
        row_values, uniques = pd.factorize(values)
        places = {name: place for place, name in enumerate(names)}
        unique_places = [places.get(name, other) for name in category_names(pd.Series(uniques))]
        # A missing value has the code -1, which takes the last place.
        place_of: CellCodes = np.array([*unique_places, other + 1], dtype=smallest)
        return place_of[row_values]

    numbers = pd.to_numeric(values, errors="coerce").to_numpy(float, na_value=np.nan)
    bins: CellCodes = np.digitize(numbers, _boundaries(cells.edges, cells.spikes)).astype(smallest)
    # Text in a column of numbers has no bin; it must not look like a gap.
    # In this order: what is missing is not a number either, and would stay `other`.
    bins[np.isnan(numbers)] = other
    bins[values.isna().to_numpy()] = other + 1
    return bins


def count_cells(codes: CellCodes, cells: ColumnProfile) -> dict[str, int]:
    """Return how many rows fall into each cell that has any.

    Missing values are `other` where the profile knows none.
    """
    names = [*cells.own_cells, OTHER, MISSING]
    totals = np.bincount(codes, minlength=len(names))
    counts = {name: int(count) for name, count in zip(names, totals, strict=True) if count}
    if MISSING in counts and MISSING not in cells.shares:
        counts[OTHER] = counts.get(OTHER, 0) + counts.pop(MISSING)
    return counts


def _order(name: str) -> tuple[float, str]:
    """Return the key by which categories are in order: numbers by value, then text."""
    number = number_of(name)
    return (math.inf if number is None else number, name)


def number_of(name: str) -> float | None:
    """Return the number that a category is, or None for text."""
    try:
        number = float(name)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _bins(numbers: "np.ndarray[Any, Any]") -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return edges at the deciles (fewer for few rows), and the values on which several fall."""
    bins = max(1, min(BINS, len(numbers) // ROWS_PER_BIN))
    quantiles = np.quantile(numbers, np.linspace(0, 1, bins + 1))
    points, occurrences = np.unique(quantiles, return_counts=True)

    spikes = {float(spike) for spike in points[occurrences > 1]}
    # The smallest and the largest number are somebody's own, and no edge is needed there.
    is_inner = (points > numbers.min()) & (points < numbers.max())
    inner = points[(occurrences == 1) & is_inner]
    # A quantile may be one person's number, too: rounded, it is not.
    edges = set(_rounded(inner)) - spikes
    return tuple(sorted(edges)), tuple(sorted(spikes))


def _support(numbers: "np.ndarray[Any, Any]", rows: int) -> Support | None:
    """Return where the tails of a column begin; None where there are too few rows for two tails."""
    tail = max(SMALLEST_TAIL, math.ceil(TAIL_RATIO * len(numbers)))
    if len(numbers) < 2 * tail:
        return None

    ordered = np.partition(numbers, (tail - 1, len(numbers) - tail))
    low, high = _rounded(ordered[[tail - 1, len(numbers) - tail]])
    beyond_rows = int(((numbers < low) | (numbers > high)).sum())
    share = round(beyond_rows / rows, SHARE_DECIMALS) if beyond_rows >= SMALLEST_CELL else None
    return Support(low=low, high=high, beyond_share=share)


def _rounded(numbers: Iterable[float]) -> list[float]:
    return [float(f"{number:.{EDGE_DIGITS}g}") for number in numbers]


def _boundaries(edges: tuple[float, ...], spikes: tuple[float, ...]) -> list[float]:
    """Return where bins begin. A spike's bin ends at the next number, so that it holds it alone."""
    return sorted({*edges, *spikes, *(math.nextafter(spike, math.inf) for spike in spikes)})
