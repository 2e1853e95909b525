"""Read what a release wrote into the bucket back into a folder of this machine."""

from pathlib import Path, PurePosixPath
from typing import Any

from tasks.errors import EvidenceError
from tasks.registry_bucket.storing import CHUNK_BYTES, ReleaseBucket, answering, key_in, list_keys

MOST_OBJECTS = 10_000  # a packed model has some twenty


def fetch_folder(source: str, folder: Path, bucket: ReleaseBucket) -> Path:
    """Download all objects below a place in the bucket; return the folder, named as the place is.

    What is downloaded proves nothing yet: the caller digests it. The names of objects are somebody
    else's, so that none leads out of the folder.

    Raises:
        EvidenceError: Nothing lies there, or an object whose name is no path below the place.
        ConfigError: The place is not in the bucket.
        ServiceError: The store does not answer, or refuses.
    """
    place = key_in(bucket, source)
    target = folder / PurePosixPath(place).name
    # New, or an error: what lay there before would be digested with the model.
    target.mkdir(mode=0o700)

    for key in _keys_below(bucket, place):
        path = target.joinpath(*_parts(key.removeprefix(f"{place}/")))
        # A bucket may hold both `x` and `x/y`; a folder cannot.
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with answering(bucket):
                body = bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"]
                _write(body, path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise _refused(
                "objects that are named as files", "one in the place of a folder"
            ) from None

    return target


def has_object(place: str, bucket: ReleaseBucket) -> bool:
    """Say whether an object of exactly this name is in the bucket.

    Raises:
        ConfigError: The place is not in the bucket.
        ServiceError: The store does not answer, or refuses.
    """
    key = key_in(bucket, place)
    return key in list_keys(bucket, key)


def _keys_below(bucket: ReleaseBucket, place: str) -> list[str]:
    keys = list_keys(bucket, f"{place}/")
    if not 0 < len(keys) <= MOST_OBJECTS:
        raise _refused(f"1 to {MOST_OBJECTS:,} objects", f"{len(keys):,}")
    return keys


def _parts(name: str) -> tuple[str, ...]:
    parts = tuple(name.split("/"))
    # A key is any text to S3: `..` leads out of the folder, and an empty part is one that file
    # systems leave out.
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        raise _refused("objects that are named as files", "one that is not")
    return parts


def _write(body: Any, path: Path) -> None:
    # Exclusive: two keys that are one file on this system would else be one over the other.
    with path.open("xb") as stream:
        while chunk := body.read(CHUNK_BYTES):
            stream.write(chunk)


def _refused(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        "release bucket",
        expected=expected,
        found=found,
        remedy="Do not use it; look for who writes into the bucket besides the worker.",
    )
