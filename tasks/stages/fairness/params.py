"""The `fairness:` section of a use case, and its limits."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.config.strict import Seed, StrictModel

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
ApprovalRate = Annotated[float, Field(gt=0, lt=1)]


class Excuse(StrictModel):
    """Why a protected attribute is not judged, who answers for that, and since when."""

    reason: Text = Field(description="why it is not judged")
    by: Text = Field(description="the person who answers for it")
    date: Annotated[date, Field(description="since when")]


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
    # At least one: without it no check would hold what the ranking does at another cut-off.
    cutoffs: tuple[ApprovalRate, ...] = Field(
        min_length=1,
        description="approval rates at which the ratios are judged, beside the model's own",
    )
    evaluate_on: Literal["out_of_fold", "test"] = Field(
        description="every row by a model that never saw it, or the part `test` alone"
    )
    # Not below ten: of fewer rows not even the name of the group is shown.
    smallest_group_rows: int = Field(
        ge=10,
        description="people below whom a group is not judged; smaller groups of an intersection "
        "are pooled into one",
    )
    significance: float = Field(
        gt=0, lt=0.5, description="alpha of all failures of a gate, shared out by Holm's method"
    )
    # The interval's ends are the 50th draw from either side, at least.
    draws: int = Field(ge=2000, description="of the Theil index, for its interval")
    seed: Seed = Field(description="of the draws")

    @model_validator(mode="after")
    def _attributes_are_judged_or_excused(self) -> "FairnessParams":
        # Both would leave open which of the two counts.
        if both := sorted(set(self.privileged) & set(self.excused)):
            raise ValueError(f"both judged and excused: {', '.join(both)}")
        for attributes in self.intersections:
            # An attribute that is excused has no privileged group, so no joint one either.
            if len(set(attributes)) < 2 or set(attributes) - set(self.privileged):
                raise ValueError("an intersection is of two or more attributes in `privileged`")
            # Both are reported under their name: of two with one name one would not be judged.
            if " and ".join(attributes) in self.privileged:
                raise ValueError("an intersection has the name of an attribute in `privileged`")
        if len(set(map(" and ".join, self.intersections))) < len(self.intersections):
            raise ValueError("two intersections have one name")
        return self


class FairnessLimits(StrictModel):
    """What every group is owed. No limit has a default.

    Ratios and differences are towards the privileged group. See
    docs/adr/0059-what-no-approval-rate-blinds.md for where the figures come from.
    """

    disparate_impact: float = Field(
        gt=0,
        le=1,
        description="at least this ratio of a group's approval rate to the privileged group's "
        "(four fifths: 29 CFR 1607.4(D))",
        examples=[0.8],
    )
    decline_ratio: float = Field(
        ge=1,
        description="at most this ratio of a group's decline rate to the privileged group's",
        examples=[2.0],
    )
    odds_ratio: float = Field(
        ge=1,
        description="at most: a group's odds of being declined, to the privileged group's",
        examples=[2.0],
    )
    standardised_mean_difference: float = Field(
        ge=0,
        description="at most: standard deviations by which a group's scores may lie lower",
        examples=[0.3],
    )
    equal_opportunity_difference: float = Field(
        ge=0,
        le=1,
        description="at most: difference in the share of good people approved, absolute",
        examples=[0.1],
    )
    average_abs_odds_difference: float = Field(
        ge=0,
        le=1,
        description="at most, mean of the differences in true and false favourable rates",
        examples=[0.15],
    )
    underrated_by: float = Field(
        ge=0,
        le=1,
        description="at most: observed share less mean score: calibration within the group",
        examples=[0.05],
    )
    theil_index: float = Field(
        ge=0,
        description="at most: how unequally errors fall on people, 0 is equally",
        examples=[0.2],
    )
    registered_shift: float = Field(
        ge=0,
        le=1,
        description="at most: how far the registered model's approval rate of a group may lie from "
        "that of the models that were judged, on the same people, beyond chance",
        examples=[0.05],
    )
