"""The mirror against a store in memory that does what S3 does with locks, versions, conditions."""

# ruff: noqa: N803 (the names of arguments are those of S3's own API)

import io
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tasks.anchoring import mirror as mirror_module
from tasks.anchoring.mirror import Mirror, open_mirror
from tasks.errors import ConfigError, EvidenceError, ServiceError
from tasks.ledger.tiles import Record
from tests.installations import settings_now
from tests.tasks.small_log import SmallLog

BUCKET = "log"
KEEP_DAYS = 30
VERSIONS_A_PAGE = 10  # S3 has a thousand


class MemoryStore:
    """The four calls of an S3 client that a mirror makes; faults are set from outside."""

    def __init__(self) -> None:
        self.versions: dict[str, list[bytes]] = {}  # the oldest first
        self.locks: dict[str, tuple[str, datetime]] = {}
        self.order: list[str] = []
        self.deleted: set[str] = set()
        self.fails_after_puts: int | None = None
        self.error_code = ""

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        IfNoneMatch: str,
        ObjectLockMode: str,
        ObjectLockRetainUntilDate: datetime,
    ) -> None:
        """Write an object that is not there yet."""
        assert (Bucket, IfNoneMatch) == (BUCKET, "*")
        if self.fails_after_puts is not None and len(self.order) >= self.fails_after_puts:
            raise EndpointConnectionError(endpoint_url="https://s3.example")
        if self.error_code:
            raise client_error(self.error_code)
        if Key in self.versions:
            raise client_error("PreconditionFailed")
        self.versions[Key] = [Body]
        self.locks[Key] = (ObjectLockMode, ObjectLockRetainUntilDate)
        self.order.append(Key)

    def overwrite(self, key: str, data: bytes) -> None:
        """Put another version over one, as somebody can who sets no condition."""
        self.versions[key].append(data)

    def mark_deleted(self, key: str) -> None:
        """Put a delete marker on an object, as its writer can although its versions are locked."""
        self.deleted.add(key)

    def get_object(self, *, Bucket: str, Key: str, VersionId: str) -> dict[str, Any]:
        """Return one version."""
        assert Bucket == BUCKET
        return {"Body": io.BytesIO(self.versions[Key][int(VersionId)])}

    def get_paginator(self, operation: str) -> "MemoryStore":
        """Return what lists versions."""
        assert operation == "list_object_versions"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        """List versions as S3 does, the newest first and so many a page; a last page without any.

        Markers are apart from versions, and hide none.
        """
        assert Bucket == BUCKET
        if self.error_code:
            raise client_error(self.error_code)
        day = datetime(2026, 1, 1, tzinfo=UTC)
        versions = [
            {"Key": key, "VersionId": str(number), "LastModified": day + timedelta(number)}
            for key, bodies in sorted(self.versions.items())
            for number in reversed(range(len(bodies)))
            if key.startswith(Prefix)
        ]
        markers = [{"Key": key} for key in sorted(self.deleted) if key.startswith(Prefix)]
        pages = [
            {"Versions": versions[at : at + VERSIONS_A_PAGE], "DeleteMarkers": markers}
            for at in range(0, len(versions), VERSIONS_A_PAGE)
        ]
        return [*pages, {}]


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "PutObject")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def mirror(store: MemoryStore) -> Mirror:
    return Mirror(store, BUCKET, "ledger/", KEEP_DAYS)


def test_an_empty_mirror_has_no_checkpoint(mirror: Mirror) -> None:
    assert mirror.newest() is None


def test_what_was_pushed_is_the_newest_checkpoint(small: SmallLog, mirror: Mirror) -> None:
    small.add(3)
    assert mirror.push(small.ledger) == 3
    assert mirror.newest() == small.note


def test_every_object_lies_below_the_prefix(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    mirror.push(small.ledger)
    assert {key.partition("/")[0] for key in store.versions} == {"ledger"}


def test_every_object_is_locked_for_the_days_that_were_asked_for(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    mirror.push(small.ledger)
    assert {mode for mode, _ in store.locks.values()} == {"COMPLIANCE"}
    expected = datetime.now(UTC) + timedelta(days=KEEP_DAYS)
    assert all(abs(until - expected) < timedelta(minutes=5) for _, until in store.locks.values())


def test_the_checkpoint_is_written_last(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    mirror.push(small.ledger)
    assert store.order[-1] == "ledger/checkpoint/0000000000000003"


def test_checkpoints_sort_by_size(small: SmallLog, mirror: Mirror) -> None:
    for entries in (9, 2):
        small.add(entries)
        mirror.push(small.ledger)
    assert mirror.newest() == small.note


def test_a_push_writes_what_is_new_alone(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    mirror.push(small.ledger)
    before = len(store.order)
    small.add(1)
    mirror.push(small.ledger)
    kinds = [key.split("/")[1] for key in store.order[before:]]
    assert sorted(kinds) == ["body", "checkpoint", "tile", "tile"]


def test_a_tile_is_named_by_how_far_it_is_filled(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(256)
    mirror.push(small.ledger)
    small.add(1)
    mirror.push(small.ledger)
    tiles = {key for key in store.versions if key.startswith("ledger/tile/")}
    assert {"ledger/tile/0/000", "ledger/tile/0/001.p/1", "ledger/tile/1/000.p/1"} <= tiles
    assert "ledger/tile/0/000.p/256" not in tiles


def test_a_lost_mark_costs_nothing_but_time(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    mirror.push(small.ledger)
    before = dict(store.versions)
    with small.ledger.store.appending():
        small.ledger.store.put_mark(f"mirror {BUCKET}/ledger/", "0")
    assert mirror.push(small.ledger) == 3
    assert store.versions == before


def test_a_push_that_broke_off_shows_no_checkpoint_and_goes_on(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    store.fails_after_puts = 4
    with pytest.raises(ServiceError, match="EndpointConnectionError"):
        mirror.push(small.ledger)
    assert mirror.newest() is None

    store.fails_after_puts = None
    assert mirror.push(small.ledger) == 3
    assert mirror.newest() == small.note


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "SlowDown"])
def test_an_error_of_the_store_is_named_by_its_code(
    small: SmallLog, mirror: Mirror, store: MemoryStore, code: str
) -> None:
    small.add(1)
    store.error_code = code
    with pytest.raises(ServiceError, match=f"found {code}"):
        mirror.push(small.ledger)


def test_a_mirror_that_cannot_be_listed_is_down(mirror: Mirror, store: MemoryStore) -> None:
    store.error_code = "AccessDenied"
    with pytest.raises(ServiceError, match="ledger's mirror"):
        mirror.newest()


def test_a_forged_newer_version_is_not_read(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    mirror.push(small.ledger)
    store.overwrite("ledger/checkpoint/0000000000000003", b"forged")
    assert mirror.newest() == small.note


def test_so_many_forged_versions_that_the_oldest_is_on_a_later_page_hide_nothing(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    mirror.push(small.ledger)
    for _ in range(VERSIONS_A_PAGE):
        store.overwrite("ledger/checkpoint/0000000000000003", b"forged")
    assert mirror.newest() == small.note


def test_a_checkpoint_with_a_delete_marker_is_still_the_newest(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    mirror.push(small.ledger)
    small.add(2)
    mirror.push(small.ledger)
    store.mark_deleted("ledger/checkpoint/0000000000000005")
    assert mirror.newest() == small.note


def test_a_checkpoint_that_is_no_text_is_read_as_far_as_it_is_one(
    mirror: Mirror, store: MemoryStore
) -> None:
    store.versions["ledger/checkpoint/0000000000000003"] = [b"\xff\xfe"]
    assert mirror.newest() == "\ufffd\ufffd"


def test_a_forged_newer_version_stops_no_push(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    mirror.push(small.ledger)
    store.overwrite("ledger/checkpoint/0000000000000003", b"forged")
    assert mirror.push(small.ledger) == 3


def test_other_bytes_under_a_name_stop_the_push_and_are_named(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    store.versions["ledger/tile/0/000.p/3"] = [b"others"]
    with pytest.raises(EvidenceError, match=r"mirror, tile/0/000\.p/3: .*written earlier"):
        mirror.push(small.ledger)
    assert mirror.newest() is None


def test_a_name_that_begins_alike_is_another_object(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    """S3 lists versions by prefix: `x.bak` comes with `x`."""
    small.add(3)
    mirror.push(small.ledger)
    store.versions["ledger/tile/0/000.p/3.bak"] = [b"others"]
    assert mirror.push(small.ledger) == 3


def test_two_prefixes_of_a_bucket_are_two_mirrors(
    small: SmallLog, mirror: Mirror, store: MemoryStore
) -> None:
    small.add(3)
    mirror.push(small.ledger)
    other = Mirror(store, BUCKET, "", KEEP_DAYS)
    assert other.newest() is None
    other.push(small.ledger)
    assert other.newest() == mirror.newest() == small.note


def test_an_envelope_that_was_pruned_is_left_out(
    small: SmallLog, mirror: Mirror, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.add(3)
    entries = list(small.ledger.entries(0, 3))
    pruned: list[tuple[int, Record, bytes | None]] = [
        (index, record, None if index == 1 else body) for index, record, body in entries
    ]
    monkeypatch.setattr(small.ledger, "entries", lambda *_: iter(pruned))
    mirror.push(small.ledger)
    bodies = {key.rpartition("/")[2] for key in store.versions if "/body/" in key}
    assert bodies == {entries[index][1].envelope_sha256.hex() for index in (0, 2)}


def configure(monkeypatch: pytest.MonkeyPatch, url: str, days: str) -> None:
    monkeypatch.setenv("PORTCULLIS_LEDGER_MIRROR", url)
    monkeypatch.setenv("PORTCULLIS_LEDGER_MIRROR_DAYS", days)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def test_without_an_address_there_is_no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, "", "30")
    assert open_mirror(settings_now()) is None


@pytest.mark.parametrize("url", ["log/ledger", "https://log/ledger", "s3://", "s3:///ledger"])
def test_an_address_of_another_form_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    configure(monkeypatch, url, "30")
    with pytest.raises(ConfigError, match=r"\$PORTCULLIS_LEDGER_MIRROR: expected s3://"):
        open_mirror(settings_now())


@pytest.mark.parametrize("days", ["", "0", "-1", "1.5", "a month"])
def test_how_long_objects_are_locked_has_to_be_said(
    monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    configure(monkeypatch, "s3://log/ledger", days)
    with pytest.raises(ConfigError, match="has no default"):
        open_mirror(settings_now())


@pytest.mark.parametrize("url", ["s3://log", "s3://log/ledger", "s3://log/ledger/"])
def test_an_address_in_s3_is_a_mirror(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    configure(monkeypatch, url, "1")
    assert isinstance(open_mirror(settings_now()), Mirror)


def test_a_list_of_versions_without_an_end_is_not_read_for_ever(
    mirror: Mirror, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_module, "MOST_PAGES", 3)
    monkeypatch.setattr(store, "paginate", lambda **_: itertools.repeat({"Versions": []}))
    with pytest.raises(ServiceError, match="more than 3 pages of versions"):
        mirror.newest()
