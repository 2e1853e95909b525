"""Where files lie: a folder of this machine or of a store behind fsspec, and what may be done to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Any

from tasks.errors import SealError, ServiceError
from tasks.sealed.objects import SealedFile, is_sealed

TAIL_BYTES = 65_536  # enough of a sealed file's end to hold its own words


class Rule(Enum):
    """What may be done to a file that holds the person in plain text."""

    REWRITE = "rewrite"  # take the person out of it, or remove it where that cannot be
    REMOVE = "remove"  # its name is the digest of its content: other bytes under it would be a lie
    REPORT = "report"  # it belongs to somebody else, or is attested: a person has to decide


@dataclass(frozen=True)
class Item:
    """One file."""

    place: "Place"
    path: str
    size: int

    @property
    def shown(self) -> str:
        """What a report calls it."""
        return f"{self.place.name}: {self.name}"

    @property
    def name(self) -> str:
        """Its path within the place."""
        return self.path.removeprefix(self.place.path).lstrip("/")

    def open(self) -> IO[bytes]:
        """Open it for reading."""
        opened: IO[bytes] = self.place.fs.open(self.path, "rb")
        return opened

    def read(self) -> bytes:
        """Return all of it."""
        with self.open() as stream:
            return stream.read()

    def sealed(self, stream: IO[bytes]) -> SealedFile | None:
        """Return it as a sealed file, if it is one; reads its two ends only."""
        if self.size < 12:
            return None
        head = stream.read(4)
        if head != b"PAR1":
            return None
        stream.seek(max(0, self.size - TAIL_BYTES))
        if not is_sealed(head, stream.read()):
            return None
        stream.seek(0)
        try:
            return SealedFile.open(stream, self.shown)
        except SealError:
            return None  # a stranger's parquet with our words in it: searched as plain bytes

    def remove(self) -> None:
        """Remove it, with its older versions where a bucket keeps them."""
        fs = self.place.fs
        fs.rm_file(self.path)
        if "s3" not in fs.protocol:
            return
        bucket, _, key = self.path.partition("/")
        found = fs.call_s3("list_object_versions", Bucket=bucket, Prefix=key)
        for version in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
            if version["Key"] == key and version["VersionId"] != "null":
                fs.call_s3("delete_object", Bucket=bucket, Key=key, VersionId=version["VersionId"])

    def replace(self, content: bytes) -> None:
        """Put other content in its place, whole or not at all."""
        if self.place.is_local:
            path = Path(self.path)
            draft = path.with_name(f".{path.name}.draft")
            draft.write_bytes(content)
            draft.chmod(path.stat().st_mode & 0o777)
            draft.replace(path)
        else:
            self.place.fs.pipe_file(self.path, content)


@dataclass(frozen=True)
class Place:
    """A folder of files. `fs` is an fsspec file system."""

    name: str
    fs: Any
    path: str
    rule: Rule
    skip: tuple[str, ...] = ()  # names of folders that are searched as another place

    @classmethod
    def local(cls, name: str, path: Path, rule: Rule, skip: tuple[str, ...] = ()) -> "Place":
        """Return a folder of this machine."""
        from fsspec.implementations.local import LocalFileSystem

        return cls(name, LocalFileSystem(), path.absolute().as_posix(), rule, skip)

    @property
    def is_local(self) -> bool:
        """Whether it lies on this machine."""
        return "file" in self.fs.protocol

    def items(self) -> Iterator[Item]:
        """Yield its files, sorted, so that a rerun takes the same way; none where there is no such folder."""
        try:
            self.fs.invalidate_cache()
            found = self.fs.find(self.path, detail=True)
        except FileNotFoundError:
            return
        except Exception as error:
            raise ServiceError(
                self.name,
                expected="to be searched",
                found=type(error).__name__,
                remedy="Make it reachable and run the same command again: it goes on where it stopped.",
            ) from error
        for path, facts in sorted(found.items()):
            inner = path.removeprefix(self.path).strip("/").split("/")
            if facts.get("type") == "file" and not set(inner) & set(self.skip):
                yield Item(self, path, int(facts.get("size") or 0))
