"""Fingerprints of sources: equal while the source is unchanged, without reading it where that can be avoided.

They are digests and marks of change only: what a source holds cannot be told from them.
"""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tasks.config.sources import (
    REAL_ROWS,
    FileSource,
    PackagedSource,
    SampleSource,
    Source,
    SqlSource,
    packaged_path,
)
from tasks.errors import SourceError
from tasks.settings import Settings
from tasks.system.digests import sha256_of


def fingerprint(name: str, source: Source, settings: Settings) -> str:
    """Return the fingerprint of the source called `name`.

    Raises:
        SourceError: It is not there.
        ServiceError: What holds it does not answer.
    """
    match source:
        case PackagedSource():
            return packaged(source.package, source.path)
        case SampleSource():
            made = f"{source.of}/{source.part} rows={source.rows} seed={source.seed}"
            return (
                f"{made} of {packaged(*REAL_ROWS[source.of])}" if source.of in REAL_ROWS else made
            )
        case FileSource() if source.is_remote:
            from tasks.stages.admit.remote import remote_mark

            return remote_mark(name, source)
        case FileSource():
            return _local(name, source)
        case SqlSource():
            from tasks.stages.admit.database import database_mark

            return database_mark(name, source, settings)


def packaged(package: str, path: str) -> str:
    """Return the fingerprint of a package's data file: its version, where it tells one, and the file's digest."""
    digest = sha256_of(packaged_path(package, path))
    with suppress(
        PackageNotFoundError
    ):  # a package may be called otherwise than what distributes it
        return f"{package} {version(package)} sha256:{digest}"
    return f"{package} sha256:{digest}"


def _local(name: str, source: FileSource) -> str:
    path = Path(source.path.removeprefix("file://"))
    if not path.is_file():
        raise SourceError(
            f"source `{name}`",
            expected=f"a file {path}",
            found="a folder" if path.is_dir() else "none",
            remedy="Deliver the file, or mend `path` in the use case.",
        )
    return f"sha256:{sha256_of(path)}"
