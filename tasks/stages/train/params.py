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
    """How good a model has to be, and how good it may look. No limit has a default.

    Measured out of fold on every row, but for the registered model, which is measured on the part
    `test`. See docs/adr/0069-too-good-to-be-true.md for where the figures come from.
    """

    auc: float = Field(
        ge=0.5, le=1, description="the lower end of its 95 % interval must reach this"
    )
    highest_auc: float = Field(
        ge=0.5, lt=1, description="beyond what practice knows of such decisions: look for a leak"
    )
    highest_feature_auc: float = Field(ge=0.5, lt=1, description="of any feature alone")
    slice_purity: float = Field(
        gt=0, lt=1, description="how much of an outcome may be gone where a feature has some value"
    )
    overfit_gap: float = Field(
        gt=0, lt=0.5, description="of AUC, training rows over out of fold, beyond chance"
    )
    calibration_error: float = Field(ge=0, le=1, description="beyond what chance explains")
    group_calibration_error: float = Field(
        ge=0, le=1, description="the same in each group of each protected attribute"
    )
    gain_over_majority: float = Field(
        description="balanced accuracy less 0.5, which the majority's answer has"
    )
    loss_to_champion: float = Field(ge=0, description="of AUC, against the accepted model's")
    loss_to_challenger: float = Field(ge=0, description="of AUC, against a logistic regression's")
    registered_auc_loss: float = Field(
        ge=0, description="of AUC, against the folds' models on the same people, beyond chance"
    )
    approval_rate_shift: float = Field(
        ge=0, description="of the registered model on unseen people, beyond chance"
    )
