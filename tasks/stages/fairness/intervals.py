"""Intervals and tests for proportions, each with its source. All are two-sided, intervals at 95 %.

A proportion is a pair `count` of `rows`. The privileged group, or whichever a group is compared
with, is called the reference.
"""

import math

import numpy as np

Z = 1.959963984540054  # the 97.5 % point of the normal distribution
Interval = tuple[float, float]
NO_INTERVAL: Interval = (math.nan, math.nan)

# A percentile of draws of which many are nan would be that of another statistic.
SMALLEST_FINITE_RATIO = 0.9


def wilson(count: int, rows: int) -> Interval:
    """Return the score interval of a proportion; nan where there are no rows.

    Wilson (1927), Journal of the American Statistical Association 22. Unlike the interval
    p ± z sqrt(p (1 - p) / n) it keeps its coverage for few rows and near 0 and 1.
    """
    if rows == 0:
        return NO_INTERVAL

    rate = count / rows
    z2 = Z * Z
    centre = (rate + z2 / (2 * rows)) / (1 + z2 / rows)
    half_width = Z * math.sqrt(rate * (1 - rate) / rows + z2 / (4 * rows * rows)) / (1 + z2 / rows)
    return max(centre - half_width, 0.0), min(centre + half_width, 1.0)


def newcombe(count: int, rows: int, reference_count: int, reference_rows: int) -> Interval:
    """Return the interval of a difference of proportions, group less reference; nan without rows.

    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10: it combines Wilson's intervals.
    """
    if rows == 0 or reference_rows == 0:
        return NO_INTERVAL

    low, high = wilson(count, rows)
    reference_low, reference_high = wilson(reference_count, reference_rows)
    rate = count / rows
    reference_rate = reference_count / reference_rows

    lower = rate - reference_rate - math.hypot(rate - low, reference_high - reference_rate)
    upper = rate - reference_rate + math.hypot(high - rate, reference_rate - reference_low)
    return lower, upper


def katz(count: int, rows: int, reference_count: int, reference_rows: int) -> Interval:
    """Return the log interval of a ratio of proportions, group to reference; nan without rows.

    Katz, Baptista, Azen and Pike (1978), Biometrics 34. Where a proportion is 0 or 1, half a row is
    added to all four numbers: the logarithm of 0 has no interval.
    """
    if rows == 0 or reference_rows == 0:
        return NO_INTERVAL

    is_at_edge = 0 in (count, reference_count)
    is_at_edge = is_at_edge or count == rows or reference_count == reference_rows
    added = 0.5 if is_at_edge else 0
    a = count + added
    n = rows + added
    b = reference_count + added
    m = reference_rows + added

    ratio = (a / n) / (b / m)
    log_deviation = math.sqrt(1 / a - 1 / n + 1 / b - 1 / m)
    return ratio * math.exp(-Z * log_deviation), ratio * math.exp(Z * log_deviation)


def fisher(count: int, rows: int, reference_count: int, reference_rows: int) -> float:
    """Return the p-value of Fisher's exact test that both proportions are equal.

    1 where a side has no rows: nothing speaks against equality.
    """
    from scipy.stats import fisher_exact

    if rows == 0 or reference_rows == 0:
        return 1.0

    table = [[count, rows - count], [reference_count, reference_rows - reference_count]]
    return float(fisher_exact(table).pvalue)


def holm(p_values: list[float]) -> list[float]:
    """Return p-values adjusted for their number, in the order given.

    Holm (1979), Scandinavian Journal of Statistics 6, step-down: the i-th smallest of n is
    multiplied by n - i + 1, and none is smaller than one before it. The probability of any false
    rejection stays at the level, whatever the dependence between the tests.
    """
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(np.argsort(p_values)):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = highest
    return adjusted


def percentile(draws: np.ndarray) -> Interval:
    """Return the percentile bootstrap interval of the finite draws.

    Efron and Tibshirani (1993), chapter 13. nan where fewer than nine in ten draws are finite.
    """
    finite = draws[np.isfinite(draws)]
    if len(finite) < SMALLEST_FINITE_RATIO * len(draws):
        return NO_INTERVAL

    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)
