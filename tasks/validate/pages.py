"""The page of the stage `validate`."""

from tasks.gates import Check
from tasks.pages import Page, Section, Table
from tasks.validate.quality import QualityReport


def quality_page(case: str, report: QualityReport, checks: tuple[Check, ...]) -> Page:
    """Return the page: checks first, then what they rest on."""
    drifted = sorted((report.drift_psi or {}).items(), key=lambda item: -(item[1] or 0.0))
    groups = [(name, group, f"{rows:,}") for name, of in report.group_rows.items() for group, rows in of.items()]
    missing = sorted(((n, r) for n, r in report.missing_ratio.items() if r), key=lambda item: -item[1])
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
                    Table(title="Protected groups", head=("attribute", "group", "rows"), rows=tuple(groups)),
                ),
            ),
            Section(
                heading="Drift from the accepted version",
                text=("Population stability index by feature; 0.1 is customarily called small, 0.25 large.",),
                parts=(
                    Table(
                        head=("feature", "PSI"),
                        rows=tuple((n, "not measured" if v is None else f"{v:.4f}") for n, v in drifted),
                    ),
                )
                if drifted
                else (),
            ),
            Section(
                heading="Missing values",
                parts=(Table(head=("feature", "missing"), rows=tuple((n, f"{r:.2%}") for n, r in missing)),)
                if missing
                else (),
            ),
        ),
    )
