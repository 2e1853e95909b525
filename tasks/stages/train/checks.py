"""The checks of this gate, and the limit that each of them is held against.

Of the standard library alone: the worker reads it, too.
"""

from tasks.gates.check import CheckId
from tasks.gates.holding import LimitRule, Unmeasured


class TrainCheck(CheckId):
    """The checks of this gate; those of the registered model are about the part `test`."""

    AUC_LOWER_END = "train.auc_lower_end"
    AUC_CEILING = "train.auc_ceiling"
    FEATURE_AUC = "train.feature_auc"
    SLICE_PURITY = "train.slice_purity"
    OVERFIT_GAP = "train.overfit_gap"
    CALIBRATION_BEYOND_CHANCE = "train.calibration_beyond_chance"
    GROUP_CALIBRATION = "train.group_calibration"
    GAIN_OVER_MAJORITY = "train.gain_over_majority"
    AUC_LOST_TO_CHAMPION = "train.auc_lost_to_champion"
    AUC_LOST_TO_CHALLENGER = "train.auc_lost_to_challenger"
    REGISTERED_AUC_LOST = "train.registered_auc_lost"
    REGISTERED_CALIBRATION = "train.registered_calibration"
    REGISTERED_APPROVAL_RATE = "train.registered_approval_rate"


LARGE_GROUPS = "{limit}, of 30 people or more"
OR_CHALLENGER = "{limit}, or a logistic regression itself"

RULES: dict[CheckId, LimitRule] = {
    # The worse end against the floor, for a model has to be shown to be good enough; the figure
    # itself against the ceiling, for an alarm about a leak waits for no proof.
    TrainCheck.AUC_LOWER_END: LimitRule("auc", "≥"),
    TrainCheck.AUC_CEILING: LimitRule("highest_auc", "≤"),
    TrainCheck.FEATURE_AUC: LimitRule("highest_feature_auc", "≤"),
    TrainCheck.SLICE_PURITY: LimitRule("slice_purity", "≤"),
    TrainCheck.OVERFIT_GAP: LimitRule("overfit_gap", "≤"),
    TrainCheck.CALIBRATION_BEYOND_CHANCE: LimitRule("calibration_error", "≤"),
    TrainCheck.GROUP_CALIBRATION: LimitRule(
        "group_calibration_error", "≤", unmeasured=(Unmeasured(LARGE_GROUPS),)
    ),
    TrainCheck.GAIN_OVER_MAJORITY: LimitRule("gain_over_majority", "≥"),
    # "No champion" has to be declared: a champion whose file is gone would else be a pass.
    TrainCheck.AUC_LOST_TO_CHAMPION: LimitRule(
        "loss_to_champion",
        "≤",
        unmeasured=(
            Unmeasured(
                "{limit}, or no champion", declared_by="train.champion", declared_as="none yet"
            ),
        ),
    ),
    TrainCheck.AUC_LOST_TO_CHALLENGER: LimitRule(
        "loss_to_challenger",
        "≤",
        unmeasured=(Unmeasured(OR_CHALLENGER, declared_by="train.family", declared_as="logistic"),),
    ),
    TrainCheck.REGISTERED_AUC_LOST: LimitRule("registered_auc_loss", "≤"),
    # The limit of all rows, too: the registered model is owed no more patience than those of the
    # folds.
    TrainCheck.REGISTERED_CALIBRATION: LimitRule("calibration_error", "≤"),
    TrainCheck.REGISTERED_APPROVAL_RATE: LimitRule("approval_rate_shift", "≤"),
}
