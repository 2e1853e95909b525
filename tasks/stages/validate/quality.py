"""Measure data quality beyond single expectations, and judge it."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.config.cases import Columns, Role
from tasks.errors import DataError
from tasks.gates import Check, Outcome, at_least, at_most, holds
from tasks.stages.validate.expectations import ExpectationResult
from tasks.stages.validate.params import ValidateLimits, ValidateParams
from tasks.stages.validate.profile import SMALLEST_CELL, Drift, Profile, drift, profile

DIGITS = 3  # numbers that agree in so many digits count as near


class QualityReport(BaseModel):
    """What was measured about one version of the data. Counts and shares only, none of fewer than ten people."""

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
    group_rows: dict[
        str, dict[str, int | None]
    ]  # protected attribute -> group -> rows; None: fewer than ten
    profile: Profile


def profiled(columns: Columns) -> tuple[str, ...]:
    """Return the columns whose drift matters: what the model sees, what it is to learn, and whom it is about."""
    return columns.named(Role.FEATURE, Role.PROTECTED, Role.TARGET)


def measure_quality(
    rows: pd.DataFrame,
    columns: Columns,
    params: ValidateParams,
    expectations: tuple[ExpectationResult, ...],
    reference: Profile | None,
) -> QualityReport:
    """Measure one version of the data. Duplicates count only across subjects: one person may come back.

    Raises:
        DataError: There are no rows, or a declared column is absent.
    """
    features, protected = list(columns.named(Role.FEATURE)), list(columns.named(Role.PROTECTED))
    needed = {"subject", *profiled(columns), *params.near_duplicate_columns}
    if rows.empty or needed - set(rows):
        raise DataError(
            "validate",
            expected="rows with every declared column",
            found=f"absent: {', '.join(sorted(needed - set(rows)))}"
            if needed - set(rows)
            else "no row",
            remedy="Run `redact` again; look at what ingest reports.",
        )
    target = rows[columns.only(Role.TARGET)]
    shares = _named(target).value_counts(normalize=True)
    return QualityReport(
        rows=len(rows),
        expectations=expectations,
        drift=None if reference is None else drift(reference, rows[list(profiled(columns))]),
        exact_duplicate_ratio=_duplicates(rows, rows[features]),
        near_duplicate_ratio=_duplicates(rows, _rounded(rows[list(params.near_duplicate_columns)])),
        label_shares={str(label): float(share) for label, share in sorted(shares.items())},
        rows_without_label=int(target.isna().sum()),
        missing_ratio={name: float(rows[name].isna().mean()) for name in (*features, *protected)},
        constant_columns=tuple(name for name in features if rows[name].nunique(dropna=False) < 2),
        group_rows={
            name: {
                str(group): int(count) if count >= SMALLEST_CELL else None
                for group, count in _named(rows[name]).value_counts().sort_index().items()
            }
            for name in protected
        },
        profile=profile(rows[list(profiled(columns))]),
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


def _duplicates(rows: pd.DataFrame, compared: pd.DataFrame) -> float:
    """Return the share of rows that agree in all of `compared` with a row of another subject.

    Rows are compared by a 64-bit hash: among a million, two unlike ones agree once in some 10^7 data sets.
    """
    if compared.empty:
        return 0.0
    same = pd.util.hash_pandas_object(compared, index=False).to_numpy()
    pairs = pd.DataFrame({"same": same, "subject": rows["subject"].to_numpy()}).drop_duplicates()
    people = pairs["same"].value_counts()
    return float(np.isin(same, people.index[people > 1].to_numpy()).mean())


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return numbers cut to three significant digits, everything else as it is."""
    rounded = {}
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.to_numpy(float, na_value=np.nan)
            size = np.floor(np.log10(np.abs(np.where(numbers == 0, 1.0, numbers)))) - (DIGITS - 1)
            values = pd.Series(np.round(numbers / 10.0**size), index=values.index) * 1000 + size
        rounded[name] = values
    return pd.DataFrame(rounded)


def _rarest(shares: dict[str, float]) -> float | None:
    return None if not shares else 0.0 if len(shares) == 1 else min(shares.values())


def _why(one: ExpectationResult) -> str:
    missed = (
        f"{one.unexpected_ratio:.2%} of rows do not"
        if one.unexpected_ratio and not one.is_met
        else ""
    )
    return one.fault or missed


def _named(values: "pd.Series[float]") -> "pd.Series[str]":
    present = values.dropna()
    if pd.api.types.is_numeric_dtype(present):
        return present.astype(float).map("{:g}".format)
    return present.astype(str)
