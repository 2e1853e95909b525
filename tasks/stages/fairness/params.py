"""The `fairness:` section of a use case, and its limits."""

from typing import Literal

from pydantic import Field

from tasks.config.strict import StrictModel


class FairnessParams(StrictModel):
    """What is measured, on which rows, and by which rule an uncertain figure is decided.

    `decision_rule` is `interval` (the whole 95 % interval must lie on the right side) or
    `small_portfolio`: the same where the group has at least `interval_from_rows` rows; below that,
    point estimate and significance where the interval cannot tell, as 29 CFR 1607.4(D) reads for
    small numbers. See docs/adr/0002-small-portfolios.md.
    """

    privileged: dict[str, str] = Field(
        min_length=1, description="protected attribute -> its privileged group"
    )
    intersection: tuple[str, ...] = Field(
        default=(), description="attributes whose combinations are groups too"
    )
    evaluate_on: Literal["out_of_fold", "test"]
    decision_rule: Literal["interval", "small_portfolio"]
    interval_from_rows: int = Field(ge=1)
    smallest_group_rows: int = Field(
        ge=10, description="smaller groups of an intersection are pooled into one"
    )
    significance: float = Field(
        gt=0, lt=0.5, description="alpha of the whole family, shared out by Holm's method"
    )
    bootstrap: int = Field(ge=2000)
    seed: int


class FairnessLimits(StrictModel):
    """What every group is owed. No limit has a default.

    Differences are absolute, towards the privileged group.
    """

    disparate_impact: float = Field(gt=0, le=1)
    equal_opportunity_difference: float = Field(ge=0, le=1)
    average_abs_odds_difference: float = Field(ge=0, le=1)
    underrated_by: float = Field(
        ge=0, le=1, description="observed share less mean score: calibration within the group"
    )
    theil_index: float = Field(ge=0)
