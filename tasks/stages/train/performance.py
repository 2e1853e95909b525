"""How good is a model: discrimination, calibration, errors, each with what it is compared with. Pure numpy."""

import math

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.gates import Check, at_least, at_most, holds
from tasks.model.families import Matrix
from tasks.stages.train.params import TrainLimits

BINS = 10
Z = 1.959963984540054  # the 97.5 % point of the normal distribution


class Bin(BaseModel):
    """One bin of the reliability table."""

    model_config = ConfigDict(frozen=True)

    rows: int
    predicted: float
    observed: float


class Performance(BaseModel):
    """How a model does on labelled rows."""

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


def measure(scores: Matrix, approved: np.ndarray, labels: Matrix) -> Performance:
    """Measure scores in [0, 1] and decisions against labels 0/1, both of which occur."""
    auc, deviation = auc_delong(scores, labels)
    good, yes = labels == 1, approved.astype(bool)
    confusion = {
        "approved_good": int((yes & good).sum()),
        "approved_bad": int((yes & ~good).sum()),
        "declined_good": int((~yes & good).sum()),
        "declined_bad": int((~yes & ~good).sum()),
    }
    table = reliability(scores, labels)
    return Performance(
        rows=len(labels),
        auc=auc,
        auc_interval=(max(auc - Z * deviation, 0.0), min(auc + Z * deviation, 1.0)),
        accuracy=float((yes == good).mean()),
        balanced_accuracy=float((yes[good].mean() + (~yes[~good]).mean()) / 2),
        majority_accuracy=float(max(good.mean(), 1 - good.mean())),
        brier=float(np.mean((scores - labels) ** 2)),
        calibration_error=sum(one.rows * abs(one.predicted - one.observed) for one in table)
        / len(labels),
        approval_rate=float(yes.mean()),
        confusion=confusion,
        reliability=table,
    )


def auc_delong(scores: Matrix, labels: Matrix) -> tuple[float, float]:
    """Return the area under the ROC curve and its standard deviation (DeLong 1988, by the ranks of Sun and Xu 2014)."""
    good, bad = scores[labels == 1], scores[labels == 0]
    if not len(good) or not len(bad):
        return math.nan, math.nan
    all_ranks = _midranks(np.concatenate([good, bad]))
    over_bad = (all_ranks[: len(good)] - _midranks(good)) / len(bad)
    under_good = 1 - (all_ranks[len(good) :] - _midranks(bad)) / len(good)
    spread = [
        np.var(part, ddof=1) / len(part) if len(part) > 1 else math.nan
        for part in (over_bad, under_good)
    ]
    return float(over_bad.mean()), float(math.sqrt(sum(spread)))


def reliability(scores: Matrix, labels: Matrix) -> tuple[Bin, ...]:
    """Return up to ten bins of equally many rows: mean prediction against observed share."""
    order = np.argsort(scores, kind="stable")
    return tuple(
        Bin(
            rows=len(part),
            predicted=float(scores[part].mean()),
            observed=float(labels[part].mean()),
        )
        for part in np.array_split(order, BINS)
        if len(part)
    )


def roc(scores: Matrix, labels: Matrix, points: int = 101) -> list[tuple[float, float]]:
    """Return (false positive rate, true positive rate) at quantiles of the scores: aggregates, nobody's own score."""
    cuts = np.quantile(scores, np.linspace(1, 0, points))
    good, bad = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
    true = 1 - np.searchsorted(good, cuts, side="left") / len(good)
    false = 1 - np.searchsorted(bad, cuts, side="left") / len(bad)
    return [(0.0, 0.0), *zip(false.tolist(), true.tolist(), strict=True), (1.0, 1.0)]


def judge_performance(
    found: Performance, champion_auc: float | None, limits: TrainLimits
) -> tuple[Check, ...]:
    """Judge a model out of fold. Without a champion there is nothing to lose to, and the check says so."""
    checks = [
        at_least(
            "AUC, lower end of its interval",
            found.auc_interval[0],
            limits.auc,
            interval=found.auc_interval,
        ),
        at_most("calibration error", found.calibration_error, limits.calibration_error),
        at_least(
            "balanced accuracy over the majority's answer",
            found.balanced_accuracy - 0.5,
            limits.gain_over_majority,
        ),
    ]
    if champion_auc is None:
        reason = "not measured: no model has been accepted yet"
        return (
            *checks,
            holds(
                "AUC against the champion", True, expected="no worse, or no champion", reason=reason
            ),
        )
    return (
        *checks,
        at_most("AUC lost to the champion", champion_auc - found.auc, limits.loss_to_champion),
    )


def _midranks(values: Matrix) -> Matrix:
    """Return 1-based ranks, ties sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse])
