"""The gate `alternatives`: judge whether a less discriminatory model dominates the shipped one.

1. Fail: an alternative within the declared loss of AUC, chosen on one half of the people, is
   confirmed on the other half to lower the worst group's decline ratio by more than the limit.
2. Undecided: so few rows that a larger reduction than the limit could have been missed, or nothing
   that can be measured, be it of one attribute alone.
3. Pass: neither.
"""

from dataclasses import replace

from tasks.gates import Check, Outcome, at_most
from tasks.gates.limits import limit_text
from tasks.stages.alternatives.checks import AlternativesCheck
from tasks.stages.alternatives.choosing import (
    AlternativesReport,
    ChosenAlternative,
    detectable_reduction,
)
from tasks.stages.alternatives.params import AlternativesLimits

NO_GROUP = "no group is large enough, or nobody of a privileged group is declined"


def judge_alternatives(report: AlternativesReport, limits: AlternativesLimits) -> tuple[Check, ...]:
    """Judge what the search came to."""
    reason = NO_GROUP
    if report.confirmed_reduction is not None:
        reason = "no alternative is within the loss of AUC"
        if report.chosen is not None:
            reason = _describe(report.chosen)

    # 1. What is confirmed, against the limit; None is undecided.
    reduction = at_most(
        AlternativesCheck.DECLINE_RATIO_REDUCTION,
        "confirmed reduction of the worst group's decline ratio by an alternative",
        report.confirmed_reduction,
        limits.decline_ratio_reduction,
        reason=reason,
    )
    # Not a pass by the attributes that are left: the worst group may be one that was not compared.
    if report.uncompared and report.groups:
        reduction = _without(report.uncompared, reduction)
    # 2. Whether the search could have told: a check of its own, so that a blind search does not
    # pass by finding nothing.
    return reduction, _judge_power(report, limits)


def _without(uncompared: tuple[str, ...], check: Check) -> Check:
    """Return the check, no pass, with what it says nothing about; a failure stays one."""
    unnamed = f"no group is large enough, or none known, of {', '.join(uncompared)}"
    named = replace(check, reason=f"{check.reason}; {unnamed}")
    if check.outcome is Outcome.FAIL:
        return named
    return replace(named, outcome=Outcome.UNDECIDED, would_decide="more rows of its groups would")


def _judge_power(report: AlternativesReport, limits: AlternativesLimits) -> Check:
    """Judge what the search could have missed: more than the limit is undecided, never a fail."""
    value = detectable_reduction(
        report.reduction_deviation, report.possible_reduction, limits.decline_ratio_reduction
    )
    fits = f"{report.fits:,} fits, {report.rows:,} rows"
    is_enough = value is not None and value <= limits.detectable_reduction
    reason = f"nothing to compare: {fits}" if value is None else fits
    if value is not None and not is_enough:
        reason = f"too few rows: a smaller reduction could have been missed ({fits})"

    return Check(
        AlternativesCheck.DETECTABLE_REDUCTION,
        "smallest reduction that the search can confirm",
        Outcome.PASS if is_enough else Outcome.UNDECIDED,
        value,
        limit_text("≤", limits.detectable_reduction),
        margin=None if value is None else limits.detectable_reduction - value,
        reason=reason,
        would_decide="" if is_enough else "more rows of the groups that are compared would",
    )


def _describe(chosen: ChosenAlternative) -> str:
    """Return which alternative was tried, by the names that the use case gives it."""
    return (
        f"`{chosen.name}`: decline ratio {chosen.decline_ratio:.3g} instead of "
        f"{chosen.shipped_decline_ratio:.3g}, AUC {chosen.auc:.3f} instead of "
        f"{chosen.shipped_auc:.3f}, on the half of the people who did not choose it"
    )
