"""The `validate:` section of a use case, and its limits."""

from pydantic import Field

from tasks.config.case_files import CaseFile
from tasks.config.strict import StrictModel


class ValidateParams(StrictModel):
    """What is measured.

    `near_duplicate_columns` tell one application from another: rows that agree in all of them, to
    three digits, are near duplicates. `first_version` says, with a reason, that there is nothing
    yet to drift from; `unlinked_sources`, that no figure of one source could tell that another was
    joined on the wrong rows.
    """

    suite: CaseFile = Field(description="expectations, beside the case.yaml that names them")
    reference: CaseFile | None = Field(
        default=None,
        description="the accepted profile of the data; `./portcullis accept` writes it",
    )
    # Declared: which figures tell one application from another, nobody can guess from the data.
    near_duplicate_columns: tuple[str, ...] = Field(
        min_length=1, description="rows that agree in all of them are near duplicates"
    )
    # Bounded: a level near 0 would take every shift for chance.
    significance: float = Field(
        ge=0.001,
        le=0.05,
        description="the share of good deliveries in which chance may exceed what each comparison "
        "with the accepted version says it explains",
    )
    first_version: str | None = Field(
        default=None,
        min_length=10,
        description="why there is no earlier delivery to compare with, as long as there is none",
    )
    unlinked_sources: str | None = Field(
        default=None,
        min_length=10,
        description="why no figure of one source says anything about another's",
    )


class ValidateLimits(StrictModel):
    """What the data has to meet. No limit has a default."""

    drift_psi: float = Field(
        gt=0,
        description="at most: population stability index, of the column that moved most",
        examples=[0.25],
    )
    column_agreement: float = Field(
        gt=0,
        le=1,
        description="at least: share of a column's accepted association that is still there",
        examples=[0.8],
    )
    label_agreement: float = Field(
        gt=0,
        le=1,
        description="at least: share of what the accepted columns say about the label",
        examples=[0.9],
    )
    join_agreement: float = Field(
        gt=0,
        le=1,
        description="at least: share of a source's accepted association with the other sources",
        examples=[0.9],
    )
    correlation_shift: float = Field(
        gt=0, lt=1, description="at most: of the two columns that moved most", examples=[0.1]
    )
    label_rate_shift: float = Field(
        gt=0, lt=1, description="at most: shift of the label's rate, of all rows", examples=[0.02]
    )
    group_label_rate_shift: float = Field(
        gt=0, lt=1, description="at most: the same, of the group that moved most", examples=[0.05]
    )
    beyond_support_ratio: float = Field(
        gt=0,
        lt=1,
        description="at most: rows beyond a column's accepted tails, more than there were",
        examples=[0.01],
    )
    repeated_people_ratio: float = Field(
        ge=0,
        lt=1,
        description="at most: rows about somebody whom an earlier row is about",
        examples=[0.01],
    )
    exact_duplicate_ratio: float = Field(
        ge=0,
        le=1,
        description="at most this share of rows that repeat an earlier row in all",
        examples=[0.05],
    )
    near_duplicate_ratio: float = Field(
        ge=0,
        le=1,
        description="at most this share of rows that agree with another in "
        "`near_duplicate_columns`",
        examples=[0.12],
    )
    minority_label_ratio: float = Field(
        gt=0,
        le=0.5,
        description="the rarer outcome has at least this share of rows",
        examples=[0.05],
    )
    missing_ratio: float = Field(
        ge=0, le=1, description="at most this share missing in any kept column", examples=[0.2]
    )
    smallest_group_rows: int = Field(
        ge=1,
        description="each group of each protected attribute has at least so many rows",
        examples=[50],
    )
