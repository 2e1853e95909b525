"""The `validate:` section of a use case, and its limits."""

from pydantic import Field

from tasks.config.case_files import CaseFile
from tasks.config.strict import StrictModel


class ValidateParams(StrictModel):
    """What is measured.

    `near_duplicate_columns` tell one application from another: rows that agree in all of them, to
    three digits, are near duplicates. `first_version` says, with a reason, that there is nothing
    yet to drift from.
    """

    suite: CaseFile = Field(description="expectations, beside the case.yaml that names them")
    reference: CaseFile | None = Field(
        default=None,
        description="the accepted profile of the data; `./portcullis accept` writes it",
    )
    near_duplicate_columns: tuple[str, ...] = Field(min_length=1)
    first_version: str | None = Field(default=None, min_length=10)


class ValidateLimits(StrictModel):
    """What the data has to meet. No limit has a default."""

    drift_psi: float = Field(
        gt=0, description="population stability index, of the column that moved most"
    )
    exact_duplicate_ratio: float = Field(ge=0, le=1)
    near_duplicate_ratio: float = Field(ge=0, le=1)
    minority_label_ratio: float = Field(gt=0, le=0.5)
    missing_ratio: float = Field(ge=0, le=1)
    smallest_group_rows: int = Field(ge=1)
