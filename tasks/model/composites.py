"""What decisions are compared with, as it travels with the model: rows that are nobody's."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from .families import Matrix


class Composites(BaseModel):
    """Composite rows of the model's matrix, which reasons are measured against.

    Each value goes back to at least `people_behind_each_value` people, and no row to any one of
    them: `tasks/adverse_action/composing.py` says how they are made, and what is lost on the way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    compared_with: Literal["near_cutoff", "all"]
    people_behind_each_value: int = Field(ge=2)
    inputs: tuple[str, ...] = Field(min_length=1)
    rows: tuple[tuple[float, ...], ...] = Field(min_length=1)

    @property  # not cached: a copy with other rows would keep it
    def matrix(self) -> Matrix:
        """The rows, shape (rows, inputs)."""
        return np.array(self.rows, dtype=np.float64)
