"""The page of the stage `validate`."""

import math

from tasks.gates import Check
from tasks.reports import Page, Section, Table
from tasks.stages.validate.profile import SMALLEST_CELL
from tasks.stages.validate.quality import QualityReport


def quality_page(case: str, report: QualityReport, checks: tuple[Check, ...]) -> Page:
    """Return the page: checks first, then what they rest on."""
    drifted = sorted(
        (report.drift or {}).items(), key=lambda item: -(item[1].psi if item[1] else math.inf)
    )
    groups = [
        (name, group, f"fewer than {SMALLEST_CELL}" if rows is None else f"{rows:,}")
        for name, of in report.group_rows.items()
        for group, rows in of.items()
    ]
    missing = sorted(
        ((n, r) for n, r in report.missing_ratio.items() if r), key=lambda item: -item[1]
    )
    return Page(
        title=f"Data quality: {case}",
        lead=f"{report.rows:,} rows after redaction. The single expectations are in ../docs/index.html.",
        checks=checks,
        sections=(
            Section(
                heading="Labels and groups",
                parts=(
                    Table(
                        title="Labels",
                        head=("label", "share"),
                        rows=tuple((k, f"{v:.1%}") for k, v in report.label_shares.items()),
                    ),
                    Table(
                        title="Protected groups",
                        head=("attribute", "group", "rows"),
                        rows=tuple(groups),
                    ),
                ),
            ),
            Section(
                heading="Drift from the accepted version",
                text=(
                    "Population stability index by column; 0.1 is customarily called small, 0.25 large. Without any "
                    "drift, chance alone exceeds the figure beside it once in twenty times.",
                ),
                parts=(
                    Table(
                        head=("column", "PSI", "by chance"),
                        rows=tuple(
                            (n, f"{v.psi:.4f}", f"{v.chance:.4f}") if v else (n, "not measured", "")
                            for n, v in drifted
                        ),
                    ),
                )
                if drifted
                else (),
            ),
            Section(
                heading="Missing values",
                parts=(
                    Table(
                        head=("column", "missing"), rows=tuple((n, f"{r:.2%}") for n, r in missing)
                    ),
                )
                if missing
                else (),
            ),
        ),
    )
