"""The `alternatives:` section of a use case, and its limits."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.config.strict import Seed, StrictModel
from tasks.errors import ConfigError
from tasks.learning.params import TrainParams, require_own_parameters

# No slash: it parts learner, mitigation and features in the name of a configuration.
Name = Annotated[str, Field(min_length=1, pattern=r"^[^/]+$")]


class Learner(StrictModel):
    """A family of models, with its parameters."""

    family: Literal["lightgbm", "xgboost", "logistic"] = Field(description="what is trained")
    rounds: int = Field(ge=1, description="trees, or steps of the logistic regression, at most")
    parameters: dict[str, float | int | str | bool] = Field(
        default={}, description="of the family, by its library's names"
    )

    @model_validator(mode="after")
    def _parameters_are_the_familys(self) -> "Learner":
        """Refuse what `train.parameters` would: an alternative is one that could be shipped."""
        require_own_parameters(self.family, self.parameters)
        return self


class Mitigation(StrictModel):
    """What is done in training against different label rates; `mitigate` names the attributes."""

    mitigation: Literal["none", "reweighing", "reduction"] = Field(
        description="nothing, weights, or a constraint"
    )
    mitigate: tuple[str, ...] = Field(
        default=(), description="protected attributes whose groups are mitigated"
    )
    multiplier: float | None = Field(
        default=None, gt=0, le=20, description="of the reduction: how much parity weighs"
    )


class AlternativesParams(StrictModel):
    """What is searched: every learner with every mitigation and every set of features.

    A set of features names those that it leaves out, beside those of `train.left_out`: what the
    model may not use, no alternative may.
    """

    learners: dict[Name, Learner] = Field(
        min_length=1, description="name -> a family of models with its parameters"
    )
    mitigations: dict[Name, Mitigation] = Field(
        min_length=1, description="name -> what training does against different rates of groups"
    )
    features: dict[Name, tuple[str, ...]] = Field(
        min_length=1, description="set of features -> features that it leaves out"
    )
    loss_of_auc: float = Field(
        ge=0, lt=0.5, description="what an alternative may lose and still be one"
    )
    people: int = Field(ge=100, description="of whom more are there, so many are drawn by hash")
    # Twenty, for half of them choose and half confirm.
    smallest_group_rows: int = Field(
        ge=20, description="rows below which a group does not say which configuration is better"
    )
    folds: int = Field(ge=2, le=10, description="each row is scored by a fit on the other folds")
    seeds: int = Field(ge=1, description="divisions into folds, each with a seed of learning")
    draws: int = Field(ge=100, description="bootstrap samples of people and seeds")
    seed: Seed = Field(description="of folds, fits and draws")


def require_learners_keep_directions(
    params: AlternativesParams, train: TrainParams, where: str = ""
) -> None:
    """Refuse a learner that `train.monotone` does not bind: what it fits could not be shipped.

    Raises:
        ConfigError: Names the logistic learners, in `where`.
    """
    # A copy of `train` with another family is not validated again, and a logistic regression
    # ignores the directions: as an alternative it would be free where the shipped model is bound,
    # and the gate could fail it for what `train:` refuses.
    unbound = [name for name, learner in params.learners.items() if learner.family == "logistic"]
    if train.monotone and unbound:
        raise ConfigError(
            f"{where}: alternatives.learners" if where else "alternatives.learners",
            expected="boosted trees alone, where `train.monotone` binds the score",
            found=f"logistic regressions: {', '.join(unbound)}",
            remedy="Take them out: such an alternative could not be shipped.",
        )


class AlternativesLimits(StrictModel):
    """What the model is held against. See docs/adr/0071-less-discriminatory-alternatives.md."""

    decline_ratio_reduction: float = Field(
        ge=0,
        lt=1,
        description="at most: by what share an alternative may be confirmed to lower the worst "
        "group's decline ratio",
        examples=[0.1],
    )
    detectable_reduction: float = Field(
        gt=0,
        lt=1,
        description="a reduction that the search has to be able to confirm; beyond the other limit",
        examples=[0.2],
    )


# Not `FairnessParams`, for rooms of the path do not import each other. Keys that it does not know
# are left to their own gate.
class JudgedGroups(BaseModel):
    """What this gate takes from the section `fairness:`, which its own gate validates."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    privileged: dict[str, str] = Field(min_length=1)
    intersections: tuple[tuple[str, ...], ...] = ()
    cutoffs: tuple[float, ...] = Field(min_length=1)

    @property
    def attributes(self) -> tuple[str, ...]:
        """What divides people into groups that are judged: attributes, and their combinations."""
        return (*self.privileged, *map(" and ".join, self.intersections))

    @model_validator(mode="after")
    def _intersections_are_of_judged_attributes(self) -> "JudgedGroups":
        if any(set(names) - set(self.privileged) for names in self.intersections):
            raise ValueError("an intersection is of attributes in `privileged`")
        return self
