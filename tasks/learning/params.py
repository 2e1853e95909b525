"""The `train:` section of a use case: what is learnt, from whom, and where approval begins."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from tasks.config.case_files import CaseFile
from tasks.config.strict import Seed, StrictModel


class ApprovalRate(StrictModel):
    """Approve this share of the validation rows."""

    rule: Literal["approval_rate"] = Field(description="which rule it is")
    rate: float = Field(gt=0, lt=1, description="share of people with the favourable decision")


class BalancedAccuracy(StrictModel):
    """Take the cut-off with the best balanced accuracy on the validation rows."""

    rule: Literal["balanced_accuracy"] = Field(description="which rule it is")


class Cost(StrictModel):
    """Take the cut-off with the least cost on the validation rows.

    Costs are per row, in any unit: only their ratio counts.
    """

    rule: Literal["cost"] = Field(description="which rule it is")
    false_approval: float = Field(gt=0, description="of a favourable decision that was wrong")
    false_decline: float = Field(gt=0, description="of an unfavourable decision that was wrong")


Cutoff = Annotated[ApprovalRate | BalancedAccuracy | Cost, Field(discriminator="rule")]


Share = Annotated[float, Field(gt=0, le=1)]
Penalty = Annotated[float, Field(ge=0)]


class _FamilyParameters(StrictModel):
    """What a use case may set of a library; a number written as a text is refused.

    One name for each setting, though libraries know several: of two of them one would win silently.
    Objective, seed, threads and what else makes a fit repeatable are not among them.
    """

    model_config = ConfigDict(strict=True)


class LightGbmParameters(_FamilyParameters):
    """LightGBM's, by its names."""

    learning_rate: float | None = Field(default=None, gt=0, le=1)
    num_leaves: int | None = Field(default=None, ge=2, le=1024)
    max_depth: int | None = Field(default=None, ge=-1, le=64)
    min_child_samples: int | None = Field(default=None, ge=1)
    min_child_weight: Penalty | None = None
    min_split_gain: Penalty | None = None
    lambda_l1: Penalty | None = None
    lambda_l2: Penalty | None = None
    feature_fraction: Share | None = None
    feature_fraction_bynode: Share | None = None
    bagging_fraction: Share | None = None
    bagging_freq: int | None = Field(default=None, ge=1)
    max_bin: int | None = Field(default=None, ge=2, le=4096)
    path_smooth: Penalty | None = None
    extra_trees: bool | None = None

    @model_validator(mode="after")
    def _bagging_has_both(self) -> "LightGbmParameters":
        # The library ignores a fraction without a frequency, and the other way round.
        if (self.bagging_fraction is None) != (self.bagging_freq is None):
            raise ValueError("`bagging_fraction` and `bagging_freq` do nothing without each other")
        return self


class XgBoostParameters(_FamilyParameters):
    """XGBoost's, by its names. It ignores those that it does not know."""

    eta: float | None = Field(default=None, gt=0, le=1)
    max_depth: int | None = Field(default=None, ge=1, le=64)
    max_leaves: int | None = Field(default=None, ge=0, le=1024)
    grow_policy: Literal["depthwise", "lossguide"] | None = None
    min_child_weight: Penalty | None = None
    max_delta_step: Penalty | None = None
    gamma: Penalty | None = None
    alpha: Penalty | None = None
    lambda_: Penalty | None = Field(default=None, alias="lambda")
    subsample: Share | None = None
    colsample_bytree: Share | None = None
    colsample_bylevel: Share | None = None
    colsample_bynode: Share | None = None
    max_bin: int | None = Field(default=None, ge=2, le=4096)


class LogisticParameters(_FamilyParameters):
    """Those of scikit-learn's logistic regression."""

    C: float | None = Field(default=None, gt=0, description="inverse strength of the penalty")
    tol: float | None = Field(default=None, gt=0, le=0.1)


FAMILY_PARAMETERS: dict[str, type[_FamilyParameters]] = {
    "lightgbm": LightGbmParameters,
    "xgboost": XgBoostParameters,
    "logistic": LogisticParameters,
}


def require_own_parameters(family: str, parameters: Mapping[str, object]) -> None:
    """Refuse a parameter that the family does not have, or that no use case may set.

    Raises:
        ValueError: Names the first one, and those that it may have.
    """
    # LightGBM and XGBoost ignore what they do not know: a misspelt parameter would change nothing.
    # What they know, a seed or an objective, would win silently over the settings of `fit`.
    model = FAMILY_PARAMETERS[family]
    names = [field.alias or name for name, field in model.model_fields.items()]
    if unknown := sorted(set(parameters) - set(names)):
        raise ValueError(
            f"`parameters` of {family} has {', '.join(unknown)}; it may have: {', '.join(names)}"
        )

    try:
        model.model_validate(parameters)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "it"
        raise ValueError(f"`parameters` of {family}: {field}: {first['msg']}") from error


class TrainParams(StrictModel):
    """How the model is trained.

    `left_out` maps features that it may not use to the reason why. `monotone` maps numeric features
    to the direction in which the score may move with them. `parameters` are the family's own.
    """

    champion: CaseFile | Literal["none yet"] = Field(
        description="the accepted model's figures; `./portcullis accept` writes them"
    )
    family: Literal["lightgbm", "xgboost", "logistic"] = Field(
        description="what is trained: boosted trees of two libraries, or a logistic regression"
    )
    seed: Seed = Field(description="the same seed, data and parameters give the same model")
    favourable: float = Field(description="the target's value that is good for the person")
    validation_ratio: float = Field(
        gt=0, lt=0.5, description="share of people on whom the cut-off is chosen"
    )
    test_ratio: float = Field(
        gt=0, lt=0.5, description="share of people on whom the registered model is judged"
    )
    folds: int = Field(
        ge=3,
        le=20,
        description="parts for judging out of fold: each person is scored by a model that never "
        "saw them",
    )
    refits: int = Field(
        ge=1,
        le=20,
        description="fits with other seeds, to see how far explanations depend on the fit",
    )
    cutoff: Cutoff = Field(description="which scores get the favourable decision")
    mitigation: Literal["none", "reweighing", "reduction"] = Field(
        description="what training does against different rates of groups: nothing, weights, or a "
        "constraint",
    )
    mitigate: tuple[str, ...] = Field(
        default=(), description="protected attributes whose groups are mitigated"
    )
    multiplier: float | None = Field(
        default=None, gt=0, le=20, description="of the reduction: how much parity weighs"
    )
    left_out: dict[str, str] = Field(
        default={}, description="feature -> why the model may not use it, though the gates see it"
    )
    monotone: dict[str, Literal[-1, 1]] = Field(
        default={},
        description="number or flag -> 1 if more of it never lowers the score, -1 if it never "
        "raises it; of boosted trees alone",
    )
    rounds: int = Field(ge=1, description="trees, or steps of the logistic regression, at most")
    parameters: dict[str, float | int | str | bool] = Field(
        default={}, description="of the family, by its library's names"
    )

    @model_validator(mode="after")
    def _parameters_are_the_familys(self) -> "TrainParams":
        require_own_parameters(self.family, self.parameters)
        return self

    @model_validator(mode="after")
    def _only_trees_are_constrained(self) -> "TrainParams":
        # The sign of a coefficient is the data's: the score could move against what is declared.
        if self.monotone and self.family == "logistic":
            raise ValueError("`monotone` binds boosted trees alone, and no logistic regression")
        return self
