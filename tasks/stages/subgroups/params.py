"""The `subgroups:` section of a use case, and its limits."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.config.strict import Seed, StrictModel
from tasks.formats.shown import SMALLEST_SHOWN_ROWS


class DetectableDisparities(StrictModel):
    """Disparities so large that a search which cannot tell them says nothing; beyond the limits."""

    false_decline_difference: float = Field(
        gt=0, le=1, description="share of good people declined, less everybody else's"
    )
    disparate_impact: float = Field(
        gt=0, lt=1, description="ratio of approval rates, to everybody else's"
    )
    underrated_by: float = Field(gt=0, le=1, description="observed share less mean score")


class SubgroupsParams(StrictModel):
    """Which subgroups are searched, and on which rows.

    A subgroup is a conjunction: a value of each of one to `depth` attributes. Attributes are all
    protected columns, and the features in `audit`.
    """

    # At most six: conjunctions grow with a power of the attributes, and so do their corrections.
    audit: tuple[str, ...] = Field(
        default=(), max_length=6, description="features that divide people beside what is protected"
    )
    bins: int = Field(ge=2, le=5, description="parts with equally many rows of a number in `audit`")
    depth: int = Field(ge=1, le=4, description="most attributes of a conjunction")
    smallest_people: int = Field(
        ge=SMALLEST_SHOWN_ROWS,
        description="people of a subgroup, and of those it is compared with, in each half",
    )
    # Each subgroup that is kept is one more confirmation, and lowers the level of all (Bonferroni).
    kept: int = Field(ge=1, le=20, description="worst subgroups of each measure to confirm")
    detectable: DetectableDisparities = Field(
        description="what the confirmation of a kept subgroup has to be able to tell"
    )
    evaluate_on: Literal["out_of_fold", "test"] = Field(
        description="every row by a model that never saw it, or the part `test` alone"
    )
    significance: float = Field(
        gt=0, lt=0.5, description="alpha of all failures of the gate, and of calibration"
    )
    seed: Seed = Field(description="of the halves into which people are divided")

    @model_validator(mode="after")
    def _columns_are_named_once(self) -> "SubgroupsParams":
        if len(set(self.audit)) < len(self.audit):
            raise ValueError("a column stands twice in `audit`")
        return self


class SubgroupsLimits(StrictModel):
    """What every subgroup is owed. No limit has a default.

    See docs/adr/0070-the-worst-subgroup-is-confirmed.md for where the figures come from.
    """

    false_decline_difference: float = Field(
        ge=0,
        le=1,
        description="at most: share of good people declined, less that of everybody else",
        examples=[0.1],
    )
    disparate_impact: float = Field(
        gt=0,
        le=1,
        description="at least: ratio of approval rates, to everybody else",
        examples=[0.8],
    )
    underrated_by: float = Field(
        ge=0, le=1, description="at most: observed share less mean score", examples=[0.05]
    )
    multicalibration_error: float = Field(
        ge=0,
        le=1,
        description="at most: largest cumulated error of the scores in any segment, per row",
        examples=[0.05],
    )
