"""Measure data quality beyond single expectations, and judge it."""

import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.case import Columns, Role
from tasks.gates import Check, at_least, at_most, holds
from tasks.validate.expectations import ExpectationResult
from tasks.validate.params import ValidateLimits, ValidateParams
from tasks.validate.profile import Profile, drift


class QualityReport(BaseModel):
    """What was measured about one version of the data. Counts and shares only."""

    model_config = ConfigDict(frozen=True)

    rows: int
    expectations: tuple[ExpectationResult, ...]
    drift_psi: dict[str, float | None] | None  # None: there is no accepted version yet
    exact_duplicate_ratio: float | None
    near_duplicate_ratio: float | None
    label_shares: dict[str, float]
    rows_without_label: int
    missing_ratio: dict[str, float]
    constant_columns: tuple[str, ...]
    group_rows: dict[str, dict[str, int]]  # protected attribute -> group -> rows
    profile: Profile


def measure_quality(
    rows: pd.DataFrame,
    columns: Columns,
    params: ValidateParams,
    expectations: tuple[ExpectationResult, ...],
    current: Profile,
    reference: Profile | None,
) -> QualityReport:
    """Measure one version of the data. Duplicates count only across subjects: one person may come back."""
    features = list(columns.named(Role.FEATURE))
    target = rows[columns.only(Role.TARGET)]
    shares = target.value_counts(normalize=True)
    return QualityReport(
        rows=len(rows),
        expectations=expectations,
        drift_psi=None if reference is None else drift(reference, rows[features]),
        exact_duplicate_ratio=_duplicates(rows, features),
        near_duplicate_ratio=_duplicates(rows, list(params.near_duplicate_columns)),
        label_shares={f"{label:g}": float(share) for label, share in sorted(shares.items())},
        rows_without_label=int(target.isna().sum()),
        missing_ratio={name: float(rows[name].isna().mean()) for name in features},
        constant_columns=tuple(name for name in features if rows[name].nunique(dropna=False) < 2),
        group_rows={
            name: {str(group): int(count) for group, count in rows[name].value_counts().sort_index().items()}
            for name in columns.named(Role.PROTECTED)
        },
        profile=current,
    )


def judge_quality(report: QualityReport, params: ValidateParams, limits: ValidateLimits) -> tuple[Check, ...]:
    """Judge measured quality; what could not be measured is undecided."""
    checks = [
        holds(
            f"{one.expectation} ({one.column})", one.is_met if not one.fault else None, expected="met", reason=_why(one)
        )
        for one in report.expectations
    ]
    checks.append(holds("expectations", bool(report.expectations) or None, expected="at least one"))
    checks += _drift_checks(report, params, limits)
    checks += [
        at_most("exact duplicates across people, ratio", report.exact_duplicate_ratio, limits.exact_duplicate_ratio),
        at_most("near duplicates across people, ratio", report.near_duplicate_ratio, limits.near_duplicate_ratio),
        at_least("rarest label, share", _rarest(report.label_shares), limits.minority_label_ratio),
        at_most("rows without a label", report.rows_without_label, 0),
        holds(
            "constant features", not report.constant_columns, expected="none", reason=", ".join(report.constant_columns)
        ),
    ]
    worst = max(report.missing_ratio, key=report.missing_ratio.__getitem__, default=None)
    checks.append(
        at_most(
            "most missing feature, ratio",
            report.missing_ratio.get(worst or ""),
            limits.missing_ratio,
            reason=worst or "",
        )
    )
    for attribute, groups in report.group_rows.items():
        least = min(groups, key=groups.__getitem__, default=None)
        rows = groups.get(least) if least is not None and len(groups) > 1 else None
        checks.append(
            at_least(
                f"smallest group of {attribute}, rows", rows, limits.smallest_group_rows, reason=least or "no groups"
            )
        )
    return tuple(checks)


def _drift_checks(report: QualityReport, params: ValidateParams, limits: ValidateLimits) -> list[Check]:
    if report.drift_psi is None:
        reason = params.first_version or "no accepted version to compare with; ./portcullis accept"
        return [
            holds(
                "drift",
                True if params.first_version else None,
                expected="measured, or a declared first version",
                reason=reason,
            )
        ]
    if not report.drift_psi:
        return [holds("drift", None, expected="at least one column to compare")]
    unknown = [name for name, value in report.drift_psi.items() if value is None]
    if unknown:
        return [holds("drift", None, expected="every accepted column", reason="absent: " + ", ".join(unknown))]
    worst = max(report.drift_psi, key=lambda name: report.drift_psi[name] or 0.0)  # type: ignore[index]
    return [at_most("largest drift of a feature, PSI", report.drift_psi[worst], limits.drift_psi, reason=worst)]


def _duplicates(rows: pd.DataFrame, names: list[str]) -> float | None:
    """Return the share of rows that equal another subject's row in `names`."""
    if rows.empty:
        return None
    group = rows.groupby(names, dropna=False, sort=False)["subject"]
    people = group.transform("nunique")
    return float((people > 1).mean())


def _rarest(shares: dict[str, float]) -> float | None:
    return None if not shares else 0.0 if len(shares) == 1 else min(shares.values())


def _why(one: ExpectationResult) -> str:
    return one.fault or (
        "" if one.unexpected_ratio is None or one.is_met else f"{one.unexpected_ratio:.2%} of rows do not"
    )
