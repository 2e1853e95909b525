"""A profile of a data version, coarse enough to keep in git: shares of bins and categories, never a person's values.

Drift compares a new version with the profile that a person accepted (`./portcullis accept`), not with whatever
ran last: a drift that creeps in small steps must not move its own yardstick.
"""

import math

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

BINS = 10
FEW_VALUES = 12  # at most so many different values: each is a category
SMALLEST_CELL = 10  # rows; smaller categories are put together as `other`
OTHER, MISSING = "other", "missing"


class ColumnProfile(BaseModel):
    """Shares of rows by bin; `edges` for numbers (len(shares) - 2 inner edges), names for categories."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    edges: tuple[float, ...] | None
    shares: dict[str, float]


class Profile(BaseModel):
    """One profile per column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    columns: dict[str, ColumnProfile]


def profile(frame: pd.DataFrame) -> Profile:
    """Return the profile of a frame."""
    return Profile(rows=len(frame), columns={str(name): _profile(frame[name]) for name in frame.columns})


def drift(reference: Profile, frame: pd.DataFrame) -> dict[str, float | None]:
    """Return the population stability index of each column that both have; None where a side has nothing to compare.

    PSI = sum over bins of (p - q) ln(p / q), with the reference's bins; an empty bin counts as half a row (Yurdakul
    2018 gives its distribution; 0.1 and 0.25 are its customary marks).
    """
    found: dict[str, float | None] = {}
    for name, known in reference.columns.items():
        if name not in frame or not len(frame) or not reference.rows:
            found[name] = None
            continue
        counts = _counts(frame[name], known)
        floor_p, floor_q = 0.5 / len(frame), 0.5 / reference.rows
        total = 0.0
        for cell in sorted(counts.keys() | known.shares.keys()):
            p, q = max(counts.get(cell, 0) / len(frame), floor_p), max(known.shares.get(cell, 0.0), floor_q)
            total += (p - q) * math.log(p / q)
        found[name] = total
    return found


def _profile(series: "pd.Series") -> ColumnProfile:  # type: ignore[type-arg]
    values = series.dropna()
    if pd.api.types.is_numeric_dtype(series) and values.nunique() > FEW_VALUES:
        edges = np.unique(np.quantile(values.to_numpy(float), np.linspace(0, 1, BINS + 1)[1:-1]))
        known = ColumnProfile(edges=tuple(float(f"{edge:.6g}") for edge in edges), shares={})
    else:
        names = _names(values).value_counts()
        known = ColumnProfile(
            edges=None, shares={str(name): 0.0 for name, count in names.items() if count >= SMALLEST_CELL}
        )
    counts = _counts(series, known)
    return ColumnProfile(
        edges=known.edges, shares={cell: round(n / max(len(series), 1), 9) for cell, n in sorted(counts.items())}
    )


def _counts(series: "pd.Series", known: ColumnProfile) -> dict[str, int]:  # type: ignore[type-arg]
    values = series.dropna()
    if known.edges is not None:
        bins = np.digitize(pd.to_numeric(values, errors="coerce").to_numpy(float), known.edges)
        cells = pd.Series(bins).map("bin {:02d}".format)
    else:
        names = _names(values)
        cells = names.where(names.isin(set(known.shares) - {OTHER, MISSING}), OTHER)
    counts = {str(name): int(count) for name, count in cells.value_counts().items()}
    return counts | ({MISSING: len(series) - len(values)} if len(values) < len(series) else {})


def _names(values: "pd.Series") -> "pd.Series":  # type: ignore[type-arg]
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(float).map("{:g}".format)
    return values.astype(str)
