"""Archives: zip, with the office documents that are zip, and tar. Members are read, not written."""

import io
import struct
import tarfile
import zipfile
import zlib
from lzma import LZMAError

from tasks.erasure.searching.unfolding.pieces import (
    BEYOND_BOUNDS,
    FREE_BYTES,
    MOST_RATIO,
    BeyondBoundsError,
    Budget,
    OpenedContainer,
)

ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # APPNOTE.TXT, sections 4.3.7 and 4.3.16
# POSIX.1-1988: the magic stands in the first header, behind name, modes and sums.
TAR_MAGIC = b"ustar"
TAR_MAGIC_START = 257
IS_ENCRYPTED = 0x1  # general purpose bit 0, APPNOTE.TXT, section 4.4.4

ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    struct.error,
    IndexError,
)


def is_zip(content: bytes) -> bool:
    """Say whether a content begins like a zip archive, or ends like one behind a program."""
    return content.startswith(ZIP_MAGICS) or (
        ZIP_MAGICS[1] in content[-66_000:] and zipfile.is_zipfile(io.BytesIO(content))
    )


def is_tar(content: bytes) -> bool:
    """Say whether a content begins like a tar archive."""
    return content.startswith(TAR_MAGIC, TAR_MAGIC_START)


def open_zip(content: bytes, budget: Budget) -> OpenedContainer:
    """Return the members of a zip archive, their names, and its comments."""
    opened = OpenedContainer()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            texts = [archive.comment]
            for member in archive.infolist():
                texts += (member.filename.encode(errors="replace"), member.comment)
                _read_member(archive, member, budget, opened)
            opened.parts.append(("names.txt", b"\n".join(texts)))
    except ZIP_ERRORS:
        if not content.startswith(ZIP_MAGICS):
            # The signature alone, as in the source of a program that writes archives.
            opened.is_whole = False
            return opened
        return opened.give_up("damaged zip")
    except BeyondBoundsError:
        opened.unsearched.append(BEYOND_BOUNDS)

    return opened


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: Budget, opened: OpenedContainer
) -> None:
    if member.flag_bits & IS_ENCRYPTED:
        opened.unsearched.append("encrypted zip")
        return

    most_bytes = min(budget.left_bytes, max(FREE_BYTES, MOST_RATIO * max(member.compress_size, 1)))
    try:
        with archive.open(member) as stream:
            inner = stream.read(most_bytes + 1)
    except NotImplementedError:
        opened.unsearched.append("zip in another compression")
        return
    except ZIP_ERRORS:
        # The other members may be whole.
        opened.unsearched.append("damaged zip")
        return

    opened.parts.append((member.filename, inner[:most_bytes]))
    if len(inner) > most_bytes:
        raise BeyondBoundsError
    budget.spend(len(inner))


def open_tar(content: bytes, budget: Budget) -> OpenedContainer:
    """Return the files of a tar archive, and the names and owners of all members."""
    opened = OpenedContainer()
    texts: list[str] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                texts += (member.name, member.linkname, member.uname, member.gname)
                texts += map(str, member.pax_headers.values())
                if not member.isfile():
                    continue
                # A sparse file claims any size; the archive has no more than its own bytes.
                if member.size > len(content):
                    raise EOFError
                stream = archive.extractfile(member)
                inner = stream.read() if stream else b""
                budget.spend(len(inner))
                opened.parts.append((member.name, inner))
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, IndexError):
        opened.give_up("damaged tar")
    except BeyondBoundsError:
        opened.give_up(BEYOND_BOUNDS)

    opened.parts.append(("names.txt", "\n".join(texts).encode(errors="replace")))
    return opened
