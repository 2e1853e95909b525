"""Measure the worst subgroups on the other half of the people, with intervals.

Who was found to be the worst on the same rows would look worse than they are: the worst of many is
partly the unluckiest. The other half knows nothing of the search.
"""

from collections.abc import Callable

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.disparity.counts import DecidedRows, GroupCounts, count_rows, joint_name
from tasks.disparity.estimates import calibration, finite_or_none, ratio
from tasks.disparity.intervals import Interval, newcombe, ratio_interval
from tasks.stages.subgroups.cells import Attribute, Cells, Subset
from tasks.stages.subgroups.searching import Candidate, SearchResult, SubgroupMeasure

Estimate = tuple[float | None, Interval | None]


class Subgroup(BaseModel):
    """A conjunction that the search kept, and what it was confirmed to be."""

    model_config = ConfigDict(frozen=True)

    measure: SubgroupMeasure
    attribute: str  # `race and obrat`
    group: str  # `black / part 3 of 3`
    compared_within: str  # what everybody else has in common with it; empty for nothing
    search_value: float | None
    search_people: int
    value: float | None
    interval: Interval | None  # 95 %, of the confirmation
    rows: int
    people: int
    other_people: int  # that it is compared with; 0 where it is with nobody


def confirm_subgroups(
    result: SearchResult,
    cells: Cells,
    rows: DecidedRows,
    is_confirmed: np.ndarray,
) -> tuple[Subgroup, ...]:
    """Return the kept subgroups, each measured on either half; in the order of the search."""
    return tuple(
        _confirm(candidate, cells, rows, is_confirmed)
        for candidates in result.worst.values()
        for candidate in candidates
    )


def _confirm(
    candidate: Candidate, cells: Cells, rows: DecidedRows, is_confirmed: np.ndarray
) -> Subgroup:
    names = cells.names_of(candidate.subset, candidate.index)
    levels = [int(level) for level in np.unravel_index(candidate.index, candidate.subset.shape)]
    # From the rows and not from cells: the intervals need counts by person, which cells do not
    # keep. The codes are those of the search, so that a subgroup is the same people in both.
    is_stratum = _have_levels(cells, candidate.subset, levels, rows, is_protected=False)
    is_member = is_stratum & _have_levels(cells, candidate.subset, levels, rows, is_protected=True)
    is_other = is_stratum & ~is_member

    def counts(half: np.ndarray) -> tuple[GroupCounts, GroupCounts]:
        return count_rows("group", rows[is_member & half]), count_rows(
            "others", rows[is_other & half]
        )

    group, others = counts(is_confirmed)
    searched, searched_others = counts(~is_confirmed)
    measure = MEASURES[candidate.measure]
    value, interval = measure(group, others)
    within = [
        f"{name}: {level}"
        for axis, (name, level) in enumerate(names)
        if axis not in candidate.subset.protected
    ]
    is_compared = candidate.measure is not SubgroupMeasure.UNDERRATED_BY
    return Subgroup(
        measure=candidate.measure,
        attribute=" and ".join(name for name, _ in names),
        group=joint_name(level for _, level in names),
        compared_within=", ".join(within) if is_compared else "",
        search_value=measure(searched, searched_others)[0],
        search_people=searched.people,
        value=value,
        interval=interval,
        rows=group.rows,
        people=group.people,
        other_people=others.people if is_compared else 0,
    )


def _have_levels(
    cells: Cells,
    subset: Subset,
    levels: list[int],
    rows: DecidedRows,
    *,
    is_protected: bool,
) -> np.ndarray:
    """Say which rows have the levels of the attributes that are protected, or of the others."""
    is_like = np.ones(len(rows), dtype=bool)
    for position, level in zip(subset.positions, levels, strict=True):
        attribute: Attribute = cells.attributes[position]
        if attribute.is_protected is is_protected:
            is_like &= attribute.codes == level

    return is_like


def _false_decline_difference(group: GroupCounts, others: GroupCounts) -> Estimate:
    mine, theirs = group.true_approvals.complement, others.true_approvals.complement
    # Nobody with a favourable label on one side: no rate, no figure, undecided.
    if not (mine.rows and theirs.rows):
        return None, None
    return mine.rate - theirs.rate, finite_or_none(newcombe(mine, theirs))


def _disparate_impact(group: GroupCounts, others: GroupCounts) -> Estimate:
    interval = ratio_interval(group.approvals, others.approvals)
    return ratio(group.approvals, others.approvals), finite_or_none(interval)


def _underrated_by(group: GroupCounts, others: GroupCounts) -> Estimate:
    del others
    estimate = calibration(group)
    return estimate.value, estimate.interval


MEASURES: dict[SubgroupMeasure, Callable[[GroupCounts, GroupCounts], Estimate]] = {
    SubgroupMeasure.FALSE_DECLINE_DIFFERENCE: _false_decline_difference,
    SubgroupMeasure.DISPARATE_IMPACT: _disparate_impact,
    SubgroupMeasure.UNDERRATED_BY: _underrated_by,
}
