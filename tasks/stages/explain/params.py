"""The `explain:` section of a use case, and its limits."""

from pydantic import Field

from tasks.adverse_action.params import BackgroundParams
from tasks.config.case_files import CaseFile
from tasks.config.strict import StrictModel


class ExplainParams(StrictModel):
    """What is explained, and compared with whom.

    `reasons` and `background` become part of the model: `train` reads them too.
    """

    reasons: CaseFile = Field(description="the reason map, beside the case.yaml that names it")
    background: BackgroundParams
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
