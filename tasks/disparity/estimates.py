"""Every measure of a group, with its interval; and what unknown groups could make of it.

Rows whose group is not known may belong to any. Which of them would is not known, how they were
decided is: so each interval spans all that the figure could be if those of them that speak against
the group were its own, and those that speak for it were the reference's, and the other way round
(bounds without assumptions: Manski 2003, "Partial Identification of Probability Distributions").
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.disparity.counts import DecidedRows, GroupCounts, ScoreMoments, count_rows
from tasks.disparity.intervals import (
    NO_INTERVAL,
    Interval,
    Proportion,
    Z,
    mean_of_sizes,
    mover_difference,
    newcombe,
    odds,
    odds_ratio_interval,
    percentile,
    ratio_interval,
    span,
    student_z,
)

# At so many quantiles of their scores rows of unknown group are divided, to find the division that
# moves a difference of means furthest: at least as many as change a figure's second digit.
DIVISIONS = 33


class FairnessModel(BaseModel):
    """A part of the report."""

    model_config = ConfigDict(frozen=True)


class Measure(StrEnum):
    """What is measured, by its id in the report; `text` says it to people."""

    DISPARATE_IMPACT_RATIO = "disparate_impact_ratio"
    DISPARATE_IMPACT_RATIO_TO_HIGHEST = "disparate_impact_ratio_to_highest"
    DISPARATE_IMPACT_RATIO_OVER_CUTOFFS = "disparate_impact_ratio_over_cutoffs"
    DECLINE_RATIO = "decline_ratio"
    DECLINE_RATIO_OVER_CUTOFFS = "decline_ratio_over_cutoffs"
    ODDS_RATIO = "odds_ratio"
    STANDARDISED_MEAN_DIFFERENCE = "standardised_mean_difference"
    STATISTICAL_PARITY_DIFFERENCE = "statistical_parity_difference"
    EQUAL_OPPORTUNITY_DIFFERENCE = "equal_opportunity_difference"
    AVERAGE_ABS_ODDS_DIFFERENCE = "average_abs_odds_difference"
    UNDERRATED_BY = "underrated_by"
    THEIL_INDEX = "theil_index"

    @property
    def text(self) -> str:
        """The measure as a person reads it."""
        return TEXTS[self]


TEXTS = {
    Measure.DISPARATE_IMPACT_RATIO: "disparate impact ratio",
    Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST: "disparate impact ratio, against the highest rate",
    Measure.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS: "disparate impact ratio, at any cut-off",
    Measure.DECLINE_RATIO: "decline ratio",
    Measure.DECLINE_RATIO_OVER_CUTOFFS: "decline ratio, at any cut-off",
    Measure.ODDS_RATIO: "odds ratio of being declined",
    Measure.STANDARDISED_MEAN_DIFFERENCE: "standardised mean difference of scores",
    Measure.STATISTICAL_PARITY_DIFFERENCE: "statistical parity difference",
    Measure.EQUAL_OPPORTUNITY_DIFFERENCE: "equal opportunity difference",
    Measure.AVERAGE_ABS_ODDS_DIFFERENCE: "average absolute odds difference",
    Measure.UNDERRATED_BY: "underrated by",
    Measure.THEIL_INDEX: "Theil index",
}


class Estimate(FairnessModel):
    """One measure of one group, with what its number of rows allows one to say.

    `value` and `interval` are None where they cannot be computed: a label or a decision is absent.
    `fewest_people` are those of the smaller side of a comparison. `towards` is the group that it is
    compared with, where that is not the privileged one; with `is_alarm` only a miss that is certain
    counts, and nobody has to be certified beside that group.
    """

    measure: Measure
    value: float | None
    interval: Interval | None  # 95 %, over all that rows of unknown group could make of it
    group_rows: int
    fewest_people: int
    approval_rate: float | None = None  # of the cut-off, where it is not the model's
    towards: str | None = None
    is_alarm: bool = False


@dataclass(frozen=True)
class UnknownRows:
    """Rows whose group is not known.

    `may_be_others` says that there are more groups than the two that are compared: then some of
    the rows may be of neither.
    """

    counts: GroupCounts
    rows: DecidedRows
    may_be_others: bool = False

    @classmethod
    def of(
        cls,
        rows: DecidedRows,
        approved_at: tuple[int, ...] = (),
        *,
        may_be_others: bool = False,
    ) -> "UnknownRows":
        """Return them, counted."""
        return cls(count_rows("unknown", rows, approved_at), rows, may_be_others)


@dataclass(frozen=True)
class Comparison:
    """A group, the group that it is compared with, and rows that may belong to either."""

    group: GroupCounts
    reference: GroupCounts
    unknown: UnknownRows | None = None

    def estimate(
        self,
        measure: Measure,
        value: float | None,
        interval: Interval,
        approval_rate: float | None = None,
    ) -> Estimate:
        """Return a figure of this comparison, with what it rests on."""
        return Estimate(
            measure=measure,
            # JSON has no NaN, and a check refuses one: what cannot be computed is None, and
            # undecided.
            value=value if value is not None and math.isfinite(value) else None,
            interval=finite_or_none(interval),
            group_rows=self.group.rows,
            fewest_people=min(self.group.people, self.reference.people),
            approval_rate=approval_rate,
        )

    def interval(
        self,
        function: Callable[[Proportion, Proportion], Interval],
        share_of: Callable[[GroupCounts], Proportion],
    ) -> Interval:
        """Return the interval of a figure that grows with the group's share."""
        # Each figure rises with the group's share and falls with the reference's, so that the two
        # extreme divisions bound all others; and the known rows alone are one of the three.
        return span(*(function(*pair) for pair in self.assignments(share_of)))

    def assignments(
        self, share_of: Callable[[GroupCounts], Proportion]
    ) -> tuple[tuple[Proportion, Proportion], ...]:
        """Return both shares as they are, and with the rows of unknown group added both ways."""
        group, reference = share_of(self.group), share_of(self.reference)
        if self.unknown is None:
            return ((group, reference),)

        # First against the group (all that count go to the reference), then for it. The known rows
        # alone are one of the three, so that rows of unknown group never narrow an interval.
        counting, others = _divided(share_of(self.unknown.counts))
        return (
            (group, reference),
            (group.joined_by(others), reference.joined_by(counting)),
            (group.joined_by(counting), reference.joined_by(others)),
        )


def _divided(unknown: Proportion) -> tuple[Proportion, Proportion]:
    """Return the rows that count, and those that do not."""
    rest = unknown.rows - unknown.count
    return Proportion(unknown.count, unknown.count), Proportion(0, rest)


def declines(group: GroupCounts) -> Proportion:
    """Return declined rows of all rows."""
    return group.approvals.complement


def disparate_impact_ratio(
    comparison: Comparison, value: float | None, measure: Measure = Measure.DISPARATE_IMPACT_RATIO
) -> Estimate:
    """Return the ratio of approval rates, group to reference."""
    interval = comparison.interval(ratio_interval, lambda counts: counts.approvals)
    return comparison.estimate(measure, value, interval)


def decline_ratio(comparison: Comparison) -> Estimate:
    """Return the ratio of decline rates, group to reference: no approval rate makes it blind."""
    value = ratio(declines(comparison.group), declines(comparison.reference))
    interval = comparison.interval(ratio_interval, declines)
    return comparison.estimate(Measure.DECLINE_RATIO, value, interval)


def odds_ratio(comparison: Comparison) -> Estimate:
    """Return the odds of being declined, group to reference."""
    group, reference = declines(comparison.group), declines(comparison.reference)
    # Nobody declined, or everybody, on the reference's side: odds of 0 or infinity. Undecided, and
    # the ratios of approvals and declines say what there is to say.
    value = None
    if group.rows and reference.rows and 0 < reference.count < reference.rows:
        value = odds(group.rate) / odds(reference.rate)
    return comparison.estimate(
        Measure.ODDS_RATIO, value, comparison.interval(odds_ratio_interval, declines)
    )


def ratios_over_cutoffs(
    comparison: Comparison, approval_rates: tuple[float, ...]
) -> tuple[Estimate, ...]:
    """Return both ratios at each of the approval rates that the use case names."""
    estimates: list[Estimate] = []
    # `index` is passed by default value: a closure would see the last one of the loop.
    for index, rate in enumerate(approval_rates):

        def approvals(counts: GroupCounts, index: int = index) -> Proportion:
            return counts.approvals_at(index)

        def declined(counts: GroupCounts, index: int = index) -> Proportion:
            return counts.approvals_at(index).complement

        for measure, share_of in (
            (Measure.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS, approvals),
            (Measure.DECLINE_RATIO_OVER_CUTOFFS, declined),
        ):
            value = ratio(share_of(comparison.group), share_of(comparison.reference))
            interval = comparison.interval(ratio_interval, share_of)
            estimates.append(comparison.estimate(measure, value, interval, rate))
    return tuple(estimates)


def parity_difference(comparison: Comparison, value: float | None) -> Estimate:
    """Return the difference of approval rates, group less reference."""
    interval = comparison.interval(newcombe, lambda counts: counts.approvals)
    return comparison.estimate(Measure.STATISTICAL_PARITY_DIFFERENCE, value, interval)


def opportunity_difference(comparison: Comparison, value: float | None) -> Estimate:
    """Return the difference of approval rates of good rows, group less reference."""
    interval = comparison.interval(newcombe, lambda counts: counts.true_approvals)
    return comparison.estimate(Measure.EQUAL_OPPORTUNITY_DIFFERENCE, value, interval)


def odds_difference(comparison: Comparison, value: float | None) -> Estimate:
    """Return the mean of the absolute differences of both approval rates, of good and bad rows."""
    of_good, of_bad = (
        [
            (group.rate - reference.rate, newcombe(group, reference))
            for group, reference in comparison.assignments(share_of)
        ]
        for share_of in (
            lambda counts: counts.true_approvals,
            lambda counts: counts.false_approvals,
        )
    )
    interval = NO_INTERVAL
    if not any(math.isnan(difference) for difference, _ in (*of_good, *of_bad)):
        # Mean of two absolute values: neither rises with the group's share, so that extremes of the
        # shares are not extremes of the figure, and its 0 may lie between them.
        # Rows of unknown group may be divided one way among the good, and another among the bad.
        interval = span(*(mean_of_sizes(*good, *bad) for good in of_good for bad in of_bad))
        # Between a division for the group and one to its disadvantage lies one that does neither.
        if any(min(of)[0] < 0 < max(of)[0] for of in (of_good, of_bad)):
            interval = (0.0, interval[1])

    return comparison.estimate(Measure.AVERAGE_ABS_ODDS_DIFFERENCE, value, interval)


def mean_difference(comparison: Comparison) -> Estimate:
    """Return by how many standard deviations the group's scores lie below the reference's.

    Cohen's d with the mean of both variances below the root; above 0 the group scores lower.
    """
    # The interval is moved by how far the unknown rows can move the point, either way. Its width
    # stays that of the known rows, who are fewer, and so is not narrowed by rows of unknown group.
    value, deviation = _standardised(comparison.group, comparison.reference)
    # The quantile of a few rows: their own spread is not known.
    quantile = student_z(min(comparison.group.people, comparison.reference.people) - 1)
    low = value - quantile * deviation
    high = value + quantile * deviation
    if comparison.unknown is not None:
        # An array's ends, which keep a NaN: Python's `min` and `max` may drop it.
        extremes = np.array([value, *_divided_differences(comparison, comparison.unknown)])
        low += float(extremes.min()) - value
        high += float(extremes.max()) - value

    return comparison.estimate(Measure.STANDARDISED_MEAN_DIFFERENCE, value, (low, high))


def _standardised(group: GroupCounts, reference: GroupCounts) -> tuple[float, float]:
    """Return the standardised difference and its standard error; nan where no score differs.

    The error by the delta method in both means and variances, with third and fourth moments: scores
    near 1 are far from normal (Bonett 2008, Psychological Methods 13, 99-109, without its
    assumption that they are).
    """
    mine, theirs = group.scores, reference.scores
    variance = (mine.variance + theirs.variance) / 2
    # No spread, no standard deviation to measure in: NaN, which becomes None and is undecided. To
    # say 0 would pass a model with one score for each group.
    if variance <= 0 or not group.rows or not reference.rows:
        return math.nan, math.nan

    root = math.sqrt(variance)
    difference = (theirs.mean - mine.mean) / root
    # d = (m2 - m1) / sqrt((v1 + v2) / 2), so by either variance: -(m2 - m1) / 2 times ((v1 + v2) /
    # 2) to the power of -3/2, times 1/2, which is -d / (4 v).
    slope = -difference / (4 * variance)  # by either variance
    total = 0.0
    for counts, by_mean in ((group, -1 / root), (reference, 1 / root)):
        moments = counts.scores
        # Of a sample: Var(mean) = v / n, Cov(mean, variance) = third / n, Var(variance) = (fourth -
        # v²) / n.
        one_row = (
            by_mean**2 * moments.variance
            + 2 * by_mean * slope * moments.third
            + slope**2 * (moments.fourth - moments.variance**2)
        )
        total += one_row * counts.design.score / counts.rows
    return difference, math.sqrt(max(total, 0.0))


def _divided_differences(comparison: Comparison, unknown: UnknownRows) -> list[float]:
    """Return the differences if the lower of the scores were the group's, or the higher ones."""
    ordered = np.sort(unknown.rows.scores)
    if not np.isfinite(ordered).all():
        return [math.nan]  # nobody knows what these rows could make of it

    differences = []
    # All-or-nothing by score: whichever rows move a mean furthest are the lowest or the highest
    # ones. How many of them is searched, for their spread counts in the denominator.
    for cut in np.unique(np.linspace(0, len(ordered), DIVISIONS).round().astype(int)):
        lower, upper = ordered[:cut], ordered[cut:]
        for mine, theirs in ((lower, upper), (upper, lower)):
            mean, variance = _pooled(comparison.group, mine)
            reference_mean, reference_variance = _pooled(comparison.reference, theirs)
            root = math.sqrt((variance + reference_variance) / 2)
            if root > 0:
                differences.append((reference_mean - mean) / root)

    if unknown.may_be_others:
        differences += _differences_of_ends(comparison, ordered)
    return differences


def _differences_of_ends(comparison: Comparison, ordered: np.ndarray) -> list[float]:
    """Return the furthest differences if only ends of the scores were of the two that are compared.

    Scores near a mean draw it back on whichever side they are: where there is a third group, all of
    them given to one of the two is not the worst that they could make of the difference.
    """
    rows = len(ordered)
    # Few rows at an end may move a mean furthest: cuts lie closer there than in the middle.
    near_ends = np.geomspace(1, rows, 2 * DIVISIONS)
    places = np.concatenate([np.linspace(0, rows, DIVISIONS), near_ends, rows - near_ends])
    cuts = np.unique(places.round().astype(int))

    def pooled(counts: GroupCounts, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return means and variances of a group and the first so many scores, for every cut."""
        own = counts.scores
        sums = np.concatenate([[0.0], np.cumsum(scores)])[cuts]
        squares = np.concatenate([[0.0], np.cumsum(scores * scores)])[cuts]
        mean = (counts.rows * own.mean + sums) / (counts.rows + cuts)
        square = counts.rows * (own.variance + own.mean**2) + squares
        # Scores lie between 0 and 1, so that this difference loses nothing that matters.
        return mean, np.maximum(square / (counts.rows + cuts) - mean * mean, 0.0)

    furthest: list[float] = []
    for mine, theirs in ((ordered, ordered[::-1]), (ordered[::-1], ordered)):
        mean, variance = pooled(comparison.group, mine)
        reference_mean, reference_variance = pooled(comparison.reference, theirs)
        root = np.sqrt((variance[:, None] + reference_variance) / 2)
        # No row is of both.
        is_possible = (cuts[:, None] + cuts <= rows) & (root > 0)
        if is_possible.any():
            apart = (reference_mean - mean[:, None])[is_possible] / root[is_possible]
            furthest += [float(apart.min()), float(apart.max())]
    return furthest


def _pooled(counts: GroupCounts, scores: np.ndarray) -> tuple[float, float]:
    """Return mean and variance of a group's scores and some more."""
    rows = counts.rows + len(scores)
    own = counts.scores
    more = ScoreMoments.of(scores)
    mean = (counts.rows * own.mean + len(scores) * more.mean) / rows
    between = counts.rows * (own.mean - mean) ** 2 + len(scores) * (more.mean - mean) ** 2
    within = counts.rows * own.variance + len(scores) * more.variance
    return mean, (within + between) / rows


def calibration(group: GroupCounts, unknown: UnknownRows | None = None) -> Estimate:
    """Return the observed share of good rows less the mean score.

    Above 0 the model underrates the group. Overrating a group is the lender's risk, which the gate
    `train` judges.
    """
    mean_score = group.scores.mean
    value = group.good_share.rate - mean_score
    low, high = _calibration_interval(group)
    if unknown is not None:
        residuals = unknown.rows.is_good - unknown.rows.scores
        total = value * group.rows
        # Those that are underrated most first, and the other way round: of as many as there are,
        # the first ones move the mean furthest. Each end is moved once, to the furthest of all.
        orders = (np.sort(residuals)[::-1], np.sort(residuals))
        added = np.arange(1, len(residuals) + 1)
        gaps = np.concatenate(
            [(total + np.cumsum(order)) / (group.rows + added) for order in orders]
        )
        low += min(float(gaps.min()) - value, 0.0)
        high += max(float(gaps.max()) - value, 0.0)

    return Estimate(
        measure=Measure.UNDERRATED_BY,
        value=value,
        interval=finite_or_none((low, high)),
        group_rows=group.rows,
        fewest_people=group.people,
    )


def _calibration_interval(group: GroupCounts) -> Interval:
    """Return the interval of a share less a mean score of the same rows.

    Both vary from sample to sample: few rows without a bad one among them may score higher by
    chance, too. They rise together, which is left out: where bad rows are rare, a correlation
    estimated from a few of them promises more than it holds.
    """
    share = group.good_share
    mean = group.scores.mean
    half_width = Z * math.sqrt(group.scores.variance * group.design.score / group.rows)
    score_interval = (mean - half_width, mean + half_width)
    return mover_difference(share.rate, share.limits, mean, score_interval)


def theil_interval(counts: GroupCounts, draws: int, rng: np.random.Generator) -> Interval:
    """Return the interval of the Theil index of all rows.

    From the posterior of the three shares that it depends on, by Jeffreys' prior: half a row in
    each. Unlike a bootstrap it does not take a decision that nobody got for one that nobody gets.
    """
    good_declined = counts.good - counts.approved_good
    right = counts.rows - good_declined - counts.approved_bad
    cells = np.array([right, good_declined, counts.approved_bad], dtype=np.float64)
    # Repeated rows of a person count as fewer. One design effect for the three cells, that of the
    # decisions: it is those which a model repeats.
    drawn = rng.dirichlet(cells / counts.design.approved + 0.5, size=draws)
    low, high = percentile(theil(drawn))
    point = float(theil(cells))
    # The prior pulls towards equal shares. Where cells are empty the point can lie outside the
    # middle 95 %, and an interval without its own figure would be read as a fault.
    return (min(low, point), max(high, point)) if math.isfinite(point) else (low, high)


def theil(cells: np.ndarray) -> np.ndarray:
    """Return the Theil index of benefits b = decision - label + 1, shape (...,).

    Speicher et al. (2018), "A unified approach to quantifying algorithmic unfairness", KDD: the
    mean of (b / m) ln(b / m), where m is the mean benefit. b is 1 where the decision is right, 2
    where a bad row is approved, and 0, which adds nothing, where a good row is declined.

    Args:
        cells: Right decisions, good rows declined, bad rows approved; shape (..., 3).
    """
    right, good_declined, approved_bad = np.moveaxis(cells, -1, 0)
    rows = right + good_declined + approved_bad
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_benefit = (right + 2 * approved_bad) / rows
        right_benefit = 1 / mean_benefit
        bad_benefit = 2 / mean_benefit
        total = right * right_benefit * np.log(right_benefit)
        total = total + approved_bad * bad_benefit * np.log(bad_benefit)
        return np.asarray(total / rows)


def ratio(group: Proportion, reference: Proportion) -> float | None:
    """Return the ratio of two proportions; None where it would divide by 0."""
    # None, and not infinity: a reference that approves nobody would make any ratio of approvals
    # meet "at least".
    if not (group.rows and reference.count):
        return None
    return group.rate / reference.rate


def finite_or_none(interval: Interval) -> Interval | None:
    """Return the interval, or None where an end is nan or infinite."""
    return interval if all(math.isfinite(end) for end in interval) else None
