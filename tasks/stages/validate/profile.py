"""A profile of a data version, coarse enough to keep in git: shares of bins and categories, never a person's values.

Drift compares a new version with the profile that a person accepted (`./portcullis accept`), not with whatever
ran last: a drift that creeps in small steps must not move its own yardstick. The accepted profile lies in
`configs/references/`, so that a rerun of any commit compares with the same one and gives the same bytes.

What is kept is held back where few people stand behind it: edges of bins are rounded to four digits, shares to three,
and a cell of fewer than ten rows is pooled or left out.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

BINS = 10
ROWS_PER_BIN = 20  # a version with fewer rows than two bins' worth is one bin
FEW_VALUES = 12  # at most so many different values: each is a category
SMALLEST_CELL = 10  # rows
OTHER, MISSING = "other", "missing"
ROUNDED = 3  # digits of a share


class ColumnProfile(BaseModel):
    """Shares of rows by cell: categories by name, or bins of numbers.

    `edges` (None for categories) are the lower ends of all bins but the first. A value that a tenth of the rows share
    is in `spikes` and has a bin of its own, which its neighbours would else hide.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    edges: tuple[float, ...] | None
    spikes: tuple[float, ...] = ()
    shares: dict[str, float]


class Profile(BaseModel):
    """One profile per column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    columns: dict[str, ColumnProfile]


class Drift(BaseModel):
    """How far a column moved: its population stability index, and what chance alone exceeds once in twenty times."""

    model_config = ConfigDict(frozen=True)

    psi: float
    chance: float


def profile(frame: pd.DataFrame) -> Profile:
    """Return the profile of a frame."""
    return Profile(
        rows=len(frame), columns={str(name): _profile(frame[name]) for name in frame.columns}
    )


def drift(reference: Profile, frame: pd.DataFrame) -> dict[str, Drift | None]:
    """Return the drift of every column of either side; None where the other side has nothing to compare with.

    PSI = sum over cells of (p - q) ln(p / q), in the reference's cells; an empty cell counts as half a row, or as the
    half unit that its share was rounded by. Without any drift, PSI is about (1/n + 1/m) times chi-square with one
    degree of freedom less than there are cells (Yurdakul 2018): `chance` is its 95 % point.
    """
    names = dict.fromkeys([*reference.columns, *map(str, frame.columns)])
    if frame.empty or not reference.rows:
        return dict.fromkeys(names)
    return {
        name: _drift(reference.columns[name], reference.rows, frame[name])
        if name in reference.columns and name in frame
        else None
        for name in names
    }


def _drift(known: ColumnProfile, rows: int, values: "pd.Series[float]") -> Drift:
    counts = {
        cell: count
        for cell, count in _counts(values, known).items()
        if cell in known.shares or count >= SMALLEST_CELL  # the reference left out such cells, too
    }
    low_p, low_q = 0.5 / len(values), max(0.5 / rows, 0.5 * 10**-ROUNDED)
    cells = sorted(counts.keys() | known.shares.keys())
    psi = 0.0
    for cell in cells:
        p, q = (
            max(counts.get(cell, 0) / len(values), low_p),
            max(known.shares.get(cell, 0.0), low_q),
        )
        psi += (p - q) * math.log(p / q)
    chance = _chi_square_95(len(cells) - 1) * (1 / len(values) + 1 / rows)
    return Drift(psi=round(psi, 6), chance=round(chance, 6))


def _chi_square_95(freedom: int) -> float:
    """Return the 95 % point of chi-square (Wilson and Hilferty 1931; within 1 % from three degrees on)."""
    if freedom < 1:
        return 0.0
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + 1.645 * math.sqrt(spread)) ** 3


def _profile(values: "pd.Series[float]") -> ColumnProfile:
    edges: tuple[float, ...] | None = None
    spikes: tuple[float, ...] = ()
    present = values.dropna()
    if pd.api.types.is_numeric_dtype(values) and present.nunique() > FEW_VALUES:
        edges, spikes = _bins(present.to_numpy(float))
        names: list[str] = [
            f"bin {number:02d}" for number in range(len(edges) + 2 * len(spikes) + 1)
        ]
    else:
        names = sorted(_names(present).unique())
    counts = _counts(
        values,
        ColumnProfile(edges=edges, spikes=spikes, shares=dict.fromkeys([*names, MISSING], 0.0)),
    )
    kept = {cell: count for cell, count in counts.items() if count >= SMALLEST_CELL}
    pooled = sum(counts.values()) - sum(kept.values())
    if pooled >= SMALLEST_CELL:
        kept[OTHER] = kept.get(OTHER, 0) + pooled
    shares = {cell: round(count / len(values), ROUNDED) for cell, count in sorted(kept.items())}
    return ColumnProfile(edges=edges, spikes=spikes, shares=shares)


def _bins(numbers: "np.ndarray[Any, Any]") -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return edges at the deciles (fewer for few rows), and the values on which two deciles or more fall together."""
    bins = max(1, min(BINS, len(numbers) // ROWS_PER_BIN))
    points, times = np.unique(np.quantile(numbers, np.linspace(0, 1, bins + 1)), return_counts=True)
    spikes = points[times > 1]
    inner = points[(times == 1) & (points > numbers.min()) & (points < numbers.max())]
    edges = sorted({float(f"{edge:.4g}") for edge in inner} - {float(spike) for spike in spikes})
    return tuple(edges), tuple(float(spike) for spike in spikes)


def _counts(values: "pd.Series[float]", known: ColumnProfile) -> dict[str, int]:
    present = values.dropna()
    if known.edges is None:
        names = _names(present)
        cells = names.where(names.isin(set(known.shares) - {OTHER, MISSING}), OTHER)
    else:
        numbers = pd.to_numeric(present, errors="coerce").to_numpy(float)
        cells = pd.Series(np.digitize(numbers, _boundaries(known.edges, known.spikes))).map(
            "bin {:02d}".format
        )
    counts = {str(name): int(count) for name, count in cells.value_counts().items()}
    missing = len(values) - len(present)
    if missing and MISSING in known.shares:
        counts[MISSING] = missing
    elif missing:
        counts[OTHER] = counts.get(OTHER, 0) + missing
    return counts


def _boundaries(edges: tuple[float, ...], spikes: tuple[float, ...]) -> list[float]:
    """Return where bins begin: a spike's bin holds its value alone."""
    return sorted({*edges, *spikes, *(math.nextafter(spike, math.inf) for spike in spikes)})


def _names(values: "pd.Series[float]") -> "pd.Series[str]":
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(float).map("{:g}".format)
    return values.astype(str)
