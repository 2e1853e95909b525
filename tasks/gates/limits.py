"""Comparisons that protect people: written so that NaN, None and empty never pass.

`check_id` says to programs which check it is, `measure` says so to people.
"""

import math
from typing import Literal

from tasks.gates.check import NOTHING_MORE, About, Check, CheckId
from tasks.gates.outcome import Outcome

NOT_MEASURED = "not measured"


def at_least(
    check_id: CheckId,
    measure: str,
    value: float | None,
    limit: float,
    *,
    about: About = NOTHING_MORE,
    interval: tuple[float, float] | None = None,
    reason: str = "",
) -> Check:
    """Check that `value >= limit`; what was not measured is undecided."""
    return _compare(check_id, measure, value, limit, "≥", about, interval, reason)


def at_most(
    check_id: CheckId,
    measure: str,
    value: float | None,
    limit: float,
    *,
    about: About = NOTHING_MORE,
    interval: tuple[float, float] | None = None,
    reason: str = "",
) -> Check:
    """Check that `value <= limit`; what was not measured is undecided."""
    return _compare(check_id, measure, value, limit, "≤", about, interval, reason)


def holds(
    check_id: CheckId,
    measure: str,
    condition: bool | None,
    *,
    expected: str,
    about: About = NOTHING_MORE,
    reason: str = "",
) -> Check:
    """Check a plain condition; None means that it could not be established."""
    if condition is None:
        return Check(
            check_id,
            measure,
            Outcome.UNDECIDED,
            None,
            expected,
            about,
            reason=reason or NOT_MEASURED,
        )

    outcome = Outcome.PASS if condition is True else Outcome.FAIL
    return Check(check_id, measure, outcome, float(bool(condition)), expected, about, reason=reason)


def not_measured(
    check_id: CheckId,
    measure: str,
    *,
    expected: str,
    reason: str,
    about: About = NOTHING_MORE,
) -> Check:
    """Say that there was nothing to measure, and why: it neither passes nor blocks.

    For what the configuration declares or the data makes impossible; a measurement that was tried
    and failed is undecided.
    """
    if not reason.strip():
        raise ValueError(f"{check_id}: not measured, and no reason why that is in order")
    return Check(check_id, measure, Outcome.NOT_MEASURED, None, expected, about, reason=reason)


def _compare(
    check_id: CheckId,
    measure: str,
    value: float | None,
    limit: float,
    sign: Literal["≥", "≤"],
    about: About,
    interval: tuple[float, float] | None,
    reason: str,
) -> Check:
    if not math.isfinite(limit):
        raise ValueError(f"{check_id}: the limit {limit} is not a finite number")
    limit_text = f"{sign} {limit:g}"

    if value is None or not math.isfinite(value):
        return Check(
            check_id,
            measure,
            Outcome.UNDECIDED,
            None,
            limit_text,
            about,
            reason=reason or NOT_MEASURED,
        )

    # `>= 0` holds for no NaN, so that the branch of a pass is never reached by accident.
    margin = value - limit if sign == "≥" else limit - value
    outcome = Outcome.PASS if margin >= 0 else Outcome.FAIL
    return Check(
        check_id,
        measure,
        outcome,
        value,
        limit_text,
        about,
        margin=margin,
        interval=interval,
        reason=reason,
    )
