"""Measure data quality beyond single expectations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

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
from tasks.stages.validate.reference.holding import HeldRows, columns_of
from tasks.stages.validate.reference.profile import Profile, profile_jointly

DERIVED = "derived"  # the `source` of a column that ingest computed, maybe from several
HEAD_ROWS = 1_000
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


def require_columns(measured: Iterable[str], present: Iterable[str]) -> None:
    """Refuse rows that lack a declared column.

    Raises:
        DataError: One is absent.
    """
    if absent := sorted(set(measured) - set(present)):
        raise _unfit(f"absent: {', '.join(absent)}")


@dataclass(frozen=True)
class RowHashes:
    """A number of 64 bits for each row, equal where rows agree; each of shape (rows,).

    Each row's is its own: those of several parts are put one after the other.
    """

    exact: "np.ndarray[Any, np.dtype[np.uint64]]"  # of all features
    near: "np.ndarray[Any, np.dtype[np.uint64]]"  # of `near_duplicate_columns`, rounded

    @classmethod
    def of(cls, rows: pd.DataFrame, columns: Columns, params: ValidateParams) -> "RowHashes":
        """Return those of the rows."""
        return cls(
            _hash_rows(rows[list(columns.named(Role.FEATURE))]),
            _hash_rows(_rounded(rows[list(params.near_duplicate_columns)])),
        )

    @classmethod
    def combined(cls, parts: "Sequence[RowHashes]") -> "RowHashes":
        """Return those of all parts."""
        return cls(
            np.concatenate([part.exact for part in parts]),
            np.concatenate([part.near for part in parts]),
        )


def measure_quality(
    rows: pd.DataFrame | HeldRows,
    columns: Columns,
    params: ValidateParams,
    expectations: tuple[ExpectationResult, ...],
    reference: Profile | None,
    people: "np.ndarray[Any, Any] | None" = None,
    hashes: RowHashes | None = None,
) -> QualityReport:
    """Measure one version of the data.

    Args:
        rows: One row per application, with `subject` and the declared columns.
        columns: The use case's declared columns.
        params: What is measured.
        expectations: The suite's results, which are reported as they are.
        reference: The accepted version's profile, or None where none has been accepted.
        people: Whom each row is about, by number, where that is known already.
        hashes: The rows' hashes, where they have been computed part by part.

    Raises:
        DataError: There are no rows, or a declared column is absent.
    """
    # What is only hashed need not be there, once it is.
    require_columns(
        measured_columns(columns, params) if hashes is None else {"subject", *profiled(columns)},
        map(str, rows.columns),
    )
    if not len(rows):
        raise _unfit("no row")
    if hashes is None:
        hashes = RowHashes.of(columns_of(rows, list(map(str, rows.columns))), columns, params)
    held = rows if isinstance(rows, HeldRows) else HeldRows.of(rows)
    if people is None:
        people = held.number("subject")

    features = list(columns.named(Role.FEATURE))
    protected = list(columns.named(Role.PROTECTED))
    profiled_rows = held.only(profiled(columns))
    target_name = columns.only(Role.TARGET)
    target = held[target_name]
    # Of rows with a label: those without have a check of their own.
    label_shares = category_names(target.dropna()).value_counts(normalize=True)
    return QualityReport(
        rows=len(rows),
        expectations=expectations,
        reference=None
        if reference is None
        else compare_with_reference(
            reference,
            profiled_rows,
            people,
            target=target_name,
            protected=tuple(protected),
            sources={
                name: columns.root[name].source
                for name in profiled(columns)
                if columns.root[name].source != DERIVED
            },
            significance=params.significance,
        ),
        repeated_people_ratio=float(pd.Series(people).duplicated().mean()),
        exact_duplicate_ratio=_duplicate_ratio(people, hashes.exact),
        near_duplicate_ratio=_duplicate_ratio(people, hashes.near),
        label_shares={str(label): float(share) for label, share in sorted(label_shares.items())},
        rows_without_label=int(target.isna().sum()),
        missing_ratio={name: float(held[name].isna().mean()) for name in (*features, *protected)},
        constant_columns=tuple(name for name in features if _is_constant(held[name])),
        group_rows={name: _group_rows(held[name]) for name in protected},
        profile=profile_jointly(
            profiled_rows,
            people,
            target=target_name,
            protected=tuple(protected),
        ),
    )


def _unfit(found: str) -> DataError:
    return DataError(
        "validate",
        expected="rows with every declared column",
        found=found,
        remedy="Run `redact` again; look at what ingest reports.",
    )


def _hash_rows(compared: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    """Return a hash of each row's values; none where there is no column to compare."""
    if compared.empty:
        return np.empty(0, np.uint64)
    hashes = pd.util.hash_pandas_object(compared, index=False)
    return hashes.to_numpy().astype(np.uint64, copy=False)


def _is_constant(values: "pd.Series[Any]") -> bool:
    """Say whether a column has one value alone, or none."""
    # Most have several among their first rows, so that not all have to be looked at.
    return values.head(HEAD_ROWS).nunique(dropna=False) < 2 and values.nunique(dropna=False) < 2


def _duplicate_ratio(
    people: "np.ndarray[Any, Any]", row_hashes: "np.ndarray[Any, np.dtype[np.uint64]]"
) -> float:
    """Return the share of rows whose hash a row of another subject has, too.

    Duplicates within a subject do not count: one person may come back with the same figures. Rows
    are compared by a 64-bit hash: among a million rows, two different ones collide about once in
    4 * 10^7 data sets (n^2 / 2 over 2^64).
    """
    if not len(row_hashes):
        return 0.0

    # Of most rows the hash is their own: whose they are is asked of the others alone.
    # Sorting eight bytes a row costs less memory than a table of people and hashes, which is then
    # made of the repeated ones alone.
    ordered = np.sort(row_hashes)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return 0.0
    places = np.minimum(np.searchsorted(repeated, row_hashes), len(repeated) - 1)
    is_repeated = repeated[places] == row_hashes

    pairs = pd.DataFrame({"row_hash": row_hashes[is_repeated], "person": people[is_repeated]})
    people_per_hash = pairs.drop_duplicates()["row_hash"].value_counts()
    shared_hashes = people_per_hash.index[people_per_hash > 1].to_numpy()
    return float(np.isin(pairs["row_hash"], shared_hashes).sum() / len(row_hashes))


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
