"""Which distributions are installed, which files are theirs, and which ones the locks name."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# A pinned requirement of a lock: `name==version`, `name[extra]==version ; marker \`.
PINNED = re.compile(r"(?m)^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")

# Of what an installer writes, these say where and by which tool, and nothing of what is imported.
BY_INSTALLER = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


@dataclass(frozen=True)
class Distribution:
    """An installed distribution. `files` are relative to the folder of packages."""

    name: str  # as the package index compares names (PEP 503)
    version: str
    folder: str  # `<name>-<version>.dist-info`
    files: frozenset[str]

    def __str__(self) -> str:
        """Return it as a requirement names it."""
        return f"{self.name}=={self.version}"


def read_lock(content: bytes) -> Mapping[str, frozenset[str]]:
    """Return name -> versions of every requirement of a lock: for each Python there may be another.

    Versions are written as folders of metadata write them, which have no `-`.
    """
    locked: dict[str, frozenset[str]] = {}
    for name, version in PINNED.findall(content.decode("utf-8", "replace")):
        versions = locked.get(canonical_name(name), frozenset())
        locked[canonical_name(name)] = versions | {version.replace("-", "_")}
    return locked


def read_distributions(packages: Path) -> list[Distribution]:
    """Return what is installed in a folder of packages, by its `*.dist-info` folders."""
    return [_read(folder, packages) for folder in sorted(packages.glob("*.dist-info"))]


def canonical_name(name: str) -> str:
    """Return a distribution's name as the package index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _read(folder: Path, packages: Path) -> Distribution:
    name, _, version = folder.name.removesuffix(".dist-info").partition("-")
    try:
        with (folder / "RECORD").open(encoding="utf-8", newline="") as stream:
            recorded = {row[0] for row in csv.reader(stream) if row}
    except (OSError, ValueError, csv.Error):
        recorded = set()  # nothing is its own, so that every file of it is foreign

    # `../../../bin/…` are programs, which nothing imports, and which name the place of the
    # environment. What lies in its folder of metadata is its own, as entry points are.
    inside = {path for path in recorded if not path.startswith(("/", "../"))}
    if folder.is_dir() and not folder.is_symlink():
        inside |= {
            path.relative_to(packages).as_posix() for path in folder.rglob("*") if path.is_file()
        }
    by_installer = {f"{folder.name}/{file}" for file in BY_INSTALLER}
    return Distribution(
        canonical_name(name), version, folder.name, frozenset(inside - by_installer)
    )
