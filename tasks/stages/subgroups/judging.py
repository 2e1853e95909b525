"""The gate `subgroups`: judge the worst subgroups by the half of the people set aside.

The rule, for each subgroup that the search kept:

1. Fail: its disparity is confirmed beyond the limit. What is confirmed is the better end of a
   one-sided interval on people set aside, at a level that holds for all kept subgroups together.
2. Pass: it is not, and the confirmation could have told. Either the whole interval of 95 % meets
   the limit, or a disparity as declared in `detectable` would have been confirmed with a
   probability of 95 %.
3. Undecided: so few people that more than that could have been missed.

A search finds faults and certifies nobody: a pass says that no fault was confirmed, not that there
is none. `fairness` certifies the groups that are declared.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from tasks.disparity.intervals import Interval, Z, end_at_level
from tasks.gates import About, Check, Outcome, at_most
from tasks.gates.limits import Sign, is_met, limit_text
from tasks.stages.subgroups.checks import SubgroupsCheck
from tasks.stages.subgroups.confirming import Subgroup
from tasks.stages.subgroups.measuring import SubgroupsReport
from tasks.stages.subgroups.multicalibration import Multicalibration
from tasks.stages.subgroups.params import SubgroupsLimits, SubgroupsParams
from tasks.stages.subgroups.searching import SubgroupMeasure

# A mean error of all rows that would be seen; where only more would be, calibration is undecided.
LARGEST_UNSEEN_ERROR = 0.25
# A disparity as declared is missed in at most 5 % of cases, as everywhere in these gates.
Z_POWER = NormalDist().inv_cdf(0.95)

TEXTS = {
    SubgroupMeasure.FALSE_DECLINE_DIFFERENCE: "false declines beyond everybody else's",
    SubgroupMeasure.DISPARATE_IMPACT: "disparate impact ratio, to everybody else",
    SubgroupMeasure.UNDERRATED_BY: "underrated by",
}


@dataclass(frozen=True)
class _Rule:
    """What a measure is held against.

    Attributes:
        check_id: Its check.
        sign: On which side of the limit a subgroup has to lie.
        limit: Beyond it a disparity is a fault.
        detectable: A disparity that the confirmation has to be able to tell.
        level_z: Standard errors between an estimate and what is confirmed of it.
    """

    check_id: SubgroupsCheck
    sign: Sign
    limit: float
    detectable: float
    level_z: float

    @property
    def is_ratio(self) -> bool:
        """Whether less is worse, and distances are those of logarithms."""
        return self.sign == "≥"

    def confirmed(self, value: float, interval: Interval) -> float:
        """Return the disparity that is confirmed, given an estimate and its interval of 95 %."""
        # The end that is kinder to the model: what lies beyond even that is confirmed.
        better_end = interval[1] if self.is_ratio else interval[0]
        return end_at_level(value, better_end, self.level_z, is_ratio=self.is_ratio)

    def smallest_detected(self, value: float, interval: Interval) -> float:
        """Return the smallest disparity that so many people confirm in 95 of 100 cases."""
        distance = (self.level_z + Z_POWER) * self._standard_error(value, interval)
        return self.limit * math.exp(-distance) if self.is_ratio else self.limit + distance

    def growth_needed(self, value: float, interval: Interval) -> float:
        """Return by what factor people have to grow until the declared disparity is told.

        Infinite where what is declared does not lie beyond the limit.
        """
        needed = self.detectable - self.limit
        if self.is_ratio:
            needed = math.log(self.limit / self.detectable)
        distance = (self.level_z + Z_POWER) * self._standard_error(value, interval)
        return (distance / needed) ** 2 if needed > 0 else math.inf

    def _standard_error(self, value: float, interval: Interval) -> float:
        """Return the larger of both sides: where nobody is declined, one of them has no width."""
        figures = (value, *interval)
        if self.is_ratio and min(figures) > 0:
            figures = (math.log(value), math.log(interval[0]), math.log(interval[1]))
        estimate, low, high = figures
        return max(estimate - low, high - estimate) / Z


def judge_subgroups(
    report: SubgroupsReport, params: SubgroupsParams, limits: SubgroupsLimits
) -> tuple[Check, ...]:
    """Judge every subgroup that was kept, and calibration in every segment."""
    # Of all kept subgroups, those of all three measures: they are one family of tests.
    rules = _rules(len(report.subgroups), params, limits)
    checks = [_judge(item, rules[item.measure]) for item in report.subgroups]

    searched = {item.measure for item in report.subgroups}
    # A measure for which no conjunction has enough people would have no check, and a gate without a
    # check about it would pass: it is undecided.
    checks += [
        _undecided_search(measure, rule, params)
        for measure, rule in rules.items()
        if measure not in searched
    ]
    # Nor would an attribute have one that no such conjunction divides people by: what was searched
    # by the others says nothing about it (docs/adr/0129-a-group-that-is-not-measured.md).
    checks += [
        _undecided_search(measure, rules[measure], params, attribute)
        for measure, attributes in report.unsearched.items()
        if measure in searched
        for attribute in attributes
    ]
    return (*checks, _judge_calibration(report.multicalibration, params, limits))


def _rules(
    confirmations: int, params: SubgroupsParams, limits: SubgroupsLimits
) -> dict[SubgroupMeasure, _Rule]:
    """Return the rule of each measure.

    Bonferroni: all that is confirmed holds together with a probability of 1 - `significance`.
    Holm's steps would confirm no more of the first, and one suffices to fail.
    """
    level_z = NormalDist().inv_cdf(1 - params.significance / max(confirmations, 1))
    detectable = params.detectable

    return {
        SubgroupMeasure.FALSE_DECLINE_DIFFERENCE: _Rule(
            SubgroupsCheck.FALSE_DECLINE_DIFFERENCE,
            "≤",
            limits.false_decline_difference,
            detectable.false_decline_difference,
            level_z,
        ),
        SubgroupMeasure.DISPARATE_IMPACT: _Rule(
            SubgroupsCheck.DISPARATE_IMPACT,
            "≥",
            limits.disparate_impact,
            detectable.disparate_impact,
            level_z,
        ),
        SubgroupMeasure.UNDERRATED_BY: _Rule(
            SubgroupsCheck.UNDERRATED_BY,
            "≤",
            limits.underrated_by,
            detectable.underrated_by,
            level_z,
        ),
    }


def _judge(subgroup: Subgroup, rule: _Rule) -> Check:
    """Judge one subgroup; the value of the check is what was confirmed, not the estimate."""
    value = subgroup.value
    interval = subgroup.interval
    confirmed = None
    would_decide = ""
    if value is None or interval is None:
        outcome = Outcome.UNDECIDED
        reason = f"cannot be computed from {subgroup.people:,} people: no decision or no label"
    else:
        confirmed = rule.confirmed(value, interval)
        outcome, reason = _decide(subgroup, rule, value, interval)
        if outcome is Outcome.UNDECIDED:
            would_decide = _people_that_decide(subgroup.people, rule.growth_needed(value, interval))

    margin = None
    if confirmed is not None:
        margin = rule.limit - confirmed if rule.sign == "≤" else confirmed - rule.limit
    return Check(
        rule.check_id,
        f"{TEXTS[subgroup.measure]}, confirmed, {subgroup.group} ({subgroup.attribute})",
        outcome,
        confirmed,
        limit_text(rule.sign, rule.limit),
        About(attribute=subgroup.attribute, group=subgroup.group),
        margin=margin,
        reason=reason,
        would_decide=would_decide,
    )


def _decide(
    subgroup: Subgroup, rule: _Rule, value: float, interval: Interval
) -> tuple[Outcome, str]:
    low, high = interval
    estimate = f"{value:.3f} [{low:.3f}, {high:.3f}] of {subgroup.people:,} people set aside"
    # 1. By what is confirmed. `not is_met`, for a NaN is on no side and has to fail.
    if not is_met(rule.sign, rule.confirmed(value, interval), rule.limit):
        return Outcome.FAIL, f"confirmed: {estimate}"
    # 2. What needs no argument about power: not even the worse end reaches the limit.
    if all(is_met(rule.sign, end, rule.limit) for end in interval):
        return Outcome.PASS, f"the whole interval meets the limit: {estimate}"

    # 3. Absence of evidence, which counts only if a disparity as declared would have left some.
    detected = rule.smallest_detected(value, interval)
    if is_met(rule.sign, detected, rule.detectable):
        return Outcome.PASS, f"no fault is confirmed: {estimate}; {detected:.2f} would be"
    return Outcome.UNDECIDED, f"too few people: {estimate}; up to {detected:.2f} can be missed"


def _people_that_decide(people: int, growth: float) -> str:
    """Return how many people would decide: widths shrink with the square root of their number."""
    if not math.isfinite(growth):
        return "no number of people can: what is declared as detectable is within the limit"
    return f"about {math.ceil(people * growth):,} would tell"


def _undecided_search(
    measure: SubgroupMeasure, rule: _Rule, params: SubgroupsParams, attribute: str | None = None
) -> Check:
    """Return the check of a measure, or of one attribute, that no subgroup was searched by."""
    return Check(
        rule.check_id,
        f"{TEXTS[measure]}, worst subgroup" + (f" by {attribute}" if attribute else ""),
        Outcome.UNDECIDED,
        None,
        limit_text(rule.sign, rule.limit),
        About(attribute=attribute),
        reason=f"no {f'group of {attribute}' if attribute else 'subgroup'} has "
        f"{params.smallest_people:,} people in both halves, and as many to be compared with",
    )


def _judge_calibration(
    calibration: Multicalibration, params: SubgroupsParams, limits: SubgroupsLimits
) -> Check:
    """Judge the largest error that chance does not explain; 0 where it explains all of them."""
    whole = next((item for item in calibration.segments if item.attribute == "all rows"), None)
    segments = len(calibration.segments)
    value: float | None = None
    reason = f"fewer than {params.smallest_people:,} people"
    # `not … <=`: a NaN, which one score that is none makes of all sums, is no error that was seen.
    if whole is not None and not whole.smallest_visible <= LARGEST_UNSEEN_ERROR:
        reason = (
            f"on {whole.rows:,} rows an error of {whole.smallest_visible:.2g} of all scores "
            "would go unseen"
        )
    elif whole is not None:
        # `p_value` is Bonferroni's already, over all segments, so that the level is that of all
        # together.
        beyond = [item for item in calibration.segments if item.p_value < params.significance]
        worst = max(beyond, key=lambda item: item.error, default=None)
        value = worst.error if worst else 0.0
        reason = (
            f"{worst.group} ({worst.attribute}), {worst.deviations:.3g} standard deviations"
            if worst
            else f"no error that chance does not explain: at most "
            f"{calibration.error_in_deviations:.3g} standard deviations in {segments:,} segments"
        )

    return at_most(
        SubgroupsCheck.MULTICALIBRATION_ERROR,
        "multicalibration error beyond chance",
        value,
        limits.multicalibration_error,
        reason=reason,
    )
