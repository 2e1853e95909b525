"""A mirror of the log in S3, written once: Object Lock in compliance mode *and* `If-None-Match: *`.

A lock alone keeps an object's versions and lets an overwriting PUT become the current one; the
condition stops that, and readers take the oldest version. Names are those of C2SP tlog-tiles, so
that other implementations can read them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from tasks.errors import ConfigError, EvidenceError, ServiceError
from tasks.ledger.checkpoint import read_checkpoint
from tasks.ledger.ledger import Ledger
from tasks.ledger.tiles import RECORD_BYTES, TAG, WIDTH, WIDTH_BITS, tile_hashes
from tasks.settings import Settings

URL = "PORTCULLIS_LEDGER_MIRROR"
DAYS = "PORTCULLIS_LEDGER_MIRROR_DAYS"
MOST_PAGES = 100_000  # of a list of versions, a thousand on each


class Mirror:
    """A bucket with Object Lock.

    Its writer needs `s3:PutObject`, `s3:PutObjectRetention`, `s3:GetObjectVersion` and
    `s3:ListBucketVersions`, and no delete.
    """

    def __init__(self, client: Any, bucket: str, prefix: str, keep_days: int) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        # By the clock of this machine, and for objects that are written now: a lock can be
        # lengthened in S3 and, in compliance mode, shortened by nobody.
        self._until = datetime.now(UTC) + timedelta(days=keep_days)

    def push(self, ledger: Ledger) -> int:
        """Write what the mirror lacks, and the present checkpoint; return the mirrored size.

        Raises:
            EvidenceError: Something else lies under a name: the log here, or the mirror, was
                changed.
            ServiceError: The store does not answer; the next push goes on.
        """
        mark = f"mirror {self._bucket}/{self._prefix}"
        # One reading for all: note, bodies and tiles are of one size, though others append
        # meanwhile.
        with ledger.store.reading():
            note = ledger.store.head()
            head = read_checkpoint(note or "")[0]
            mirrored_size = int(ledger.store.mark(mark) or "0")
            files = [
                *self._bodies(ledger, mirrored_size, head.size),
                *_tiles(ledger, mirrored_size, head.size),
            ]

        # The checkpoint last: a reader that sees it finds all that it is signed over.
        for name, data in files:
            self._put(name, data)
        self._put(f"checkpoint/{head.size:016d}", (note or "").encode())

        # A hint from where to go on. One that is lost costs time: everything is put again.
        with ledger.store.appending():
            ledger.store.put_mark(mark, str(max(mirrored_size, head.size)))
        return head.size

    def newest(self) -> str | None:
        """Return the checkpoint over the most entries that the mirror holds.

        Of its versions it is the oldest: a later one was written over the lock.
        """
        keys = self._list("checkpoint/")
        # What is no text is no checkpoint, as whoever reads the note says.
        return self._get(max(keys)).decode("utf-8", "replace") if keys else None

    def _bodies(self, ledger: Ledger, start: int, end: int) -> Any:
        for _, record, body in ledger.entries(start, end):
            # A pruned envelope has no body; its record and its proofs are in the tiles.
            if body is not None:
                yield f"body/{record.envelope_sha256.hex()}", body

    def _put(self, name: str, data: bytes) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        key = self._prefix + name
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                IfNoneMatch="*",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=self._until,
            )
        except ClientError as error:
            # It lies there already, as after a push that broke off. Then it has to be these very
            # bytes.
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "412"):
                raise _down(error.response["Error"]["Code"]) from error
            if self._get(key) != data:
                raise EvidenceError(
                    f"mirror, {name}",
                    expected="what lies in the log here",
                    found="something else, written earlier",
                    remedy=(
                        "One of the two was changed: compare them before anything else is appended."
                    ),
                ) from error
        except BotoCoreError as error:
            raise _down(type(error).__name__) from error

    def _get(self, key: str) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            # All pages: S3 lists the newest first, a thousand a page, and whoever wrote so many
            # over the lock would else choose which is the oldest.
            versions = [item for item in self._versions(key) if item["Key"] == key]
            oldest = min(reversed(versions), key=lambda item: item["LastModified"])
            answer = self._client.get_object(
                Bucket=self._bucket, Key=key, VersionId=oldest["VersionId"]
            )
            data: bytes = answer["Body"].read()
        # `min` of nothing is a ValueError: what refused to be written over has no version to be
        # read.
        except (ClientError, BotoCoreError, ValueError) as error:
            raise _down(type(error).__name__) from error
        return data

    def _list(self, name: str) -> list[str]:
        from botocore.exceptions import BotoCoreError, ClientError

        # By versions and not by objects: a delete marker takes an object off that list, a lock does
        # not forbid one, and a log that was rolled back would find no checkpoint beyond its own.
        try:
            return [item["Key"] for item in self._versions(self._prefix + name)]
        except (ClientError, BotoCoreError) as error:
            raise _down(type(error).__name__) from error

    def _versions(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        # botocore refuses a page that leads to itself, and would follow ever new ones for ever.
        for number, page in enumerate(pages, start=1):
            if number > MOST_PAGES:
                raise _down(f"a list of more than {MOST_PAGES:,} pages of versions")
            yield from page.get("Versions", [])


def open_mirror(settings: Settings) -> Mirror | None:
    """Return the mirror that the environment configures (`s3://bucket/prefix`), or None.

    Raises:
        ConfigError: It is configured without saying for how long its objects are locked.
    """
    if not (url := settings.mirror_url):
        return None
    where = urlsplit(url)
    days = settings.mirror_days
    if where.scheme != "s3" or not where.netloc or not days.isdigit() or int(days) < 1:
        raise ConfigError(
            f"${URL}",
            expected=f"s3://bucket/prefix, and whole days in ${DAYS}",
            found="another form, or no days",
            remedy="How long the mirror is locked has no default.",
        )

    # Late, and botocore without boto3: most installations have no mirror, and start-up pays for it.
    import botocore.session

    session = botocore.session.get_session()
    if keys := settings.s3_keys:
        session.set_credentials(*keys)
    client = session.create_client("s3", endpoint_url=settings.mirror_endpoint or None)
    prefix = where.path.strip("/")
    return Mirror(client, where.netloc, f"{prefix}/" if prefix else "", int(days))


def _tiles(ledger: Ledger, start: int, end: int) -> Any:
    """Yield name and bytes of every tile that grew between two sizes.

    Partial tiles are written as far as they are filled, under a name that says how far
    (`.p/<width>`, tlog-tiles): a name stands for the same bytes for ever.
    """
    for level in range(-(-end.bit_length() // WIDTH_BITS)):
        first = start >> level * WIDTH_BITS
        # A tile of a level stands for 256 of the level below: only what is filled there counts
        # here.
        last = end >> level * WIDTH_BITS
        for tile in range(first // WIDTH, -(-last // WIDTH)):
            width = min(WIDTH, last - tile * WIDTH)
            suffix = "" if width == WIDTH else f".p/{width}"
            unit = RECORD_BYTES if level == 0 else 32
            data = ledger.store.tile(level, tile)[: width * unit]
            yield f"tile/{level}/{_numbered(tile)}{suffix}", b"".join(tile_hashes(level, data))

            # What the leaves' hashes are of, each with its length before it (tlog-tiles, entries).
            if level == 0:
                records = (
                    TAG + data[at : at + RECORD_BYTES] for at in range(0, len(data), RECORD_BYTES)
                )
                entries = b"".join(len(record).to_bytes(2) + record for record in records)
                yield f"tile/entries/{_numbered(tile)}{suffix}", entries


def _numbered(tile: int) -> str:
    """Return a tile's number as tlog-tiles writes it: x001/x234/067."""
    groups = [tile % 1000]
    while tile := tile // 1000:
        groups.append(tile % 1000)
    *upper, last = (f"{group:03d}" for group in reversed(groups))
    return "/".join([*(f"x{group}" for group in upper), last])


def _down(found: str) -> ServiceError:
    return ServiceError(
        "ledger's mirror",
        expected="to be written and read",
        found=found,
        remedy="The log itself is whole; push again.",
    )
