"""Search, confirm and look at calibration: from rows to one report."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.disparity.counts import DecidedRows, require_rows
from tasks.learning.splitting import draws
from tasks.stages.subgroups.cells import Attribute, Cells
from tasks.stages.subgroups.confirming import Subgroup, confirm_subgroups
from tasks.stages.subgroups.multicalibration import Multicalibration, measure_multicalibration
from tasks.stages.subgroups.params import SubgroupsParams
from tasks.stages.subgroups.searching import SubgroupMeasure, search_subgroups


class SubgroupsReport(BaseModel):
    """The worst subgroups, and how well calibrated every segment is."""

    model_config = ConfigDict(frozen=True)

    evaluated_on: str
    rows: int
    people: int
    attributes: tuple[str, ...]
    cells: int
    searched: dict[SubgroupMeasure, int]  # conjunctions with enough people
    # protected, and without a group that could be searched by itself
    unsearched: dict[SubgroupMeasure, tuple[str, ...]]
    subgroups: tuple[Subgroup, ...]
    multicalibration: Multicalibration


def measure_subgroups(
    protected: pd.DataFrame,
    audited: pd.DataFrame,
    rows: DecidedRows,
    persons: "pd.Series[int]",
    params: SubgroupsParams,
) -> SubgroupsReport:
    """Search one half of the people, and confirm on the other; calibration is about all rows.

    Args:
        protected: All protected attributes, missing where not known; shape (rows, attributes).
        audited: The features of `params.audit`, shape (rows, features).
        rows: Labels, decisions, scores and people.
        persons: Number of each row's person, by which the halves are drawn; shape (rows,).
        params: What is searched.

    Raises:
        DataError: There are no rows.
    """
    require_rows(rows, "subgroups")
    smallest = params.smallest_people
    attributes = (
        *(Attribute.protected(str(name), protected[name], smallest) for name in protected),
        *(Attribute.audited(name, audited[name], params.bins, smallest) for name in params.audit),
    )
    # By a hash of person and seed: all rows of a person are in one half, whatever else is
    # delivered. The name keeps these halves independent of the folds and of the part `test`.
    is_confirmed = draws(persons, params.seed, "subgroups") >= 0.5
    cells = Cells.of(attributes, rows, is_confirmed)

    result = search_subgroups(cells, params.depth, smallest, params.kept)
    return SubgroupsReport(
        evaluated_on=params.evaluate_on,
        rows=len(rows),
        people=rows.count_people(),
        attributes=tuple(attribute.name for attribute in attributes),
        cells=len(cells.codes),
        searched=result.searched,
        unsearched=result.unsearched,
        subgroups=confirm_subgroups(result, cells, rows, np.asarray(is_confirmed)),
        multicalibration=measure_multicalibration(
            cells, params.depth, smallest, params.significance
        ),
    )
