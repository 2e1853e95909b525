"""The `train:` section of a use case, the accepted model's figures, and the limits."""

from pydantic import Field

from tasks.config.strict import StrictModel
from tasks.learning.params import TrainParams

__all__ = ["Champion", "TrainLimits", "TrainParams"]


class Champion(StrictModel):
    """The figures of the accepted model, which later ones are compared with."""

    auc: float = Field(ge=0, le=1, allow_inf_nan=False)
    auc_interval: tuple[float, float]


class TrainLimits(StrictModel):
    """How good a model has to be, measured out of fold on every row. No limit has a default."""

    auc: float = Field(
        ge=0.5, le=1, description="the lower end of its 95 % interval must reach this"
    )
    calibration_error: float = Field(gt=0, le=1)
    gain_over_majority: float = Field(
        description="balanced accuracy less 0.5, which the majority's answer has"
    )
    loss_to_champion: float = Field(ge=0, description="of AUC, against the accepted model's")
