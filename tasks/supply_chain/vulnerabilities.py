"""Ask a database which known vulnerabilities the shipped packages have.

A mounted export is read here, so that nothing leaves the machine and two machines with one export
come to one answer. OSV's own service is asked by pip-audit. What was not answered is an
`UnansweredError`: it never counts as an answer without findings.
"""

import hashlib
import json
import lzma
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tasks.formats.regular_file import read_regular_file
from tasks.formats.strict_json import JsonFaultError, parse_json
from tasks.supply_chain.declaring import MountedDatabase, OsvService, Severity
from tasks.supply_chain.locked import LockedPackage

MOST_RECORD_BYTES = 8 << 20
AUDIT_SECONDS = 600
# What a text of somebody else's can raise on its way to a record; a time of the year 1 or 9999 has
# no UTC.
NOT_A_RECORD = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    OverflowError,
)
# What an archive that is cut off or damaged raises. Python's module passes on what its
# decompressors raise, and these are no `BadZipFile`.
NOT_AN_ARCHIVE = (
    OSError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
)


class UnansweredError(Exception):
    """No database answered as it has to; the text says why, and holds nothing of a file's."""


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of a shipped package.

    Attributes:
        id: Its id in the database.
        package: The package.
        version: The version that is shipped.
        aliases: Its other names, sorted.
        severity: As the database states it; nothing where it does not.
    """

    id: str
    package: str
    version: str
    aliases: tuple[str, ...]
    severity: Severity | None

    @property
    def names(self) -> frozenset[str]:
        """All that it is called."""
        return frozenset({self.id, *self.aliases})


@dataclass(frozen=True)
class DatabaseAnswer:
    """What a database said.

    Attributes:
        vulnerabilities: Sorted by package and id.
        sha256: Of all records of an export; empty for a service.
        newest: The day of an export's newest record.
    """

    vulnerabilities: tuple[Vulnerability, ...]
    sha256: str = ""
    newest: date | None = None


def ask_mounted(
    database: MountedDatabase,
    checkout: Path,
    packages: Iterable[LockedPackage],
    today: date,
) -> DatabaseAnswer:
    """Look the packages up in an export.

    How old it is, is read from its newest record: a file's own time says when it was copied.

    Raises:
        UnansweredError: It is not there, cannot be read as a whole, is too old, or holds nothing
            about PyPI.
    """
    by_name = _by_name(packages)
    digest = hashlib.sha256()
    newest: datetime | None = None
    is_of_pypi = False
    findings: list[Vulnerability] = []

    for content in _records_of(checkout / database.path):
        # A digest of digests: the end of one record never passes for the beginning of the next.
        digest.update(hashlib.sha256(content).digest())

        try:
            # Plain JSON on purpose: records are others' texts, of any length and nesting.
            record = json.loads(content)
            modified = datetime.fromisoformat(record["modified"]).astimezone(UTC)
            newest = modified if newest is None else max(newest, modified)
            is_of_pypi = is_of_pypi or _is_about_pypi(record)
            if not _is_withdrawn(record, today):
                findings.extend(_affected(record, by_name))
        except NOT_A_RECORD as error:
            raise UnansweredError("the database holds a record that is none of OSV's") from error

    if newest is None:
        raise UnansweredError("the database holds no record")
    # Another ecosystem's export has records, and none about any package here.
    if not is_of_pypi:
        raise UnansweredError("the database holds no record about PyPI")
    age = (today - newest.date()).days
    if age > database.most_age_days:
        raise UnansweredError(
            f"the database is {age} days old, and may be {database.most_age_days}"
        )

    # A record of tomorrow would make an old export look new.
    if age < 0:
        raise UnansweredError("the database holds a record of a day that is still to come")

    return DatabaseAnswer(sorted_findings(findings), digest.hexdigest(), newest.date())


def ask_osv(service: OsvService, packages: Iterable[LockedPackage]) -> DatabaseAnswer:
    """Have pip-audit ask OSV about exactly the pinned versions; it installs and resolves nothing.

    OSV's answer to pip-audit states no severity: each vulnerability blocks until it is accepted.

    Raises:
        UnansweredError: It could not be reached, or did not answer about every package.
    """
    findings: list[Vulnerability] = []
    by_name = _by_name(packages)
    # pip-audit takes one version of a package at a time; a lock has several, by machine.
    for turn in range(max(map(len, by_name.values()), default=0)):
        pins = [versions[turn] for versions in by_name.values() if turn < len(versions)]
        findings.extend(_audit(service, pins))

    return DatabaseAnswer(sorted_findings(findings))


def _audit(service: OsvService, packages: list[LockedPackage]) -> list[Vulnerability]:
    # -I: nothing of the caller's folder or variables is imported by it.
    command = [sys.executable, "-I", "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    command += ["--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off"]
    command += ["--timeout", str(service.timeout_seconds)]
    command += ["--osv-url", service.url] if service.url else []
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "pins.txt"
        pins.write_text(
            "".join(
                f"{package.name}=={package.version} "
                + " ".join(f"--hash=sha256:{digest}" for digest in package.sha256)
                + "\n"
                for package in packages
            )
        )

        command += ["--requirement", str(pins)]
        try:
            process = subprocess.run(
                command, capture_output=True, timeout=AUDIT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise UnansweredError("the database did not answer in time") from error

    try:
        dependencies = parse_json(process.stdout)["dependencies"]
        # What pip-audit has skipped has a reason in place of `vulns`.
        answered = {item["name"]: item for item in dependencies if "vulns" in item}
        findings = [
            Vulnerability(
                id=str(vulnerability["id"]),
                package=canonicalize_name(item["name"]),
                version=str(item["version"]),
                aliases=tuple(sorted(vulnerability.get("aliases", ()))),
                severity=None,
            )
            for item in answered.values()
            for vulnerability in item["vulns"]
        ]
    except (JsonFaultError, KeyError, TypeError) as error:
        raise UnansweredError("the database could not be reached") from error

    # No answer about a package is no answer that it has no vulnerability.
    missing = {package.name for package in packages} - {canonicalize_name(n) for n in answered}
    if missing:
        raise UnansweredError(f"the database did not answer about {len(missing)} packages")

    return findings


def _by_name(packages: Iterable[LockedPackage]) -> dict[str, list[LockedPackage]]:
    by_name: dict[str, list[LockedPackage]] = {}
    # Once for each version: two locks name the same one, each with markers of its own.
    for package in sorted({item.version + item.name: item for item in packages}.values()):
        by_name.setdefault(package.name, []).append(package)
    return by_name


def sorted_findings(findings: Iterable[Vulnerability]) -> tuple[Vulnerability, ...]:
    """Return each once, by package and id."""
    return tuple(sorted(set(findings), key=lambda finding: (finding.package, finding.id)))


def _records_of(path: Path) -> Iterator[bytes]:
    """Yield each record of an export, in the order of their names."""
    try:
        if path.is_dir():
            for file in sorted(path.rglob("*.json")):
                yield read_regular_file(file, most_bytes=MOST_RECORD_BYTES)
            return

        with zipfile.ZipFile(path) as archive:
            for entry in sorted(archive.infolist(), key=lambda item: item.filename):
                if not entry.filename.endswith(".json"):
                    continue
                if entry.file_size > MOST_RECORD_BYTES:
                    raise UnansweredError("the database holds a record that is too long")

                yield archive.read(entry)
    except NOT_AN_ARCHIVE as error:
        raise UnansweredError("the database is not there, or cannot be read") from error


def _is_withdrawn(record: dict[str, Any], today: date) -> bool:
    """Say whether a record no longer counts: by a time that has come, and by no mere field."""
    withdrawn = record.get("withdrawn")
    return withdrawn is not None and datetime.fromisoformat(withdrawn).date() <= today


def _is_about_pypi(record: dict[str, Any]) -> bool:
    return any(
        affected.get("package", {}).get("ecosystem") == "PyPI"
        for affected in record.get("affected", ())
    )


def _affected(
    record: dict[str, Any], packages: Mapping[str, list[LockedPackage]]
) -> Iterator[Vulnerability]:
    for affected in record.get("affected", ()):
        package = affected.get("package", {})

        if package.get("ecosystem") != "PyPI":
            continue

        for locked in packages.get(canonicalize_name(package["name"]), ()):
            if _is_affected(locked.version, affected):
                yield Vulnerability(
                    id=record["id"],
                    package=locked.name,
                    version=locked.version,
                    aliases=tuple(sorted(record.get("aliases", ()))),
                    severity=_severity(record, affected),
                )


def _is_affected(version: str, affected: dict[str, Any]) -> bool:
    """Say whether a version is affected: where it is listed, or lies in a range."""
    try:
        own = Version(version)
    except InvalidVersion:
        return True  # it cannot be compared, and so it cannot be cleared

    listed = affected.get("versions", ())
    # As a text and as a version: `1.0` is listed by `1.0.0`.
    if version in listed or any(_parsed(text) == own for text in listed):
        return True

    # A range of commits says nothing of versions.
    ranges = [item for item in affected.get("ranges", ()) if item.get("type") != "GIT"]
    if not ranges and not listed:
        return True  # by commits alone, or by nothing: a version cannot be cleared by it

    return any(_lies_within(own, item.get("events", ())) for item in ranges)


def _lies_within(version: Version, events: Iterable[dict[str, str]]) -> bool:
    """Walk through a range's events, in the order of their versions, as OSV's schema says."""
    steps: list[tuple[Version, int, str]] = []
    # OSV's schema: "0" sorts before every version.
    lowest = Version("0.dev0")
    for event in events:
        for rank, kind in enumerate(("introduced", "fixed", "last_affected")):
            if (text := event.get(kind)) is not None:
                parsed = lowest if text == "0" else _parsed(text)
                # A border that cannot be compared clears nothing.
                if parsed is None:
                    return True
                steps.append((parsed, rank, kind))

    # OSV's schema asks for one that opens the range. A range that nothing opens clears nothing.
    if not any(kind == "introduced" for _, _, kind in steps):
        return True

    is_within = False
    # Where two events have one version, `introduced` comes first, and what mends it has the last
    # word.
    for border, _, kind in sorted(steps):
        if kind == "introduced" and version >= border:
            is_within = True

        elif (kind == "fixed" and version >= border) or (
            kind == "last_affected" and version > border
        ):
            is_within = False

    return is_within


def _parsed(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _severity(record: dict[str, Any], affected: dict[str, Any]) -> Severity | None:
    # The package's own first: one record may be about several packages, and differ in how bad it
    # is.
    for place in (affected, record):
        stated = (place.get("database_specific") or {}).get("severity")
        if isinstance(stated, str) and stated.lower() in set(Severity):
            return Severity(stated.lower())
    return None
