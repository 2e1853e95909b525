"""AIF360's group metrics, the only place in this room that imports it."""

import logging
import math
from typing import Any

import numpy as np
import pandas as pd

METRICS = (
    "disparate_impact",
    "statistical_parity_difference",
    "equal_opportunity_difference",
    "average_abs_odds_difference",
)


def group_metrics(
    groups: "pd.Series[str]", group: str, privileged: str, actual: np.ndarray, approved: np.ndarray
) -> dict[str, float | None]:
    """Return AIF360's metrics of `group` towards `privileged`; None where AIF360 says nan or inf."""
    chosen = groups.isin([group, privileged]).to_numpy()
    inside = (groups[chosen] == group).to_numpy(dtype=float)
    metric = _metric(inside, actual[chosen], approved[chosen])
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {name: float(getattr(metric, name)()) for name in METRICS}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def theil_index(actual: np.ndarray, approved: np.ndarray) -> float | None:
    """Return AIF360's Theil index of all rows."""
    value = float(_metric(np.ones(len(actual)), actual, approved).theil_index())
    return value if math.isfinite(value) else None


def _metric(inside: np.ndarray, actual: np.ndarray, approved: np.ndarray) -> Any:
    logging.disable(logging.WARNING)  # AIF360 warns of every optional package that is not installed
    try:
        from aif360.datasets import BinaryLabelDataset
        from aif360.metrics import ClassificationMetric
    finally:
        logging.disable(logging.NOTSET)
    frame = pd.DataFrame({"group": inside, "label": actual.astype(float)})
    truth = BinaryLabelDataset(df=frame, label_names=["label"], protected_attribute_names=["group"])
    decided = truth.copy()
    decided.labels = approved.astype(float).reshape(-1, 1)
    return ClassificationMetric(
        truth, decided, unprivileged_groups=[{"group": 1.0}], privileged_groups=[{"group": 0.0}]
    )
