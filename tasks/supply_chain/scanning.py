"""Scan what is shipped, and say what each check came to."""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import Distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from packaging.utils import canonicalize_name

from tasks.errors import ConfigError
from tasks.formats.regular_file import read_regular_file
from tasks.formats.strict_json import JsonFaultError, parse_json
from tasks.gates.outcome import Outcome
from tasks.supply_chain.declaring import (
    AcceptedVulnerability,
    NoDatabase,
    OsvService,
    Severity,
    SupplyChain,
)
from tasks.supply_chain.installed import (
    altered_files,
    compare,
    find_installed,
    records_sha256,
    site_folders,
    unrecorded_starters,
)
from tasks.supply_chain.licences import is_allowed, licence_of
from tasks.supply_chain.locked import LockedPackage, for_this_machine, read_lock
from tasks.supply_chain.vulnerabilities import (
    DatabaseAnswer,
    UnansweredError,
    Vulnerability,
    ask_mounted,
    ask_osv,
    sorted_findings,
)

TRIVY_SECONDS = 900
TRIVY_ARGUMENTS = (
    *("filesystem", "--quiet", "--format", "json", "--scanners", "vuln"),
    *("--skip-db-update", "--offline-scan"),
    # Else a lock without a finding is in no result, as one that Trivy cannot read is.
    "--list-all-pkgs",
)
NOT_A_REPORT = (KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class ScannedCheck:
    """What one check came to.

    Attributes:
        id: `vulnerabilities`, `licences`, `installed` or `trivy`.
        outcome: Undecided blocks as a failure does; not measured is no pass, and blocks nothing.
        lines: What was found, or why nothing was.
        count: How much of it is not allowed; None where that is not known.
    """

    id: str
    outcome: Outcome
    lines: tuple[str, ...]
    count: int | None = None


@dataclass(frozen=True)
class LockScan:
    """What the checks came to that are about the locks, and about what.

    Attributes:
        vulnerabilities: By the declared database.
        licences: Of what is installed of them.
        trivy: By Trivy, where it is installed.
        shipped: What was scanned, for all machines.
        database_sha256: Of a mounted export; else empty.
        required: What has to be installed on this machine, by name.
        optional: What may be installed on any machine besides.
    """

    vulnerabilities: ScannedCheck
    licences: ScannedCheck
    trivy: ScannedCheck
    shipped: tuple[LockedPackage, ...]
    database_sha256: str
    required: Mapping[str, LockedPackage]
    optional: tuple[LockedPackage, ...]


@dataclass(frozen=True)
class Scan:
    """What all checks came to, and about what.

    Attributes:
        checks: In a fixed order.
        shipped: What was scanned, for all machines.
        records_sha256: Of all that was recorded when the environment was installed.
        database_sha256: Of a mounted export; else empty.
    """

    checks: tuple[ScannedCheck, ...]
    shipped: tuple[LockedPackage, ...]
    records_sha256: str
    database_sha256: str

    @property
    def outcome(self) -> Outcome:
        """The worst of the checks; not measured where none was measured."""
        outcomes = {check.outcome for check in self.checks}
        # Not measured comes last: of four checks of which one passed, the scan has been made.
        for outcome in (Outcome.FAIL, Outcome.UNDECIDED, Outcome.PASS):
            if outcome in outcomes:
                return outcome
        return Outcome.NOT_MEASURED


def scan(
    declared: SupplyChain, checkout: Path, today: date, folders: tuple[str, ...] | None = None
) -> Scan:
    """Scan the locks of a checkout and the environment that was installed from them.

    Args:
        declared: What is allowed.
        checkout: The checkout.
        today: By which a database's age and an exception's end are judged.
        folders: Where packages lie; by default where this interpreter looks.

    Raises:
        ConfigError: A lock is not there, or cannot be read.
    """
    places = site_folders() if folders is None else folders
    installed = find_installed(places)
    of_locks = scan_locks(declared, checkout, today, installed)
    # The tools of tests lie in no repository that trains models of its own.
    tools = tuple(name for name in declared.tool_locks if (checkout / name).is_file())
    others = for_this_machine([*of_locks.optional, *_read_locks(tools, checkout)])

    checks = (
        of_locks.vulnerabilities,
        of_locks.licences,
        _check_installed(of_locks.required, others, installed, places),
        of_locks.trivy,
    )
    return Scan(checks, of_locks.shipped, records_sha256(installed), of_locks.database_sha256)


def scan_locks(
    declared: SupplyChain, checkout: Path, today: date, installed: Mapping[str, Distribution]
) -> LockScan:
    """Scan the locks of a checkout, and ask what is installed of them for its licence.

    It compares no files: a stage's evidence says by itself which environment it ran in, and whether
    anything could be imported there that no lock names.

    Raises:
        ConfigError: A lock is not there, or cannot be read.
    """
    locked = _read_locks(declared.locks, checkout)
    # A lock that was emptied has no vulnerability, and no licence that is not allowed.
    if not locked:
        raise ConfigError(
            ", ".join(declared.locks),
            expected="the packages that are shipped",
            found="none",
            remedy="Compile the lock anew, with hashes.",
        )
    optional_anywhere = _read_locks(declared.optional_locks, checkout)
    required = for_this_machine(locked)
    optional = for_this_machine(optional_anywhere)

    # An optional package counts where somebody has installed it, as part of what is shipped.
    in_use = [
        package for name, package in optional.items() if name in installed and name not in required
    ]
    shipped = tuple(sorted({*locked, *in_use}))

    vulnerabilities, answer = _check_vulnerabilities(declared, checkout, shipped, today)
    return LockScan(
        vulnerabilities=vulnerabilities,
        licences=_check_licences(declared, shipped, installed, required),
        trivy=_check_trivy(declared, checkout, today),
        shipped=shipped,
        database_sha256=answer.sha256,
        required=required,
        optional=tuple(optional_anywhere),
    )


def _read_locks(names: Iterable[str], checkout: Path) -> list[LockedPackage]:
    return [package for name in names for package in read_lock(checkout / name)]


def weigh(
    vulnerabilities: Iterable[Vulnerability],
    allowed: frozenset[Severity],
    accepted: tuple[AcceptedVulnerability, ...],
    today: date,
) -> tuple[int, tuple[str, ...]]:
    """Return how many vulnerabilities are not allowed; a line for each, and for each exception."""
    lines: list[str] = []
    forbidden = 0
    used: set[AcceptedVulnerability] = set()
    for vulnerability in vulnerabilities:
        package = f"{vulnerability.package} {vulnerability.version}"
        severity = vulnerability.severity or "of no stated severity"
        what = f"{package}: {vulnerability.id}, {severity}"

        matching = [
            item
            for item in accepted
            # By any of its names: databases call one vulnerability by several ids. Of this package
            # alone, for an id can be of many.
            if item.id in vulnerability.names and item.package == vulnerability.package
        ]
        used.update(matching)

        valid = next((item for item in matching if today <= item.expires), None)
        if valid:
            lines.append(f"{what}: accepted by {valid.owner} until {valid.expires}: {valid.reason}")
        elif vulnerability.severity in allowed:
            lines.append(f"{what}: allowed by its severity")
        else:
            forbidden += 1
            ended = f"; its exception ended on {matching[0].expires}" if matching else ""
            lines.append(f"{what}: not allowed{ended}")

    for item in accepted:
        # Shown, so that it is taken out: an exception that fits nothing today may fit something
        # tomorrow.
        if item not in used:
            ended = ", and has ended" if today > item.expires else ""
            lines.append(f"{item.package}: the exception {item.id} fits nothing{ended}")
    return forbidden, tuple(lines)


def _check_vulnerabilities(
    declared: SupplyChain, checkout: Path, shipped: tuple[LockedPackage, ...], today: date
) -> tuple[ScannedCheck, DatabaseAnswer]:
    database = declared.database
    nothing = DatabaseAnswer(())
    if isinstance(database, NoDatabase):
        reason = (f"no vulnerability database is declared: {database.reason}",)
        return ScannedCheck("vulnerabilities", Outcome.NOT_MEASURED, reason), nothing

    try:
        if isinstance(database, OsvService):
            answer = ask_osv(database, shipped)
        else:
            answer = ask_mounted(database, checkout, shipped, today)
    except UnansweredError as error:
        return ScannedCheck("vulnerabilities", Outcome.UNDECIDED, (str(error),)), nothing

    forbidden, lines = weigh(
        answer.vulnerabilities, declared.allowed_severities, declared.accepted, today
    )
    return _counted("vulnerabilities", forbidden, lines), answer


def _check_licences(
    declared: SupplyChain,
    shipped: tuple[LockedPackage, ...],
    installed: Mapping[str, Distribution],
    required: Mapping[str, LockedPackage],
) -> ScannedCheck:
    forbidden = []
    unknown = []

    for name in sorted({package.name for package in shipped}):
        # For another machine, or one whose licence nobody here can read: where nothing is
        # installed, nothing would be looked at, and all would be allowed.
        if name not in installed:
            if name in required:
                unknown.append(f"{name}: it is not installed, so its licence is not known")
            continue

        licence = licence_of(installed[name], name, declared.licences)
        if licence is None:
            unknown.append(f"{name}: its licence is not known")
        elif not is_allowed(licence, declared.licences.allowed):
            forbidden.append(f"{name}: its licence is not allowed: {licence.render()}")

    # A licence that is not allowed fails, whatever else is not known.
    if unknown and not forbidden:
        return ScannedCheck("licences", Outcome.UNDECIDED, tuple(unknown))
    return _counted("licences", len(forbidden), (*forbidden, *unknown))


def _check_installed(
    locked: Mapping[str, LockedPackage],
    optional: Mapping[str, LockedPackage],
    installed: Mapping[str, Distribution],
    folders: tuple[str, ...],
) -> ScannedCheck:
    lines = [*compare(installed, locked, optional)]
    for name, distribution in sorted(installed.items()):
        lines.extend(altered_files(distribution, name))
    lines.extend(unrecorded_starters(folders, installed))
    return _counted("installed", len(lines), tuple(lines))


def _counted(check: str, forbidden: int, lines: tuple[str, ...]) -> ScannedCheck:
    """Return a check that passes where nothing is forbidden."""
    return ScannedCheck(check, Outcome.FAIL if forbidden else Outcome.PASS, lines, forbidden)


def _check_trivy(declared: SupplyChain, checkout: Path, today: date) -> ScannedCheck:
    """Have Trivy look at the locks, by the database that it has; it fetches none."""
    # Optional, and a second opinion: without it the declared database has answered all the same.
    program = shutil.which("trivy")
    if program is None:
        return ScannedCheck("trivy", Outcome.NOT_MEASURED, ("Trivy is not installed",))
    # Trivy knows a lock by the name that pip gives it, and by no other.
    try:
        with TemporaryDirectory() as folder:
            names = (*declared.locks, *declared.optional_locks)
            for number, name in enumerate(names):
                copy = Path(folder) / str(number) / "requirements.txt"
                copy.parent.mkdir()
                copy.write_bytes(read_regular_file(checkout / name))

            process = subprocess.run(
                [program, *TRIVY_ARGUMENTS, folder],
                # Not in the caller's folder, whose `.trivyignore` would hide findings.
                cwd=folder,
                capture_output=True,
                timeout=TRIVY_SECONDS,
                check=False,
            )

        # Without `--exit-code` Trivy ends with 0 whatever it finds: any other code is a fault of
        # its own.
        if process.returncode:
            raise UnansweredError("Trivy ended with a fault")
        report = parse_json(process.stdout)
        _require_all_looked_at(report, _read_locks(names, checkout))
        findings = sorted_findings(_trivy_findings(report))
    except UnansweredError as error:
        return ScannedCheck("trivy", Outcome.UNDECIDED, (str(error),))
    except (OSError, subprocess.TimeoutExpired, JsonFaultError, *NOT_A_REPORT):
        return ScannedCheck("trivy", Outcome.UNDECIDED, ("Trivy gave no report",))

    forbidden, lines = weigh(findings, declared.allowed_severities, declared.accepted, today)
    return _counted("trivy", forbidden, lines)


def _require_all_looked_at(report: Any, locked: Iterable[LockedPackage]) -> None:
    """Refuse a report that does not list every package: no finding about the others is no answer.

    Raises:
        UnansweredError: Some package is in no result.
    """
    results = report.get("Results") or ()
    listed = {
        (canonicalize_name(package["Name"]), package["Version"])
        for result in results
        for package in result.get("Packages") or ()
    }
    if not listed:
        raise UnansweredError("Trivy looked at nothing")
    if missing := {(package.name, package.version) for package in locked} - listed:
        raise UnansweredError(f"Trivy did not look at {len(missing)} packages")


def _trivy_findings(report: Any) -> Iterable[Vulnerability]:
    words = {"MEDIUM": Severity.MODERATE}  # all others are OSV's, in capitals

    for result in report["Results"]:
        for item in result.get("Vulnerabilities") or ():
            # Trivy writes MEDIUM where OSV says MODERATE; a word that neither knows is no severity.
            word = item.get("Severity", "")
            known = Severity(word.lower()) if word.lower() in set(Severity) else None

            yield Vulnerability(
                id=item["VulnerabilityID"],
                package=item["PkgName"],
                version=item["InstalledVersion"],
                aliases=(),
                severity=words.get(word, known),
            )
