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
        ge=0.5,
        le=1,
        description="the lower end of its 95 % interval must reach this",
        examples=[0.6],
    )
    highest_auc: float = Field(
        ge=0.5,
        lt=1,
        description="at most: beyond what practice knows of such decisions, look for a leak",
        examples=[0.85],
    )
    highest_feature_auc: float = Field(
        ge=0.5, lt=1, description="at most: of any feature alone", examples=[0.8]
    )
    slice_purity: float = Field(
        gt=0,
        lt=1,
        description="at most: how much of an outcome may be gone where a feature has some value",
        examples=[0.75],
    )
    overfit_gap: float = Field(
        gt=0,
        lt=0.5,
        description="at most: of AUC, training rows over out of fold, beyond chance",
        examples=[0.1],
    )
    calibration_error: float = Field(
        ge=0,
        le=1,
        description="at most: scores against observed shares, beyond what chance explains",
        examples=[0.02],
    )
    group_calibration_error: float = Field(
        ge=0,
        le=1,
        description="at most: the same in each group of each protected attribute",
        examples=[0.05],
    )
    gain_over_majority: float = Field(
        description="at least: balanced accuracy less 0.5, which the majority's answer has",
        examples=[0.02],
    )
    loss_to_champion: float = Field(
        ge=0, description="at most: of AUC, against the accepted model's", examples=[0.02]
    )
    loss_to_challenger: float = Field(
        ge=0, description="at most: of AUC, against a logistic regression's", examples=[0.02]
    )
    registered_auc_loss: float = Field(
        ge=0,
        description="at most: of AUC, against the folds' models on the same people, beyond chance",
        examples=[0.02],
    )
    approval_rate_shift: float = Field(
        ge=0,
        description="at most: of the registered model on unseen people, beyond chance",
        examples=[0.02],
    )
