"""Measure data quality beyond single expectations, and judge it."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.config.cases import Columns, Role
from tasks.errors import DataError
from tasks.gates import Check, Outcome, at_least, at_most, holds
from tasks.stages.validate.expectations import ExpectationResult
from tasks.stages.validate.params import ValidateLimits, ValidateParams
from tasks.stages.validate.profile import (
    SMALLEST_CELL,
    Drift,
    Profile,
    category_names,
    drift,
    profile,
)

NEAR_DIGITS = 3  # numbers that agree in so many significant digits are near duplicates


class QualityReport(BaseModel):
    """What was measured about one version of the data.

    Counts and shares only, and no count of fewer than ten people.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    expectations: tuple[ExpectationResult, ...]
    drift: dict[str, Drift | None] | None  # None: there is no accepted version yet
    exact_duplicate_ratio: float
    near_duplicate_ratio: float
    label_shares: dict[str, float]
    rows_without_label: int
    missing_ratio: dict[str, float]
    constant_columns: tuple[str, ...]
    # protected attribute -> group -> rows; None for fewer than ten
    group_rows: dict[str, dict[str, int | None]]
    profile: Profile


def profiled(columns: Columns) -> tuple[str, ...]:
    """Return the columns whose drift matters: features, protected attributes and the target."""
    return columns.named(Role.FEATURE, Role.PROTECTED, Role.TARGET)


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
    needed = {"subject", *profiled(columns), *params.near_duplicate_columns}
    absent = sorted(needed - set(rows))
    if rows.empty or absent:
        raise DataError(
            "validate",
            expected="rows with every declared column",
            found=f"absent: {', '.join(absent)}" if absent else "no row",
            remedy="Run `redact` again; look at what ingest reports.",
        )

    profiled_rows = rows[list(profiled(columns))]
    target = rows[columns.only(Role.TARGET)]
    label_shares = category_names(target.dropna()).value_counts(normalize=True)
    near_duplicate_rows = _rounded(rows[list(params.near_duplicate_columns)])
    return QualityReport(
        rows=len(rows),
        expectations=expectations,
        drift=None if reference is None else drift(reference, profiled_rows),
        exact_duplicate_ratio=_duplicate_ratio(rows["subject"], rows[features]),
        near_duplicate_ratio=_duplicate_ratio(rows["subject"], near_duplicate_rows),
        label_shares={str(label): float(share) for label, share in sorted(label_shares.items())},
        rows_without_label=int(target.isna().sum()),
        missing_ratio={name: float(rows[name].isna().mean()) for name in (*features, *protected)},
        constant_columns=tuple(name for name in features if rows[name].nunique(dropna=False) < 2),
        group_rows={name: _group_rows(rows[name]) for name in protected},
        profile=profile(profiled_rows),
    )


def judge_quality(
    report: QualityReport, params: ValidateParams, limits: ValidateLimits
) -> tuple[Check, ...]:
    """Judge measured quality; what could not be measured is undecided."""
    checks = [
        holds(
            f"{one.expectation} ({one.column})",
            None if one.fault else one.is_met,
            expected="met",
            reason=_why(one),
        )
        for one in report.expectations
    ]
    checks.append(holds("expectations", bool(report.expectations) or None, expected="at least one"))
    checks.append(_drift_check(report, params, limits))
    constant = ", ".join(report.constant_columns)
    worst = max(report.missing_ratio, key=report.missing_ratio.__getitem__, default="")
    checks += [
        at_most(
            "exact duplicates across people, ratio",
            report.exact_duplicate_ratio,
            limits.exact_duplicate_ratio,
        ),
        at_most(
            "near duplicates across people, ratio",
            report.near_duplicate_ratio,
            limits.near_duplicate_ratio,
        ),
        at_least("rarest label, share", _rarest(report.label_shares), limits.minority_label_ratio),
        at_most("rows without a label", report.rows_without_label, 0),
        holds("constant features", not report.constant_columns, expected="none", reason=constant),
        at_most(
            "most missing column, ratio",
            report.missing_ratio.get(worst),
            limits.missing_ratio,
            reason=worst,
        ),
    ]
    checks += [
        _group_check(name, groups, limits.smallest_group_rows)
        for name, groups in report.group_rows.items()
    ]
    return tuple(checks)


def _drift_check(report: QualityReport, params: ValidateParams, limits: ValidateLimits) -> Check:
    """Judge the column that moved most; where chance alone exceeds the limit, that it moved shows nothing."""
    measure = "largest drift of a column, PSI"  # always among the checks: what was not measured says so under its name
    if report.drift is None:
        reason = params.first_version or "no accepted version to compare with: ./portcullis accept"
        declared = True if params.first_version else None
        return holds(
            measure, declared, expected="measured, or a declared first version", reason=reason
        )
    unknown = [name for name, found in report.drift.items() if found is None]
    measured = {name: found for name, found in report.drift.items() if found is not None}
    if unknown or not measured:
        reason = (
            f"only on one side: {', '.join(unknown)}; ./portcullis accept"
            if unknown
            else "no columns"
        )
        return holds(measure, None, expected="every column in both versions", reason=reason)
    worst = max(measured, key=lambda name: measured[name].psi)
    check = at_most(measure, measured[worst].psi, limits.drift_psi, reason=worst)
    if check.outcome is Outcome.FAIL and measured[worst].chance > limits.drift_psi:
        few = f"{worst}; in {report.rows:,} rows chance alone comes to {measured[worst].chance:.2f}"
        return check.model_copy(
            update={
                "outcome": Outcome.UNDECIDED,
                "reason": few,
                "would_decide": "a larger delivery",
            }
        )
    return check


def _group_check(attribute: str, groups: dict[str, int | None], limit: int) -> Check:
    measure = f"smallest group of {attribute}, rows"
    if tiny := sorted(name for name, rows in groups.items() if rows is None):
        return holds(
            measure,
            False,
            expected=f"≥ {limit}",
            reason=f"fewer than {SMALLEST_CELL}: {', '.join(tiny)}",
        )
    counted = {name: rows for name, rows in groups.items() if rows is not None}
    if len(counted) < 2:
        return at_least(measure, None, limit, reason="fewer than two groups")
    least = min(counted, key=counted.__getitem__)
    return at_least(measure, counted[least], limit, reason=least)


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
    """Return how many rows each group has, in order of name; None for fewer than ten."""
    counts = category_names(groups.dropna()).value_counts().sort_index()
    return {
        str(group): int(count) if count >= SMALLEST_CELL else None
        for group, count in counts.items()
    }


def _rarest(shares: dict[str, float]) -> float | None:
    return None if not shares else 0.0 if len(shares) == 1 else min(shares.values())


def _why(one: ExpectationResult) -> str:
    missed = (
        f"{one.unexpected_ratio:.2%} of rows do not"
        if one.unexpected_ratio and not one.is_met
        else ""
    )
    return one.fault or missed
