"""The gate `subgroups`: judge the worst subgroups by the half of the people set aside.

The rule, for each subgroup that the search kept:

1. Pass: the whole interval of the confirmation meets the limit. A subgroup on which so many people
   cannot tell is undecided, so that a pass always had the power to see a disparity at the limit.
2. Fail: the whole interval misses it, and by Holm's correction for all subgroups confirmed that is
   no chance.
3. Undecided, and how many people would decide.

A pass says that the worst that was found is within the limits. It certifies no subgroup that was
not kept, and none of fewer people than are searched.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from tasks.disparity.intervals import holm, p_value_of
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

TEXTS = {
    SubgroupMeasure.FALSE_DECLINE_DIFFERENCE: "false declines beyond everybody else's",
    SubgroupMeasure.DISPARATE_IMPACT: "disparate impact ratio, to everybody else",
    SubgroupMeasure.UNDERRATED_BY: "underrated by",
}


@dataclass(frozen=True)
class _Rule:
    """What a measure is held against."""

    check_id: SubgroupsCheck
    sign: Sign
    limit: float

    @property
    def direction(self) -> int:
        """+1 where more is better."""
        return 1 if self.sign == "≥" else -1


def judge_subgroups(
    report: SubgroupsReport, params: SubgroupsParams, limits: SubgroupsLimits
) -> tuple[Check, ...]:
    """Judge every subgroup that was kept, and calibration in every segment."""
    rules = {
        SubgroupMeasure.FALSE_DECLINE_DIFFERENCE: _Rule(
            SubgroupsCheck.FALSE_DECLINE_DIFFERENCE, "≤", limits.false_decline_difference
        ),
        SubgroupMeasure.DISPARATE_IMPACT: _Rule(
            SubgroupsCheck.DISPARATE_IMPACT, "≥", limits.disparate_impact
        ),
        SubgroupMeasure.UNDERRATED_BY: _Rule(
            SubgroupsCheck.UNDERRATED_BY, "≤", limits.underrated_by
        ),
    }
    p_values = [_p_value(item, rules[item.measure]) for item in report.subgroups]
    checks = [
        _judge(item, rules[item.measure], p_value, adjusted, params)
        for item, p_value, adjusted in zip(report.subgroups, p_values, holm(p_values), strict=True)
    ]

    searched = {item.measure for item in report.subgroups}
    checks += [
        _undecided_search(measure, rule, params)
        for measure, rule in rules.items()
        if measure not in searched
    ]
    return (*checks, _judge_calibration(report.multicalibration, params, limits))


def _p_value(subgroup: Subgroup, rule: _Rule) -> float:
    """Return the p-value that the subgroup's true figure meets the limit; 1 where this one does."""
    if subgroup.value is None or subgroup.interval is None:
        return 1.0
    if is_met(rule.sign, subgroup.value, rule.limit):
        return 1.0
    is_ratio = subgroup.measure is SubgroupMeasure.DISPARATE_IMPACT
    return p_value_of(subgroup.interval, subgroup.value, rule.limit, is_ratio=is_ratio)


def _judge(
    subgroup: Subgroup, rule: _Rule, p_value: float, adjusted: float, params: SubgroupsParams
) -> Check:
    about = About(attribute=subgroup.attribute, group=subgroup.group)
    name = f"{TEXTS[subgroup.measure]}, {subgroup.group} ({subgroup.attribute})"
    people = f"{subgroup.people:,} people set aside"
    if subgroup.value is None or subgroup.interval is None:
        return Check(
            rule.check_id,
            name,
            Outcome.UNDECIDED,
            None,
            limit_text(rule.sign, rule.limit),
            about,
            reason=f"cannot be computed from {people}: a decision or a label is absent",
        )

    outcome, reason = _decide(subgroup, rule, adjusted, params)
    return Check(
        rule.check_id,
        name,
        outcome,
        subgroup.value,
        limit_text(rule.sign, rule.limit),
        about,
        margin=rule.direction * (subgroup.value - rule.limit),
        interval=subgroup.interval,
        reason=reason,
        would_decide=(
            _people_that_decide(subgroup, rule, p_value, adjusted, params)
            if outcome is Outcome.UNDECIDED
            else ""
        ),
    )


def _decide(
    subgroup: Subgroup, rule: _Rule, adjusted: float, params: SubgroupsParams
) -> tuple[Outcome, str]:
    people = f"{subgroup.people:,} people set aside"
    worst, best = _margins(subgroup, rule)
    if worst >= 0:
        return Outcome.PASS, f"the whole interval meets the limit ({people})"
    if best >= 0:
        return Outcome.UNDECIDED, f"cannot be told on {people}: the interval holds the limit"
    if adjusted < params.significance:
        return Outcome.FAIL, f"confirmed: Holm p = {adjusted:.2g}, {people}"
    return Outcome.UNDECIDED, (
        "the whole interval misses the limit, which may be chance among so many subgroups "
        f"(Holm p = {adjusted:.2g}, {people})"
    )


def _margins(subgroup: Subgroup, rule: _Rule) -> tuple[float, float]:
    """Return how far the worse and the better end of the interval lie on the right side."""
    ends = subgroup.interval or (math.nan, math.nan)
    margins = [rule.direction * (end - rule.limit) for end in ends]
    return min(margins), max(margins)


def _people_that_decide(
    subgroup: Subgroup, rule: _Rule, p_value: float, adjusted: float, params: SubgroupsParams
) -> str:
    """Return about how many people would decide: widths shrink with the square root."""
    margin = rule.direction * ((subgroup.value or 0.0) - rule.limit)
    if margin == 0:
        return "no number of people decides a figure that lies on its limit"

    worst, best = _margins(subgroup, rule)
    growth = (((worst if margin > 0 else best) - margin) / margin) ** 2
    if best < 0 and 0 < p_value < 1:
        # Beyond the limit already: the deviate has to grow to Holm's level.
        normal = NormalDist()
        level = params.significance * p_value / adjusted
        growth = (normal.inv_cdf(level / 2) / normal.inv_cdf(p_value / 2)) ** 2
    people = max(math.ceil(subgroup.people * growth), subgroup.people + 1)
    return f"about {people:,} would, if the figure stays"


def _undecided_search(measure: SubgroupMeasure, rule: _Rule, params: SubgroupsParams) -> Check:
    return Check(
        rule.check_id,
        f"{TEXTS[measure]}, worst subgroup",
        Outcome.UNDECIDED,
        None,
        limit_text(rule.sign, rule.limit),
        reason=f"no subgroup has {params.smallest_people:,} people in both halves, "
        "and as many to be compared with",
    )


def _judge_calibration(
    calibration: Multicalibration, params: SubgroupsParams, limits: SubgroupsLimits
) -> Check:
    """Judge the largest error that chance does not explain; 0 where it explains all of them."""
    whole = next((item for item in calibration.segments if item.attribute == "all rows"), None)
    segments = len(calibration.segments)
    value: float | None = None
    reason = f"fewer than {params.smallest_people:,} people"
    if whole is not None and whole.smallest_visible > LARGEST_UNSEEN_ERROR:
        reason = (
            f"on {whole.rows:,} rows an error of {whole.smallest_visible:.2g} of all scores "
            "would go unseen"
        )
    elif whole is not None:
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
