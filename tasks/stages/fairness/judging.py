"""The gate `fairness`: judge measured figures, with what their uncertainty allows one to say."""

import math
from dataclasses import dataclass

from tasks.gates import About, Check, Outcome
from tasks.gates.limits import limit_text
from tasks.stages.fairness.checks import ABSOLUTE, FairnessCheck
from tasks.stages.fairness.intervals import holm
from tasks.stages.fairness.measuring import AbsentGroup, Estimate, FairnessReport, Measure
from tasks.stages.fairness.params import FairnessLimits, FairnessParams


@dataclass(frozen=True)
class _Question:
    """One figure and its limit.

    `sign` is +1 for "at least the limit" and -1 for "at most". Differences count by their size.
    """

    check_id: FairnessCheck
    about: About
    name: str
    estimate: Estimate
    limit: float
    sign: int
    is_difference: bool = False

    @property
    def shown_limit(self) -> str:
        """The limit as a person reads it."""
        text = limit_text("≥" if self.sign > 0 else "≤", self.limit)
        return text + (ABSOLUTE if self.is_difference else "")


def judge_fairness(
    report: FairnessReport, params: FairnessParams, limits: FairnessLimits
) -> tuple[Check, ...]:
    """Judge every group of every attribute.

    Too little data is never a pass, and neither is a group that is absent.
    """
    questions = _questions(report, limits)

    # Holm over all tests of the gate at once: the more groups are asked about, the less a single
    # small p-value says.
    tested = [
        question.estimate.p_value for question in questions if question.estimate.p_value is not None
    ]
    adjusted = iter(holm(tested))
    checks = [
        _judge(question, None if question.estimate.p_value is None else next(adjusted), params)
        for question in questions
    ]
    return (*checks, *(_judge_absence(absent) for absent in report.absent))


def _questions(report: FairnessReport, limits: FairnessLimits) -> list[_Question]:
    """Return what is asked of each group; what is measured and has no limit is not asked about."""
    impact = limits.disparate_impact
    asked: dict[Measure, tuple[FairnessCheck, float, int, bool]] = {
        Measure.DISPARATE_IMPACT_RATIO: (FairnessCheck.DISPARATE_IMPACT_RATIO, impact, 1, False),
        Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST: (
            FairnessCheck.DISPARATE_IMPACT_RATIO_TO_HIGHEST,
            impact,
            1,
            False,
        ),
        Measure.EQUAL_OPPORTUNITY_DIFFERENCE: (
            FairnessCheck.EQUAL_OPPORTUNITY_DIFFERENCE,
            limits.equal_opportunity_difference,
            -1,
            True,
        ),
        Measure.AVERAGE_ABS_ODDS_DIFFERENCE: (
            FairnessCheck.AVERAGE_ABS_ODDS_DIFFERENCE,
            limits.average_abs_odds_difference,
            -1,
            False,
        ),
        Measure.UNDERRATED_BY: (FairnessCheck.UNDERRATED_BY, limits.underrated_by, -1, False),
    }
    questions: list[_Question] = []
    for group in (*report.groups, *report.references):
        about = About(attribute=group.attribute, group=group.group)
        for estimate in group.estimates:
            if estimate.measure not in asked:
                continue
            check_id, limit, sign, is_difference = asked[estimate.measure]
            name = f"{estimate.measure.text}, {group.group} ({group.attribute})"
            questions.append(_Question(check_id, about, name, estimate, limit, sign, is_difference))

    everybody = f"{Measure.THEIL_INDEX.text}, all rows"
    theil = _Question(
        FairnessCheck.THEIL_INDEX, About(), everybody, report.theil, limits.theil_index, -1
    )
    return [*questions, theil]


def _judge_absence(absent: AbsentGroup) -> Check:
    name = absent.group or "any other group"
    return Check(
        FairnessCheck.GROUP_PRESENT,
        f"groups of {absent.attribute}",
        Outcome.UNDECIDED,
        None,
        "every group present",
        About(attribute=absent.attribute, group=absent.group),
        reason=f"no rows of {name}: nothing can be said about it",
    )


def _judge(question: _Question, p_value: float | None, params: FairnessParams) -> Check:
    estimate = question.estimate
    sign = question.sign
    if estimate.value is None or estimate.interval is None or not math.isfinite(estimate.value):
        return Check(
            question.check_id,
            question.name,
            Outcome.UNDECIDED,
            None,
            question.shown_limit,
            question.about,
            reason=f"cannot be computed from {estimate.group_rows} rows",
        )

    low, high = _folded(estimate.interval) if question.is_difference else estimate.interval
    value = abs(estimate.value) if question.is_difference else estimate.value
    worst = low if sign > 0 else high
    best = high if sign > 0 else low
    margin = sign * (value - question.limit)

    outcome, reason = _decide(
        is_point_in=margin >= 0,
        is_worst_in=sign * (worst - question.limit) >= 0,
        is_best_in=sign * (best - question.limit) >= 0,
        p_value=p_value,
        rows=estimate.group_rows,
        params=params,
    )
    would_decide = (
        _rows_that_decide(margin, abs(value - worst), estimate.group_rows)
        if outcome is Outcome.UNDECIDED
        else ""
    )
    return Check(
        question.check_id,
        question.name,
        outcome,
        value,
        question.shown_limit,
        question.about,
        margin=margin,
        interval=(low, high),
        reason=reason,
        would_decide=would_decide,
    )


def _decide(
    *,
    is_point_in: bool,
    is_worst_in: bool,
    is_best_in: bool,
    p_value: float | None,
    rows: int,
    params: FairnessParams,
) -> tuple[Outcome, str]:
    """Return the outcome by the declared rule, and what it rests on.

    `is_…_in` says whether the point estimate, and the worse and the better end of its interval,
    meet the limit. See docs/adr/0002 for why the rule of small portfolios reads as it does.
    """
    is_significant = p_value is not None and p_value < params.significance
    tested = "no test" if p_value is None else f"Holm p = {p_value:.2g}"

    # Where the whole interval lies on one side, both rules agree.
    if is_worst_in:
        return Outcome.PASS, f"the whole interval meets the limit ({rows:,} rows)"
    if not is_best_in:
        return Outcome.FAIL, f"the whole interval misses the limit ({rows:,} rows)"
    straddles = f"the interval holds the limit ({rows:,} rows)"
    if params.decision_rule == "interval":
        return Outcome.UNDECIDED, straddles

    # A small portfolio's large groups could be decided by the interval: no pass on the point.
    if rows >= params.interval_from_rows:
        if not is_point_in and is_significant:
            why = f"misses the limit, and the difference is significant ({tested}, {rows:,} rows)"
            return Outcome.FAIL, why
        return Outcome.UNDECIDED, straddles
    if rows < params.smallest_group_rows:
        return Outcome.UNDECIDED, f"{rows:,} rows are too few to judge, whatever they show"

    if is_point_in:
        why = f"small portfolio: the point estimate meets the limit ({tested}, {rows:,} rows)"
        return Outcome.PASS, why
    if is_significant:
        why = f"small portfolio: misses the limit, significantly ({tested}, {rows:,} rows)"
        return Outcome.FAIL, why
    why = f"small portfolio: misses the limit, but not significantly ({tested}, {rows:,} rows)"
    return Outcome.UNDECIDED, why


def _rows_that_decide(margin: float, half_width: float, rows: int) -> str:
    """Return about how many rows would make the interval narrow enough.

    Its width shrinks with the square root of the rows.
    """
    if margin == 0 or rows == 0:
        return "no number of rows decides a figure that lies on its limit"
    needed = math.ceil(rows * (half_width / abs(margin)) ** 2)
    needed_rows = max(needed, rows + 1)
    return f"about {needed_rows:,} such rows of this group would decide, if the figure stays"


def _folded(interval: tuple[float, float]) -> tuple[float, float]:
    """Return the interval of the absolute value of what lies in `interval`."""
    low, high = interval
    if low <= 0 <= high:
        return 0.0, max(-low, high)
    return min(abs(low), abs(high)), max(abs(low), abs(high))
