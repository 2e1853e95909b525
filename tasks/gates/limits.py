"""Comparisons that people's protection hangs on: written so that NaN, None and empty never pass."""

import math

from tasks.gates.verdict import Check, Outcome


def at_least(
    measure: str,
    value: float | None,
    limit: float,
    *,
    interval: tuple[float, float] | None = None,
    reason: str = "",
) -> Check:
    """Check that `value >= limit`; what was not measured is undecided."""
    return _compare(measure, value, limit, "≥", interval, reason)


def at_most(
    measure: str,
    value: float | None,
    limit: float,
    *,
    interval: tuple[float, float] | None = None,
    reason: str = "",
) -> Check:
    """Check that `value <= limit`; what was not measured is undecided."""
    return _compare(measure, value, limit, "≤", interval, reason)


def holds(measure: str, condition: bool | None, *, expected: str, reason: str = "") -> Check:
    """Check a plain condition; None means that it could not be established."""
    if condition is None:
        return Check(
            measure=measure,
            outcome=Outcome.UNDECIDED,
            value=None,
            limit=expected,
            reason=reason or "not measured",
        )
    outcome = Outcome.PASS if condition is True else Outcome.FAIL
    return Check(
        measure=measure,
        outcome=outcome,
        value=float(bool(condition)),
        limit=expected,
        reason=reason,
    )


def _compare(
    measure: str,
    value: float | None,
    limit: float,
    sign: str,
    interval: tuple[float, float] | None,
    reason: str,
) -> Check:
    shown = f"{sign} {limit:g}"
    if not math.isfinite(limit):
        raise ValueError(f"{measure}: the limit {limit} is not a finite number")
    if value is None or not math.isfinite(value):
        return Check(
            measure=measure,
            outcome=Outcome.UNDECIDED,
            value=None,
            limit=shown,
            reason=reason or "not measured",
        )
    margin = value - limit if sign == "≥" else limit - value
    outcome = Outcome.PASS if margin >= 0 else Outcome.FAIL
    return Check(
        measure=measure,
        outcome=outcome,
        value=value,
        limit=shown,
        margin=margin,
        interval=interval,
        reason=reason,
    )
