"""Stratified bootstrap of metrics that are functions of counts, exactly.

Resampling the rows of a group changes nothing but how many fall into each (label, decision) cell,
and those counts are multinomial (Efron and Tibshirani 1993, section 5.2). So one multinomial draw
per group stands for a resample, and it costs the same for a thousand rows and for a million. Groups
are resampled by themselves: their sizes are part of the question, not of the chance.
"""

from typing import Any

import numpy as np

from tasks.stages.fairness.counts import GroupCounts

# Shape (..., 4), in the order of the columns below.
Cells = np.ndarray[Any, np.dtype[np.float64]]
APPROVED_GOOD = 0
DECLINED_GOOD = 1
APPROVED_BAD = 2
DECLINED_BAD = 3


def cells_of(group: GroupCounts) -> Cells:
    """Return a group's four counts, shape (4,)."""
    return np.array([rows for _, _, rows in group.cells], dtype=np.float64)


def resampled(group: GroupCounts, draws: int, rng: np.random.Generator) -> Cells:
    """Return resamples of a group's cells, shape (draws, 4); each sums to the group's rows."""
    if group.rows == 0:
        return np.zeros((draws, 4))

    probabilities = cells_of(group) / group.rows
    return rng.multinomial(group.rows, probabilities, size=draws).astype(np.float64)


def average_abs_odds(group: Cells, privileged: Cells) -> Cells:
    """Return (|TPR difference| + |FPR difference|) / 2, shape (...,); nan where a label is absent.

    TPR is the share of good rows that are approved, FPR that of bad rows.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        true_difference = _true_positive_rate(group) - _true_positive_rate(privileged)
        false_difference = _false_positive_rate(group) - _false_positive_rate(privileged)
    return np.asarray((np.abs(true_difference) + np.abs(false_difference)) / 2)


def theil(cells: Cells) -> Cells:
    """Return the Theil index of benefits b = decision - label + 1, shape (...,).

    Speicher et al. (2018), "A unified approach to quantifying algorithmic unfairness", KDD: the
    mean of (b / m) ln(b / m), where m is the mean benefit. b is 1 where the decision is right, 2
    where a bad row is approved, and 0, which adds nothing, where a good row is declined.
    """
    right = cells[..., APPROVED_GOOD] + cells[..., DECLINED_BAD]
    declined_good = cells[..., DECLINED_GOOD]
    approved_bad = cells[..., APPROVED_BAD]

    rows = right + declined_good + approved_bad
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_benefit = (right + 2 * approved_bad) / rows
        total = right * _x_log_x(1 / mean_benefit) + approved_bad * _x_log_x(2 / mean_benefit)
        return np.asarray(total / rows)


def _true_positive_rate(cells: Cells) -> Cells:
    good = cells[..., APPROVED_GOOD] + cells[..., DECLINED_GOOD]
    return np.asarray(cells[..., APPROVED_GOOD] / good)


def _false_positive_rate(cells: Cells) -> Cells:
    bad = cells[..., APPROVED_BAD] + cells[..., DECLINED_BAD]
    return np.asarray(cells[..., APPROVED_BAD] / bad)


def _x_log_x(x: Cells) -> Cells:
    return np.asarray(x * np.log(x))
