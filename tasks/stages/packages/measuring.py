"""What the stage `packages` measures: the locks, scanned by what is declared for all use cases."""

from datetime import date
from pathlib import Path
from typing import Literal

from tasks.config.strict import StrictModel
from tasks.supply_chain.declaring import DEFAULT_FILE, read_supply_chain
from tasks.supply_chain.installed import find_installed, site_folders
from tasks.supply_chain.scanning import ScannedCheck, scan_locks


class ScanFigures(StrictModel):
    """What one question came to.

    Attributes:
        state: Whether it was answered: `unanswered` is a database that was asked in vain.
        count: How many are not allowed; None where that is not known.
        findings: A line for each thing found, or why nothing was.
    """

    state: Literal["answered", "unanswered", "not asked"]
    count: int | None
    findings: tuple[str, ...]


class PackagesReport(StrictModel):
    """What was found, and about how much.

    Attributes:
        packages: How many packages the locks name, for all machines.
        vulnerabilities: By the declared database.
        trivy: By Trivy.
        licences: Of the packages that are installed.
        database_sha256: Of a mounted database; else empty.
    """

    packages: int
    vulnerabilities: ScanFigures
    trivy: ScanFigures
    licences: ScanFigures
    database_sha256: str


def measure_packages(workspace: Path, today: date) -> PackagesReport:
    """Scan the locks of a workspace, and the licences of what is installed of them.

    Raises:
        ConfigError: A lock or what is declared is not there, or cannot be read.
    """
    declared = read_supply_chain(workspace / DEFAULT_FILE)
    scanned = scan_locks(declared, workspace, today, find_installed(site_folders()))

    return PackagesReport(
        packages=len(scanned.shipped),
        vulnerabilities=_figures(scanned.vulnerabilities),
        trivy=_figures(scanned.trivy),
        licences=_figures(scanned.licences),
        database_sha256=scanned.database_sha256,
    )


def _figures(check: ScannedCheck) -> ScanFigures:
    if check.count is not None:
        return ScanFigures(state="answered", count=check.count, findings=check.lines)
    # A scan without a count blocks where it was tried in vain, and does not where nobody asked.
    is_asked = check.outcome.is_blocking
    return ScanFigures(
        state="unanswered" if is_asked else "not asked", count=None, findings=check.lines
    )
