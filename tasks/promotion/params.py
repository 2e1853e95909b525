"""The `promote:` section of a use case: what a model has to be to take the place of another."""

from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from pydantic import Field, model_validator

from tasks.config.strict import StrictModel
from tasks.formats.canonical_json import canonical
from tasks.gates.check import CHECK_ID
from tasks.path import GATES
from tasks.stages.register.params import SERVING_ALIAS, RegistryName

CheckName = Annotated[str, Field(pattern=f"^{CHECK_ID.pattern}$")]
Worsening = Annotated[float, Field(ge=0)]
DISPARITY = ("fairness", "subgroups")  # the gates that say how groups are treated


class Direction(StrEnum):
    """Which of two values is the better one."""

    HIGHER = "higher"
    LOWER = "lower"


class FirstModel(StrEnum):
    """What becomes of a model where none serves yet."""

    APPROVED = "approved"  # clearance and a second person are enough
    REFUSED = "refused"


class PromoteParams(StrictModel):
    """The `promote:` section of a use case; without it nothing of the use case is promoted.

    It compares what was signed for both models, each as judged on the data of its own time. No
    figure of it has a default.
    """

    alias: RegistryName = Field(
        default=SERVING_ALIAS, description="the alias by which the model serves"
    )
    metric: CheckName = Field(
        description="the check by whose value it has to equal or beat the model that serves"
    )
    direction: Direction = Field(description="which value of it is better: `higher` or `lower`")
    tolerance: Worsening = Field(description="by how much it may be worse and still count as equal")
    disparity: dict[CheckName, Worsening] = Field(
        min_length=1,
        description="checks of `fairness` and `subgroups`, and by how much each of their values "
        "may be worse than that of the model that serves, for every group",
    )
    without_champion: FirstModel = Field(
        description="where none serves yet: `approved`, a second person's approval is enough, or "
        "`refused`"
    )

    @model_validator(mode="after")
    def _checks_are_of_gates(self) -> "PromoteParams":
        # Figures of a verdict are signed; any other figure would be somebody's word.
        if _gate_of(self.metric) not in {gate.name for gate in GATES}:
            raise ValueError("`metric` is a check of a gate, like `train.auc_lower_end`")
        if any(_gate_of(name) not in DISPARITY for name in self.disparity):
            raise ValueError(f"`disparity` takes checks of {' and '.join(DISPARITY)}")
        return self

    @property
    def sha256(self) -> str:
        """Its digest, by which an approval names it."""
        return sha256(canonical(self.model_dump(mode="json"))).hexdigest()

    @property
    def text(self) -> str:
        """The rule in one line."""
        disparity = ", ".join(
            f"{name} by {worse:g}" for name, worse in sorted(self.disparity.items())
        )
        return (
            f"{self.metric}: {self.direction} is better, worse by at most {self.tolerance:g}; "
            f"for no group worse than: {disparity}; the first is {self.without_champion}"
        )


def _gate_of(check_id: str) -> str:
    return check_id.partition(".")[0]
