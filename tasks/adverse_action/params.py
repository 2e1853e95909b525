"""The part of a use case's `explain:` section that becomes part of the model."""

from typing import Literal

from pydantic import Field

from tasks.config.strict import Seed, StrictModel


class BackgroundParams(StrictModel):
    """With whom a declined applicant is compared.

    `near_cutoff` compares them with those just above the line, `all` with all applicants: the two
    baselines that comment 9(b)(2)-5 of Regulation B names.
    """

    people: Literal["near_cutoff", "all"] = Field(
        description="those just above the cut-off, or all"
    )
    rows: int = Field(ge=20, description="how many people, each with one row")
    smallest_group: int = Field(
        ge=5, description="people behind each value of the composites that travel with the model"
    )
    seed: Seed = Field(description="of the choice of people")
