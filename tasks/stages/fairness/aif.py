"""AIF360's group metrics. No other module of this room imports AIF360."""

import logging
import math
from typing import Any

import numpy as np
import pandas as pd

from tasks.disparity.counts import GroupCounts

# AIF360 is asked for what regulators and validators know by its names; `power` computes the same
# four by `plain_metrics`, and a test holds the two together. AIF360 has no intervals: those are of
# `tasks/disparity`.
# Methods of AIF360's ClassificationMetric.
METRICS = (
    "disparate_impact",
    "statistical_parity_difference",
    "equal_opportunity_difference",
    "average_abs_odds_difference",
)

# How the two sides of a comparison are written in AIF360's column `group`.
UNPRIVILEGED = 1.0
PRIVILEGED = 0.0


def group_metrics(group: GroupCounts, privileged: GroupCounts) -> dict[str, float | None]:
    """Return AIF360's metrics of `group` towards `privileged`; None where one is nan or infinite.

    AIF360 copies its data several times over, so it gets one row per group, label and decision,
    weighted by how many rows that is: all its group metrics are functions of those counts.
    """
    cells = [
        (side, label, decision, rows)
        for side, counts in ((UNPRIVILEGED, group), (PRIVILEGED, privileged))
        for label, decision, rows in counts.cells
        # A cell without rows would be a row of weight 0: it says nothing, and is left out.
        if rows
    ]
    metric = _metric(pd.DataFrame(cells, columns=["group", "label", "decision", "rows"]))

    # A label that a group lacks makes a rate 0 / 0, which is nan, and is reported as None.
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {name: float(getattr(metric, name)()) for name in METRICS}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def theil_index(actual: np.ndarray, approved: np.ndarray) -> float | None:
    """Return AIF360's Theil index of all rows; None where it is nan or infinite.

    Its Theil index ignores weights, so it gets every row.

    Args:
        actual: 1 or True for the favourable label, else 0; shape (rows,).
        approved: Whether each row is approved; shape (rows,).
    """
    rows = pd.DataFrame(
        {
            "group": UNPRIVILEGED,  # AIF360 wants a group, and the index uses none
            "label": actual.astype(float),
            "decision": approved.astype(float),
            "rows": 1.0,
        }
    )
    # Where every row is a good one that is declined, the mean benefit is 0, and the index nan.
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(_metric(rows).theil_index())

    return value if math.isfinite(value) else None


def _metric(rows: pd.DataFrame) -> Any:
    """Return AIF360's metric of `rows`: `group`, `label`, `decision` and the weight `rows`."""
    logging.disable(logging.WARNING)  # AIF360 warns of every optional package that is absent
    try:
        from aif360.datasets import BinaryLabelDataset
        from aif360.metrics import ClassificationMetric
    finally:
        logging.disable(logging.NOTSET)

    labelled = BinaryLabelDataset(
        df=rows.drop(columns="decision"),
        label_names=["label"],
        protected_attribute_names=["group"],
        instance_weights_name="rows",
    )
    # ClassificationMetric wants two data sets that differ in their labels alone, and compares their
    # features, weights and protected attributes: so the decisions are a copy with other labels.
    decided = labelled.copy()
    decided.labels = rows["decision"].to_numpy(dtype=float).reshape(-1, 1)

    return ClassificationMetric(
        labelled,
        decided,
        unprivileged_groups=[{"group": UNPRIVILEGED}],
        privileged_groups=[{"group": PRIVILEGED}],
    )
