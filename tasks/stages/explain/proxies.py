"""Which features stand in for a protected attribute, and how much the model leans on them."""

import numpy as np
import pandas as pd

from tasks.formats.shown import SMALLEST_SHOWN_ROWS
from tasks.model.families import Matrix


def proxy_strengths(
    matrix: Matrix, inputs: tuple[str, ...], shares: dict[str, float], protected: pd.DataFrame
) -> list[tuple[float, float, str, str, str]]:
    """Return (strength, AUC, feature, attribute, group), strongest first.

    AUC is how well the feature alone tells the group from all others; strength = 2 |AUC - 0.5|
    times the feature's share of all SHAP mass. Of two groups only the first is asked about: the
    other is its mirror image. A group of fewer than ten rows has a number for a name: what so few
    share may be a person's name that slipped into the column.
    """
    found = []
    for attribute in protected.columns:
        groups = protected[attribute]
        names = sorted(groups.dropna().unique(), key=str)
        rows = groups.value_counts()
        rare = [name for name in names if rows[name] < SMALLEST_SHOWN_ROWS]
        for group in names[:1] if len(names) == 2 else names:
            inside = (groups == group).to_numpy()[groups.notna().to_numpy()]
            shown = f"small group {rare.index(group) + 1:d}" if group in rare else f"{group}"
            known = matrix[groups.notna().to_numpy()]
            for position, feature in enumerate(inputs):
                auc = _auc(known[:, position], inside)
                found.append(
                    (2 * abs(auc - 0.5) * shares[feature], auc, feature, str(attribute), shown)
                )
    return sorted(found, key=lambda one: (-one[0], one[2], one[3], one[4]))


def _auc(values: Matrix, inside: np.ndarray) -> float:
    """Return the Mann-Whitney AUC with ties halved; 0.5 where a side is empty."""
    count = int(inside.sum())
    if count in (0, len(inside)):
        return 0.5
    ranks = pd.Series(values).rank().to_numpy()
    return float((ranks[inside].sum() - count * (count + 1) / 2) / (count * (len(inside) - count)))
