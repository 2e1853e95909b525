"""Stratified bootstrap of metrics that are functions of counts: one multinomial draw per stratum, exactly.

Resampling rows within a group changes nothing but how many fall into each (label, decision) cell, and those counts
are multinomial. So a draw costs the same for a thousand rows and for a million.
"""

from typing import Any

import numpy as np

from tasks.stages.fairness.counts import GroupCounts

Cells = np.ndarray[
    Any, np.dtype[np.float64]
]  # (..., 4): approved good, declined good, approved bad, declined bad


def cells_of(group: GroupCounts) -> Cells:
    """Return a group's four counts."""
    return np.array([rows for _, _, rows in group.cells], dtype=np.float64)


def resampled(group: GroupCounts, draws: int, rng: np.random.Generator) -> Cells:
    """Return `draws` resamples of a group's cells, shape (draws, 4)."""
    cells = cells_of(group)
    if group.rows == 0:
        return np.zeros((draws, 4))
    return rng.multinomial(group.rows, cells / group.rows, size=draws).astype(np.float64)


def average_abs_odds(group: Cells, other: Cells) -> Cells:
    """Return (|TPR difference| + |FPR difference|) / 2, shape (...,); nan where a label does not occur."""
    with np.errstate(invalid="ignore", divide="ignore"):
        true = group[..., 0] / (group[..., 0] + group[..., 1]) - other[..., 0] / (
            other[..., 0] + other[..., 1]
        )
        false = group[..., 2] / (group[..., 2] + group[..., 3]) - other[..., 2] / (
            other[..., 2] + other[..., 3]
        )
    return np.asarray((np.abs(true) + np.abs(false)) / 2)


def theil(cells: Cells) -> Cells:
    """Return the Theil index of benefits b = decision - label + 1 (Speicher et al. 2018), shape (...,)."""
    correct, wronged, favoured = cells[..., 0] + cells[..., 3], cells[..., 1], cells[..., 2]
    rows = correct + wronged + favoured
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (correct + 2 * favoured) / rows
        parts = correct * _x_log_x(1 / mean) + favoured * _x_log_x(2 / mean)
        return np.asarray(parts / rows)


def _x_log_x(x: Cells) -> Cells:
    return np.asarray(x * np.log(x))
