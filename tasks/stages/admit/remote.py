"""Fingerprint an object behind a URL through fsspec. No other module of this room imports it."""

import hashlib

from tasks.config.sources import FileSource, is_absent
from tasks.errors import ServiceError, SourceError
from tasks.formats.shown import kind_of_error

# The names by which fsspec's file systems report a content validator or a version. A time of change
# is no validator: it has the grain of a second (RFC 9110, section 8.8.2.2). Nor is a size alone.
VALIDATORS = ("ETag", "etag", "Content-MD5", "content_md5", "md5Hash", "VersionId", "versionId")
CHUNK_BYTES = 2**20


def fingerprint_object(name: str, source: FileSource) -> str:
    """Return the server's validators of the object and its size; without any, its SHA-256.

    Raises:
        SourceError: The object is not there, or no library is installed that reads such URLs.
        ServiceError: The server does not answer.
    """
    import fsspec

    try:
        filesystem, path = fsspec.url_to_fs(source.path)
        details = filesystem.info(path)
        validators = [
            f"{key.lower()}={details[key]}" for key in VALIDATORS if _is_strong(details.get(key))
        ]
        if validators:
            return f"remote:{' '.join(validators)} size={details.get('size')}"

        digest = hashlib.sha256()
        with filesystem.open(path, "rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
        return f"sha256:{digest.hexdigest()}"
    except ImportError as error:
        raise SourceError(
            f"source `{name}`",
            expected=f"a file system that fsspec knows for {source.path.partition('://')[0]}://",
            found=f"none that is installed ({kind_of_error(error)})",
            remedy="Install the package that fsspec's list names for it, "
            "and pin it in requirements.lock.",
        ) from None
    except Exception as error:  # every file system has exception types of its own
        if isinstance(error, FileNotFoundError) and is_absent(error):
            raise SourceError(
                f"source `{name}`",
                expected=f"an object {source.shown}",
                found="none",
                remedy="Deliver it, or mend `path` in the use case.",
            ) from None
        raise ServiceError(
            f"source `{name}`",
            expected=f"{source.shown} to answer",
            found=kind_of_error(error),
            remedy="Check the network and the credentials in the environment, then run again.",
        ) from None


def _is_strong(validator: object) -> bool:
    """Return whether a validator is there and strong: a weak one (`W/…`) may survive a change.

    RFC 9110, section 8.8.1.
    """
    return bool(validator) and not str(validator).startswith("W/")
