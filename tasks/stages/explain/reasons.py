"""Reason codes: why an applicant was declined, in at most four specific reasons (12 CFR 1002.9(b)(2)).

Contributions are summed over declared groups of correlated features before they are ranked; only adverse ones count.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from tasks.config.cases import validated_file
from tasks.errors import ConfigError
from tasks.model.families import Matrix
from tasks.stages.explain.params import ReasonGroup, ReasonMap

MOST_REASONS = 4  # comment 9(b)(2)-1: more are unlikely to help


def load_reason_map(path: Path, features: tuple[str, ...]) -> ReasonMap:
    """Return the map; every feature of the model must be in exactly one reason.

    Raises:
        ConfigError: The file is wrong, or a feature has no reason, or several.
    """
    known = validated_file(ReasonMap, path, expected="a reason map", remedy="Restore it.")
    named = [feature for group in known.reasons for feature in group.features]
    doubled = sorted({feature for feature in named if named.count(feature) > 1})
    if missing := sorted(set(features) - set(named)) or doubled:
        raise ConfigError(
            str(path),
            expected="exactly one reason for every feature",
            found=f"none or several for: {', '.join(missing)}",
            remedy="Give each a reason in words that say what was scored; never the nearest box.",
        )
    return known


def group_contributions(
    contributions: Matrix, inputs: tuple[str, ...], groups: tuple[ReasonGroup, ...]
) -> Matrix:
    """Return contributions summed by reason, shape (rows, reasons); `inputs` names the feature of each column."""
    columns = [
        [position for position, feature in enumerate(inputs) if feature in group.features]
        for group in groups
    ]
    return np.stack([contributions[:, column].sum(axis=1) for column in columns], axis=1)


def top_reasons(grouped: Matrix) -> np.ndarray:
    """Return the indices of up to four most adverse reasons per row, most adverse first, -1 where fewer are adverse.

    Shape (rows, 4). Ties go to the reason that the map names first.
    """
    width = min(MOST_REASONS, grouped.shape[1])
    order = np.argsort(grouped, axis=1, kind="stable")[:, :width]
    adverse = np.take_along_axis(grouped, order, axis=1) < 0
    result = np.full((len(grouped), MOST_REASONS), -1)
    result[:, :width] = np.where(adverse, order, -1)
    return result


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean share of each row's reasons in `first` that `second` names too; rows without any count as 1."""
    shares = [
        len(set(a[a >= 0]) & set(b[b >= 0])) / len(a[a >= 0]) if (a >= 0).any() else 1.0
        for a, b in zip(first, second, strict=True)
    ]
    return float(np.mean(shares)) if shares else float("nan")


def reason_table(
    subjects: "pd.Series[str]", rows: np.ndarray, top: np.ndarray, grouped: Matrix, known: ReasonMap
) -> pd.DataFrame:
    """Return one row per declined applicant: `subject`, `row` (position in redact's rows), codes and contributions."""
    codes = np.asarray(
        [group.code for group in known.reasons] + [None], dtype=object
    )  # -1 is the last: None
    table: dict[str, object] = {"subject": subjects.to_numpy(), "row": rows}
    for position in range(MOST_REASONS):
        index = top[:, position]
        table[f"reason_{position + 1}"] = pd.array(codes[index], dtype="str")
        worth = np.take_along_axis(grouped, np.maximum(index, 0)[:, None], axis=1)[:, 0]
        table[f"log_odds_{position + 1}"] = np.where(index >= 0, worth, np.nan)
    return pd.DataFrame(table)
