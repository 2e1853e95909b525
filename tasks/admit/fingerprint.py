"""Fingerprints of sources: equal while the source is unchanged, without reading it where that can be avoided."""

import hashlib
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tasks.digests import sha256_of
from tasks.errors import ServiceError, SourceError
from tasks.sources import FileSource, PackagedSource, SampleSource, Source, SqlSource


def packaged_file(source: PackagedSource) -> Path:
    """Return the path of a packaged source's file, without importing its package."""
    spec = find_spec(source.package)
    path = Path(spec.origin).parent / source.path if spec and spec.origin else None
    if path is None or not path.is_file():
        raise SourceError(
            f"package {source.package}",
            expected=f"a data file {source.path}",
            found="none",
            remedy="Install the package that requirements.lock names, or mend the path.",
        )
    return path


def fingerprint(name: str, source: Source) -> str:
    """Return the fingerprint of `source`.

    Raises:
        SourceError: It is not there.
        ServiceError: What holds it does not answer.
    """
    match source:
        case PackagedSource():
            return f"{source.package} {version(source.package)} sha256:{sha256_of(packaged_file(source))}"
        case SampleSource():
            return f"{source.of}/{source.part} rows={source.rows} seed={source.seed}"
        case FileSource() if source.is_remote:
            return _remote(name, source)
        case FileSource():
            path = Path(source.path.removeprefix("file://"))
            if not path.is_file():
                raise SourceError(
                    f"source `{name}`",
                    expected=f"a file {path}",
                    found="none",
                    remedy="Deliver the file, or mend `path` in the use case.",
                )
            return f"sha256:{sha256_of(path)}"
        case SqlSource():
            return _watermark(name, source)


def _remote(name: str, source: FileSource) -> str:
    import fsspec

    try:
        filesystem, path = fsspec.url_to_fs(source.path)
        found = filesystem.info(path)
    except FileNotFoundError as error:
        raise SourceError(
            f"source `{name}`", expected=f"an object {source.path}", found="none", remedy="Deliver it, or mend `path`."
        ) from error
    except Exception as error:
        raise ServiceError(
            f"source `{name}`", expected=f"{source.path} to answer", found=type(error).__name__,
            remedy="Check the network and the credentials in the environment, then run again.",
        ) from error  # fmt: skip
    marks = [str(found[key]) for key in ("ETag", "etag", "LastModified", "mtime", "size") if found.get(key) is not None]
    return "remote:" + " ".join(marks)


def _watermark(name: str, source: SqlSource) -> str:
    """Digest the watermark query's answer; without one the data is read and compared by content in `ingest`."""
    url = os.environ.get(source.url_variable)
    if not url:
        raise SourceError(
            f"source `{name}`",
            expected=f"a database URL in ${source.url_variable}",
            found="none",
            remedy="Set the variable for the worker, never in the file.",
        )
    if source.watermark is None:
        return f"unmarked:{os.urandom(8).hex()}"  # not knowable from outside: read it again every time
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_engine(url).connect() as connection:
            value = connection.execute(text(source.watermark)).scalar_one()
    except SQLAlchemyError as error:
        raise ServiceError(
            f"source `{name}`", expected="an answer to its watermark query", found=type(error).__name__,
            remedy="Check the database, the URL and the query.",
        ) from error  # fmt: skip
    return "watermark:" + hashlib.sha256(str(value).encode()).hexdigest()
