"""Compare what is installed with the locks, and each file with what was recorded of it.

`RECORD` is what the installer wrote beside the files. Whoever can write to the environment can
write a RECORD too; the digest of all of them is reported, so that a later scan of one lock tells.
"""

import base64
import hashlib
import sys
from collections.abc import Iterator, Mapping
from email import message_from_string
from email.message import Message
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tasks.supply_chain.locked import LockedPackage

OWN_NAME = "portcullis"
ALGORITHMS = frozenset({"sha256", "sha384", "sha512"})
# Python runs these at each start, whether a package brought them or not.
RUN_AT_START = ("*.pth", "sitecustomize.py", "usercustomize.py", "sitecustomize", "usercustomize")


def site_folders() -> tuple[str, ...]:
    """Return where this interpreter's packages lie, as it looks for them."""
    return tuple(path for path in sys.path if Path(path).name in ("site-packages", "dist-packages"))


def find_installed(folders: tuple[str, ...]) -> dict[str, Distribution]:
    """Return what is installed, by normalised name; the first of two, as an import takes it."""
    found: dict[str, Distribution] = {}
    for distribution in distributions(path=list(folders)):
        found.setdefault(canonicalize_name(str(read_fields(distribution)["Name"])), distribution)
    # This project's own code is digested file by file for every stage (`tasks.code_identity`).
    found.pop(OWN_NAME, None)
    return found


def read_fields(distribution: Distribution) -> Message:
    """Return the fields of a package's metadata, without the description that may follow them.

    `Distribution.metadata` parses the file anew at each use, description and all: most of what it
    costs to ask three hundred packages for their names and licences.
    """
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    fields, _, _ = text.partition("\n\n")
    return message_from_string(fields)


def compare(
    installed: Mapping[str, Distribution],
    shipped: Mapping[str, LockedPackage],
    optional: Mapping[str, LockedPackage],
) -> Iterator[str]:
    """Yield a line for each package that is missing, of another version, or of no lock."""
    for name in sorted(shipped):
        if name not in installed:
            yield f"{name}: is locked and not installed"

    for name, distribution in sorted(installed.items()):
        package_or_none = shipped.get(name) or optional.get(name)
        if package_or_none is None:
            yield "a package is installed that no lock holds: " + name
        elif not _is_same(distribution.version, package_or_none.version):
            yield f"{name}: another version is installed than is locked"


def altered_files(distribution: Distribution, name: str) -> Iterator[str]:
    """Yield a line where files of a package are not what was recorded when it was installed."""
    recorded = distribution.files
    if not recorded:
        yield f"{name}: has no RECORD"
        return
    # Nothing to compare with is no answer that nothing was altered.
    if not any(file.hash for file in recorded):
        yield f"{name}: has no digest in its RECORD"
        return

    altered = 0
    for file in recorded:
        # Bytecode is written where the code runs, and has no digest in RECORD (PEP 376).
        if file.hash is None or file.suffix == ".pyc":
            continue

        if file.hash.mode not in ALGORITHMS:
            altered += 1
            continue

        path = Path(str(distribution.locate_file(file)))
        try:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, file.hash.mode).digest()
        except OSError:
            altered += 1
            continue

        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            altered += 1

    if altered:
        yield f"{name}: {altered} of its files are not what was recorded"


def records_sha256(installed: Mapping[str, Distribution]) -> str:
    """Return the digest of all that was recorded of every package's files."""
    digest = hashlib.sha256()
    for name, distribution in sorted(installed.items()):
        record = distribution.read_text("RECORD") or ""
        # Scripts begin with the path of their interpreter, and differ between two machines.
        lines = sorted(line for line in record.splitlines() if not line.startswith(".."))
        digest.update(f"{name}=={distribution.version}\n".encode())
        digest.update(hashlib.sha256("\n".join(lines).encode()).digest())
    return digest.hexdigest()


def unrecorded_starters(
    folders: tuple[str, ...], installed: Mapping[str, Distribution]
) -> Iterator[str]:
    """Yield a line for files that Python runs at each start and that no package brought."""
    recorded = {
        Path(str(distribution.locate_file(file))).resolve()
        for distribution in installed.values()
        for file in distribution.files or ()
        # No deeper: what runs at a start is at the top, or the package of such a name.
        if len(file.parts) <= 2
    }

    # What this project's own editable installation and virtualenv put there, by their names.
    own = {f"{OWN_NAME}.pth", f"_{OWN_NAME}.pth", "_virtualenv.pth"}

    for folder in folders:
        paths = (path for pattern in RUN_AT_START for path in Path(folder).glob(pattern))
        strange = [p for p in paths if p.name not in own and p.resolve() not in recorded]
        package_files = [p for p in strange if p.is_file() or (p / "__init__.py") not in recorded]

        if package_files:
            yield f"{len(package_files)} files that run at each start belong to no package"


def _is_same(first: str, second: str) -> bool:
    try:
        # As PEP 440 compares: a lock may write `1.0` where the metadata say `1.0.0`.
        return Version(first) == Version(second)
    except InvalidVersion:
        return first == second
