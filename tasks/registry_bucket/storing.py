"""Write a packed model into the release bucket: once, locked, and under the digest of its bytes.

Object Lock alone keeps an object's versions, and lets an overwriting PUT become the current one; so
every PUT has `If-None-Match: *` besides, and the bucket's policy lets one identity write.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tasks.errors import ConfigError, DataError, EvidenceError, ServiceError
from tasks.formats.digests import sha256_of
from tasks.settings import Settings

URL = "PORTCULLIS_RELEASE_BUCKET"
DAYS = "PORTCULLIS_RELEASE_BUCKET_DAYS"
LOCK_MODE = "COMPLIANCE"  # not GOVERNANCE, which whoever has one more permission may bypass
BY_DIGEST = "sha256"
CHUNK_BYTES = 1 << 20
# S3 takes no larger object in one PUT, and a condition on an upload in parts is checked at its end.
MOST_OBJECT_BYTES = 5 << 30
MOST_PAGES = 1_000  # of a list of objects, a thousand on each: a release has some dozens of objects


@dataclass(frozen=True)
class ReleaseBucket:
    """A bucket, the beginning of its keys, and for how many days what is written is locked.

    Its writer needs `s3:PutObject`, `s3:PutObjectRetention`, `s3:GetObject` and `s3:ListBucket`,
    and no delete.
    """

    client: Any
    name: str
    prefix: str  # empty, or ending in `/`
    keep_days: int

    @property
    def url(self) -> str:
        """Where an experiment has its artifacts whose runs are releases."""
        return f"s3://{self.name}/{self.prefix}".rstrip("/")

    def holds(self, source: str) -> bool:
        """Say whether a place lies in the bucket, below its prefix."""
        where = urlsplit(source)
        is_here = where.scheme == "s3" and where.netloc == self.name
        return is_here and where.path.lstrip("/").startswith(self.prefix)


@dataclass(frozen=True)
class StoredModel:
    """A packed model in the bucket: its source as the registry names it, and its digest."""

    source: str
    packed_sha256: str
    is_new: bool


def open_bucket(settings: Settings) -> ReleaseBucket | None:
    """Return the bucket that the environment configures (`s3://bucket/prefix`), or None.

    Raises:
        ConfigError: It is configured without saying for how long its objects are locked.
    """
    if not settings.release_bucket_url:
        return None

    where = urlsplit(settings.release_bucket_url)
    days = settings.release_bucket_days
    # Without days an object would be locked for as long as the bucket says by default, or not at
    # all.
    if where.scheme != "s3" or not where.netloc or not days.isdecimal() or int(days) < 1:
        raise ConfigError(
            f"${URL}",
            expected=f"s3://bucket/prefix, and whole days in ${DAYS}",
            found="another form, or no days",
            remedy="For how long a released model is locked has no default.",
        )

    import botocore.session

    # The region signs requests and chooses no server where an endpoint is named.
    session = botocore.session.get_session()
    if keys := settings.s3_keys:
        session.set_credentials(*keys)
    client = session.create_client(
        "s3",
        endpoint_url=settings.release_bucket_endpoint or None,
        region_name=session.get_config_variable("region") or "us-east-1",
    )
    prefix = where.path.strip("/")
    return ReleaseBucket(client, where.netloc, f"{prefix}/" if prefix else "", int(days))


def store_model(packed: Path, artifact_uri: str, bucket: ReleaseBucket) -> StoredModel:
    """Write a packed model to `<artifact_uri>/sha256/<digest>/…`; return where it lies.

    It may be called again after a crash at any point: an object that is there with the same bytes
    is left as it is. Whoever follows the source sees no half model as a whole one, for the digest
    in the source is that of all its bytes.

    Args:
        packed: The folder, as `tasks.registry.packing.pack` wrote it.
        artifact_uri: Of the release's run: MLflow takes no source from outside of it. It has to lie
            in the bucket, as the runs of an experiment do whose `artifact_location` is
            `bucket.url`.
        bucket: Where to.

    Raises:
        EvidenceError: Other bytes lie under one of the names, or one that was never sent.
        DataError: The folder holds something that is no file, or too large a one.
        ConfigError: The run's artifacts lie elsewhere.
        ServiceError: The store does not answer, or refuses.
    """
    packed_sha256 = sha256_of(packed)
    source = f"{artifact_uri.rstrip('/')}/{BY_DIGEST}/{packed_sha256}"

    is_new = store_folder(packed, source, bucket)
    # By the store's own list: an object that was never sent would be loaded as part of the model.
    _require_names(bucket, key_in(bucket, source), set(_files_of(packed)))

    return StoredModel(source, packed_sha256, is_new)


def store_folder(folder: Path, place: str, bucket: ReleaseBucket) -> bool:
    """Write a file, or the files of a folder, below a place, each locked; say if any is new.

    Raises:
        EvidenceError, DataError, ConfigError, ServiceError: As `store_model`.
    """
    files = _files_of(folder)
    key = key_in(bucket, place)
    until = datetime.now(UTC) + timedelta(days=bucket.keep_days)
    written = [_put(bucket, f"{key}/{name}", path, until) for name, path in files.items()]
    return any(written)


def _files_of(folder: Path) -> dict[str, Path]:
    """Return name -> path of every file of a folder, sorted; of a file, itself by its name.

    What the caller names may be a link, as what a worker reads is; no link lies inside of it.
    """
    if folder.is_file():
        return {folder.name: folder}

    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    for path in paths:
        is_plain = path.is_file() and not path.is_symlink()
        if not is_plain or path.stat().st_size > MOST_OBJECT_BYTES:
            raise DataError(
                "packed model",
                expected=f"regular files of at most {MOST_OBJECT_BYTES >> 30} GiB",
                found="a link, or something larger" if path.is_file() else "no regular file",
                remedy="Pack the model again.",
            )

    if not paths:
        raise DataError(
            folder.name,
            expected="files to store in the release bucket",
            found="an empty folder" if folder.is_dir() else "nothing of that name",
            remedy="Run the release again; nothing of it is registered.",
        )

    return {path.relative_to(folder).as_posix(): path for path in paths}


def key_in(bucket: ReleaseBucket, source: str) -> str:
    """Return the key of a place that lies in the bucket, below its prefix.

    Raises:
        ConfigError: It lies elsewhere.
    """
    if bucket.holds(source):
        return urlsplit(source).path.strip("/")

    raise ConfigError(
        "artifacts of the release's run",
        expected=f"a place below {bucket.url}",
        found="a place elsewhere",
        remedy="Release under another `register.experiment`: it is made with the release bucket as "
        "its artifact location.",
    )


def _put(bucket: ReleaseBucket, key: str, path: Path, until: datetime) -> bool:
    """Write one object, locked; say whether it is new.

    Raises:
        EvidenceError: It is there already with other bytes, or without its lock.
        ServiceError: The store does not answer, or refuses.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with path.open("rb") as stream:
            bucket.client.put_object(
                Bucket=bucket.name,
                Key=key,
                Body=stream,
                # Object Lock keeps versions, and lets an overwriting PUT become the current one.
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",  # S3 refuses what arrives otherwise than it was sent
                ObjectLockMode=LOCK_MODE,
                ObjectLockRetainUntilDate=until,
            )
    except ClientError as error:
        code = error.response["Error"]["Code"]

        # Only "the name is taken" goes on: what lies there is compared below.
        if code not in ("PreconditionFailed", "412"):
            raise _unanswered(bucket, code) from error
    except BotoCoreError as error:
        raise _unanswered(bucket, type(error).__name__) from error
    else:
        return True

    _require_same(bucket, key, path)
    return False


def _require_same(bucket: ReleaseBucket, key: str, path: Path) -> None:
    """Refuse an object that has other bytes than a file, or is not locked."""
    with answering(bucket):
        answer = bucket.client.get_object(Bucket=bucket.name, Key=key)
        is_locked = answer.get("ObjectLockMode") == LOCK_MODE
        # The mode stays on an object whose term is over, and which anybody may delete.
        until = answer.get("ObjectLockRetainUntilDate")
        is_locked = is_locked and (until is None or until > datetime.now(UTC))
        is_same = is_locked and _is_equal(answer["Body"], path)
    if not is_same:
        raise _foreign("the object that was sent, locked", "another, or one without a lock")


def _is_equal(body: Any, path: Path) -> bool:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if body.read(len(chunk)) != chunk:
                return False
    # The object may go on where the file ends.
    return not body.read(1)


def _require_names(bucket: ReleaseBucket, folder: str, names: set[str]) -> None:
    """Refuse a folder of other objects than were sent: who loads the model would load them, too."""
    keys = set(list_keys(bucket, f"{folder}/"))
    # Both ways: one too many, and one that the store does not list although it took it.
    if keys != {f"{folder}/{name}" for name in names}:
        raise _foreign("the objects that were sent", "others")


def _foreign(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        "release bucket",
        expected=expected,
        found=found,
        remedy="Look for who writes into the bucket besides the worker: its policy allows nobody.",
    )


def list_keys(bucket: ReleaseBucket, beginning: str) -> list[str]:
    """Return the keys of all objects that begin so.

    Raises:
        ServiceError: The store does not answer, or refuses, or its list has no end.
    """
    keys: list[str] = []
    with answering(bucket):
        pages = bucket.client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket.name, Prefix=beginning
        )
        # botocore refuses a page that leads to itself, and would follow ever new ones for ever.
        for number, page in enumerate(pages, start=1):
            if number > MOST_PAGES:
                raise _unanswered(bucket, f"a list of more than {MOST_PAGES:,} pages of objects")
            keys += [item["Key"] for item in page.get("Contents", [])]
    return keys


@contextmanager
def answering(bucket: ReleaseBucket) -> Iterator[None]:
    """Make an error of ours of what the store refuses, or does not answer.

    Raises:
        ServiceError: In place of botocore's own.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _unanswered(bucket, error.response["Error"]["Code"]) from error
    except BotoCoreError as error:
        raise _unanswered(bucket, type(error).__name__) from error


def _unanswered(bucket: ReleaseBucket, kind: str) -> ServiceError:
    return ServiceError(
        f"release bucket {bucket.name}",
        expected="an answer that lets the worker read and write",
        found=kind,
        remedy="Nothing was registered: see to the store, and run the same command again.",
    )
