"""Archives of which there is exactly one for their contents: sorted, stored, dated 1980.

Two readers of one ZIP can see two contents: entries that overlap, sizes that lie, a second
directory, a name that leads elsewhere. So nothing is interpreted here. Every header is computed
from what the directory claims and compared byte for byte with what lies there, and the files have
to fill the archive without a gap or an overlap: what is read is the archive that `archive` writes.
It follows that no file is larger than the archive, and that nothing grows when it is unpacked.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tasks.errors import ConfigError, EvidenceError
from tasks.formats.regular_file import describe_unreadable

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a ZIP can say
DOS_DATE = 1 << 5 | 1  # of that day: the year since 1980, the month, the day

# The three records of a ZIP (APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16).
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
CENTRAL_RECORD = struct.Struct("<4s6H3L5H2L")
END_RECORD = struct.Struct("<4s4H2LH")
LOCAL_SIGNATURE = b"PK\x03\x04"
CENTRAL_SIGNATURE = b"PK\x01\x02"
END_SIGNATURE = b"PK\x05\x06"

VERSION = 20  # 2.0, which every reader knows
UNIX_VERSION = (
    3 << 8 | VERSION
)  # made on Unix, whose mode is in the upper 16 bits of the attributes
ATTRIBUTES = 0o644 << 16  # a plain file's: no link, no folder, no device

# At most; a complete bundle has some 2,000 files. Far below 65,535, where ZIP64 would begin.
MOST_FILES = 16_384
MOST_NAME_BYTES = 200
# Parts of letters, digits and `._-` that do not begin with a dot: no way up, out, or to a device.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """Where a file's bytes lie in an archive, and what they have to come to."""

    name: str
    start: int
    size_bytes: int
    crc: int

    @property
    def header_start(self) -> int:
        """Where its local header begins."""
        return self.start - len(self.name) - LOCAL_HEADER.size

    @property
    def end(self) -> int:
        """Where its bytes end."""
        return self.start + self.size_bytes

    def local_header(self) -> bytes:
        """Return the header before its bytes."""
        name = self.name.encode("ascii")
        # Signature, version needed, flags, method (stored), time, date; then crc and both sizes;
        # then the lengths of name and extra field.
        fixed = (LOCAL_SIGNATURE, VERSION, 0, 0, 0, DOS_DATE)
        return LOCAL_HEADER.pack(*fixed, *self._sums(), len(name), 0) + name

    def central_record(self) -> bytes:
        """Return its line in the directory."""
        name = self.name.encode("ascii")
        # As above, with who made it in front. At the end: lengths of name, extra field and comment,
        # disk, internal and external attributes, and where the local header is.
        fixed = (CENTRAL_SIGNATURE, UNIX_VERSION, VERSION, 0, 0, 0, DOS_DATE)
        rest = (len(name), 0, 0, 0, 0, ATTRIBUTES, self.header_start)
        return CENTRAL_RECORD.pack(*fixed, *self._sums(), *rest) + name

    def _sums(self) -> tuple[int, int, int]:
        return self.crc, self.size_bytes, self.size_bytes


class StoredArchive:
    """An open archive whose layout was verified. A file's bytes are read when it is taken.

    A file is taken once; `names` holds those that were not.
    """

    def __init__(self, stream: BinaryIO, files: dict[str, ArchivedFile]) -> None:
        self._stream = stream
        self._files = files

    @property
    def names(self) -> tuple[str, ...]:
        """The files that were not taken yet, sorted."""
        return tuple(self._files)

    def take(self, name: str, most_bytes: int) -> bytes | None:
        """Return a file's bytes; None where there is none of this name, or it was taken.

        Args:
            name: The file.
            most_bytes: What it may have; a larger one is refused before it is read.

        Raises:
            EvidenceError: It is larger, or its bytes are not what its header says.
        """
        file = self._files.pop(name, None)
        if file is None:
            return None
        if file.size_bytes > most_bytes:
            raise wrong(name, f"at most {most_bytes:,} bytes", f"{file.size_bytes:,}")

        data = read_at(self._stream, file.start, file.size_bytes)
        if len(data) != file.size_bytes or zlib.crc32(data) != file.crc:
            raise wrong(name, "the bytes that its checksum is of", "others")
        return data


def archive(files: dict[str, bytes]) -> bytes:
    """Return the one archive that holds these files."""
    body = bytearray()
    directory = bytearray()
    for name in sorted(files):
        data = files[name]
        start = len(body) + LOCAL_HEADER.size + len(name)
        file = ArchivedFile(name, start, len(data), zlib.crc32(data))
        body += file.local_header() + data
        directory += file.central_record()
    return bytes(body + directory) + _end_record(len(files), len(directory), len(body))


@contextmanager
def open_archive(path: Path, most_bytes: int) -> Iterator[StoredArchive]:
    """Yield an archive, its layout verified.

    In memory are the directory's names and places, and one header at a time: some 6 MB for the
    most files that are let in, whatever the archive's size.

    Args:
        path: The file.
        most_bytes: What the archive may have; a larger one is not opened.

    Raises:
        ConfigError: There is no such file, it may not be read, or it is larger.
        EvidenceError: It is not byte for byte an archive that `archive` writes.
    """
    try:
        is_there = path.is_file()
    except OSError:  # a name that no file of this system can have
        is_there = False

    if not is_there:
        raise ConfigError(
            path.name[:MOST_NAME_BYTES],
            expected="an archive",
            found="no such file",
            remedy="Name the archive.",
        )

    try:
        stream = path.open("rb")
    except OSError as error:
        raise ConfigError(
            path.name,
            expected="an archive that may be read",
            found=describe_unreadable(error),
            remedy="Let the account that verifies read it.",
        ) from error

    with stream:
        size_bytes = stream.seek(0, 2)
        if size_bytes > most_bytes:
            raise ConfigError(
                path.name,
                expected=f"an archive of at most {most_bytes >> 20} MiB",
                found=f"{size_bytes:,} bytes",
                remedy="A bundle has a few MiB. `--max-mib` lets a larger one in, and takes some "
                "four times its size in memory.",
            )
        yield StoredArchive(stream, _read_layout(stream, size_bytes, path.name))


def read_at(stream: BinaryIO, start: int, size_bytes: int) -> bytes:
    """Return the bytes at a place of a file; fewer where it ends before."""
    stream.seek(start)
    return stream.read(size_bytes)


def wrong(where: str, expected: str, found: str) -> EvidenceError:
    """Return the error about an archive that does not verify."""
    return EvidenceError(
        where,
        expected=expected,
        found=found,
        remedy="Do not rely on this archive; ask for it again.",
    )


def _read_layout(stream: BinaryIO, size_bytes: int, name: str) -> dict[str, ArchivedFile]:
    """Return the files by name, in order; every byte that is not a file's is compared here."""
    # 1. The archive ends in the one record that says where its directory is, without a comment.
    count, directory_start = _read_end(stream, size_bytes, name)

    # 2. Each line of the directory is the one that its file has, and files come in order, each
    #    where the one before ends. The sum of the sizes is so held against the archive's own.
    files: dict[str, ArchivedFile] = {}
    last_name = ""
    place = 0
    stream.seek(directory_start)
    for _ in range(count):
        file = _read_record(stream, place, name)
        if file.name <= last_name or file.end > directory_start:
            raise _not_ours(name, "files in order, each once, and none over another")
        files[file.name] = file
        last_name = file.name
        place = file.end
    if place != directory_start or stream.tell() != size_bytes - END_RECORD.size:
        raise _not_ours(name, "nothing but its files and their directory")

    # 3. Before each file stands the header that it has.
    for file in files.values():
        header = file.local_header()
        if read_at(stream, file.header_start, len(header)) != header:
            raise _not_ours(name, f"the header of {file.name} that the directory says")
    return files


def _read_end(stream: BinaryIO, size_bytes: int, name: str) -> tuple[int, int]:
    """Return how many files the archive has, and where its directory begins."""
    if size_bytes < END_RECORD.size:
        raise wrong(name, "a whole archive", f"{size_bytes} bytes")
    record = read_at(stream, size_bytes - END_RECORD.size, END_RECORD.size)
    count, directory_bytes, directory_start = END_RECORD.unpack(record)[4:7]

    if record != _end_record(count, directory_bytes, directory_start):
        raise _not_ours(name, "an end without a comment, a second disk or ZIP64")
    if count > MOST_FILES:
        raise wrong(name, f"at most {MOST_FILES:,} files", f"{count:,}")
    if directory_start + directory_bytes != size_bytes - END_RECORD.size:
        raise _not_ours(name, "its directory right before its end")
    return count, directory_start


def _read_record(stream: BinaryIO, place: int, name: str) -> ArchivedFile:
    """Return the file that the next line of the directory is about, and that begins at `place`."""
    fixed = stream.read(CENTRAL_RECORD.size)
    if len(fixed) < CENTRAL_RECORD.size:
        raise wrong(name, "a whole archive", "one that ends in its directory")
    values = CENTRAL_RECORD.unpack(fixed)
    crc, size_bytes, name_bytes = values[7], values[8], values[10]

    raw_name = stream.read(min(name_bytes, MOST_NAME_BYTES + 1))
    text = raw_name.decode("ascii", "replace")
    if len(raw_name) > MOST_NAME_BYTES or not NAME.fullmatch(text):
        raise _not_ours(name, "names of letters, digits and `._-/`, which lead nowhere else")

    file = ArchivedFile(text, place + LOCAL_HEADER.size + len(text), size_bytes, crc)
    if fixed + raw_name != file.central_record():
        raise _not_ours(name, f"{text} stored as it is, a plain file, right after the one before")
    return file


def _end_record(count: int, directory_bytes: int, directory_start: int) -> bytes:
    # Signature, this disk, the directory's disk, its files here and in all, size, place, comment.
    return END_RECORD.pack(END_SIGNATURE, 0, 0, count, count, directory_bytes, directory_start, 0)


def _not_ours(name: str, expected: str) -> EvidenceError:
    return wrong(name, expected, "an archive that was changed or packed again")
