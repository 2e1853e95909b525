"""The page of the stage `packages`: what was asked, and every finding."""

from pathlib import Path

from tasks.gates import Check
from tasks.reports import Page, Section, write_page
from tasks.stages.packages.measuring import PackagesReport, ScanFigures

READING = {
    "answered": "",
    "unanswered": "Nothing is known of it, which is no pass.",
    "not asked": "Not measured.",
}


def write_packages_page(
    folder: Path, case: str, report: PackagesReport, checks: tuple[Check, ...]
) -> None:
    """Write the page."""
    write_page(
        folder,
        Page(
            case=case,
            title=f"Packages: {case}",
            lead=f"{report.packages:,} packages are named by the locks of what trains the model "
            "and of what it is shipped with. What is allowed of them is declared in "
            "configs/supply-chain.yaml, for all use cases.",
            checks=checks,
            sections=(
                _section("Known vulnerabilities", report.vulnerabilities),
                _section("By Trivy", report.trivy),
                _section("Licences", report.licences),
            ),
        ),
    )


def _section(heading: str, figures: ScanFigures) -> Section:
    reading = READING[figures.state] or ("" if figures.findings else "Nothing was found.")
    return Section(heading=heading, text=(reading,) if reading else (), points=figures.findings)
