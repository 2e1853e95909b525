"""Decisions about invented groups, and parameters that fit to them, for the tests of this room."""

from typing import Any

import numpy as np
import pandas as pd

from tasks.disparity.counts import DecidedRows
from tasks.stages.fairness.measuring import FairnessReport, measure_fairness
from tasks.stages.fairness.params import FairnessLimits, FairnessParams

# Rows of a group, and the share of them that is approved.
Rates = dict[str, tuple[int, float]]

LIMITS = FairnessLimits(
    disparate_impact=0.8,
    decline_ratio=2.0,
    odds_ratio=2.0,
    standardised_mean_difference=0.3,
    equal_opportunity_difference=0.1,
    average_abs_odds_difference=0.15,
    underrated_by=0.05,
    theil_index=0.5,
    registered_shift=0.05,
)


def fairness_params(**changes: Any) -> FairnessParams:
    values: dict[str, Any] = {
        "privileged": {"race": "a"},
        "cutoffs": (0.5,),
        "evaluate_on": "out_of_fold",
        "smallest_group_rows": 30,
        "significance": 0.05,
        "draws": 2000,
        "seed": 1,
    }
    return FairnessParams.model_validate(values | changes)


def decisions(rates: Rates) -> tuple[pd.DataFrame, DecidedRows]:
    """Return protected attributes, and labels, decisions and scores.

    Every label is what the decision is, but for each tenth row; every score is the label.
    """
    groups: list[str] = []
    approvals: list[bool] = []
    for group, (rows, rate) in rates.items():
        groups += [group] * rows
        approvals += [row < round(rows * rate) for row in range(rows)]
    approved = np.array(approvals)
    actual = np.where(np.arange(len(approved)) % 10 == 0, ~approved, approved).astype(int)
    protected = pd.DataFrame({"race": pd.array(groups, dtype="str")})
    return protected, DecidedRows.of(actual, approved, actual.astype(float))


def measured(rates: Rates, **changes: Any) -> FairnessReport:
    return measure_fairness(*decisions(rates), fairness_params(**changes))
