"""The page of the stage `validate`."""

import math

from tasks.gates import Check
from tasks.reports import Page, Section, Table
from tasks.stages.validate.profile import SMALLEST_CELL
from tasks.stages.validate.quality import QualityReport


def quality_page(case: str, report: QualityReport, checks: tuple[Check, ...]) -> Page:
    """Return the page of a use case: checks first, then the figures that they rest on."""
    return Page(
        title=f"Data quality: {case}",
        lead=f"{report.rows:,} rows after redaction. "
        "The result of each expectation is in ../docs/index.html.",
        checks=checks,
        sections=(_labels_and_groups(report), _drift(report), _missing_values(report)),
    )


def _labels_and_groups(report: QualityReport) -> Section:
    labels = tuple((label, f"{share:.1%}") for label, share in report.label_shares.items())
    groups = tuple(
        (attribute, group, f"fewer than {SMALLEST_CELL}" if rows is None else f"{rows:,}")
        for attribute, counts in report.group_rows.items()
        for group, rows in counts.items()
    )
    return Section(
        heading="Labels and protected groups",
        parts=(
            Table(title="Labels", head=("Label", "Share of rows"), rows=labels),
            Table(title="Protected groups", head=("Attribute", "Group", "Rows"), rows=groups),
        ),
    )


def _drift(report: QualityReport) -> Section:
    heading = "Drift from the accepted version"
    if not report.drift:
        return Section(
            heading=heading, text=("Not measured: no version of the data has been accepted yet.",)
        )

    # What was not measured comes first, as the worst: it needs somebody's attention.
    columns = sorted(report.drift.items(), key=lambda item: -item[1].psi if item[1] else -math.inf)
    rows = tuple(
        (name, f"{drift.psi:.4f}", f"{drift.chance:.4f}") if drift else (name, "not measured", "")
        for name, drift in columns
    )
    return Section(
        heading=heading,
        text=(
            "The population stability index (PSI) of each column. By convention 0.1 is a small "
            "and 0.25 a large shift. If nothing had changed, chance alone would exceed the value "
            "in the last column one time in twenty.",
        ),
        parts=(Table(head=("Column", "PSI", "PSI by chance (95 %)"), rows=rows),),
    )


def _missing_values(report: QualityReport) -> Section:
    heading = "Missing values"
    ratios = {name: ratio for name, ratio in report.missing_ratio.items() if ratio}
    if not ratios:
        return Section(heading=heading, text=("No feature or protected attribute has any.",))

    columns = sorted(ratios.items(), key=lambda item: -item[1])
    rows = tuple((name, f"{ratio:.2%}") for name, ratio in columns)
    return Section(heading=heading, parts=(Table(head=("Column", "Share missing"), rows=rows),))
