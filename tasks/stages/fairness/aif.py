"""AIF360's group metrics, the only place in this room that imports it."""

import logging
import math
from typing import Any

import numpy as np
import pandas as pd

from tasks.stages.fairness.counts import GroupCounts

METRICS = (
    "disparate_impact",
    "statistical_parity_difference",
    "equal_opportunity_difference",
    "average_abs_odds_difference",
)


def group_metrics(group: GroupCounts, privileged: GroupCounts) -> dict[str, float | None]:
    """Return AIF360's metrics of `group` towards `privileged`; None where AIF360 says nan or inf.

    AIF360 copies what it is given, so it is given one row per group, label and decision, weighted by how many rows
    that is: all its group metrics are functions of those counts.
    """
    cells = [
        (inside, label, decision, count)
        for inside, of in ((1.0, group), (0.0, privileged))
        for label, decision, count in of.cells
        if count
    ]
    metric = _metric(pd.DataFrame(cells, columns=["group", "label", "decision", "rows"]))
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {name: float(getattr(metric, name)()) for name in METRICS}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def theil_index(actual: np.ndarray, approved: np.ndarray) -> float | None:
    """Return AIF360's Theil index of all rows (it ignores weights, so it is given every row)."""
    rows = pd.DataFrame(
        {
            "group": 1.0,
            "label": actual.astype(float),
            "decision": approved.astype(float),
            "rows": 1.0,
        }
    )
    value = float(_metric(rows).theil_index())
    return value if math.isfinite(value) else None


def _metric(rows: pd.DataFrame) -> Any:
    logging.disable(logging.WARNING)  # AIF360 warns of every optional package that is not installed
    try:
        from aif360.datasets import BinaryLabelDataset
        from aif360.metrics import ClassificationMetric
    finally:
        logging.disable(logging.NOTSET)
    truth = BinaryLabelDataset(
        df=rows.drop(columns="decision"),
        label_names=["label"],
        protected_attribute_names=["group"],
        instance_weights_name="rows",
    )
    decided = truth.copy()
    decided.labels = rows["decision"].to_numpy(dtype=float).reshape(-1, 1)
    return ClassificationMetric(
        truth, decided, unprivileged_groups=[{"group": 1.0}], privileged_groups=[{"group": 0.0}]
    )
