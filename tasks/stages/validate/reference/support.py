"""Rows with a value that the accepted version hardly had, or did not know."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.stages.validate.reference.cells import (
    MISSING,
    OTHER,
    SHARE_DECIMALS,
    SMALLEST_CELL,
    CellCodes,
    ColumnProfile,
)
from tasks.stages.validate.reference.holding import HeldRows


class Beyond(BaseModel):
    """The share of rows beyond a column's support, accepted and delivered.

    Where fewer than ten rows are, ten are counted. `is_beyond_chance` says whether chance makes it
    so many more in too few of good deliveries to be believed.
    """

    model_config = ConfigDict(frozen=True)

    accepted: float
    delivered: float
    is_beyond_chance: bool

    @property
    def excess(self) -> float:
        """By how much the share grew, or 0 where chance explains that."""
        return self.delivered - self.accepted if self.is_beyond_chance else 0.0


def compare_support(
    columns: Mapping[str, ColumnProfile],
    accepted_rows: int,
    frame: "pd.DataFrame | HeldRows",
    codes: Mapping[str, CellCodes],
    *,
    significance: float,
) -> dict[str, Beyond]:
    """Return, for every column that both have, the rows beyond its support.

    For numbers these are the rows below or above the accepted version's tails; for categories, the
    rows with one that it does not know. Given how many there are in both versions together, the
    delivery's number is binomial; no column of a good delivery exceeds its point in more than a
    share `significance` of deliveries.
    """
    from scipy.stats import binom

    # Of no row there is no share to compare with: nothing is measured, and the gate is undecided.
    if not accepted_rows:
        return {}

    level = significance / max(len(columns), 1)
    rows = len(frame)
    beyond = {}
    for name, cells in columns.items():
        # Ten at least on both sides, so that the report tells of no smaller number.
        delivered = max(_rows_beyond(cells, frame[name], codes[name]), SMALLEST_CELL)
        accepted = max(_accepted_share(cells) * accepted_rows, SMALLEST_CELL)
        together = delivered + round(accepted)
        chance = binom.sf(delivered - 1, together, rows / (rows + accepted_rows))
        beyond[name] = Beyond(
            accepted=round(accepted / accepted_rows, SHARE_DECIMALS),
            delivered=round(delivered / rows, SHARE_DECIMALS),
            is_beyond_chance=bool(chance < level),
        )
    return beyond


def _accepted_share(cells: ColumnProfile) -> float:
    if cells.edges is not None:
        return (cells.support.beyond_share if cells.support else None) or 0.0
    return cells.shares.get(OTHER, 0.0)


def _rows_beyond(cells: ColumnProfile, values: "pd.Series[float]", codes: CellCodes) -> int:
    """Return how many rows lie beyond.

    Text in a column of numbers does, and so does a gap where the accepted version has none.
    """
    other = len(cells.own_cells)
    strange = np.isin(codes, [other] if MISSING in cells.shares else [other, other + 1])
    if cells.support is not None:
        numbers: np.ndarray[Any, Any] = pd.to_numeric(values, errors="coerce").to_numpy(
            float, na_value=np.nan
        )
        strange |= (numbers < cells.support.low) | (numbers > cells.support.high)

    return int(strange.sum())
