"""The checks of this gate, and the limit that each of them is held against.

Of the standard library alone: the worker reads it, too.
"""

from tasks.gates.check import CheckId
from tasks.gates.holding import LimitRule, Unmeasured


class TrainCheck(CheckId):
    """The checks of this gate."""

    AUC_LOWER_END = "train.auc_lower_end"
    CALIBRATION_ERROR = "train.calibration_error"
    GAIN_OVER_MAJORITY = "train.gain_over_majority"
    AUC_LOST_TO_CHAMPION = "train.auc_lost_to_champion"


RULES: dict[CheckId, LimitRule] = {
    TrainCheck.AUC_LOWER_END: LimitRule("auc", "≥"),
    TrainCheck.CALIBRATION_ERROR: LimitRule("calibration_error", "≤"),
    TrainCheck.GAIN_OVER_MAJORITY: LimitRule("gain_over_majority", "≥"),
    TrainCheck.AUC_LOST_TO_CHAMPION: LimitRule(
        "loss_to_champion",
        "≤",
        unmeasured=(
            Unmeasured(
                "{limit}, or no champion", declared_by="train.champion", declared_as="none yet"
            ),
        ),
    ),
}
