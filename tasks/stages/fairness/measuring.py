"""Measure fairness: AIF360's metrics with the intervals, tests and sizes that it lacks."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.errors import ConfigError
from tasks.stages.fairness import aif
from tasks.stages.fairness.bootstrap import average_abs_odds, resampled, theil
from tasks.stages.fairness.counts import UNKNOWN, GroupCounts, count_groups, intersect
from tasks.stages.fairness.intervals import Interval, fisher, katz, newcombe, percentile, wilson
from tasks.stages.fairness.params import FairnessParams


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Estimate(_Frozen):
    """One measure of one group of `group_rows` rows; its interval says what the rows it is a share of allow."""

    measure: str
    value: float | None
    interval: Interval | None
    p_value: float | None  # of the test that the group is treated as the privileged one is
    group_rows: int


class GroupReport(_Frozen):
    """One group towards its privileged group."""

    attribute: str
    group: str
    privileged: str
    rows: int
    approval_rate: float
    approval_interval: Interval
    estimates: tuple[Estimate, ...]


class FairnessReport(_Frozen):
    """All groups of all attributes, and inequality over all rows."""

    evaluated_on: str
    rows: int
    groups: tuple[GroupReport, ...]
    references: tuple[GroupReport, ...]  # the privileged groups themselves: size, rate, calibration
    absent: tuple[str, ...]  # groups that were declared and are not in the data
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
        actual: 1 where the outcome was favourable in fact, shape (rows,).
        approved: 1 or True where the model decides favourably, shape (rows,).
        scores: P(favourable), shape (rows,).
        params: Attributes, privileged groups and intersection.
    """
    families = _families(protected, params)
    groups: list[GroupReport] = []
    references: list[GroupReport] = []
    absent: list[str] = []
    for attribute, (labels, privileged) in families.items():
        counts = count_groups(labels, actual, approved, scores)
        counts.pop(UNKNOWN, None)
        if privileged not in counts or len(counts) < 2:
            absent.append(
                f"{attribute}: {privileged}"
                if privileged not in counts
                else f"{attribute}: any other group"
            )
            continue
        highest = max(counts.values(), key=lambda one: one.approved / one.rows)
        references.append(_reference(attribute, counts[privileged]))
        for index, group in enumerate(one for one in counts.values() if one.group != privileged):
            known = aif.group_metrics(group, counts[privileged])
            rng = np.random.default_rng([params.seed, len(groups), index])
            groups.append(
                _measured(attribute, group, counts[privileged], highest, known, params, rng)
            )
    return FairnessReport(
        evaluated_on=params.evaluate_on,
        rows=len(actual),
        groups=tuple(groups),
        references=tuple(references),
        absent=tuple(absent),
        theil=_theil(actual, approved, params),
        rows_without_group={
            name: int(labels.isna().sum()) for name, (labels, _) in families.items()
        },
    )


def _families(
    protected: pd.DataFrame, params: FairnessParams
) -> dict[str, tuple["pd.Series[str]", str]]:
    """Return attribute -> (group of each row, privileged group), the intersection among them."""
    if unknown := sorted(
        (set(params.privileged) | set(params.intersection)) - set(protected.columns)
    ):
        raise ConfigError(
            "fairness",
            expected="columns with role `protected`",
            found=", ".join(unknown),
            remedy="Mend the names.",
        )
    families = {
        name: (protected[name].astype("str"), group) for name, group in params.privileged.items()
    }
    if params.intersection:
        privileged = " / ".join(params.privileged[name] for name in params.intersection)
        labels = intersect(protected, params.intersection, params.smallest_group_rows, privileged)
        families[" and ".join(params.intersection)] = (labels, privileged)
    return families


def _reference(attribute: str, group: GroupCounts) -> GroupReport:
    return GroupReport(
        attribute=attribute,
        group=group.group,
        privileged=group.group,
        rows=group.rows,
        approval_rate=group.approved / group.rows,
        approval_interval=wilson(group.approved, group.rows),
        estimates=(_calibration(group),),
    )


def _measured(
    attribute: str,
    group: GroupCounts,
    privileged: GroupCounts,
    highest: GroupCounts,
    known: dict[str, float | None],
    params: FairnessParams,
    rng: np.random.Generator,
) -> GroupReport:
    approvals = (group.approved, group.rows, privileged.approved, privileged.rows)
    true = (group.approved_good, group.good, privileged.approved_good, privileged.good)
    false = (group.approved_bad, group.bad, privileged.approved_bad, privileged.bad)
    against_highest = (group.approved, group.rows, highest.approved, highest.rows)
    odds = average_abs_odds(
        resampled(group, params.bootstrap, rng), resampled(privileged, params.bootstrap, rng)
    )
    estimates = (
        _estimate(group, "disparate impact ratio", known["disparate_impact"], katz, approvals),
        _estimate(
            group,
            "disparate impact ratio, against the highest rate",
            _ratio(*against_highest) if highest.group != group.group else 1.0,
            katz,
            against_highest,
        ),
        _estimate(
            group,
            "statistical parity difference",
            known["statistical_parity_difference"],
            newcombe,
            approvals,
        ),
        _estimate(
            group,
            "equal opportunity difference",
            known["equal_opportunity_difference"],
            newcombe,
            true,
        ),
        Estimate(
            measure="average absolute odds difference",
            value=known["average_abs_odds_difference"],
            interval=_finite(percentile(odds)),
            p_value=min(1.0, 2 * min(fisher(*true), fisher(*false))),
            group_rows=group.rows,
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
    measure: str,
    value: float | None,
    interval: Callable[[int, int, int, int], Interval],
    counts: tuple[int, int, int, int],
) -> Estimate:
    return Estimate(
        measure=measure,
        value=value,
        interval=_finite(interval(*counts)),
        p_value=fisher(*counts),
        group_rows=group.rows,
    )


def _calibration(group: GroupCounts) -> Estimate:
    """Return the observed share less the mean score; the interval is Wilson's of the share, less the mean score.

    Above 0 the model underrates the group. Overrating one is the lender's risk, which the gate `train` judges.
    """
    mean, share = group.score_sum / group.rows, group.good / group.rows
    low, high = wilson(group.good, group.rows)
    return Estimate(
        measure="underrated by",
        value=share - mean,
        interval=(low - mean, high - mean),
        p_value=None,
        group_rows=group.rows,
    )


def _theil(actual: np.ndarray, approved: np.ndarray, params: FairnessParams) -> Estimate:
    everyone = count_groups(
        pd.Series(["all"] * len(actual)), actual, approved, np.zeros(len(actual))
    )["all"]
    draws = theil(
        resampled(everyone, params.bootstrap, np.random.default_rng([params.seed, 10_000]))
    )
    value = aif.theil_index(actual, approved)
    return Estimate(
        measure="Theil index",
        value=value,
        interval=_finite(percentile(draws)),
        p_value=None,
        group_rows=len(actual),
    )


def _ratio(count: int, of: int, other_count: int, other_of: int) -> float | None:
    return (count / of) / (other_count / other_of) if of and other_of and other_count else None


def _finite(interval: Interval) -> Interval | None:
    return interval if all(np.isfinite(interval)) else None
