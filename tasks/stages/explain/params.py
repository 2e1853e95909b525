"""The `explain:` section of a use case, and its limits."""

from typing import Literal

from pydantic import Field

from tasks.config.case_files import CaseFile
from tasks.config.strict import StrictModel


class ExplainParams(StrictModel):
    """What is explained, and compared with whom.

    `near_cutoff` compares a declined applicant with those just above the line, `all` with all applicants: the two
    baselines that comment 9(b)(2)-5 of Regulation B names.
    """

    reasons: CaseFile = Field(description="the reason map, beside the case.yaml that names it")
    background: Literal["near_cutoff", "all"]
    background_rows: int = Field(ge=20)
    explain_rows: int = Field(
        ge=100, description="rows in the global figures; every declined applicant gets reasons"
    )
    stability_draws: int = Field(
        ge=2, description="other backgrounds, and other small errors, to try"
    )
    perturbation: float = Field(
        gt=0, le=0.2, description="relative standard deviation of the small errors"
    )
    seed: int


class ExplainLimits(StrictModel):
    """What explanations have to be."""

    additivity_error: float = Field(gt=0, description="log-odds, worst row")
    proxy_strength: float = Field(
        gt=0, le=1, description="2 |AUC - 0.5| towards a protected group, times SHAP share"
    )
    top_reasons_overlap: float = Field(
        ge=0,
        le=1,
        description="mean share of top-4 reasons that other backgrounds, fits and figures keep",
    )
    fidelity: float = Field(
        ge=0, le=1, description="share of declined for whom the named reasons move the score most"
    )


class ReasonGroup(StrictModel):
    """Correlated features that make one reason together, and the words a person is told."""

    code: str = Field(min_length=1)
    features: tuple[str, ...] = Field(min_length=1)
    text: str = Field(min_length=10)


class ReasonMap(StrictModel):
    """A versioned map of every feature to exactly one reason."""

    version: str
    reasons: tuple[ReasonGroup, ...] = Field(min_length=1)
