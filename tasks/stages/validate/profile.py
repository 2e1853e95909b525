"""A profile of a data version, coarse enough to keep in git: shares of bins and categories.

Drift compares a new version with the profile that a person accepted (`./portcullis accept`), not
with whatever ran last: a drift that creeps in small steps must not move its own yardstick. The
accepted profile lies in the use case's folder, so that a rerun of any commit compares with the same
one and gives the same bytes.

Since the file is committed and read by many, it must not point at few people: edges of bins are
rounded to four digits, shares to three, and a cell of fewer than ten rows is pooled or left out.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.config.strict import StrictModel

BINS = 10  # deciles, as is customary for the population stability index
ROWS_PER_BIN = 20  # a version with fewer rows than two bins' worth is one bin
MAX_CATEGORIES = 12  # a column of numbers with at most so many different values is categorical
SMALLEST_CELL = 10  # rows
EDGE_DIGITS = 4  # significant digits of a bin's edge
SHARE_DECIMALS = 3

# Names of cells beside bins and categories.
OTHER = "other"
MISSING = "missing"

# The 95 % point of the normal distribution, one-sided.
Z_95 = 1.645


class ColumnProfile(StrictModel):
    """Shares of rows by cell: categories by name, or bins of numbers (`bin 00`, `bin 01`, …).

    `edges` (None for categories) are the lower ends of all bins but the first. A value on which two
    deciles fall, that is, which about a tenth of the rows share, is in `spikes` and has a bin of
    its
    own: in a bin with its neighbours it would hide how these move.
    """

    edges: tuple[float, ...] | None
    spikes: tuple[float, ...] = ()
    shares: dict[str, float]


class Profile(StrictModel):
    """One profile per column."""

    rows: int
    columns: dict[str, ColumnProfile]


class Drift(BaseModel):
    """How far a column moved: its population stability index, and what chance alone explains.

    Without any drift, PSI exceeds `chance` once in twenty times.
    """

    model_config = ConfigDict(frozen=True)

    psi: float
    chance: float


def profile(frame: pd.DataFrame) -> Profile:
    """Return the profile of a frame."""
    return Profile(
        rows=len(frame),
        columns={str(name): _profile_column(frame[name]) for name in frame.columns},
    )


def drift(reference: Profile, frame: pd.DataFrame) -> dict[str, Drift | None]:
    """Return the drift of every column of either side; None where there is nothing to compare with.

    PSI = sum over cells of (p - q) ln(p / q), in the reference's cells, where p is the share of the
    frame's rows and q the reference's; an empty cell counts as half a row, or as the half unit that
    its share was rounded by. Without any drift, PSI is about (1/n + 1/m) times chi-square with one
    degree of freedom less than there are cells (Yurdakul 2018, "Statistical Properties of
    Population Stability Index"); `chance` is its 95 % point.
    """
    names = dict.fromkeys([*reference.columns, *map(str, frame.columns)])
    if frame.empty or not reference.rows:
        return dict.fromkeys(names)

    return {
        name: _drift_of_column(reference.columns[name], reference.rows, frame[name])
        if name in reference.columns and name in frame
        else None
        for name in names
    }


def category_names(values: "pd.Series[float]") -> "pd.Series[str]":
    """Return values as text; 1, 1.0 and True are one category. None of `values` is missing."""
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(float).map("{:g}".format)
    return values.astype(str)


def _drift_of_column(
    reference: ColumnProfile, reference_rows: int, values: "pd.Series[float]"
) -> Drift:
    """Return the drift of a column's values from its profile, made of `reference_rows` rows."""
    rows = len(values)
    # A new category of a few rows is left out, as it would have been from the reference.
    counts = {
        cell: count
        for cell, count in _count_cells(values, reference).items()
        if cell in reference.shares or count >= SMALLEST_CELL
    }

    # ln(p / q) needs both shares above 0. The reference's are rounded, which hides half a unit.
    smallest_share = 0.5 / rows
    smallest_reference = max(0.5 / reference_rows, 0.5 * 10**-SHARE_DECIMALS)
    cells = sorted(counts.keys() | reference.shares.keys())
    psi = 0.0
    for cell in cells:
        share = max(counts.get(cell, 0) / rows, smallest_share)
        reference_share = max(reference.shares.get(cell, 0.0), smallest_reference)
        psi += (share - reference_share) * math.log(share / reference_share)

    chance = _chi_square_95(len(cells) - 1) * (1 / rows + 1 / reference_rows)
    return Drift(psi=round(psi, 6), chance=round(chance, 6))


def _chi_square_95(degrees_of_freedom: int) -> float:
    """Return the 95 % point of chi-square, by Wilson and Hilferty (1931).

    Within 3 % of the table for one and two degrees of freedom, within 1 % from three on. 0 for
    none.
    """
    if degrees_of_freedom < 1:
        return 0.0

    variance = 2 / (9 * degrees_of_freedom)
    return degrees_of_freedom * (1 - variance + Z_95 * math.sqrt(variance)) ** 3


def _profile_column(values: "pd.Series[float]") -> ColumnProfile:
    """Return a column's cells with their shares of all rows; cells of few rows are held back."""
    present = values.dropna()
    edges: tuple[float, ...] | None = None
    spikes: tuple[float, ...] = ()
    if pd.api.types.is_numeric_dtype(values) and present.nunique() > MAX_CATEGORIES:
        edges, spikes = _bins(present.to_numpy(float))
        # n edges part the line into n + 1 bins, and each spike parts one bin into three.
        bins = len(edges) + 2 * len(spikes) + 1
        names: list[str] = [f"bin {number:02d}" for number in range(bins)]
    else:
        names = sorted(category_names(present).unique())

    cells = ColumnProfile(edges=edges, spikes=spikes, shares=dict.fromkeys([*names, MISSING], 0.0))
    counts = _count_cells(values, cells)

    # Small cells are pooled; a pool that is small itself is left out, and the shares sum to less.
    kept_counts = {cell: count for cell, count in counts.items() if count >= SMALLEST_CELL}
    pooled_rows = sum(counts.values()) - sum(kept_counts.values())
    if pooled_rows >= SMALLEST_CELL:
        kept_counts[OTHER] = kept_counts.get(OTHER, 0) + pooled_rows

    shares = {
        cell: round(count / len(values), SHARE_DECIMALS)
        for cell, count in sorted(kept_counts.items())
    }
    return ColumnProfile(edges=edges, spikes=spikes, shares=shares)


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
    edges = {float(f"{edge:.{EDGE_DIGITS}g}") for edge in inner} - spikes
    return tuple(sorted(edges)), tuple(sorted(spikes))


def _count_cells(values: "pd.Series[float]", cells: ColumnProfile) -> dict[str, int]:
    """Return how many values fall into each cell of a profile; what fits to none is `other`."""
    present = values.dropna()
    if cells.edges is None:
        names = category_names(present)
        is_known = names.isin(set(cells.shares) - {OTHER, MISSING})
        cell_names = names.where(is_known, OTHER)
    else:
        numbers = pd.to_numeric(present, errors="coerce").to_numpy(float)
        bins = np.digitize(numbers, _boundaries(cells.edges, cells.spikes))
        cell_names = pd.Series(bins).map("bin {:02d}".format)

    counts = {str(name): int(count) for name, count in cell_names.value_counts().items()}
    missing_rows = len(values) - len(present)
    if missing_rows and MISSING in cells.shares:
        counts[MISSING] = missing_rows
    elif missing_rows:
        counts[OTHER] = counts.get(OTHER, 0) + missing_rows
    return counts


def _boundaries(edges: tuple[float, ...], spikes: tuple[float, ...]) -> list[float]:
    """Return where bins begin. A spike's bin ends at the next number, so that it holds it alone."""
    return sorted({*edges, *spikes, *(math.nextafter(spike, math.inf) for spike in spikes)})
