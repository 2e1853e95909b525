"""Intervals of proportions and of what is made of two, each with its source; all at 95 %.

A proportion is a count of rows, and a design effect that says how many of those rows tell something
of their own: several rows of one person are not so many people. The privileged group, or whichever
a group is compared with, is called the reference.

None of these intervals leaves out what an empty cell cannot say: where a count is 0 or all rows,
the proportion's own limits are exact.
"""

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

Z = 1.959963984540054  # the 97.5 % point of the normal distribution
TAIL = 0.025  # what an interval may miss on either side
Interval = tuple[float, float]
NO_INTERVAL: Interval = (math.nan, math.nan)

# A percentile of draws of which many are nan would be that of another statistic.
SMALLEST_FINITE_RATIO = 0.9


@dataclass(frozen=True)
class Proportion:
    """`count` of `rows`, of which `design_effect` rows tell as much as one independent row.

    Rao and Scott (1992), Biometrics 48, 577-585: count and rows are both divided by the design
    effect, and then treated as if the rows were independent.
    """

    count: int
    rows: int
    design_effect: float = 1.0

    @property
    def rate(self) -> float:
        """The share; nan where there are no rows."""
        return self.count / self.rows if self.rows else math.nan

    @property
    def complement(self) -> "Proportion":
        """All other rows."""
        return replace(self, count=self.rows - self.count)

    @property
    def limits(self) -> Interval:
        """The interval of the share: Wilson's, or the exact one where a cell is empty."""
        if self.rows == 0:
            return NO_INTERVAL
        effective_rows = self.rows / self.design_effect
        # Wilson's upper limit at a count of 0 is z² / (n + z²): 0.0370 on 100 rows, where the exact
        # one is 0.0362; at 10 it is 0.278 where the exact one is 0.308: too narrow just where a
        # group is small.
        if self.count in (0, self.rows):
            return _exact_at_edge(self.count > 0, effective_rows)
        return wilson(self.count / self.design_effect, effective_rows)

    def joined_by(self, others: "Proportion") -> "Proportion":
        """Return this proportion with the rows of another added."""
        return replace(self, count=self.count + others.count, rows=self.rows + others.rows)


def wilson(count: float, rows: float) -> Interval:
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
    # Rounding alone can leave [0, 1] by one bit, and a ratio of such limits its sign.
    return max(centre - half_width, 0.0), min(centre + half_width, 1.0)


def _exact_at_edge(is_full: bool, rows: float) -> Interval:
    """Return the interval of Clopper and Pearson where the count is 0, or (`is_full`) all rows.

    Clopper and Pearson (1934), Biometrika 26: at the edges their beta quantiles have this form.
    """
    extreme: float = TAIL ** (1 / rows)
    return (extreme, 1.0) if is_full else (0.0, 1 - extreme)


def newcombe(group: Proportion, reference: Proportion) -> Interval:
    """Return the interval of a difference of proportions, group less reference; nan without rows.

    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10: it combines the intervals of
    both.
    """
    if group.rows == 0 or reference.rows == 0:
        return NO_INTERVAL

    return mover_difference(group.rate, group.limits, reference.rate, reference.limits)


def ratio_interval(group: Proportion, reference: Proportion) -> Interval:
    """Return the interval of a ratio of proportions, group to reference; nan without rows.

    Its upper end is infinite where the reference's share may be 0.
    """
    if group.rows == 0 or reference.rows == 0:
        return NO_INTERVAL
    return _mover_ratio(group.rate, group.limits, reference.rate, reference.limits)


def odds_ratio_interval(group: Proportion, reference: Proportion) -> Interval:
    """Return the interval of the ratio of odds, group to reference; nan without rows.

    The limits of a proportion are those of its odds, too. nan where all rows of a side count: its
    odds are infinite, and the ratio of declines says what there is to say.
    """
    is_infinite = group.count == group.rows or reference.count == reference.rows
    if group.rows == 0 or reference.rows == 0 or is_infinite:
        return NO_INTERVAL

    low, high = group.limits
    reference_low, reference_high = reference.limits
    return _mover_ratio(
        odds(group.rate),
        (odds(low), odds(high)),
        odds(reference.rate),
        (odds(reference_low), odds(reference_high)),
    )


def odds(rate: float) -> float:
    """Return the odds of a share; infinite for 1."""
    return rate / (1 - rate) if rate < 1 else math.inf


def _mover_ratio(
    value: float, limits: Interval, reference: float, reference_limits: Interval
) -> Interval:
    """Return the interval of `value / reference` from the intervals of both: MOVER-R.

    Donner and Zou (2012), Statistical Methods in Medical Research 21, 347-359, "method of variance
    estimates recovery", equation 9. It recovers from each interval the variance near the limit that
    matters, so that it is as lopsided as they are. The lower end is written with the root in the
    denominator: their form divides 0 by 0 where the reference's upper limit is twice its value.
    """
    low, high = limits
    reference_low, reference_high = reference_limits
    product = value * reference

    low_term = low * (2 * value - low)
    lower_square = product**2 - low_term * reference_high * (2 * reference - reference_high)
    # Rounding alone can make it negative.
    lower_divisor = product + math.sqrt(max(lower_square, 0.0))
    lower = low_term / lower_divisor if lower_divisor > 0 else 0.0

    upper_divisor = reference_low * (2 * reference - reference_low)
    upper_square = product**2 - high * (2 * value - high) * upper_divisor
    upper = math.inf
    if upper_divisor > 0:
        upper = (product + math.sqrt(max(upper_square, 0.0))) / upper_divisor
    return lower, upper


def mean_of_sizes(
    first: float, first_interval: Interval, second: float, second_interval: Interval
) -> Interval:
    """Return the interval of (|first| + |second|) / 2 from the intervals of two differences.

    MOVER for a sum (Zou and Donner 2008, Statistics in Medicine 27, 1693-1702) of independent
    estimates: rates of good and of bad rows have no row in common. It is as wide as its widest
    part, so that a handful of bad rows, all of them approved, does not come to "no difference".
    """
    first_low, first_high = size_interval(first_interval)
    second_low, second_high = size_interval(second_interval)
    total = abs(first) + abs(second)

    lower = total - math.hypot(abs(first) - first_low, abs(second) - second_low)
    upper = total + math.hypot(first_high - abs(first), second_high - abs(second))
    return max(lower, 0.0) / 2, upper / 2


def mover_difference(
    value: float, interval: Interval, subtracted: float, subtracted_interval: Interval
) -> Interval:
    """Return the interval of `value - subtracted` from the intervals of both.

    MOVER: Zou and Donner (2008), Statistics in Medicine 27, 1693-1702; of two proportions it is
    Newcombe's. Where the two rise together it is wider than it need be.
    """
    low, high = interval
    subtracted_low, subtracted_high = subtracted_interval
    difference = value - subtracted
    lower = difference - math.hypot(value - low, subtracted_high - subtracted)
    upper = difference + math.hypot(high - value, subtracted - subtracted_low)
    return lower, upper


def size_interval(interval: Interval) -> Interval:
    """Return the interval of the absolute value of what lies in `interval`."""
    low, high = interval
    if low <= 0 <= high:
        return 0.0, max(-low, high)
    return min(abs(low), abs(high)), max(abs(low), abs(high))


def span(*intervals: Interval) -> Interval:
    """Return the interval that holds all of `intervals`; nan where one is."""
    ends = [end for interval in intervals for end in interval]
    # `min` and `max` of Python drop or keep a NaN by where it stands in the list.
    if any(math.isnan(end) for end in ends):
        return NO_INTERVAL
    return min(ends), max(ends)


def p_value_of(interval: Interval, value: float, limit: float, *, is_ratio: bool) -> float:
    """Return the two-sided p-value that the true value is the limit, from the interval.

    Altman and Bland (2011), BMJ 343, d2304: half the width of an interval is Z standard errors. It
    is below 5 % exactly where the interval does not hold the limit. Only the end towards the limit
    counts, for intervals are lopsided; ratios are compared by their logarithms.
    """
    # Only asked where a figure misses its limit: the end that lies between the figure and the
    # limit, or beyond it.
    end = interval[1] if value < limit else interval[0]
    points = (value, end, limit)
    if is_ratio and min(points) > 0:
        value, end, limit = (math.log(point) for point in points)

    # An interval without width, and one of which the value is an end, is no measure of chance.
    if end == value:
        return 1.0
    deviations = Z * (limit - value) / (end - value)
    return math.erfc(deviations / math.sqrt(2)) if deviations > 0 else 1.0


def end_at_level(value: float, end: float, deviations: float, *, is_ratio: bool) -> float:
    """Return where an end of an interval would lie at another level: at so many standard errors.

    As `p_value_of`: half the width is Z standard errors; ratios are compared by their logarithms,
    where neither is 0.
    """
    scale = deviations / Z
    if is_ratio and min(value, end) > 0:
        return value * math.exp(scale * math.log(end / value))
    return value + (end - value) * scale


def holm(p_values: list[float]) -> list[float]:
    """Return p-values adjusted for their number, in the order given.

    Holm (1979), Scandinavian Journal of Statistics 6, step-down: the i-th smallest of n is
    multiplied by n - i + 1, and none is smaller than one before it. The probability of any false
    rejection stays at the level, whatever the dependence between the tests.
    """
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    # The running maximum is what makes it step-down: a test is rejected only with all before it.
    for rank, index in enumerate(np.argsort(p_values)):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = highest

    return adjusted


@cache
def student_z(freedom: int) -> float:
    """Return the 97.5 % point of Student's distribution; nan without a degree of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - TAIL)) if freedom > 0 else math.nan


def percentile(draws: np.ndarray) -> Interval:
    """Return the middle 95 % of the finite draws.

    nan where fewer than nine in ten draws are finite.
    """
    finite = draws[np.isfinite(draws)]
    if len(finite) < SMALLEST_FINITE_RATIO * len(draws):
        return NO_INTERVAL

    low, high = np.quantile(finite, [TAIL, 1 - TAIL])
    return float(low), float(high)
