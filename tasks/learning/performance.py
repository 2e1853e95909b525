"""Measure how good a model is: discrimination, calibration, errors; and judge it. Pure numpy.

Each figure stands beside what it is compared with: chance, the majority's answer, the champion.
"""

import math

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.model.families import Matrix

RELIABILITY_BINS = 10
Z = 1.959963984540054  # the 97.5 % point of the normal distribution


class Bin(BaseModel):
    """One bin of the reliability table: rows with about the same score."""

    model_config = ConfigDict(frozen=True)

    rows: int
    predicted: float  # mean score
    observed: float  # share of rows with the favourable label


class Performance(BaseModel):
    """How a model does on labelled rows.

    `majority_accuracy` is the accuracy of always giving the more frequent label. `brier` is the
    mean squared difference of score and label (Brier 1950).
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    auc: float
    auc_interval: tuple[float, float]
    accuracy: float
    balanced_accuracy: float
    majority_accuracy: float
    brier: float
    calibration_error: float
    approval_rate: float
    confusion: dict[str, int]
    reliability: tuple[Bin, ...]


def measure_performance(
    scores: Matrix, approved: np.ndarray, labels: Matrix, people: np.ndarray | None = None
) -> Performance:
    """Measure scores and decisions against labels.

    Args:
        scores: P(favourable label), in [0, 1], shape (rows,).
        approved: Whether each row is approved, shape (rows,).
        labels: 0 or 1, shape (rows,); both occur.
        people: Number of each row's person, shape (rows,); by default a person a row.
    """
    is_good = labels == 1
    is_approved = approved.astype(bool)

    auc, auc_deviation = auc_delong(scores, labels, people)
    auc_interval = (max(auc - Z * auc_deviation, 0.0), min(auc + Z * auc_deviation, 1.0))

    true_approval_rate = is_approved[is_good].mean()
    true_decline_rate = (~is_approved[~is_good]).mean()
    confusion = {
        "approved_good": int((is_approved & is_good).sum()),
        "approved_bad": int((is_approved & ~is_good).sum()),
        "declined_good": int((~is_approved & is_good).sum()),
        "declined_bad": int((~is_approved & ~is_good).sum()),
    }

    # The expected calibration error of Naeini, Cooper and Hauskrecht (2015), on bins of equal rows.
    # With chance in it: this figure is shown. `measure_calibration` has the one that is judged.
    table = reliability(scores, labels)
    calibration_error = sum(row.rows * abs(row.predicted - row.observed) for row in table)

    return Performance(
        rows=len(labels),
        auc=auc,
        auc_interval=auc_interval,
        accuracy=float((is_approved == is_good).mean()),
        balanced_accuracy=float((true_approval_rate + true_decline_rate) / 2),
        majority_accuracy=float(max(is_good.mean(), 1 - is_good.mean())),
        brier=float(np.mean((scores - labels) ** 2)),
        calibration_error=calibration_error / len(labels),
        approval_rate=float(is_approved.mean()),
        confusion=confusion,
        reliability=table,
    )


def auc_delong(
    scores: Matrix, labels: Matrix, people: np.ndarray | None = None
) -> tuple[float, float]:
    """Return the area under the ROC curve and its standard deviation; nan where a label is absent.

    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, computed from ranks as Sun and Xu
    (2014) do, IEEE Signal Processing Letters 21. Ties count half. The deviation is nan where a
    label occurs once, or with one person alone.

    Args:
        scores: Higher for the favourable label, shape (rows,).
        labels: 0 or 1, shape (rows,).
        people: Number of each row's person, shape (rows,); by default a person a row.
    """
    good, bad = auc_placements(scores, labels)
    if not len(good):
        return math.nan, math.nan
    return float(good.mean()), math.sqrt(_auc_variance(good, bad, labels, people))


def auc_difference(
    scores: Matrix, other_scores: Matrix, labels: Matrix, people: np.ndarray | None = None
) -> tuple[float, tuple[float, float]]:
    """Return the AUC of `scores` less that of `other_scores`, and its 95 % interval.

    DeLong, DeLong and Clarke-Pearson (1988) for two curves of the same rows: what both gain or lose
    by the same rows cancels out. nan where a label occurs less than twice, or with one person
    alone. Arguments as in `auc_delong`.
    """
    good, bad = auc_placements(scores, labels)
    other_good, other_bad = auc_placements(other_scores, labels)
    if min(len(good), len(bad)) < 2:
        return math.nan, (math.nan, math.nan)

    difference = float(good.mean() - other_good.mean())
    # The placements of the two scores are subtracted row by row before their variance is taken:
    # that is DeLong's covariance term.
    variance = _auc_variance(good - other_good, bad - other_bad, labels, people)
    half_width = Z * math.sqrt(variance)
    return difference, (difference - half_width, difference + half_width)


def _auc_variance(good: Matrix, bad: Matrix, labels: Matrix, people: np.ndarray | None) -> float:
    """Return the variance of an AUC, or of a difference of two, from the placements of its rows.

    Where people have several rows: Obuchowski (1997), "Nonparametric analysis of clustered ROC
    curve data", Biometrics 53, 567-578. Without repeated people it is DeLong's.
    """
    if people is None or len(np.unique(people)) == len(people):
        return sum(
            float(np.var(shares, ddof=1)) / len(shares) if len(shares) > 1 else math.nan
            for shares in (good, bad)
        )

    _, numbers = np.unique(people, return_inverse=True)
    # What each person adds to the mean of the good rows' placements, and to that of the bad ones'.
    parts = []
    for shares, is_own in ((good, labels == 1), (bad, labels == 0)):
        own_people = numbers[is_own]
        deviations = np.bincount(own_people, shares - shares.mean(), numbers.max() + 1)
        parts.append((deviations / len(shares), len(np.unique(own_people))))
    (of_good, good_people), (of_bad, bad_people) = parts
    if min(good_people, bad_people) < 2:
        return math.nan

    several = len(of_good)
    variance = (
        good_people / (good_people - 1) * float(of_good @ of_good)
        + bad_people / (bad_people - 1) * float(of_bad @ of_bad)
        # People who have rows of either label move both means at once.
        + 2 * several / (several - 1) * float(of_good @ of_bad)
    )
    return max(variance, 0.0)


def auc_placements(scores: Matrix, labels: Matrix) -> tuple[Matrix, Matrix]:
    """Return, of each good row, the share of bad rows below it; of each bad row, of good above.

    Ties count half. From ranks, as Sun and Xu (2014): a row's rank among all, less its rank among
    its own.
    """
    good = scores[labels == 1]
    bad = scores[labels == 0]
    if not len(good) or not len(bad):
        return np.zeros(0), np.zeros(0)

    ranks = _midranks(np.concatenate([good, bad]))
    bad_below = (ranks[: len(good)] - _midranks(good)) / len(bad)
    good_above = 1 - (ranks[len(good) :] - _midranks(bad)) / len(good)
    return bad_below, good_above


def reliability(scores: Matrix, labels: Matrix, count: int = RELIABILITY_BINS) -> tuple[Bin, ...]:
    """Return up to `count` bins of about equally many rows, in order of score.

    Bins of equal width would be empty where nobody scores, and rest on a few rows elsewhere. Equal
    scores are in one bin: between two, the order of the rows would say who is in which, and in a
    file that is sorted by its outcome a calibrated model would look as wrong as can be.
    """
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    # Where `array_split` divides, moved to the nearer end of those who score alike there.
    sizes = [len(members) for members in np.array_split(ordered, count)]
    places = np.cumsum(sizes)[:-1]
    places = places[(places > 0) & (places < len(ordered))]
    begins = np.searchsorted(ordered, ordered[places], side="left")
    ends = np.searchsorted(ordered, ordered[places], side="right")
    nearer = np.where(places - begins <= ends - places, begins, ends)

    return tuple(
        Bin(
            rows=len(members),
            predicted=float(scores[members].mean()),
            observed=float(labels[members].mean()),
        )
        for members in np.split(order, np.unique(nearer))
        if len(members)
    )


def roc_points(scores: Matrix, labels: Matrix, points: int = 101) -> list[tuple[float, float]]:
    """Return points (false positive rate, true positive rate) of the ROC curve, both rising.

    Cut-offs are quantiles of the scores, not the scores themselves: the points are kept in a
    report, and a point per row would give away what single people scored.
    """
    cutoffs = np.quantile(scores, np.linspace(1, 0, points))
    good = np.sort(scores[labels == 1])
    bad = np.sort(scores[labels == 0])
    true_positive_rates = 1 - np.searchsorted(good, cutoffs, side="left") / len(good)
    false_positive_rates = 1 - np.searchsorted(bad, cutoffs, side="left") / len(bad)

    inner = zip(false_positive_rates.tolist(), true_positive_rates.tolist(), strict=True)
    return [(0.0, 0.0), *inner, (1.0, 1.0)]


def _midranks(values: Matrix) -> Matrix:
    """Return 1-based ranks, shape (rows,); ties share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last_ranks = np.cumsum(counts)
    return np.asarray((last_ranks - (counts - 1) / 2)[inverse])
