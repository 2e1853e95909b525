"""Measure fairness: AIF360's metrics with the intervals, tests and sizes that it lacks.

Each protected attribute, and the combination of several, divides the rows into groups, of which one
is privileged. Every other group is compared with it. A figure without an interval would make ten
people look as sure as ten thousand.
"""

from collections.abc import Callable
from enum import StrEnum

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.errors import ConfigError
from tasks.stages.fairness import aif
from tasks.stages.fairness.bootstrap import average_abs_odds, resampled, theil
from tasks.stages.fairness.counts import (
    UNKNOWN,
    GroupCounts,
    count_groups,
    intersect,
    without_rare_names,
)
from tasks.stages.fairness.intervals import Interval, fisher, katz, newcombe, percentile, wilson
from tasks.stages.fairness.params import FairnessParams

# Adds a stream to the seed for the bootstrap of all rows, which no group uses: groups are numbered
# from 0.
THEIL_STREAM = 10_000

# Group of each row, and the name of the privileged group.
Grouping = tuple["pd.Series[str]", str]


class _FairnessModel(BaseModel):
    """A part of the report."""

    model_config = ConfigDict(frozen=True)


class Measure(StrEnum):
    """What is measured, by its id in the report; `text` says it to people."""

    DISPARATE_IMPACT_RATIO = "disparate_impact_ratio"
    DISPARATE_IMPACT_RATIO_TO_HIGHEST = "disparate_impact_ratio_to_highest"
    STATISTICAL_PARITY_DIFFERENCE = "statistical_parity_difference"
    EQUAL_OPPORTUNITY_DIFFERENCE = "equal_opportunity_difference"
    AVERAGE_ABS_ODDS_DIFFERENCE = "average_abs_odds_difference"
    UNDERRATED_BY = "underrated_by"
    THEIL_INDEX = "theil_index"

    @property
    def text(self) -> str:
        """The measure as a person reads it."""
        return TEXTS[self]


TEXTS = {
    Measure.DISPARATE_IMPACT_RATIO: "disparate impact ratio",
    Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST: "disparate impact ratio, against the highest rate",
    Measure.STATISTICAL_PARITY_DIFFERENCE: "statistical parity difference",
    Measure.EQUAL_OPPORTUNITY_DIFFERENCE: "equal opportunity difference",
    Measure.AVERAGE_ABS_ODDS_DIFFERENCE: "average absolute odds difference",
    Measure.UNDERRATED_BY: "underrated by",
    Measure.THEIL_INDEX: "Theil index",
}


class Estimate(_FairnessModel):
    """One measure of one group, with what its number of rows allows one to say.

    `value` and `interval` are None where they cannot be computed: a label or a decision is absent.
    """

    measure: Measure
    value: float | None
    interval: Interval | None  # 95 %
    p_value: float | None  # of the test that the group is treated as the privileged one is
    group_rows: int


class GroupReport(_FairnessModel):
    """One group towards its privileged group."""

    attribute: str
    group: str
    privileged: str
    rows: int
    approval_rate: float
    approval_interval: Interval
    estimates: tuple[Estimate, ...]


class AbsentGroup(_FairnessModel):
    """A group that is not in the data: the privileged one, or (None) any other than that."""

    attribute: str
    group: str | None


class FairnessReport(_FairnessModel):
    """All groups of all attributes, and inequality over all rows."""

    evaluated_on: str
    rows: int
    groups: tuple[GroupReport, ...]
    references: tuple[GroupReport, ...]  # the privileged groups themselves: size, rate, calibration
    absent: tuple[AbsentGroup, ...]
    theil: Estimate
    rows_without_group: dict[str, int]


def measure_fairness(
    protected: pd.DataFrame,
    actual: np.ndarray,
    approved: np.ndarray,
    scores: np.ndarray,
    params: FairnessParams,
) -> FairnessReport:
    """Measure decisions by group.

    Args:
        protected: Protected attributes, missing where not known; shape (rows, attributes).
        actual: 1 where the label is favourable, shape (rows,).
        approved: 1 or True where the model decides favourably, shape (rows,).
        scores: P(favourable), shape (rows,).
        params: Attributes, privileged groups and intersection.

    Raises:
        ConfigError: `privileged` or `intersection` names a column that is not in `protected`.
    """
    groupings = _groupings(protected, params)
    groups: list[GroupReport] = []
    references: list[GroupReport] = []
    absent: list[AbsentGroup] = []
    for attribute, (labels, privileged_name) in groupings.items():
        counts = count_groups(labels, actual, approved, scores)
        # Rows without a group cannot be compared; the report says how many they are.
        counts.pop(UNKNOWN, None)
        counts = without_rare_names(counts, privileged_name)
        if privileged_name not in counts:
            absent.append(AbsentGroup(attribute=attribute, group=privileged_name))
            continue
        if len(counts) < 2:
            absent.append(AbsentGroup(attribute=attribute, group=None))
            continue

        highest = max(counts.values(), key=lambda group: group.approved / group.rows)
        privileged = counts.pop(privileged_name)
        references.append(_reference_report(attribute, privileged))
        for index, group in enumerate(counts.values()):
            # A stream of its own for each group: its figures are not those of another's draws.
            rng = np.random.default_rng([params.seed, len(groups), index])
            groups.append(_group_report(attribute, group, privileged, highest, params, rng))

    return FairnessReport(
        evaluated_on=params.evaluate_on,
        rows=len(actual),
        groups=tuple(groups),
        references=tuple(references),
        absent=tuple(absent),
        theil=_theil(actual, approved, params),
        rows_without_group={
            name: int(labels.isna().sum()) for name, (labels, _) in groupings.items()
        },
    )


def _groupings(protected: pd.DataFrame, params: FairnessParams) -> dict[str, Grouping]:
    """Return the groups of each attribute as configured, the intersection last."""
    named = set(params.privileged) | set(params.intersection)
    if unknown := sorted(named - set(protected.columns)):
        raise ConfigError(
            "fairness",
            expected="columns with role `protected`",
            found=", ".join(unknown),
            remedy="Mend the names.",
        )

    groupings = {
        name: (protected[name].astype("str"), group) for name, group in params.privileged.items()
    }
    if params.intersection:
        privileged = " / ".join(params.privileged[name] for name in params.intersection)
        labels = intersect(protected, params.intersection, params.smallest_group_rows, privileged)
        groupings[" and ".join(params.intersection)] = (labels, privileged)
    return groupings


def _reference_report(attribute: str, group: GroupCounts) -> GroupReport:
    """Return the report of a privileged group, which is compared with none: rate, calibration."""
    return GroupReport(
        attribute=attribute,
        group=group.group,
        privileged=group.group,
        rows=group.rows,
        approval_rate=group.approved / group.rows,
        approval_interval=wilson(group.approved, group.rows),
        estimates=(_calibration(group),),
    )


def _group_report(
    attribute: str,
    group: GroupCounts,
    privileged: GroupCounts,
    highest: GroupCounts,
    params: FairnessParams,
    rng: np.random.Generator,
) -> GroupReport:
    """Return a group's figures towards the privileged group, and the group with the highest rate.

    The latter is what the four-fifths rule compares with (29 CFR 1607.4(D)); a model may well
    approve another group more often than the privileged one.
    """
    values = aif.group_metrics(group, privileged)
    approvals = (group.approved, group.rows, privileged.approved, privileged.rows)
    true_approvals = (
        group.approved_good, group.good, privileged.approved_good, privileged.good,
    )  # fmt: skip

    estimates = (
        _estimate(
            group, Measure.DISPARATE_IMPACT_RATIO, values["disparate_impact"], katz, approvals
        ),
        _impact_against_highest(group, highest),
        _estimate(
            group,
            Measure.STATISTICAL_PARITY_DIFFERENCE,
            values["statistical_parity_difference"],
            newcombe,
            approvals,
        ),
        _estimate(
            group,
            Measure.EQUAL_OPPORTUNITY_DIFFERENCE,
            values["equal_opportunity_difference"],
            newcombe,
            true_approvals,
        ),
        _odds_difference(
            group, privileged, values["average_abs_odds_difference"], params.bootstrap, rng
        ),
        _calibration(group),
    )
    return GroupReport(
        attribute=attribute,
        group=group.group,
        privileged=privileged.group,
        rows=group.rows,
        approval_rate=group.approved / group.rows,
        approval_interval=wilson(group.approved, group.rows),
        estimates=estimates,
    )


def _estimate(
    group: GroupCounts,
    measure: Measure,
    value: float | None,
    interval: Callable[[int, int, int, int], Interval],
    counts: tuple[int, int, int, int],
) -> Estimate:
    """Return a measure of two proportions, with its interval and Fisher's test.

    `counts` are the group's count and rows, and those of the group that it is compared with.
    """
    return Estimate(
        measure=measure,
        value=value,
        interval=_finite_or_none(interval(*counts)),
        p_value=fisher(*counts),
        group_rows=group.rows,
    )


def _impact_against_highest(group: GroupCounts, highest: GroupCounts) -> Estimate:
    """Return the ratio of approval rates to the highest one; 1 for the group that has it."""
    counts = (group.approved, group.rows, highest.approved, highest.rows)
    value: float | None = 1.0
    if highest.group != group.group:
        value = _ratio(*counts)
    return _estimate(group, Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST, value, katz, counts)


def _odds_difference(
    group: GroupCounts,
    privileged: GroupCounts,
    value: float | None,
    draws: int,
    rng: np.random.Generator,
) -> Estimate:
    """Return the average absolute odds difference, with a bootstrap interval: it has no formula."""
    odds = average_abs_odds(resampled(group, draws, rng), resampled(privileged, draws, rng))
    true_p = fisher(group.approved_good, group.good, privileged.approved_good, privileged.good)
    false_p = fisher(group.approved_bad, group.bad, privileged.approved_bad, privileged.bad)
    return Estimate(
        measure=Measure.AVERAGE_ABS_ODDS_DIFFERENCE,
        value=value,
        interval=_finite_or_none(percentile(odds)),
        # Bonferroni: the figure differs from 0 if either of its two rates does.
        p_value=min(1.0, 2 * min(true_p, false_p)),
        group_rows=group.rows,
    )


def _calibration(group: GroupCounts) -> Estimate:
    """Return the observed share of good rows less the mean score.

    The interval is Wilson's of the share, less the mean score, which is taken as fixed. Above 0 the
    model underrates the group. Overrating a group is the lender's risk, which the gate `train`
    judges.
    """
    mean_score = group.score_sum / group.rows
    good_share = group.good / group.rows
    low, high = wilson(group.good, group.rows)
    return Estimate(
        measure=Measure.UNDERRATED_BY,
        value=good_share - mean_score,
        interval=(low - mean_score, high - mean_score),
        p_value=None,
        group_rows=group.rows,
    )


def _theil(actual: np.ndarray, approved: np.ndarray, params: FairnessParams) -> Estimate:
    """Return the Theil index of all rows, whatever their group, with a bootstrap interval."""
    everyone = pd.Series(["all"] * len(actual))
    no_scores = np.zeros(len(actual))  # the index is about decisions only
    counts = count_groups(everyone, actual, approved, no_scores)["all"]

    rng = np.random.default_rng([params.seed, THEIL_STREAM])
    draws = theil(resampled(counts, params.bootstrap, rng))
    return Estimate(
        measure=Measure.THEIL_INDEX,
        value=aif.theil_index(actual, approved),
        interval=_finite_or_none(percentile(draws)),
        p_value=None,
        group_rows=len(actual),
    )


def _ratio(count: int, rows: int, reference_count: int, reference_rows: int) -> float | None:
    """Return the ratio of two proportions; None where it would divide by 0."""
    if not (rows and reference_rows and reference_count):
        return None
    return (count / rows) / (reference_count / reference_rows)


def _finite_or_none(interval: Interval) -> Interval | None:
    """Return the interval, or None where an end is nan or infinite."""
    return interval if all(np.isfinite(interval)) else None
