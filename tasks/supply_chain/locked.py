"""Read lock files as pip and uv write them: pinned, with hashes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from tasks.errors import ConfigError
from tasks.formats.regular_file import describe_unreadable, read_regular_file

# One version and nothing else: of a range nobody could say what was scanned.
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[A-Za-z0-9,._-]+\])?==([A-Za-z0-9.!+_-]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
OPTION = re.compile(r"--(?:only|no)-binary \S+")


@dataclass(frozen=True, order=True)
class LockedPackage:
    """One pinned package.

    Attributes:
        name: Its normalised name.
        version: Its version, as the lock writes it.
        sha256: Of each file that may be installed for it.
        marker: On which machines it is installed; empty for all.
    """

    name: str
    version: str
    sha256: tuple[str, ...]
    marker: str

    @property
    def is_for_this_machine(self) -> bool:
        """Whether it has to be installed here."""
        return not self.marker or Marker(self.marker).evaluate()


def read_lock(path: Path) -> tuple[LockedPackage, ...]:
    """Return the packages of one lock, for all machines.

    Raises:
        ConfigError: It is not there, or has a line that is no pin with a hash: what cannot be read
            is not scanned.
    """
    try:
        text = read_regular_file(path).decode()
    except (OSError, ValueError) as error:
        raise _wrong(path.name, describe_unreadable(error)) from error

    packages: list[LockedPackage] = []
    for number, line in _logical_lines(text):
        # Options of which files to take. Any other (`-r`, `--index-url`) would bring in what is not
        # read here.
        if OPTION.fullmatch(line):
            continue

        pin = PIN.match(line)
        hashes = tuple(sorted(HASH.findall(line)))
        if pin is None or not hashes:
            raise _wrong(f"{path.name}, line {number}", "something else")

        marker = line[pin.end() :].partition("--hash=")[0].strip().removeprefix(";").strip()
        # Refused here, where the line is known, and not at the first machine that it is asked of.
        try:
            if marker:
                Marker(marker)
        except InvalidMarker as error:
            raise _wrong(f"{path.name}, line {number}", "something else") from error

        packages.append(LockedPackage(canonicalize_name(pin[1]), pin[2], hashes, marker))
    return tuple(packages)


def for_this_machine(packages: Iterable[LockedPackage]) -> dict[str, LockedPackage]:
    """Return what has to be installed here, by name.

    Raises:
        ConfigError: Two versions of one package have to be.
    """
    by_name: dict[str, LockedPackage] = {}
    for package in packages:
        if not package.is_for_this_machine:
            continue

        if by_name.setdefault(package.name, package).version != package.version:
            raise ConfigError(
                "locks",
                expected="one version of each package",
                found="two",
                remedy="Compile the locks with one another as constraints.",
            )

    return by_name


def _logical_lines(text: str) -> Iterable[tuple[int, str]]:
    """Yield each requirement with its hashes, and the line on which it begins."""
    parts: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        # A comment begins a line or follows a space, as pip reads it: `#` within a URL is none.
        stripped = re.sub(r"(^|\s)#.*", "", line).strip()

        if not parts:
            start = number
        is_continued = stripped.endswith("\\")
        parts.append(stripped.removesuffix("\\").strip())

        if not is_continued:
            whole = " ".join(parts).strip()
            parts = []
            if whole:
                yield start, whole

    # The last line ends in a backslash: what stands there is read, and is no pin if it was cut off.
    if whole := " ".join(parts).strip():
        yield start, whole


def _wrong(where: str, found: str) -> ConfigError:
    return ConfigError(
        where,
        expected="a package==version with its --hash=sha256:…",
        found=found,
        remedy="Compile the lock anew, with hashes.",
    )
