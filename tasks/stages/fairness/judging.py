"""The gate `fairness`: judge measured figures, with what their uncertainty allows one to say."""

import math
from dataclasses import dataclass

from tasks.gates import Check, Outcome
from tasks.stages.fairness.intervals import holm
from tasks.stages.fairness.measuring import Estimate, FairnessReport
from tasks.stages.fairness.params import FairnessLimits, FairnessParams


@dataclass(frozen=True)
class _Question:
    """One figure and its limit: `sign` +1, at least the limit; -1, at most. Differences count by their size."""

    name: str
    estimate: Estimate
    limit: float
    sign: int
    is_difference: bool = False


def judge_fairness(
    report: FairnessReport, params: FairnessParams, limits: FairnessLimits
) -> tuple[Check, ...]:
    """Judge every group of every attribute; too little data is never a pass, an absent group neither."""
    questions = _questions(report, limits)
    adjusted = iter(
        holm([one.estimate.p_value for one in questions if one.estimate.p_value is not None])
    )
    checks = [
        _judged(one, None if one.estimate.p_value is None else next(adjusted), params)
        for one in questions
    ]
    checks += [
        Check(
            measure=f"groups of {absent.partition(':')[0]}",
            outcome=Outcome.UNDECIDED,
            value=None,
            limit="every group present",
            reason=f"no rows of {absent.partition(': ')[2]}: nothing can be said about it",
        )
        for absent in report.absent
    ]
    return tuple(checks)


def _questions(report: FairnessReport, limits: FairnessLimits) -> list[_Question]:
    asked: dict[str, tuple[float, int] | tuple[float, int, bool]] = {
        "disparate impact ratio": (limits.disparate_impact, 1),
        "disparate impact ratio, against the highest rate": (limits.disparate_impact, 1),
        "equal opportunity difference": (limits.equal_opportunity_difference, -1, True),
        "average absolute odds difference": (limits.average_abs_odds_difference, -1),
        "underrated by": (limits.underrated_by, -1),
    }
    questions = [
        _Question(
            f"{estimate.measure}, {group.group} ({group.attribute})",
            estimate,
            *asked[estimate.measure],
        )
        for group in (*report.groups, *report.references)
        for estimate in group.estimates
        if estimate.measure in asked
    ]
    return [*questions, _Question("Theil index, all rows", report.theil, limits.theil_index, -1)]


def _judged(question: _Question, p_value: float | None, params: FairnessParams) -> Check:
    estimate, sign = question.estimate, question.sign
    shown = f"{'≥' if sign > 0 else '≤'} {question.limit:g}" + (
        " (absolute)" if question.is_difference else ""
    )
    if estimate.value is None or estimate.interval is None or not math.isfinite(estimate.value):
        return Check(
            measure=question.name,
            outcome=Outcome.UNDECIDED,
            value=None,
            limit=shown,
            reason=f"cannot be computed from {estimate.group_rows} rows",
        )
    low, high = _folded(estimate.interval) if question.is_difference else estimate.interval
    value = abs(estimate.value) if question.is_difference else estimate.value
    worst, best = (low, high) if sign > 0 else (high, low)
    margin = sign * (value - question.limit)
    outcome, reason = _decide(
        point=margin >= 0,
        worst=sign * (worst - question.limit) >= 0,
        best=sign * (best - question.limit) >= 0,
        p_value=p_value,
        rows=estimate.group_rows,
        params=params,
    )
    needed = (
        ""
        if outcome is not Outcome.UNDECIDED
        else _rows_that_decide(margin, abs(value - worst), estimate.group_rows)
    )
    return Check(
        measure=question.name,
        outcome=outcome,
        value=value,
        limit=shown,
        margin=margin,
        interval=(low, high),
        reason=reason,
        would_decide=needed,
    )


def _decide(
    *,
    point: bool,
    worst: bool,
    best: bool,
    p_value: float | None,
    rows: int,
    params: FairnessParams,
) -> tuple[Outcome, str]:
    """Return the outcome by the declared rule, and what it rests on."""
    if worst:
        return Outcome.PASS, f"the whole interval meets the limit ({rows:,} rows)"
    if not best:
        return Outcome.FAIL, f"the whole interval misses the limit ({rows:,} rows)"
    if params.decision_rule == "interval":
        return Outcome.UNDECIDED, f"the interval holds the limit ({rows:,} rows)"
    if rows >= params.interval_from_rows:
        if not point and p_value is not None and p_value < params.significance:
            return (
                Outcome.FAIL,
                f"misses the limit, and the difference is significant (Holm p = {p_value:.2g}, {rows:,} rows)",
            )
        return Outcome.UNDECIDED, f"the interval holds the limit ({rows:,} rows)"
    if rows < params.smallest_group_rows:
        return Outcome.UNDECIDED, f"{rows:,} rows are too few to judge, whatever they show"
    said = "no test" if p_value is None else f"Holm p = {p_value:.2g}"
    if point:
        return (
            Outcome.PASS,
            f"small portfolio: the point estimate meets the limit ({said}, {rows:,} rows)",
        )
    if p_value is not None and p_value < params.significance:
        return (
            Outcome.FAIL,
            f"small portfolio: misses the limit, significantly ({said}, {rows:,} rows)",
        )
    return (
        Outcome.UNDECIDED,
        f"small portfolio: misses the limit, but not significantly ({said}, {rows:,} rows)",
    )


def _rows_that_decide(margin: float, half_width: float, rows: int) -> str:
    """Say how many rows would make the interval narrow enough: its width shrinks with the square root of the rows."""
    if margin == 0 or rows == 0:
        return "no number of rows decides a figure that lies on its limit"
    needed = math.ceil(rows * (half_width / abs(margin)) ** 2)
    return (
        f"about {max(needed, rows + 1):,} such rows of this group would decide, if the figure stays"
    )


def _folded(interval: tuple[float, float]) -> tuple[float, float]:
    """Return the interval of the absolute value of what lies in `interval`."""
    low, high = interval
    if low <= 0 <= high:
        return 0.0, max(-low, high)
    return min(abs(low), abs(high)), max(abs(low), abs(high))
