"""The gate `train`: judge whether the model is good enough, and no worse than the accepted one."""

from tasks.gates import Check, at_least, at_most, not_measured
from tasks.learning.performance import Performance
from tasks.stages.train.checks import TrainCheck
from tasks.stages.train.params import TrainLimits

CHANCE = 0.5  # the balanced accuracy of always giving the majority's answer


def judge_performance(
    performance: Performance, champion_auc: float | None, limits: TrainLimits
) -> tuple[Check, ...]:
    """Judge a model out of fold.

    Without a champion there is nothing to lose to: the check says that it was not measured.
    """
    return (
        at_least(
            TrainCheck.AUC_LOWER_END,
            "AUC, lower end of its interval",
            performance.auc_interval[0],
            limits.auc,
            interval=performance.auc_interval,
        ),
        at_most(
            TrainCheck.CALIBRATION_ERROR,
            "calibration error",
            performance.calibration_error,
            limits.calibration_error,
        ),
        at_least(
            TrainCheck.GAIN_OVER_MAJORITY,
            "balanced accuracy over the majority's answer",
            performance.balanced_accuracy - CHANCE,
            limits.gain_over_majority,
        ),
        _judge_against_champion(performance, champion_auc, limits),
    )


def _judge_against_champion(
    performance: Performance, champion_auc: float | None, limits: TrainLimits
) -> Check:
    measure = "AUC lost to the champion"

    if champion_auc is None:
        return not_measured(
            TrainCheck.AUC_LOST_TO_CHAMPION,
            measure,
            expected=f"≤ {limits.loss_to_champion:g}, or no champion",
            reason="no model has been accepted yet",
        )

    return at_most(
        TrainCheck.AUC_LOST_TO_CHAMPION,
        measure,
        champion_auc - performance.auc,
        limits.loss_to_champion,
    )
