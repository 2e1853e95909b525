"""Measure fairness: AIF360's metrics, and those that it lacks, with intervals and sizes.

Each protected attribute, and each declared combination of several, divides the rows into groups, of
which one is privileged. Every other group is compared with it, and all with whoever is better off
than it. A figure without an interval would make ten people look as sure as ten thousand.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tasks.disparity.counts import (
    DecidedRows,
    GroupCounts,
    count_groups,
    count_rows,
    group_names,
    intersect,
    joint_name,
    require_rows,
    without_rare_names,
)
from tasks.disparity.estimates import (
    Comparison,
    Estimate,
    FairnessModel,
    Measure,
    UnknownRows,
    calibration,
    decline_ratio,
    disparate_impact_ratio,
    finite_or_none,
    mean_difference,
    odds_difference,
    odds_ratio,
    opportunity_difference,
    parity_difference,
    ratio,
    ratios_over_cutoffs,
    theil_interval,
)
from tasks.disparity.intervals import Interval, Proportion
from tasks.errors import ConfigError
from tasks.stages.fairness.params import FairnessParams
from tasks.under_way import counted

# Group of each row, and the name of the privileged group.
Grouping = tuple["pd.Series[str]", str]
# Metrics of a group towards another, by AIF360's names.
Metrics = Callable[[GroupCounts, GroupCounts], Mapping[str, float | None]]


class GroupReport(FairnessModel):
    """One group towards its privileged group."""

    attribute: str
    group: str
    privileged: str
    rows: int
    people: int
    approval_rate: float
    approval_interval: Interval
    estimates: tuple[Estimate, ...]


class AbsentGroup(FairnessModel):
    """A group that is not in the data: the privileged one, or (None) any other than that."""

    attribute: str
    group: str | None


class ExcusedAttribute(FairnessModel):
    """A protected attribute that is not judged, by name and reason."""

    attribute: str
    reason: str
    by: str
    date: str


class FairnessReport(FairnessModel):
    """All groups of all attributes, and inequality over all rows."""

    evaluated_on: str
    rows: int
    people: int
    groups: tuple[GroupReport, ...]
    references: tuple[GroupReport, ...]  # the privileged groups themselves
    absent: tuple[AbsentGroup, ...]
    judged_attributes: tuple[str, ...]  # protected columns, not their combinations
    excused_attributes: tuple[ExcusedAttribute, ...]
    forgotten_attributes: tuple[str, ...]  # protected, and neither judged nor excused
    theil: Estimate
    rows_without_group: dict[str, int]


def measure_fairness(
    protected: pd.DataFrame, rows: DecidedRows, params: FairnessParams
) -> FairnessReport:
    """Measure decisions by group.

    Args:
        protected: All protected attributes, missing where not known; shape (rows, attributes).
        rows: Labels, decisions, scores and people.
        params: Attributes, privileged groups, intersections and cut-offs.

    Raises:
        ConfigError: `privileged` or `excused` names a column that is not in `protected`.
        DataError: There are no rows.
    """
    require_rows(rows, "fairness")
    groups: list[GroupReport] = []
    references: list[GroupReport] = []
    absent: list[AbsentGroup] = []
    groupings = _groupings(protected, params)
    for attribute, (names, privileged_name) in counted(
        "measuring groups", groupings.items(), "attributes"
    ):
        # Renamed before anything is made of it, so that no figure, check or page holds a rare
        # value. The privileged group keeps its name, which the use case declares.
        counts = without_rare_names(count_groups(names, rows, params.cutoffs), privileged_name)
        # Nothing to compare with: the attribute is not measured at all, and the gate is undecided
        # about it. Another group in the place of the privileged one would be a choice that nobody
        # made.
        if privileged_name not in counts:
            absent.append(AbsentGroup(attribute=attribute, group=privileged_name))
            continue
        if len(counts) < 2:
            absent.append(AbsentGroup(attribute=attribute, group=None))
            continue

        # Rows of unknown group are no group of their own, and are not left out: they widen the
        # interval of every other (docs/adr/0058).
        unknown = _unknown(names, rows, params.cutoffs, may_be_others=len(counts) > 2)
        reference, others = report_groups(attribute, counts, privileged_name, params, unknown)
        references.append(reference)
        groups += others

    return FairnessReport(
        evaluated_on=params.evaluate_on,
        rows=len(rows),
        people=rows.count_people(),
        groups=tuple(groups),
        references=tuple(references),
        absent=tuple(absent),
        judged_attributes=tuple(params.privileged),
        excused_attributes=tuple(
            ExcusedAttribute(
                attribute=name,
                reason=excuse.reason,
                by=excuse.by,
                date=excuse.date.isoformat(),
            )
            for name, excuse in params.excused.items()
        ),
        # From the columns that the use case calls protected, not from `privileged`: what is taken
        # out of there is found here.
        forgotten_attributes=tuple(
            str(name)
            for name in protected.columns
            if name not in params.privileged and name not in params.excused
        ),
        theil=_theil(rows, params),
        rows_without_group={
            name: int(names.isna().sum()) for name, (names, _) in groupings.items()
        },
    )


def report_groups(
    attribute: str,
    counts: dict[str, GroupCounts],
    privileged_name: str,
    params: FairnessParams,
    unknown: UnknownRows | None = None,
    metrics: Metrics | None = None,
) -> tuple[GroupReport, list[GroupReport]]:
    """Return the report of an attribute's privileged group, and those of all other groups.

    Which group is privileged is a word of the use case. Figures that count one way would pass under
    the name of a group that is itself worse off: so whoever is better off than it is compared with,
    too, by all others (docs/adr/0059-what-no-approval-rate-blinds.md).

    Args:
        attribute: The protected attribute, or several that are taken together.
        counts: Of each group, the privileged one among them.
        privileged_name: Its name.
        params: The row minimum, and the approval rates of further cut-offs.
        unknown: Rows that may belong to any of them.
        metrics: AIF360's, unless the caller computes the same (`power`, thousands of times).
    """
    # Imported here: AIF360 takes two CPU seconds to import.
    from tasks.stages.fairness.aif import group_metrics

    privileged = counts[privileged_name]
    # The highest rate of a few people is chance: taken from those who are enough to be judged.
    rivals = [group for group in counts.values() if group.people >= params.smallest_group_rows]
    highest = max(rivals or [privileged], key=lambda group: group.approvals.rate)
    better_off = [rival for rival in rivals if _is_better_off(rival, privileged)]

    def report(group: GroupCounts, estimates: tuple[Estimate, ...]) -> GroupReport:
        # Nobody is compared with themselves, nor twice with the privileged group.
        if highest.group not in (group.group, privileged_name):
            estimates = (*estimates, _impact_to_highest(Comparison(group, highest, unknown)))
        for rival in better_off:
            if _is_better_off(rival, group):
                comparison = Comparison(group, rival, unknown)
                # The reference that a larger group is, a smaller one is not: beside a few people
                # who fare better nobody could be certified, at parity either.
                is_alarm = rival.people <= privileged.people
                further = _measure_one_way(comparison, params.cutoffs, is_alarm=is_alarm)
                estimates = (*estimates, *further)

        return GroupReport(
            attribute=attribute,
            group=group.group,
            privileged=privileged_name,
            rows=group.rows,
            people=group.people,
            approval_rate=group.approvals.rate,
            approval_interval=group.approvals.limits,
            estimates=estimates,
        )

    others = []
    for group in counts.values():
        if group.group != privileged_name:
            values = (metrics or group_metrics)(group, privileged)
            comparison = Comparison(group, privileged, unknown)
            others.append(report(group, _measure_group(comparison, values, params.cutoffs)))
    return report(privileged, (calibration(privileged, unknown),)), others


def _measure_group(
    comparison: Comparison, values: Mapping[str, float | None], approval_rates: tuple[float, ...]
) -> tuple[Estimate, ...]:
    """Return a group's figures towards the privileged group."""
    return (
        disparate_impact_ratio(comparison, values["disparate_impact"]),
        decline_ratio(comparison),
        odds_ratio(comparison),
        mean_difference(comparison),
        parity_difference(comparison, values["statistical_parity_difference"]),
        opportunity_difference(comparison, values["equal_opportunity_difference"]),
        odds_difference(comparison, values["average_abs_odds_difference"]),
        calibration(comparison.group, comparison.unknown),
        *ratios_over_cutoffs(comparison, approval_rates),
    )


def _measure_one_way(
    comparison: Comparison, approval_rates: tuple[float, ...], *, is_alarm: bool
) -> Iterator[Estimate]:
    """Yield the figures that say nothing of a group that is worse off, if it is the reference.

    The ratio of approvals is not among them: the one to the highest rate says as much.
    """
    for estimate in (
        decline_ratio(comparison),
        odds_ratio(comparison),
        mean_difference(comparison),
        *ratios_over_cutoffs(comparison, approval_rates),
    ):
        towards = comparison.reference.group
        yield estimate.model_copy(update={"towards": towards, "is_alarm": is_alarm})


def _is_better_off(group: GroupCounts, other: GroupCounts) -> bool:
    """Say whether a group is approved more often, at the model's cut-off or another of the plan."""
    return any(share.rate > own.rate for share, own in _approvals(group, other))


def _approvals(group: GroupCounts, other: GroupCounts) -> Iterator[tuple[Proportion, Proportion]]:
    """Yield how often both are approved, by the model and at each of the plan's cut-offs."""
    yield group.approvals, other.approvals
    for index in range(len(group.approved_at)):
        yield group.approvals_at(index), other.approvals_at(index)


def _impact_to_highest(comparison: Comparison) -> Estimate:
    """Return the ratio of approval rates to the highest one (29 CFR 1607.4(D)).

    A model may well approve another group more often than the privileged one: then the latter is
    compared with it, too.
    """
    value = ratio(comparison.group.approvals, comparison.reference.approvals)
    return disparate_impact_ratio(comparison, value, Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST)


def _groupings(protected: pd.DataFrame, params: FairnessParams) -> dict[str, Grouping]:
    """Return the groups of each attribute as configured, intersections last."""
    named = set(params.privileged) | set(params.excused)
    if strangers := sorted(named - set(protected.columns)):
        raise ConfigError(
            "fairness",
            expected="columns with role `protected`",
            found=", ".join(strangers),
            remedy="Mend the names.",
        )

    names = {name: group_names(protected[name]) for name in params.privileged}
    groupings = {name: (names[name], group) for name, group in params.privileged.items()}
    for attributes in params.intersections:
        privileged = joint_name(params.privileged[name] for name in attributes)
        # Of all rows that are judged, whatever their label: a pool is fixed before anybody looks at
        # how its people were decided.
        joint = intersect(names, attributes, params.smallest_group_rows, privileged)
        groupings[" and ".join(attributes)] = (joint, privileged)
    return groupings


def _unknown(
    names: "pd.Series[str]",
    rows: DecidedRows,
    approval_rates: tuple[float, ...],
    *,
    may_be_others: bool,
) -> UnknownRows | None:
    is_unknown = names.isna().to_numpy()
    # None, not zero rows: assignments would be judged three times and come to the same.
    if not is_unknown.any():
        return None
    # Cut-offs are those of all rows, known or not: a cut-off is one for everybody.
    approved_at = tuple(int(rows.approved_at(rate)[is_unknown].sum()) for rate in approval_rates)
    return UnknownRows.of(rows[is_unknown], approved_at, may_be_others=may_be_others)


def _theil(rows: DecidedRows, params: FairnessParams) -> Estimate:
    """Return the Theil index of all rows, whatever their group."""
    from tasks.stages.fairness.aif import theil_index

    counts = count_rows("all", rows)
    interval = theil_interval(counts, params.draws, np.random.default_rng(params.seed))
    return Estimate(
        measure=Measure.THEIL_INDEX,
        value=theil_index(rows.is_good, rows.is_approved),
        interval=finite_or_none(interval),
        group_rows=counts.rows,
        fewest_people=counts.people,
    )


def plain_metrics(group: GroupCounts, privileged: GroupCounts) -> dict[str, Any]:
    """Return what `aif.group_metrics` does, from the counts alone; nan where one divides by 0."""
    true_difference = group.true_approvals.rate - privileged.true_approvals.rate
    false_difference = group.false_approvals.rate - privileged.false_approvals.rate
    return {
        "disparate_impact": ratio(group.approvals, privileged.approvals),
        "statistical_parity_difference": group.approvals.rate - privileged.approvals.rate,
        "equal_opportunity_difference": true_difference,
        "average_abs_odds_difference": (abs(true_difference) + abs(false_difference)) / 2,
    }
