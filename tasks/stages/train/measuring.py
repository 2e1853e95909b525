"""Measure a trained model: out of fold, as it is registered, beside a challenger, and for leaks.

Two things are measured, and the report keeps them apart. The models of the folds say how the recipe
does on every row, each row by a model that never saw its person. The registered model is another
fit with another cut-off: it is measured on the people of the part `test`, whom it never saw.
"""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.disparity.counts import design_effect, group_names, rows_by_group
from tasks.disparity.intervals import Interval, Z
from tasks.formats.shown import own_name, shown_group_names
from tasks.learning.calibration import Calibration, measure_calibration
from tasks.learning.leaks import FeatureLeak
from tasks.learning.params import ApprovalRate, TrainParams
from tasks.learning.performance import (
    Performance,
    auc_delong,
    auc_difference,
    measure_performance,
)
from tasks.learning.training import Trained
from tasks.model.families import Matrix

SMALLEST_GROUP_PEOPLE = 30  # fewer tell a tenth from nothing no more
SIGNIFICANCE = 0.05  # how often a calibrated model exceeds the chance error, of each check
UNKNOWN_GROUP = "not known"


class TrainModel(BaseModel):
    """A part of the report."""

    model_config = ConfigDict(frozen=True)


class GroupCalibration(TrainModel):
    """A group's calibration; None where fewer than 30 people are in it.

    Those whose group is not known are no group, and have `is_known` unset.
    """

    attribute: str
    group: str
    people: int
    calibration: Calibration | None
    is_known: bool = True


class Challenger(TrainModel):
    """A logistic regression on the same folds; differences are its AUC less the model's."""

    auc: float
    difference: float
    interval: Interval


class OverfitGap(TrainModel):
    """AUC of the registered model on those it learnt from, less the one out of fold.

    `certain` is what is left of it at the worse end of the out-of-fold interval.
    """

    training_auc: float
    gap: float
    certain: float


class HeldOut(TrainModel):
    """The registered model, with its own cut-off, on the people of the part `test`.

    `auc_lost` is the AUC of the models of the folds on the same people, less its own; None with its
    interval where a label is too rare. `approval_rate_shift` is how far its approval rate lies from
    `expected_approval_rate`, and `certain_shift` what chance does not explain of that.
    """

    rows: int
    auc: float | None
    auc_interval: Interval | None
    auc_lost: float | None
    auc_lost_interval: Interval | None
    calibration: Calibration | None
    approval_rate: float | None
    expected_approval_rate: float
    approval_rate_shift: float | None
    certain_shift: float | None


class ModelReport(TrainModel):
    """All that the gate `train` judges; out of fold where nothing else is said."""

    performance: Performance
    calibration: Calibration
    groups: tuple[GroupCalibration, ...]
    leaks: tuple[FeatureLeak, ...]
    overfit: OverfitGap
    challenger: Challenger | None  # None where the model is a logistic regression itself
    held_out: HeldOut


def measure_model(
    rows: pd.DataFrame,
    trained: Trained,
    leaks: tuple[FeatureLeak, ...],
    protected: tuple[str, ...],
    params: TrainParams,
) -> ModelReport:
    """Measure a model.

    Args:
        rows: What it was trained on: `person` and protected attributes.
        trained: The model, its predictions and its challenger's scores, in the same order.
        leaks: What each of its features alone tells.
        protected: Names of the protected attributes.
        params: The rule of the cut-off, and the seed.
    """
    predictions = trained.predictions
    labels = predictions["actual"].to_numpy(float)
    scores = predictions["oof_score"].to_numpy(float)
    approved = predictions["oof_approved"].to_numpy()
    people, _ = pd.factorize(rows["person"])

    performance = measure_performance(scores, approved, labels, people)
    return ModelReport(
        performance=performance,
        calibration=_calibration(scores, labels, people, params.seed),
        groups=tuple(_group_calibrations(rows[list(protected)], scores, labels, people, params)),
        leaks=leaks,
        overfit=_overfit_gap(predictions, performance),
        challenger=_challenger(trained.challenger_scores, scores, labels, people),
        held_out=_held_out(predictions, people, performance.approval_rate, params),
    )


def _calibration(scores: Matrix, labels: Matrix, people: np.ndarray, seed: int) -> Calibration:
    return measure_calibration(
        scores,
        labels,
        significance=SIGNIFICANCE,
        design_effect=design_effect(labels - scores, people),
        seed=seed,
    )


def _group_calibrations(
    protected: pd.DataFrame,
    scores: Matrix,
    labels: Matrix,
    people: np.ndarray,
    params: TrainParams,
) -> Iterator[GroupCalibration]:
    """Yield each group of each attribute; those whose group is not known are one of their own."""
    for attribute in protected.columns:
        # People whose group is not known are scored, too: they are a group, and not left out.
        names = group_names(protected[attribute])
        unknown = own_name(UNKNOWN_GROUP, set(names.dropna()))
        names = names.fillna(unknown)
        # What few rows have in the column may be a person's name in the wrong place; that a group
        # is not known is nobody's.
        for name, shown in shown_group_names(rows_by_group(names), (unknown,)).items():
            is_member = (names == name).to_numpy()
            # People, not rows: thirty rows of one person are one outcome.
            members = len(np.unique(people[is_member]))
            measured = None
            if members >= SMALLEST_GROUP_PEOPLE:
                measured = _calibration(
                    scores[is_member], labels[is_member], people[is_member], params.seed
                )
            yield GroupCalibration(
                attribute=str(attribute),
                group=shown,
                people=members,
                calibration=measured,
                is_known=name != unknown,
            )


def _overfit_gap(predictions: pd.DataFrame, performance: Performance) -> OverfitGap:
    # The part that the registered model has learnt from; from `validation` it only has its cut-off.
    learnt = predictions[predictions["part"] == "train"]
    training_auc, _ = auc_delong(learnt["score"].to_numpy(float), learnt["actual"].to_numpy(float))
    return OverfitGap(
        training_auc=training_auc,
        gap=training_auc - performance.auc,
        # The AUC of the learnt rows is no estimate: all chance is in the one out of fold.
        certain=training_auc - performance.auc_interval[1],
    )


def _challenger(
    challenger_scores: Matrix | None, scores: Matrix, labels: Matrix, people: np.ndarray
) -> Challenger | None:
    if challenger_scores is None:
        return None
    difference, interval = auc_difference(challenger_scores, scores, labels, people)
    auc, _ = auc_delong(challenger_scores, labels)
    return Challenger(auc=auc, difference=difference, interval=interval)


def _held_out(
    predictions: pd.DataFrame, people: np.ndarray, approval_rate: float, params: TrainParams
) -> HeldOut:
    """Measure the registered model; `approval_rate` is that out of fold."""
    is_test = (predictions["part"] == "test").to_numpy()
    validation_rows = int((predictions["part"] == "validation").sum())
    tested = predictions[is_test]
    labels = tested["actual"].to_numpy(float)
    scores = tested["score"].to_numpy(float)
    # Only a declared rate says how many are to be approved. By another rule the models of the folds
    # do, whose decisions the other gates judge.
    rule = params.cutoff
    expected_rate = rule.rate if isinstance(rule, ApprovalRate) else approval_rate

    auc = auc_interval = lost = lost_interval = None
    tested_people = people[is_test]
    # A variance over one person is none; None is undecided in the gate.
    if min(len(np.unique(tested_people[labels == label])) for label in (0, 1)) > 1:
        auc, deviation = auc_delong(scores, labels, tested_people)
        auc_interval = (max(auc - Z * deviation, 0.0), min(auc + Z * deviation, 1.0))
        lost, lost_interval = auc_difference(
            tested["oof_score"].to_numpy(float), scores, labels, tested_people
        )

    rate = shift = certain_shift = calibration = None
    if len(tested):
        approved = tested["approved"].to_numpy(float)
        effect = design_effect(approved, tested_people)
        rate = float(approved.mean())
        shift = abs(rate - expected_rate)
        # The cut-off is chosen on as few people as the part `validation` has: their chance counts.
        variance = effect * expected_rate * (1 - expected_rate)
        deviation = math.sqrt(variance * (1 / len(tested) + 1 / max(validation_rows, 1)))
        certain_shift = max(shift - Z * deviation, 0.0)
        calibration = _calibration(scores, labels, tested_people, params.seed)

    return HeldOut(
        rows=len(tested),
        auc=auc,
        auc_interval=auc_interval,
        auc_lost=lost,
        auc_lost_interval=lost_interval,
        calibration=calibration,
        approval_rate=rate,
        expected_approval_rate=expected_rate,
        approval_rate_shift=shift,
        certain_shift=certain_shift,
    )
