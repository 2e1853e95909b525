"""Counts by group, label and decision: all that group metrics depend on, whatever the number of rows."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd

UNKNOWN = "unknown"
POOLED = "pooled small groups"


@dataclass(frozen=True)
class GroupCounts:
    """How many rows of a group: `good`/`bad` by label, `approved` of each; and the scores' sum for calibration."""

    group: str
    good: int
    bad: int
    approved_good: int
    approved_bad: int
    score_sum: float

    @property
    def rows(self) -> int:
        """All rows of the group."""
        return self.good + self.bad

    @property
    def approved(self) -> int:
        """Approved rows of the group."""
        return self.approved_good + self.approved_bad

    @property
    def cells(self) -> tuple[tuple[float, float, int], ...]:
        """Rows by label (1 good) and decision (1 approved)."""
        return (
            (1.0, 1.0, self.approved_good),
            (1.0, 0.0, self.good - self.approved_good),
            (0.0, 1.0, self.approved_bad),
            (0.0, 0.0, self.bad - self.approved_bad),
        )


def count_groups(
    groups: "pd.Series[str]", actual: np.ndarray, approved: np.ndarray, scores: np.ndarray
) -> dict[str, GroupCounts]:
    """Return the counts of each group, in order of name. Missing groups are counted as `unknown`, never left out."""
    frame = pd.DataFrame(
        {
            "group": groups.fillna(UNKNOWN).to_numpy(),
            "good": actual == 1,
            "yes": approved.astype(bool),
            "score": scores,
        }
    )
    frame["approved_good"], frame["approved_bad"] = frame.good & frame.yes, ~frame.good & frame.yes
    sums = frame.groupby("group", sort=True).agg(
        rows=("good", "size"),
        good=("good", "sum"),
        ag=("approved_good", "sum"),
        ab=("approved_bad", "sum"),
        score=("score", "sum"),
    )
    return {
        str(name): GroupCounts(
            str(name),
            int(row.good),
            int(row.rows - row.good),
            int(row.ag),
            int(row.ab),
            float(row.score),
        )
        for name, row in sums.iterrows()
    }


def intersect(
    rows: pd.DataFrame, attributes: tuple[str, ...], smallest_rows: int, privileged: str
) -> "pd.Series[str]":
    """Return the joint group of each row, missing where one attribute is.

    Groups of fewer than `smallest_rows` are pooled into one, and the pool takes in the next smallest group until it has
    as many itself, so that nobody is left out. The privileged joint group is never pooled.
    """
    parts = [rows[name].astype("str") for name in attributes]
    joint = reduce(lambda left, right: left + " / " + right, parts)
    pool: list[str] = []
    pooled_rows = 0
    for group, size in joint[joint != privileged].value_counts(ascending=True).items():
        if size >= smallest_rows and (not pool or pooled_rows >= smallest_rows):
            break
        pool.append(str(group))
        pooled_rows += int(size)
    return joint.where(~joint.isin(pool), POOLED)
