"""A profile of a data version: shares of bins and categories, and how columns go together.

Drift compares a new version with the profile that a person accepted (`./portcullis accept`), not
with whatever ran last: a drift that creeps in small steps must not move its own yardstick. The
accepted profile lies in the use case's folder, so that a rerun of any commit compares with the same
one and gives the same bytes.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.config.strict import StrictModel
from tasks.stages.validate.reference.agreement import effective_rows
from tasks.stages.validate.reference.associations import Associations, keep_associations
from tasks.stages.validate.reference.cells import (
    SHARE_DECIMALS,
    SMALLEST_CELL,
    CellCodes,
    ColumnProfile,
    cell_codes,
    count_cells,
    profile_column,
)
from tasks.stages.validate.reference.holding import HeldRows, columns_of
from tasks.stages.validate.reference.label_rates import LabelRates, keep_label_rates
from tasks.stages.validate.reference.scores import components_of

# The 95 % point of the normal distribution, one-sided.
Z_95 = 1.645


class JointProfile(StrictModel):
    """How columns go together. `effective_rows` is less than the rows where people have several."""

    effective_rows: float = Field(ge=0)
    associations: Associations
    label_rates: LabelRates | None


class Profile(StrictModel):
    """One profile per column, and one of all columns together.

    `joint` is None in a file that was written before there was any.
    """

    rows: int = Field(ge=0)
    columns: dict[str, ColumnProfile]
    joint: JointProfile | None = None

    @model_validator(mode="after")
    def _has_scores_of_its_columns(self) -> "Profile":
        if self.joint is not None:
            known = {component.name for component in components_of(self.columns)}
            if not set(self.joint.associations.scores) <= known:
                raise ValueError("associations of scores that the columns do not have")
        return self


class Drift(BaseModel):
    """How far a column moved: its population stability index, and what chance alone explains.

    Without any drift, PSI exceeds `chance` once in twenty times.
    """

    model_config = ConfigDict(frozen=True)

    psi: float
    chance: float


def profile(frame: "pd.DataFrame | HeldRows") -> Profile:
    """Return the profile of some rows."""
    return Profile(
        rows=len(frame),
        columns={str(name): profile_column(frame[name]) for name in frame.columns},
    )


def profile_jointly(
    frame: "pd.DataFrame | HeldRows",
    people: "np.ndarray[Any, Any]",
    *,
    target: str,
    protected: tuple[str, ...],
) -> Profile:
    """Return the profile of a frame with how its columns go together.

    Args:
        frame: The columns that are kept.
        people: Whom each row is about.
        target: The column of the label.
        protected: The protected attributes.
    """
    alone = profile(frame)
    codes = {name: cell_codes(frame[name], cells) for name, cells in alone.columns.items()}
    joint = JointProfile(
        effective_rows=round(effective_rows(people), 1),
        associations=keep_associations(components_of(alone.columns), codes),
        label_rates=keep_label_rates(frame[target], columns_of(frame, protected)),
    )
    return alone.model_copy(update={"joint": joint})


def drift(
    reference: Profile,
    frame: "pd.DataFrame | HeldRows",
    codes: Mapping[str, CellCodes] | None = None,
) -> dict[str, Drift | None]:
    """Return the drift of every column of either side; None where there is nothing to compare with.

    PSI = sum over cells of (p - q) ln(p / q), in the reference's cells, where p is the share of the
    frame's rows and q the reference's; an empty cell counts as half a row, or as the half unit that
    its share was rounded by. Without any drift, PSI is about (1/n + 1/m) times chi-square with one
    degree of freedom less than there are cells (Yurdakul 2018, "Statistical Properties of
    Population Stability Index"); `chance` is its 95 % point.
    """
    # Of both sides: a column that only one has is None, which the judge does not pass.
    names = dict.fromkeys([*reference.columns, *map(str, frame.columns)])
    if not len(frame) or not reference.rows:
        return dict.fromkeys(names)

    codes = delivered_cells(reference, frame) if codes is None else codes
    return {
        name: _drift_of_column(reference.columns[name], reference.rows, codes[name])
        if name in codes
        else None
        for name in names
    }


def delivered_cells(reference: Profile, frame: "pd.DataFrame | HeldRows") -> dict[str, CellCodes]:
    """Return the reference's cell of every row, for the columns that both have."""
    return {
        name: cell_codes(frame[name], cells)
        for name, cells in reference.columns.items()
        if name in frame
    }


def _drift_of_column(reference: ColumnProfile, reference_rows: int, codes: CellCodes) -> Drift:
    """Return the drift of a column's cells from its profile, made of `reference_rows` rows."""
    rows = len(codes)
    # A new category of a few rows is left out, as it would have been from the reference.
    counts = {
        cell: count
        for cell, count in count_cells(codes, reference).items()
        if cell in reference.shares or count >= SMALLEST_CELL
    }

    # ln(p / q) needs both shares above 0. The reference's are rounded, which hides half a unit.
    smallest_share = 0.5 / rows
    smallest_reference = max(0.5 / reference_rows, 0.5 * 10**-SHARE_DECIMALS)
    cells = sorted(counts.keys() | reference.shares.keys())
    psi = 0.0
    for cell in cells:
        share = max(counts.get(cell, 0) / rows, smallest_share)
        reference_share = max(reference.shares.get(cell, 0.0), smallest_reference)
        psi += (share - reference_share) * math.log(share / reference_share)

    chance = _chi_square_95(len(cells) - 1) * (1 / rows + 1 / reference_rows)
    return Drift(psi=round(psi, 6), chance=round(chance, 6))


def _chi_square_95(degrees_of_freedom: int) -> float:
    """Return the 95 % point of chi-square, by Wilson and Hilferty (1931).

    Within 3 % of the table for one and two degrees of freedom, within 1 % from three on. 0 for
    none.
    """
    if degrees_of_freedom < 1:
        return 0.0

    variance = 2 / (9 * degrees_of_freedom)
    return degrees_of_freedom * (1 - variance + Z_95 * math.sqrt(variance)) ** 3
