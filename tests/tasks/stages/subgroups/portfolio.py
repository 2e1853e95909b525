"""Decisions about people of two protected attributes and an audited feature, for the tests."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.disparity.counts import DecidedRows
from tasks.stages.subgroups.cells import Attribute, Cells
from tasks.stages.subgroups.measuring import SubgroupsReport, measure_subgroups
from tasks.stages.subgroups.params import (
    DetectableDisparities,
    SubgroupsLimits,
    SubgroupsParams,
)

LIMITS = SubgroupsLimits(
    false_decline_difference=0.1,
    disparate_impact=0.8,
    underrated_by=0.05,
    multicalibration_error=0.05,
)
PARAMS = SubgroupsParams(
    audit=("debt",),
    bins=3,
    depth=2,
    smallest_people=50,
    kept=3,
    detectable=DetectableDisparities(
        false_decline_difference=0.25, disparate_impact=0.6, underrated_by=0.2
    ),
    evaluate_on="out_of_fold",
    significance=0.05,
    seed=1,
)


@dataclass(frozen=True)
class SmallPortfolio:
    """People, and what was decided about them."""

    protected: pd.DataFrame
    audited: pd.DataFrame
    rows: DecidedRows

    @property
    def persons(self) -> "pd.Series[int]":
        """Number of each row's person."""
        return pd.Series(self.rows.people)

    def measured(self, params: SubgroupsParams = PARAMS) -> SubgroupsReport:
        """Return what the gate measures of it."""
        return measure_subgroups(self.protected, self.audited, self.rows, self.persons, params)

    def cells(self, is_confirmed: np.ndarray | None = None, smallest: int = 50) -> Cells:
        """Return its cells; by default every other row is set aside."""
        attributes = (
            *(
                Attribute.protected(str(name), self.protected[name], smallest)
                for name in self.protected
            ),
            *(
                Attribute.audited(str(name), self.audited[name], 3, smallest)
                for name in self.audited
            ),
        )
        if is_confirmed is None:
            is_confirmed = np.arange(len(self.rows)) % 2 == 1
        return Cells.of(attributes, self.rows, is_confirmed)


def portfolio(rows: int = 6_000, planted: float = 0.0, seed: int = 1) -> SmallPortfolio:
    """Return people of whom 88 % are good and 88 % approved, by scores that are right.

    Where sex and age differ, a share `planted` of the approved are declined all the same: either
    sex and either age is approved alike.
    """
    rng = np.random.default_rng(seed)
    protected = pd.DataFrame(
        {"sex": rng.choice(["female", "male"], rows), "age": rng.choice(["old", "young"], rows)}
    )
    audited = pd.DataFrame({"debt": rng.standard_normal(rows)})
    scores = rng.beta(6, 0.8, rows)
    is_good = rng.random(rows) < scores
    is_approved = scores >= np.quantile(scores, 0.12)
    is_planted = ((protected["sex"] == "female") ^ (protected["age"] == "old")).to_numpy()
    is_approved &= ~(is_planted & (rng.random(rows) < planted))
    decided = DecidedRows.of(is_good.astype(int), is_approved, scores)
    return SmallPortfolio(protected, audited, decided)
