"""Comparisons that protect people: written so that NaN, None and empty never pass.

`check_id` says to programs which check it is, `measure` says so to people.
"""

import math
from typing import Literal

from tasks.gates.check import NOTHING_MORE, About, Check, CheckId
from tasks.gates.outcome import Outcome

NOT_MEASURED = "not measured"
Sign = Literal["≥", "≤"]


def limit_text(sign: Sign, limit: float) -> str:
    """Return a limit as every check prints it."""
    return f"{sign} {limit:g}"


def is_met(sign: Sign, value: float, limit: float) -> bool:
    """Say whether a value lies on the right side of a limit; NaN never does."""
    return value >= limit if sign == "≥" else value <= limit


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

    # `is True`: an array of one, a string or NumPy's own boolean is no condition that was
    # established, and fails.
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
    sign: Sign,
    about: About,
    interval: tuple[float, float] | None,
    reason: str,
) -> Check:
    # An infinite limit would let everything pass, and with NaN as the limit the comparison fails
    # without saying why: a limit that is none is a fault of the configuration.
    if not math.isfinite(limit):
        raise ValueError(f"{check_id}: the limit {limit} is not a finite number")
    shown_limit = limit_text(sign, limit)

    # Undecided and not failed: nothing is known about the model from a measurement that came to
    # nothing. It blocks as well.
    if value is None or not math.isfinite(value):
        return Check(
            check_id,
            measure,
            Outcome.UNDECIDED,
            None,
            shown_limit,
            about,
            reason=reason or NOT_MEASURED,
        )

    margin = value - limit if sign == "≥" else limit - value
    outcome = Outcome.PASS if is_met(sign, value, limit) else Outcome.FAIL
    return Check(
        check_id,
        measure,
        outcome,
        value,
        shown_limit,
        about,
        margin=margin,
        interval=interval,
        reason=reason,
    )
