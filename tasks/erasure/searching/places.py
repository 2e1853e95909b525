"""Where files lie: a folder of this machine or of a store behind fsspec, and what may be done."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Any

from tasks.errors import SealError, ServiceError
from tasks.formats.whole_file import write_whole
from tasks.sealed.objects import SealedFile, is_sealed

# Of a sealed file only both ends are read to recognise it: Parquet writes its metadata, and with it
# our words, at the end (Apache Parquet's file format). 64 KiB hold the metadata of any of ours.
TAIL_BYTES = 65_536
PARQUET_MAGIC = b"PAR1"
# Parquet's smallest file: magic, length of an empty footer, magic.
SMALLEST_PARQUET_BYTES = 12
MOST_PAGES = 10_000  # of a listing of versions, a thousand on each


class PurgeRule(Enum):
    """What may be done to a file that holds the person in plain text."""

    REWRITE = "rewrite"  # take the person out of it
    REMOVE = "remove"  # its name is the digest of its content: other bytes under it would be a lie
    REPORT = "report"  # it belongs to somebody else, or is attested: a person has to decide


class EntryKind(Enum):
    """What else lies in a folder of this machine, beside files."""

    FOLDER = "folder"
    LINK = "link"  # never followed: what it points to belongs to another place, or to nobody here
    SPECIAL = "special"  # a socket, pipe or device: it holds nothing, and opening it may wait
    UNREADABLE = "unreadable"  # a folder that this account may not list


@dataclass(frozen=True)
class PlaceEntry:
    """Something in a place that is no file. Its name may be somebody's, too."""

    place: "Place"
    path: str
    kind: EntryKind
    target: str = ""  # of a link, as it is written

    @property
    def name(self) -> str:
        """Its path within the place."""
        return self.path.removeprefix(self.place.path).lstrip("/")

    @property
    def shown(self) -> str:
        """What a report calls it."""
        return f"{self.place.name}: {self.name or '.'}"

    @property
    def leads_out(self) -> bool:
        """Whether it is a link to something outside of its place."""
        if self.kind is not EntryKind.LINK:
            return False
        target = os.path.realpath(self.path)
        return not Path(target).is_relative_to(os.path.realpath(self.place.path))


@dataclass(frozen=True)
class StoredFile:
    """One file of a place."""

    place: "Place"
    path: str
    size_bytes: int

    @property
    def name(self) -> str:
        """Its path within the place."""
        return self.path.removeprefix(self.place.path).lstrip("/")

    @property
    def shown(self) -> str:
        """What a report calls it."""
        return f"{self.place.name}: {self.name}"

    def open(self) -> IO[bytes]:
        """Open it for reading."""
        stream: IO[bytes] = self.place.fs.open(self.path, "rb")
        return stream

    def read(self) -> bytes:
        """Return all of it."""
        with self.open() as stream:
            return stream.read()

    def read_sealed(self, stream: IO[bytes]) -> SealedFile | None:
        """Return it as a sealed file, if it is one; reads its two ends only."""
        if self.size_bytes < SMALLEST_PARQUET_BYTES:
            return None
        head = stream.read(len(PARQUET_MAGIC))
        if head != PARQUET_MAGIC:
            return None

        stream.seek(max(0, self.size_bytes - TAIL_BYTES))
        if not is_sealed(head, stream.read()):
            return None

        stream.seek(0)
        try:
            # By its path where it has one: its ids are found without decoding them.
            source = Path(self.path) if self.place.is_local else stream
            return SealedFile.open(source, self.shown)
        except SealError:
            # Somebody else's Parquet file with our words in it: it is searched as plain bytes.
            return None

    def remove(self) -> None:
        """Remove it, with its older versions where a bucket keeps them."""
        self.place.fs.rm_file(self.path)
        self._remove_versions(keeps_latest=False)

    def replace(self, content: bytes) -> None:
        """Put other content in its place, whole or not at all; its mode stays.

        Where a bucket keeps versions, those before it go: they hold what was taken out.
        """
        if not self.place.is_local:
            self.place.fs.pipe_file(self.path, content)
            self._remove_versions(keeps_latest=True)
            return

        write_whole(Path(self.path), content)

    def _remove_versions(self, *, keeps_latest: bool) -> None:
        """Remove what a bucket with versioning keeps of it; other stores keep nothing.

        DeleteObject only adds a delete marker there, and PutObject another version: the object is
        gone when each version and each marker is deleted by its id (Amazon S3, "Deleting object
        versions").
        """
        fs = self.place.fs
        if "s3" not in fs.protocol:
            return

        bucket, _, key = self.path.partition("/")
        for version in list(_list_versions(fs, bucket, key)):
            is_kept = keeps_latest and version.get("IsLatest")
            # The listing takes a prefix, so that other keys may begin with ours. "null" is the
            # version of a bucket that keeps none: it went with the file.
            if version["Key"] == key and version["VersionId"] != "null" and not is_kept:
                fs.call_s3("delete_object", Bucket=bucket, Key=key, VersionId=version["VersionId"])


@dataclass(frozen=True)
class Place:
    """A folder of files. `fs` is an fsspec file system."""

    name: str
    fs: Any
    path: str
    rule: PurgeRule
    skip: tuple[str, ...] = ()  # names of files and folders that are searched as another place
    skip_paths: frozenset[str] = frozenset()  # likewise, by their whole paths; on this machine only

    @classmethod
    def local(
        cls,
        name: str,
        path: Path,
        rule: PurgeRule,
        skip: tuple[str, ...] = (),
        skip_paths: Iterable[Path] = (),
    ) -> "Place":
        """Return a folder of this machine."""
        from fsspec.implementations.local import LocalFileSystem

        folder = path.absolute().as_posix()
        paths = frozenset(skipped.absolute().as_posix() for skipped in skip_paths)
        return cls(name, LocalFileSystem(), folder, rule, skip, paths)

    @property
    def is_local(self) -> bool:
        """Whether it lies on this machine."""
        return "file" in self.fs.protocol

    def files(self) -> Iterator[StoredFile]:
        """Yield its files, sorted, so that a rerun takes the same order; none where it is missing.

        Raises:
            ServiceError: The store does not answer. Nothing is ever passed over in silence.
        """
        for entry in self.entries():
            if isinstance(entry, StoredFile):
                yield entry

    def entries(self) -> Iterator[StoredFile | PlaceEntry]:
        """Yield its files, and of a folder of this machine all else that lies in it.

        Raises:
            ServiceError: The store does not answer.
        """
        if self.is_local:
            yield from self._walk(self.path)
            return

        try:
            # fsspec remembers listings: a file that was written meanwhile would not be listed.
            self.fs.invalidate_cache()
            listing = self.fs.find(self.path, detail=True)
        except FileNotFoundError:
            return
        except Exception as error:
            raise self.silence(type(error).__name__) from error

        for path, facts in sorted(listing.items()):
            parts = path.removeprefix(self.path).strip("/").split("/")
            if facts.get("type") == "file" and not set(parts) & set(self.skip):
                yield StoredFile(self, path, int(facts.get("size") or 0))

    def silence(self, kind_of_error: str) -> ServiceError:
        """Return the error of a store that does not answer."""
        return ServiceError(
            self.name,
            expected="to be searched",
            found=kind_of_error,
            remedy="Make it reachable and run the same command again: it goes on where it stopped.",
        )

    def _walk(self, folder: str) -> Iterator[StoredFile | PlaceEntry]:
        """Yield all that lies below a folder of this machine, each folder after its name."""
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except FileNotFoundError:  # the place is not there, or the folder went meanwhile
            return
        except OSError:
            yield PlaceEntry(self, folder, EntryKind.UNREADABLE)
            return

        for entry in entries:
            if entry.name in self.skip or entry.path in self.skip_paths:
                continue
            if entry.is_symlink():
                yield PlaceEntry(self, entry.path, EntryKind.LINK, _read_link(entry.path))
            elif entry.is_dir(follow_symlinks=False):
                yield PlaceEntry(self, entry.path, EntryKind.FOLDER)
                yield from self._walk(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield StoredFile(self, entry.path, _size_of(entry))
            else:
                yield PlaceEntry(self, entry.path, EntryKind.SPECIAL)


def _list_versions(fs: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield every version and delete marker below a prefix.

    S3 returns a thousand at a time, and says where to go on (`ListObjectVersions`).

    Raises:
        OSError: The store says that there is more, and not where; or its list has no end.
    """
    place: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        listing = fs.call_s3("list_object_versions", Bucket=bucket, Prefix=prefix, **place)
        yield from (*listing.get("Versions", ()), *listing.get("DeleteMarkers", ()))
        if not listing.get("IsTruncated"):
            return

        following = {
            marker: listing[f"Next{marker}"]
            for marker in ("KeyMarker", "VersionIdMarker")
            if listing.get(f"Next{marker}")
        }
        # What goes on where it began would never end.
        if not following or following == place:
            raise OSError("a listing of versions that does not go on")
        place = following
    raise OSError(f"a listing of more than {MOST_PAGES:,} pages of versions")


def _read_link(path: str) -> str:
    """Return where a link points, as it is written; nothing for one that went meanwhile."""
    try:
        return Path(path).readlink().as_posix()
    except OSError:
        return ""


def _size_of(entry: "os.DirEntry[str]") -> int:
    """Return how long a file is; one that went meanwhile is missed when it is opened."""
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


def version_places(workspace: Path) -> list[Place]:
    """Return where sealed versions lie: the working tree, DVC's cache and run cache, every remote.

    In the working tree a file may be rewritten. An object of DVC's is named by the digest of its
    content: DVC would restore other bytes under that name and call them up to date.
    """
    from tasks.pipeline.stores import list_version_stores

    stored = [
        Place(store.name, store.fs, store.path, PurgeRule.REMOVE) for store in list_version_stores()
    ]
    return [Place.local("data", workspace / "data", PurgeRule.REWRITE), *stored]
