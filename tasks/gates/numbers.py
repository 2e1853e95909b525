"""Numbers of checks as people read them."""

import math


def format_number(value: float) -> str:
    """Return a check's value or an end of its interval as people read it: never with an exponent.

    Whole numbers and numbers from 1,000 on have no decimals, numbers from 1 on four significant
    digits, all others four decimals: ratios and differences of one table line up.
    """
    if not math.isfinite(value):
        return "not finite"
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 1 else f"{value:.4f}"
