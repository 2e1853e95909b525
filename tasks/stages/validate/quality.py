"""Measure data quality beyond single expectations."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.config.cases import Columns, Role
from tasks.errors import DataError
from tasks.formats.shown import count_of
from tasks.stages.validate.expectations import ExpectationResult
from tasks.stages.validate.params import ValidateParams
from tasks.stages.validate.reference.cells import SMALLEST_CELL, category_names
from tasks.stages.validate.reference.delivery import ReferenceReport, compare_with_reference
from tasks.stages.validate.reference.profile import Profile, profile_jointly

DERIVED = "derived"  # the `source` of a column that ingest computed, maybe from several
NEAR_DIGITS = 3  # numbers that agree in so many significant digits are near duplicates


class QualityReport(BaseModel):
    """What was measured about one version of the data.

    Counts and shares only, and no count of fewer than ten people.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    expectations: tuple[ExpectationResult, ...]
    reference: ReferenceReport | None  # None: there is no accepted version yet
    repeated_people_ratio: float
    exact_duplicate_ratio: float
    near_duplicate_ratio: float
    label_shares: dict[str, float]
    rows_without_label: int
    missing_ratio: dict[str, float]
    constant_columns: tuple[str, ...]
    # protected attribute -> group -> rows; groups of fewer than ten are one entry without a number
    group_rows: dict[str, dict[str, int | None]]
    profile: Profile


def profiled(columns: Columns) -> tuple[str, ...]:
    """Return the columns whose drift matters: features, protected attributes and the target."""
    return columns.named(Role.FEATURE, Role.PROTECTED, Role.TARGET)


def measured_columns(columns: Columns, params: ValidateParams) -> frozenset[str]:
    """Return the columns that `measure_quality` reads."""
    return frozenset({"subject", *profiled(columns), *params.near_duplicate_columns})


def measure_quality(
    rows: pd.DataFrame,
    columns: Columns,
    params: ValidateParams,
    expectations: tuple[ExpectationResult, ...],
    reference: Profile | None,
) -> QualityReport:
    """Measure one version of the data.

    Args:
        rows: One row per application, with `subject` and the declared columns.
        columns: The use case's declared columns.
        params: What is measured.
        expectations: The suite's results, which are reported as they are.
        reference: The accepted version's profile, or None where none has been accepted.

    Raises:
        DataError: There are no rows, or a declared column is absent.
    """
    features = list(columns.named(Role.FEATURE))
    protected = list(columns.named(Role.PROTECTED))
    absent = sorted(measured_columns(columns, params) - set(rows))
    if rows.empty or absent:
        raise DataError(
            "validate",
            expected="rows with every declared column",
            found=f"absent: {', '.join(absent)}" if absent else "no row",
            remedy="Run `redact` again; look at what ingest reports.",
        )

    profiled_rows = rows[list(profiled(columns))]
    target_name = columns.only(Role.TARGET)
    target = rows[target_name]
    label_shares = category_names(target.dropna()).value_counts(normalize=True)
    near_duplicate_rows = _rounded(rows[list(params.near_duplicate_columns)])
    return QualityReport(
        rows=len(rows),
        expectations=expectations,
        reference=None
        if reference is None
        else compare_with_reference(
            reference,
            profiled_rows,
            rows["subject"].to_numpy(),
            target=target_name,
            protected=tuple(protected),
            sources={
                name: columns.root[name].source
                for name in profiled(columns)
                if columns.root[name].source != DERIVED
            },
            significance=params.significance,
        ),
        repeated_people_ratio=float(rows["subject"].duplicated().mean()),
        exact_duplicate_ratio=_duplicate_ratio(rows["subject"], rows[features]),
        near_duplicate_ratio=_duplicate_ratio(rows["subject"], near_duplicate_rows),
        label_shares={str(label): float(share) for label, share in sorted(label_shares.items())},
        rows_without_label=int(target.isna().sum()),
        missing_ratio={name: float(rows[name].isna().mean()) for name in (*features, *protected)},
        constant_columns=tuple(name for name in features if rows[name].nunique(dropna=False) < 2),
        group_rows={name: _group_rows(rows[name]) for name in protected},
        profile=profile_jointly(
            profiled_rows,
            rows["subject"].to_numpy(),
            target=target_name,
            protected=tuple(protected),
        ),
    )


def _duplicate_ratio(subjects: "pd.Series[str]", compared: pd.DataFrame) -> float:
    """Return the share of rows that agree in all of `compared` with a row of another subject.

    Duplicates within a subject do not count: one person may come back with the same figures. Rows
    are compared by a 64-bit hash: among a million rows, two different ones collide about once in
    4 * 10^7 data sets (n^2 / 2 over 2^64).
    """
    if compared.empty:
        return 0.0

    row_hashes = pd.util.hash_pandas_object(compared, index=False).to_numpy()
    pairs = pd.DataFrame({"row_hash": row_hashes, "subject": subjects.to_numpy()})
    people_per_hash = pairs.drop_duplicates()["row_hash"].value_counts()
    shared_hashes = people_per_hash.index[people_per_hash > 1].to_numpy()
    return float(np.isin(row_hashes, shared_hashes).mean())


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return numbers as codes, equal where three significant digits are; other columns as is.

    A number x = d * 10^e, with d rounded to a whole number of three digits, has the code 1000 d +
    e.
    """
    rounded = {}
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.to_numpy(float, na_value=np.nan)
            # 0 has no logarithm, and is 0 whatever the exponent: it takes that of 1.
            magnitude = np.abs(np.where(numbers == 0, 1.0, numbers))
            exponent = np.floor(np.log10(magnitude)) - (NEAR_DIGITS - 1)
            digits = pd.Series(np.round(numbers / 10.0**exponent), index=values.index)
            values = digits * 1000 + exponent
        rounded[name] = values
    return pd.DataFrame(rounded)


def _group_rows(groups: "pd.Series[float]") -> dict[str, int | None]:
    """Return how many rows each group has, in order of name; None for those of fewer than ten.

    These have no name here: what so few rows share may be anything that slipped into the column.
    """
    counts = category_names(groups.dropna()).value_counts().sort_index()
    rows: dict[str, int | None] = {
        str(group): int(count) for group, count in counts.items() if count >= SMALLEST_CELL
    }
    if tiny := counts.index[counts < SMALLEST_CELL].tolist():
        rows[count_of(tiny, "other group")] = None
    return rows
