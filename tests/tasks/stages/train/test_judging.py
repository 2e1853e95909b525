"""The gate reads the lower end of the interval, and lets a model lose only so much to its champion."""

import numpy as np
import pytest

from tasks.gates import Outcome
from tasks.stages.train.judging import TrainCheck, judge_performance
from tasks.stages.train.params import TrainLimits
from tasks.stages.train.performance import Performance, measure_performance

LIMITS = TrainLimits(auc=0.9, calibration_error=1, gain_over_majority=0, loss_to_champion=0.01)


@pytest.fixture(scope="module")
def good_model() -> Performance:
    scores = np.linspace(0, 1, 200)
    return measure_performance(scores, scores > 0.5, (scores > 0.4).astype(float))


def outcomes(performance: Performance, champion_auc: float | None = None) -> dict[str, Outcome]:
    checks = judge_performance(performance, champion_auc, LIMITS)
    return {check.id: check.outcome for check in checks}


def test_a_good_model_passes_and_without_a_champion_its_lead_is_not_measured(
    good_model: Performance,
) -> None:
    judged = outcomes(good_model)
    assert judged.pop(TrainCheck.AUC_LOST_TO_CHAMPION) is Outcome.NOT_MEASURED
    assert set(judged.values()) == {Outcome.PASS}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"auc_interval": (0.7, 1.0)}, TrainCheck.AUC_LOWER_END),
        ({"calibration_error": 1.1}, TrainCheck.CALIBRATION_ERROR),
        ({"balanced_accuracy": 0.49}, TrainCheck.GAIN_OVER_MAJORITY),
    ],
)
def test_one_measure_on_the_wrong_side_fails_its_own_check_only(
    good_model: Performance, change: dict[str, object], check: TrainCheck
) -> None:
    judged = outcomes(good_model.model_copy(update=change), good_model.auc)
    assert judged.pop(check) is Outcome.FAIL
    assert set(judged.values()) == {Outcome.PASS}


@pytest.mark.parametrize(("lead", "outcome"), [(0.005, Outcome.PASS), (0.02, Outcome.FAIL)])
def test_a_model_may_lose_to_its_champion_by_no_more_than_the_limit(
    good_model: Performance, lead: float, outcome: Outcome
) -> None:
    judged = outcomes(good_model, good_model.auc + lead)
    assert judged[TrainCheck.AUC_LOST_TO_CHAMPION] is outcome
