"""Fingerprints of sources: equal for as long as a source is unchanged.

A fingerprint is made of digests, sizes, versions and settings. It is written into a report that is
committed to git, so nothing that a source says about a person can be read from it.
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
from tasks.formats.digests import sha256_of
from tasks.settings import Settings


def fingerprint(name: str, source: Source, settings: Settings) -> str:
    """Return the fingerprint of the source called `name`, reading as little of it as possible.

    Raises:
        SourceError: The source is not there.
        ServiceError: The server that holds it does not answer.
    """
    match source:
        case PackagedSource():
            return fingerprint_package(source.package, source.path)
        case SampleSource():
            return _fingerprint_sample(source)
        case FileSource() if source.is_remote:
            # Imported here: fsspec and SQLAlchemy take longer to import than this stage to run.
            from tasks.stages.admit.remote import fingerprint_object

            return fingerprint_object(name, source)
        case FileSource():
            return _fingerprint_file(name, source)
        case SqlSource():
            from tasks.stages.admit.database import fingerprint_query

            return fingerprint_query(name, source, settings)


def fingerprint_package(package: str, path: str) -> str:
    """Return the name, the version and the SHA-256 of the data file `path` of a Python package.

    Raises:
        SourceError: There is no such package or file.
    """
    sha256 = sha256_of(packaged_path(package, path))
    # An import name need not be a distribution's name (`yaml` comes with PyYAML); then the digest
    # alone tells versions apart.
    with suppress(PackageNotFoundError):
        return f"{package} {version(package)} sha256:{sha256}"

    return f"{package} sha256:{sha256}"


def _fingerprint_sample(source: SampleSource) -> str:
    """Return the settings of an invented source, and the fingerprint of real rows under it."""
    sample = f"{source.of}/{source.part} rows={source.rows} seed={source.seed}"
    if source.of in REAL_ROWS:
        return f"{sample} of {fingerprint_package(*REAL_ROWS[source.of])}"
    return sample


def _fingerprint_file(name: str, source: FileSource) -> str:
    """Return the SHA-256 of a local file; anything but a file is a SourceError."""
    path = Path(source.path.removeprefix("file://"))
    if not path.is_file():
        raise SourceError(
            f"source `{name}`",
            expected=f"a file {path}",
            found="a folder" if path.is_dir() else "none",
            remedy="Deliver the file, or mend `path` in the use case.",
        )

    return f"sha256:{sha256_of(path)}"
