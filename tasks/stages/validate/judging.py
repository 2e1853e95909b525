"""The gate `validate`: judge measured quality."""

from collections import Counter

from tasks.gates import About, Check, at_least, at_most, holds
from tasks.stages.validate.checks import ValidateCheck
from tasks.stages.validate.expectations import ExpectationResult
from tasks.stages.validate.judging_reference import judge_against_reference
from tasks.stages.validate.params import ValidateLimits, ValidateParams
from tasks.stages.validate.quality import QualityReport
from tasks.stages.validate.reference.cells import SMALLEST_CELL


def judge_quality(
    report: QualityReport, params: ValidateParams, limits: ValidateLimits
) -> tuple[Check, ...]:
    """Judge measured quality; what could not be measured is undecided."""
    groups = report.group_rows.items()

    return (
        *_judge_expectations(report.expectations),
        # A suite without expectations meets every one of them: nothing was asked.
        holds(
            ValidateCheck.SUITE,
            "expectations",
            bool(report.expectations) or None,
            expected="at least one",
        ),
        *judge_against_reference(report.reference, params, limits),
        *_judge_rows(report, limits),
        *(_judge_groups(name, rows, limits.smallest_group_rows) for name, rows in groups),
    )


def _judge_expectations(results: tuple[ExpectationResult, ...]) -> list[Check]:
    """Judge each expectation of the suite; a suite may state one of one column more than once."""
    checks: list[Check] = []
    times: Counter[tuple[str, str]] = Counter()
    for result in results:
        stated = (result.expectation, result.column)
        times[stated] += 1
        occurrence = times[stated] if times[stated] > 1 else None

        checks.append(
            holds(
                ValidateCheck.EXPECTATION,
                f"{result.expectation} ({result.column})",
                None if result.fault else result.is_met,
                expected="met",
                about=About(
                    expectation=result.expectation, column=result.column, occurrence=occurrence
                ),
                reason=_why_not_met(result),
            )
        )
    return checks


def _judge_rows(report: QualityReport, limits: ValidateLimits) -> tuple[Check, ...]:
    """Judge what is measured over all rows."""
    constant = ", ".join(report.constant_columns)
    worst = max(report.missing_ratio, key=report.missing_ratio.__getitem__, default="")

    return (
        at_most(
            ValidateCheck.REPEATED_PEOPLE,
            "rows about somebody whom an earlier row is about, ratio",
            report.repeated_people_ratio,
            limits.repeated_people_ratio,
        ),
        at_most(
            ValidateCheck.EXACT_DUPLICATE_RATIO,
            "exact duplicates across people, ratio",
            report.exact_duplicate_ratio,
            limits.exact_duplicate_ratio,
        ),
        at_most(
            ValidateCheck.NEAR_DUPLICATE_RATIO,
            "near duplicates across people, ratio",
            report.near_duplicate_ratio,
            limits.near_duplicate_ratio,
        ),
        at_least(
            ValidateCheck.RAREST_LABEL_SHARE,
            "rarest label, share",
            _rarest(report.label_shares),
            limits.minority_label_ratio,
        ),
        at_most(
            ValidateCheck.ROWS_WITHOUT_LABEL, "rows without a label", report.rows_without_label, 0
        ),
        holds(
            ValidateCheck.CONSTANT_FEATURES,
            "constant features",
            not report.constant_columns,
            expected="none",
            reason=constant,
        ),
        at_most(
            ValidateCheck.MISSING_RATIO,
            "most missing column, ratio",
            report.missing_ratio.get(worst),
            limits.missing_ratio,
            reason=worst,
        ),
    )


def _judge_groups(attribute: str, groups: dict[str, int | None], limit: int) -> Check:
    """Judge the smallest group; of one of fewer than `SMALLEST_CELL` people no number is told."""
    measure = f"smallest group of {attribute}, rows"
    about = About(attribute=attribute)
    # A fail, whatever the limit: of so few no number is told, so that none can be held against it.
    if tiny := sorted(name for name, rows in groups.items() if rows is None):
        return holds(
            ValidateCheck.SMALLEST_GROUP_ROWS,
            measure,
            False,
            expected=f"≥ {limit}",
            about=about,
            reason=f"fewer than {SMALLEST_CELL}: {', '.join(tiny)}",
        )

    counted = {name: rows for name, rows in groups.items() if rows is not None}
    least = min(counted, key=counted.__getitem__, default="")
    is_comparable = len(counted) > 1
    return at_least(
        ValidateCheck.SMALLEST_GROUP_ROWS,
        measure,
        counted[least] if is_comparable else None,
        limit,
        about=about,
        reason=least if is_comparable else "fewer than two groups",
    )


def _rarest(shares: dict[str, float]) -> float | None:
    """Return the share of the rarest label; 0 where all rows have one label: the other has none."""
    if not shares:
        return None
    return 0.0 if len(shares) == 1 else min(shares.values())


def _why_not_met(result: ExpectationResult) -> str:
    if result.fault or result.is_met or not result.unexpected_ratio:
        return result.fault
    return f"{result.unexpected_ratio:.2%} of rows do not"
