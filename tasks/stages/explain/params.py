"""The `explain:` section of a use case, and its limits."""

from pydantic import Field

from tasks.adverse_action.params import BackgroundParams
from tasks.config.case_files import CaseFile
from tasks.config.strict import Seed, StrictModel


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
    background: BackgroundParams = Field(description="with whom a declined applicant is compared")
    proxies: ProxyParams = Field(
        description="how it is found out whether columns together tell a protected group"
    )
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
    seed: Seed = Field(description="of every draw of the gate")


class ExplainLimits(StrictModel):
    """What explanations have to be."""

    additivity_error: float = Field(
        gt=0,
        description="at most: log-odds by which an explanation misses its score, worst row",
        examples=[0.0001],
    )
    proxy_strength: float = Field(
        gt=0,
        le=1,
        description="at most: 2 |AUC - 0.5| towards a protected group, times SHAP share",
        examples=[0.05],
    )
    joint_inputs_auc: float = Field(
        gt=0.5,
        le=1,
        description="at most: of all inputs together towards a group; the interval's lower end",
        examples=[0.9],
    )
    joint_contributions_auc: float = Field(
        gt=0.5,
        le=1,
        description="at most: of all SHAP values together, which is what the model makes of it",
        examples=[0.8],
    )
    reason_cohesion: float = Field(
        ge=0,
        le=1,
        description="at least: association that ties the features of one reason together",
        examples=[0.3],
    )
    top_reasons_overlap: float = Field(
        ge=0,
        le=1,
        description="at least: mean share of told reasons that other backgrounds, fits and figures "
        "keep",
        examples=[0.9],
    )
    least_reason_share: float = Field(
        gt=0,
        lt=1,
        description="at least: of what is adverse about an applicant, in each reason told",
        examples=[0.1],
    )
    weakest_reason_fidelity: float = Field(
        ge=0,
        le=1,
        description="at least: share of reasons not told that the weakest one told outweighs, "
        "neutralised",
        examples=[0.9],
    )
    untold_ratio: float = Field(
        ge=0,
        le=1,
        description="at most: share of declined with a principal factor that has no true words",
        examples=[0.01],
    )
    flipped_ratio: float = Field(
        ge=0,
        le=1,
        description="at most: mean share of declined whom a bootstrap refit approves",
        examples=[0.25],
    )
