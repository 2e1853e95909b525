"""The gate `packages`: judge what is shipped with the model.

A database that does not answer is undecided, and so is one that nobody has declared, unless the use
case says why there is none. A licence that nobody knows is undecided, too.
"""

from tasks.gates import Check, at_most, not_measured
from tasks.gates.limits import limit_text
from tasks.stages.packages.checks import NO_TRIVY, PackagesCheck
from tasks.stages.packages.measuring import PackagesReport, ScanFigures
from tasks.stages.packages.params import PackagesLimits, PackagesParams

MOST_SHOWN = 3  # findings in the reason of a check; the page has all
VULNERABILITIES = "known vulnerabilities that are not allowed"


def judge_packages(
    report: PackagesReport, params: PackagesParams, limits: PackagesLimits
) -> tuple[Check, ...]:
    """Judge vulnerabilities, by the database and by Trivy, and licences."""
    return (
        _judge_vulnerabilities(report.vulnerabilities, params, limits),
        _judge_trivy(report.trivy, limits),
        at_most(
            PackagesCheck.LICENCES,
            "packages whose licence is not allowed",
            report.licences.count,
            limits.forbidden_licences,
            reason=_reason(report.licences),
        ),
    )


def _judge_vulnerabilities(
    figures: ScanFigures, params: PackagesParams, limits: PackagesLimits
) -> Check:
    because = params.no_database_because.strip()
    # Both: a reason excuses a database that nobody has declared, and never one that did not answer.
    if figures.state == "not asked" and because:
        return not_measured(
            PackagesCheck.VULNERABILITIES,
            VULNERABILITIES,
            expected=limit_text("≤", limits.vulnerabilities),
            reason=f"no vulnerability database is asked: {because}",
        )

    return at_most(
        PackagesCheck.VULNERABILITIES,
        VULNERABILITIES,
        figures.count,
        limits.vulnerabilities,
        reason=_reason(figures),
    )


def _judge_trivy(figures: ScanFigures, limits: PackagesLimits) -> Check:
    measure = f"{VULNERABILITIES}, by Trivy"
    # Trivy is a second opinion, and not everywhere: the declared database is what has to answer.
    if figures.state == "not asked":
        return not_measured(
            PackagesCheck.TRIVY, measure, expected=NO_TRIVY, reason=_reason(figures)
        )

    return at_most(
        PackagesCheck.TRIVY,
        measure,
        figures.count,
        limits.vulnerabilities,
        reason=_reason(figures),
    )


def _reason(figures: ScanFigures) -> str:
    lines = figures.findings
    if len(lines) <= MOST_SHOWN:
        return "; ".join(lines)
    return "; ".join((*lines[:MOST_SHOWN], f"and {len(lines) - MOST_SHOWN:,} more"))
