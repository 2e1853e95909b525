"""The `train:` section of a use case: what is learnt, from whom, and where approval begins."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.config.case_files import CaseFile
from tasks.config.strict import StrictModel


class ApprovalRate(StrictModel):
    """Approve this share of the validation rows."""

    rule: Literal["approval_rate"]
    rate: float = Field(gt=0, lt=1)


class BalancedAccuracy(StrictModel):
    """Take the cut-off with the best balanced accuracy on the validation rows."""

    rule: Literal["balanced_accuracy"]


class Cost(StrictModel):
    """Take the cut-off with the least cost on the validation rows.

    Costs are per row, in any unit: only their ratio counts.
    """

    rule: Literal["cost"]
    false_approval: float = Field(gt=0)
    false_decline: float = Field(gt=0)


Cutoff = Annotated[ApprovalRate | BalancedAccuracy | Cost, Field(discriminator="rule")]


class TrainParams(StrictModel):
    """How the model is trained.

    `left_out` maps features that it may not use to the reason why. `monotone` maps numeric features
    to the direction in which the score may move with them. `parameters` are the family's own.
    """

    champion: CaseFile | Literal["none yet"] = Field(
        description="the accepted model's figures; `./portcullis accept` writes them"
    )
    family: Literal["lightgbm", "xgboost", "logistic"]
    seed: int
    favourable: float = Field(description="the target's value that is good for the person")
    validation_ratio: float = Field(gt=0, lt=0.5)
    test_ratio: float = Field(gt=0, lt=0.5)
    folds: int = Field(ge=3, le=20)
    refits: int = Field(
        ge=1,
        le=20,
        description="fits with other seeds, to see how far explanations depend on the fit",
    )
    cutoff: Cutoff
    mitigation: Literal["none", "reweighing"]
    mitigate: tuple[str, ...] = Field(
        default=(), description="protected attributes whose groups are reweighed"
    )
    left_out: dict[str, str] = {}
    monotone: dict[str, Literal[-1, 1]] = {}
    rounds: int = Field(ge=1)
    parameters: dict[str, float | int | str | bool] = {}
