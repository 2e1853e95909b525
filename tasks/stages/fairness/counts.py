"""Counts by group, label and decision: all that group metrics depend on."""

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import pandas as pd

from tasks.formats.shown import SMALLEST_SHOWN_ROWS

UNKNOWN = "unknown"
POOLED = "pooled small groups"


@dataclass(frozen=True)
class GroupCounts:
    """How many rows of a group are good or bad, and how many of each are approved.

    Good rows have the favourable label. `score_sum` is the sum of P(favourable), for calibration.
    """

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
        """Rows by label (1 good) and decision (1 approved), in the order that `bootstrap` uses."""
        return (
            (1.0, 1.0, self.approved_good),
            (1.0, 0.0, self.good - self.approved_good),
            (0.0, 1.0, self.approved_bad),
            (0.0, 0.0, self.bad - self.approved_bad),
        )


def count_groups(
    groups: "pd.Series[str]", actual: np.ndarray, approved: np.ndarray, scores: np.ndarray
) -> dict[str, GroupCounts]:
    """Return the counts of each group, in order of name.

    Rows whose group is missing are counted as `unknown`, never left out.

    Args:
        groups: Group of each row, shape (rows,).
        actual: 1 for the favourable label, shape (rows,).
        approved: Whether each row is approved, shape (rows,).
        scores: P(favourable), shape (rows,).
    """
    is_good = actual == 1
    is_approved = approved.astype(bool)
    frame = pd.DataFrame(
        {
            "group": groups.fillna(UNKNOWN).to_numpy(),
            "good": is_good,
            "approved_good": is_good & is_approved,
            "approved_bad": ~is_good & is_approved,
            "score": scores,
        }
    )

    sums = frame.groupby("group", sort=True).agg(
        rows=("good", "size"),
        good=("good", "sum"),
        approved_good=("approved_good", "sum"),
        approved_bad=("approved_bad", "sum"),
        score_sum=("score", "sum"),
    )
    return {
        str(name): GroupCounts(
            group=str(name),
            good=int(group.good),
            bad=int(group.rows - group.good),
            approved_good=int(group.approved_good),
            approved_bad=int(group.approved_bad),
            score_sum=float(group.score_sum),
        )
        for name, group in sums.iterrows()
    }


def without_rare_names(counts: dict[str, GroupCounts], privileged: str) -> dict[str, GroupCounts]:
    """Return the counts in the same order, with a number for the name of each rare group.

    Each is judged as it was. Its name is what few rows have in the column, and may be a person's
    that slipped into it; the privileged group's is declared.
    """
    shown: dict[str, GroupCounts] = {}
    rare = 0
    for name, group in counts.items():
        shown_as = name
        if group.rows < SMALLEST_SHOWN_ROWS and name != privileged:
            rare += 1
            shown_as = f"small group {rare:d}"
        shown[shown_as] = replace(group, group=shown_as)
    return shown


def intersect(
    rows: pd.DataFrame, attributes: tuple[str, ...], smallest_rows: int, privileged: str
) -> "pd.Series[str]":
    """Return the joint group of each row (`black / male`), missing where an attribute is.

    Groups of fewer than `smallest_rows` are pooled into one, and the pool takes in the next
    smallest group until it has as many itself, so that nobody is left out. The privileged joint
    group is never
    pooled: the others are compared with it.
    """
    parts = [rows[name].astype("str") for name in attributes]
    joint = reduce(lambda left, right: left + " / " + right, parts)

    pool: list[str] = []
    pooled_rows = 0
    for group, group_rows in joint[joint != privileged].value_counts(ascending=True).items():
        is_pool_large_enough = not pool or pooled_rows >= smallest_rows
        if group_rows >= smallest_rows and is_pool_large_enough:
            break
        pool.append(str(group))
        pooled_rows += int(group_rows)

    return joint.where(~joint.isin(pool), POOLED)
