"""The `explain:` section of a use case, and its limits."""

from pydantic import Field

from tasks.adverse_action.params import BackgroundParams
from tasks.config.case_files import CaseFile
from tasks.config.strict import StrictModel


class ProxyParams(StrictModel):
    """How it is found out whether many columns together tell a protected group."""

    people: int = Field(ge=200, description="people to ask about, one row each")
    smallest_group: int = Field(ge=10, description="of a group, at least so many where it has them")
    folds: int = Field(ge=2, le=10, description="each person is told by a fit on the other folds")
    permutations: int = Field(ge=1, description="times that labels are dealt out to know chance")


class ExplainParams(StrictModel):
    """What is explained, and compared with whom.

    `reasons` and `background` become part of the model: `train` reads them too.
    """

    reasons: CaseFile = Field(description="the reason map, beside the case.yaml that names it")
    background: BackgroundParams
    proxies: ProxyParams
    explain_rows: int = Field(
        ge=100, description="rows in the global figures; every declined applicant gets reasons"
    )
    stability_rows: int = Field(
        ge=100, description="declined applicants whose reasons are tried against others"
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
        gt=0,
        le=1,
        description="2 |AUC - 0.5| towards a protected group, times SHAP share",
    )
    joint_inputs_auc: float = Field(
        gt=0.5, le=1, description="of all inputs together towards a group; the interval's lower end"
    )
    joint_contributions_auc: float = Field(
        gt=0.5, le=1, description="of all SHAP values together, which is what the model makes of it"
    )
    reason_cohesion: float = Field(
        ge=0, le=1, description="association that ties the features of one reason together"
    )
    top_reasons_overlap: float = Field(
        ge=0,
        le=1,
        description="mean share of told reasons that other backgrounds, fits and figures keep",
    )
    least_reason_share: float = Field(
        gt=0, lt=1, description="of what is adverse about an applicant, in each reason told"
    )
    weakest_reason_fidelity: float = Field(
        ge=0,
        le=1,
        description="share of reasons not told that the weakest one told outweighs, neutralised",
    )
    untold_ratio: float = Field(
        ge=0, le=1, description="share of declined with a principal factor that has no true words"
    )
    flipped_ratio: float = Field(
        ge=0, le=1, description="mean share of declined whom a bootstrap refit approves"
    )
