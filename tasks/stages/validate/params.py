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
    near_duplicate_columns: tuple[str, ...] = Field(min_length=1)
    # Bounded: a level near 0 would take every shift for chance.
    significance: float = Field(
        ge=0.001,
        le=0.05,
        description="the share of good deliveries in which chance may exceed what each comparison "
        "with the accepted version says it explains",
    )
    first_version: str | None = Field(default=None, min_length=10)
    unlinked_sources: str | None = Field(default=None, min_length=10)


class ValidateLimits(StrictModel):
    """What the data has to meet. No limit has a default."""

    drift_psi: float = Field(
        gt=0, description="population stability index, of the column that moved most"
    )
    column_agreement: float = Field(
        gt=0, le=1, description="share of a column's accepted association that is still there"
    )
    label_agreement: float = Field(
        gt=0, le=1, description="share of what the accepted columns say about the label"
    )
    join_agreement: float = Field(
        gt=0, le=1, description="share of a source's accepted association with the other sources"
    )
    correlation_shift: float = Field(gt=0, lt=1, description="of the two columns that moved most")
    label_rate_shift: float = Field(gt=0, lt=1, description="of all rows")
    group_label_rate_shift: float = Field(gt=0, lt=1, description="of the group that moved most")
    beyond_support_ratio: float = Field(
        gt=0, lt=1, description="rows beyond a column's accepted tails, more than there were"
    )
    repeated_people_ratio: float = Field(
        ge=0, lt=1, description="rows about somebody whom an earlier row is about"
    )
    exact_duplicate_ratio: float = Field(ge=0, le=1)
    near_duplicate_ratio: float = Field(ge=0, le=1)
    minority_label_ratio: float = Field(gt=0, le=0.5)
    missing_ratio: float = Field(ge=0, le=1)
    smallest_group_rows: int = Field(ge=1)
