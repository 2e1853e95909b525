"""The fingerprint of an object behind a URL, through fsspec, the only place of this room that imports it."""

import hashlib

from tasks.config.sources import FileSource, is_absent
from tasks.errors import ServiceError, SourceError

# What servers say about an object's content. A time of change has the grain of a second and proves nothing (RFC 9110,
# 8.8.2.2), nor does a size.
MARKS = ("ETag", "etag", "Content-MD5", "content_md5", "md5Hash", "VersionId", "versionId")
CHUNK_BYTES = 2**20


def remote_mark(name: str, source: FileSource) -> str:
    """Return the server's own marks of the object's version and its size; where it has none, the content's digest.

    A weak ETag (`W/…`) is no mark: it may outlive a change.
    """
    import fsspec

    try:
        filesystem, path = fsspec.url_to_fs(source.path)
        found = filesystem.info(path)
        marks = [f"{key.lower()}={found[key]}" for key in MARKS if _is_strong(found.get(key))]
        if marks:
            return f"remote:{' '.join(marks)} size={found.get('size')}"
        digest = hashlib.sha256()
        with filesystem.open(path, "rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
        return f"sha256:{digest.hexdigest()}"
    except ImportError as error:
        raise SourceError(
            f"source `{name}`",
            expected=f"a file system that fsspec knows for {source.path.partition('://')[0]}://",
            found=str(error).splitlines()[0],
            remedy="Install what it names and pin it in requirements.lock.",
        ) from error
    except Exception as error:  # every file system has errors of its own
        if isinstance(error, FileNotFoundError) and is_absent(error):
            raise SourceError(
                f"source `{name}`",
                expected=f"an object {source.shown}",
                found="none",
                remedy="Deliver it, or mend `path` in the use case.",
            ) from error
        raise ServiceError(
            f"source `{name}`",
            expected=f"{source.shown} to answer",
            found=type(error).__name__,
            remedy="Check the network and the credentials in the environment, then run again.",
        ) from error


def _is_strong(mark: object) -> bool:
    return bool(mark) and not str(mark).startswith("W/")
