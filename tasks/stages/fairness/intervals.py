"""Intervals and tests for proportions, each with its source. All two-sided, at 95 %."""

import math

import numpy as np

Z = 1.959963984540054  # the 97.5 % point of the normal distribution
Interval = tuple[float, float]


def wilson(count: int, of: int) -> Interval:
    """Return Wilson's (1927) score interval of a proportion; nan where there is nothing to count."""
    if of == 0:
        return math.nan, math.nan
    share, z2 = count / of, Z * Z
    centre = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def newcombe(count: int, of: int, other_count: int, other_of: int) -> Interval:
    """Return Newcombe's (1998, method 10) interval of the difference `count/of - other_count/other_of`."""
    if of == 0 or other_of == 0:
        return math.nan, math.nan
    (low, high), (other_low, other_high) = wilson(count, of), wilson(other_count, other_of)
    share, other = count / of, other_count / other_of
    lower = share - other - math.hypot(share - low, other_high - other)
    upper = share - other + math.hypot(high - share, other - other_low)
    return lower, upper


def katz(count: int, of: int, other_count: int, other_of: int) -> Interval:
    """Return Katz's (1978) log interval of the ratio of two proportions; half a row is added at 0 and at all."""
    if of == 0 or other_of == 0:
        return math.nan, math.nan
    edge = 0 in (count, other_count) or count == of or other_count == other_of
    a, n, b, m = (
        (count + 0.5, of + 0.5, other_count + 0.5, other_of + 0.5)
        if edge
        else (count, of, other_count, other_of)
    )
    ratio = (a / n) / (b / m)
    deviation = math.sqrt(1 / a - 1 / n + 1 / b - 1 / m)
    return ratio * math.exp(-Z * deviation), ratio * math.exp(Z * deviation)


def fisher(count: int, of: int, other_count: int, other_of: int) -> float:
    """Return the p-value of Fisher's exact test that both proportions are equal; 1 where a side is empty."""
    from scipy.stats import fisher_exact

    if of == 0 or other_of == 0:
        return 1.0
    return float(fisher_exact([[count, of - count], [other_count, other_of - other_count]]).pvalue)


def holm(p_values: list[float]) -> list[float]:
    """Return p-values adjusted for their number by Holm's (1979) step-down method."""
    order = np.argsort(p_values)
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = highest
    return adjusted


def percentile(draws: np.ndarray) -> Interval:
    """Return the percentile bootstrap interval of finite draws; nan where fewer than nine in ten are finite."""
    finite = draws[np.isfinite(draws)]
    if len(finite) < 0.9 * len(draws):
        return math.nan, math.nan
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)
