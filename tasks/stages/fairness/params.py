"""The `fairness:` section of a use case, and its limits."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.config.strict import StrictModel

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
ApprovalRate = Annotated[float, Field(gt=0, lt=1)]


class Excuse(StrictModel):
    """Why a protected attribute is not judged, who answers for that, and since when."""

    reason: Text
    by: Text = Field(description="the person who answers for it")
    date: date


class FairnessParams(StrictModel):
    """What is measured, and on which rows.

    Every column of role `protected` is in `privileged`, and so judged, or in `excused`. There is
    one rule of decision, and no choice of it: see docs/adr/0057-certified-or-undecided.md.
    """

    privileged: dict[str, str] = Field(
        min_length=1, description="protected attribute -> its privileged group"
    )
    excused: dict[str, Excuse] = Field(
        default={}, description="protected attribute -> why it is not judged"
    )
    intersections: tuple[tuple[str, ...], ...] = Field(
        default=(), description="attributes whose combinations are groups too"
    )
    cutoffs: tuple[ApprovalRate, ...] = Field(
        min_length=1,
        description="approval rates at which the ratios are judged, beside the model's own",
    )
    evaluate_on: Literal["out_of_fold", "test"]
    smallest_group_rows: int = Field(
        ge=10,
        description="people below whom a group is not judged; smaller groups of an intersection "
        "are pooled into one",
    )
    significance: float = Field(
        gt=0, lt=0.5, description="alpha of all failures of a gate, shared out by Holm's method"
    )
    draws: int = Field(ge=2000, description="of the Theil index, for its interval")
    seed: int

    @model_validator(mode="after")
    def _attributes_are_judged_or_excused(self) -> "FairnessParams":
        if both := sorted(set(self.privileged) & set(self.excused)):
            raise ValueError(f"both judged and excused: {', '.join(both)}")
        for attributes in self.intersections:
            if len(set(attributes)) < 2 or set(attributes) - set(self.privileged):
                raise ValueError("an intersection is of two or more attributes in `privileged`")
        return self


class FairnessLimits(StrictModel):
    """What every group is owed. No limit has a default.

    Ratios and differences are towards the privileged group. See
    docs/adr/0059-what-no-approval-rate-blinds.md for where the figures come from.
    """

    disparate_impact: float = Field(gt=0, le=1)
    decline_ratio: float = Field(ge=1)
    odds_ratio: float = Field(ge=1, description="of being declined")
    standardised_mean_difference: float = Field(
        ge=0, description="standard deviations by which a group's scores may lie lower"
    )
    equal_opportunity_difference: float = Field(ge=0, le=1, description="absolute")
    average_abs_odds_difference: float = Field(ge=0, le=1)
    underrated_by: float = Field(
        ge=0, le=1, description="observed share less mean score: calibration within the group"
    )
    theil_index: float = Field(ge=0)
    registered_shift: float = Field(
        ge=0,
        le=1,
        description="how far the registered model's approval rate of a group may lie from that of "
        "the models that were judged, on the same people, beyond chance",
    )
