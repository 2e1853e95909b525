"""Reason codes: why an applicant was declined, in at most four reasons (12 CFR 1002.9(b)(2)).

Contributions are summed over declared groups of correlated features before they are ranked; only
adverse ones count.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from .families import Matrix

MOST_REASONS = 4  # comment 9(b)(2)-1: more are unlikely to help


class ReasonGroup(BaseModel):
    """Correlated features that make one reason together, and the words a person is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(min_length=1)
    features: tuple[str, ...] = Field(min_length=1)
    text: str = Field(min_length=10)


class ReasonMap(BaseModel):
    """A versioned map of every feature to exactly one reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    reasons: tuple[ReasonGroup, ...] = Field(min_length=1)

    def uncovered(self, features: tuple[str, ...]) -> tuple[str, ...]:
        """Return the features that have no reason, or several."""
        named = [feature for group in self.reasons for feature in group.features]
        doubled = {feature for feature in named if named.count(feature) > 1}
        return tuple(sorted((set(features) - set(named)) | doubled))


def group_contributions(
    contributions: Matrix, inputs: tuple[str, ...], groups: tuple[ReasonGroup, ...]
) -> Matrix:
    """Return contributions summed by reason, shape (rows, reasons).

    `inputs` names the feature of each column. Column after column, so that a row's sum does not
    depend on how many rows there are.
    """
    grouped = np.zeros((len(contributions), len(groups)))
    for column, feature in enumerate(inputs):
        for position, group in enumerate(groups):
            if feature in group.features:
                grouped[:, position] += contributions[:, column]
    return grouped


def top_reasons(grouped: Matrix) -> np.ndarray:
    """Return the indices of up to four most adverse reasons per row, most adverse first.

    Shape (rows, 4), -1 where fewer are adverse. Ties go to the reason that the map names first.
    """
    width = min(MOST_REASONS, grouped.shape[1])
    order = np.argsort(grouped, axis=1, kind="stable")[:, :width]
    adverse = np.take_along_axis(grouped, order, axis=1) < 0
    result = np.full((len(grouped), MOST_REASONS), -1)
    result[:, :width] = np.where(adverse, order, -1)
    return result
