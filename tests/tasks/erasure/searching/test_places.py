"""Places: every file once and in order, a sealed one known by its ends, a store that is down."""

import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tasks.erasure.searching.places import (
    EntryKind,
    Place,
    PlaceEntry,
    PurgeRule,
    StoredFile,
    _size_of,
    version_places,
)
from tasks.errors import ServiceError
from tests.tasks.erasure.small_installation import CASE, SmallInstallation, write


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("b.txt", "a.txt", "sub/c.txt", "secret.key", "other/d.txt"):
        write(tmp_path / "place" / name, name)
    return Place.local("a place", tmp_path / "place", PurgeRule.REWRITE, ("secret.key", "other"))


def file_named(place: Place, name: str) -> StoredFile:
    return next(stored for stored in place.files() if stored.name == name)


def read_sealed_rows(stored: StoredFile) -> int | None:
    with stored.open() as stream:
        sealed = stored.read_sealed(stream)
        return None if sealed is None else sealed.rows


def test_files_come_sorted_and_without_what_is_searched_elsewhere(place: Place) -> None:
    assert [stored.name for stored in place.files()] == ["a.txt", "b.txt", "sub/c.txt"]


def test_a_file_is_shown_with_its_place_and_not_with_its_whole_path(place: Place) -> None:
    assert file_named(place, "sub/c.txt").shown == "a place: sub/c.txt"


def test_a_file_that_was_written_meanwhile_is_listed(place: Place) -> None:
    before = len(list(place.files()))
    write(Path(place.path) / "z.txt", "z")

    assert len(list(place.files())) == before + 1


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert list(Place.local("x", tmp_path / "none", PurgeRule.REWRITE).files()) == []


def test_a_store_that_does_not_answer_is_an_error_and_never_an_empty_place() -> None:
    class DownFileSystem(MemoryFileSystem):  # type: ignore[misc]
        cachable = False

        def find(self, *_: Any, **__: Any) -> None:
            raise ConnectionError("down")

    place = Place("remote", DownFileSystem(), "/x", PurgeRule.REMOVE)

    with pytest.raises(ServiceError, match=r"remote: expected to be searched.*ConnectionError"):
        list(place.files())


def test_folders_links_and_pipes_are_entries_and_no_link_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "x.txt", "x")
    folder = tmp_path / "place"
    write(folder / "sub" / "a.txt", "a")
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    (folder / "within").symlink_to("sub")
    os.mkfifo(folder / "pipe")

    entries = list(Place.local("x", folder, PurgeRule.REWRITE).entries())

    assert [(entry.name, type(entry)) for entry in entries] == [
        ("out", PlaceEntry),
        ("pipe", PlaceEntry),
        ("sub", PlaceEntry),
        ("sub/a.txt", StoredFile),
        ("within", PlaceEntry),
    ]
    others = [entry for entry in entries if isinstance(entry, PlaceEntry)]
    assert [(entry.kind, entry.leads_out) for entry in others] == [
        (EntryKind.LINK, True),
        (EntryKind.SPECIAL, False),
        (EntryKind.FOLDER, False),
        (EntryKind.LINK, False),
    ]
    assert others[-1].target == "sub"


def test_a_folder_that_may_not_be_listed_is_an_entry_and_the_rest_is_listed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("/sub"):
            raise PermissionError
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)

    kinds = {entry.shown: getattr(entry, "kind", None) for entry in place.entries()}

    assert kinds["a place: sub"] is EntryKind.UNREADABLE
    assert kinds["a place: b.txt"] is None


def test_what_goes_while_it_is_listed_is_listed_as_well_as_can_be(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(place.path) / "link").symlink_to("a.txt")
    gone = FileNotFoundError()

    def vanish(*_: object, **__: object) -> Any:
        raise gone

    monkeypatch.setattr(Path, "readlink", vanish)
    targets = [entry.target for entry in place.entries() if isinstance(entry, PlaceEntry)]
    entry = Mock(stat=Mock(side_effect=gone))

    assert targets == ["", ""]  # of the link and of the folder `sub`
    assert _size_of(entry) == 0


def test_a_replaced_file_keeps_its_mode_and_leaves_no_draft(place: Place) -> None:
    stored = file_named(place, "a.txt")
    path = Path(stored.path)
    path.chmod(0o640)

    stored.replace(b"clean")

    assert path.read_bytes() == b"clean"
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in path.parent.glob("*a.txt*")) == ["a.txt"]


def test_a_removed_file_is_gone(place: Place) -> None:
    file_named(place, "a.txt").remove()

    assert [stored.name for stored in place.files()] == ["b.txt", "sub/c.txt"]


class VersionedBucket:
    """What of S3 is asked to remove a file, two versions at a time."""

    protocol = ("s3",)

    def __init__(self, versions: list[tuple[str, str]], *, is_stuck: bool = False) -> None:
        self.versions = versions
        self.is_stuck = is_stuck

    def rm_file(self, path: str) -> None:
        self.versions.append((path.partition("/")[2], "marker"))

    def pipe_file(self, path: str, content: bytes) -> None:
        self.versions.append((path.partition("/")[2], f"new, {content!r}"))

    def call_s3(self, method: str, **options: str) -> dict[str, Any]:
        if method == "delete_object":
            self.versions.remove((options["Key"], options["VersionId"]))
            return {}
        begin = 0 if self.is_stuck else int(options.get("VersionIdMarker", 0))
        page = [version for version in self.versions if version[0].startswith(options["Prefix"])]
        answer: dict[str, Any] = {
            "Versions": [
                {"Key": key, "VersionId": v, "IsLatest": (key, v) == self.versions[-1]}
                for key, v in page[begin : begin + 2]
            ],
            "IsTruncated": begin + 2 < len(page),
        }
        if answer["IsTruncated"]:
            answer |= {"NextKeyMarker": "x", "NextVersionIdMarker": str(begin + 2)}
        return answer


def test_every_version_goes_however_many_there_are() -> None:
    bucket = VersionedBucket([("a", "1"), ("a", "2"), ("a", "3"), ("ab", "1"), ("a", "4")])
    StoredFile(Place("a bucket", bucket, "bucket", PurgeRule.REMOVE), "bucket/a", 1).remove()
    assert bucket.versions == [("ab", "1")]


def test_what_was_masked_in_a_bucket_stays_in_no_older_version() -> None:
    bucket = VersionedBucket([("a", "1"), ("a", "2"), ("ab", "1"), ("a", "3")])
    StoredFile(Place("a bucket", bucket, "bucket", PurgeRule.REWRITE), "bucket/a", 1).replace(b"x")
    assert bucket.versions == [("ab", "1"), ("a", "new, b'x'")]


def test_a_listing_that_does_not_go_on_is_an_error_and_no_loop() -> None:
    bucket = VersionedBucket([("a", "1"), ("a", "2"), ("a", "3")], is_stuck=True)
    with pytest.raises(OSError, match="does not go on"):
        StoredFile(Place("a bucket", bucket, "bucket", PurgeRule.REMOVE), "bucket/a", 1).remove()


class EndlessBucket(VersionedBucket):
    """A store that always knows where to go on."""

    def __init__(self) -> None:
        super().__init__([("a", "1")])
        self.asked = 0

    def call_s3(self, method: str, **options: str) -> dict[str, Any]:
        del method, options
        self.asked += 1
        return {"IsTruncated": True, "NextKeyMarker": "a", "NextVersionIdMarker": f"{self.asked:d}"}


def test_a_listing_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.erasure.searching.places.MOST_PAGES", 3)
    bucket = EndlessBucket()
    with pytest.raises(OSError, match="more than 3 pages of versions"):
        StoredFile(Place("a bucket", bucket, "bucket", PurgeRule.REMOVE), "bucket/a", 1).remove()
    assert bucket.asked == 3


def test_a_file_of_a_remote_store_is_read_replaced_and_removed_there() -> None:
    fs = MemoryFileSystem(skip_instance_cache=True)
    fs.pipe_file("/bucket/a.txt", b"before")
    place = Place("cloud", fs, "/bucket", PurgeRule.REWRITE)
    (stored,) = place.files()
    assert not place.is_local
    assert stored.read() == b"before"

    stored.replace(b"after")
    assert fs.cat_file("/bucket/a.txt") == b"after"

    stored.remove()
    assert list(place.files()) == []


def test_a_remote_store_yields_files_beside_what_is_skipped_and_may_be_missing() -> None:
    fs = MemoryFileSystem(skip_instance_cache=True)
    fs.pipe_file("/remote-place/a.txt", b"a")
    fs.pipe_file("/remote-place/keys/b.txt", b"b")
    place = Place("cloud", fs, "/remote-place", PurgeRule.REWRITE, ("keys",))

    assert [stored.name for stored in place.files()] == ["a.txt"]

    missing = Mock(protocol="s3", find=Mock(side_effect=FileNotFoundError))
    assert list(Place("cloud", missing, "bucket", PurgeRule.REWRITE).files()) == []


def test_a_sealed_file_is_known_as_one(small_installation: SmallInstallation) -> None:
    folder = small_installation.workspace / "data" / CASE / "ingest"
    place = Place.local("data", folder, PurgeRule.REWRITE)

    assert read_sealed_rows(file_named(place, "rows.parquet")) == 40


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PAR1", id="shorter than any Parquet file"),
        pytest.param(b"PAR1" + b"x" * 100 + b"PAR1", id="not what it looks like"),
        pytest.param(b"email\nann@example.org\n", id="text"),
    ],
)
def test_any_other_file_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    (stored,) = Place.local("x", tmp_path, PurgeRule.REWRITE).files()

    assert read_sealed_rows(stored) is None


def test_a_damaged_file_with_our_words_in_it_is_searched_as_plain_bytes(
    small_installation: SmallInstallation, tmp_path: Path
) -> None:
    whole = small_installation.versions[0].read_bytes()
    folder = tmp_path / "damaged"
    folder.mkdir()
    # Another length of the footer, which stands before the last magic.
    (folder / "x").write_bytes(whole[:-8] + b"\xff\xff\xff\x7f" + whole[-4:])
    (stored,) = Place.local("x", folder, PurgeRule.REWRITE).files()

    assert read_sealed_rows(stored) is None


def test_versions_lie_in_the_working_tree_the_cache_and_every_remote(
    small_installation: SmallInstallation,
) -> None:
    rules = {place.name: place.rule for place in version_places(small_installation.workspace)}

    assert rules == {
        "data": PurgeRule.REWRITE,
        "DVC cache": PurgeRule.REMOVE,
        "DVC remote there": PurgeRule.REMOVE,
    }
