"""The gate `train`: judged by the lower end of the interval, and against the accepted model."""

import math
from typing import Any

import pytest

from tasks.gates import Check, Outcome
from tasks.learning.performance import Performance
from tasks.stages.train.checks import TrainCheck
from tasks.stages.train.judging import judge_performance
from tasks.stages.train.params import TrainLimits

LIMITS = TrainLimits(auc=0.7, calibration_error=0.05, gain_over_majority=0.1, loss_to_champion=0.01)
GOOD = Performance(
    rows=100,
    auc=0.8,
    auc_interval=(0.75, 0.85),
    accuracy=0.8,
    balanced_accuracy=0.7,
    majority_accuracy=0.6,
    brier=0.1,
    calibration_error=0.02,
    approval_rate=0.5,
    confusion={},
    reliability=(),
)


def judged(champion_auc: float | None = 0.8, **change: Any) -> dict[str, Check]:
    performance = GOOD.model_copy(update=change)
    return {check.id: check for check in judge_performance(performance, champion_auc, LIMITS)}


def failed(checks: dict[str, Check]) -> list[str]:
    return [name for name, check in checks.items() if check.outcome is not Outcome.PASS]


def test_a_good_model_passes_every_check_of_the_catalogue() -> None:
    checks = judged()
    assert set(checks) == set(TrainCheck)
    assert failed(checks) == []


@pytest.mark.parametrize(
    ("change", "check_id"),
    [
        ({"auc_interval": (0.69, 0.91)}, TrainCheck.AUC_LOWER_END),
        ({"auc": 0.7899}, TrainCheck.AUC_LOST_TO_CHAMPION),
        ({"calibration_error": 0.06}, TrainCheck.CALIBRATION_ERROR),
        ({"balanced_accuracy": 0.59}, TrainCheck.GAIN_OVER_MAJORITY),
    ],
)
def test_each_shortcoming_fails_its_own_check(change: dict[str, Any], check_id: TrainCheck) -> None:
    assert failed(judged(**change)) == [check_id]


def test_an_interval_that_could_not_be_computed_is_undecided() -> None:
    checks = judged(auc_interval=(math.nan, math.nan))
    assert checks[TrainCheck.AUC_LOWER_END].outcome is Outcome.UNDECIDED


def test_without_a_champion_the_loss_to_it_is_not_measured_under_the_same_id() -> None:
    check = judged(champion_auc=None)[TrainCheck.AUC_LOST_TO_CHAMPION]
    assert (check.outcome, check.value) == (Outcome.NOT_MEASURED, None)
    assert "no model has been accepted yet" in check.reason


def test_a_champion_whose_figure_is_no_number_leaves_it_undecided() -> None:
    checks = judged(champion_auc=math.nan)
    assert checks[TrainCheck.AUC_LOST_TO_CHAMPION].outcome is Outcome.UNDECIDED
