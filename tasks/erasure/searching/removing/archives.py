"""Put other content into gzip and zip; headers, order, dates, and the other members stay."""

import io
import shutil
import zipfile
import zlib
from collections.abc import Callable
from copy import copy

from tasks.erasure.searching.unfolding.archives import IS_ENCRYPTED, ZIP_ERRORS

# RFC 1952, section 2.3: the fixed part of a header, and the flags of what may follow.
GZIP_HEADER_BYTES = 10
HAS_SUM = 0x02
HAS_EXTRA = 0x04
HAS_NAME = 0x08
HAS_COMMENT = 0x10
UNIX = 3  # system of a zip member whose attributes are a mode

Remove = Callable[[str, bytes], bytes]


def replace_in_gzip(content: bytes, inner: bytes) -> bytes:
    """Return a gzip file with other content under the header that it had: name, time, system."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = compressor.compress(inner) + compressor.flush()
    sums = zlib.crc32(inner).to_bytes(4, "little")
    size = (len(inner) & 0xFFFFFFFF).to_bytes(4, "little")
    return content[: _measure_header(content)] + body + sums + size


def _measure_header(content: bytes) -> int:
    flags = content[3]
    end = GZIP_HEADER_BYTES
    if flags & HAS_EXTRA:
        end += 2 + int.from_bytes(content[end : end + 2], "little")
    for flag in (HAS_NAME, HAS_COMMENT):
        if flags & flag:
            end = content.index(b"\x00", end) + 1
    return end + 2 if flags & HAS_SUM else end


def remove_from_zip(content: bytes, remove: Remove) -> bytes:
    """Return a zip archive whose members went through `remove`; others are copied as they are.

    Raises:
        ValueError: It cannot be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.header_offset)
            starts = [member.header_offset for member in members]
            if not members or len(set(starts)) < len(starts):
                raise ValueError

            sink = io.BytesIO(content[: starts[0]])
            with zipfile.ZipFile(sink, "a") as clean:
                clean.comment = archive.comment
                for member, end in zip(members, [*starts[1:], archive.start_dir], strict=True):
                    _copy_member(content[:end], archive, member, clean, sink, remove)
                # The directory lists members in its own order.
                written = dict(zip(starts, clean.filelist, strict=True))
                clean.filelist[:] = [written[item.header_offset] for item in archive.infolist()]
        return sink.getvalue()
    except ZIP_ERRORS as error:
        raise ValueError from error


def _copy_member(
    content: bytes,  # up to the next member
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    clean: zipfile.ZipFile,
    sink: io.BytesIO,  # what `clean` is written to
    remove: Remove,
) -> None:
    is_encrypted = bool(member.flag_bits & IS_ENCRYPTED)
    inner = b"" if is_encrypted else archive.read(member)
    replaced = inner if is_encrypted else remove(member.filename, inner)
    if replaced != inner:
        changed = copy(member)
        changed.create_system = member.create_system or UNIX
        clean.writestr(changed, replaced, compress_type=member.compress_type)
        return

    start = clean.start_dir
    sink.seek(start)
    shutil.copyfileobj(io.BytesIO(content[member.header_offset :]), sink)
    same = copy(member)
    same.header_offset = start
    clean.filelist.append(same)
    clean.NameToInfo[same.filename] = same
    clean.start_dir = sink.tell()
