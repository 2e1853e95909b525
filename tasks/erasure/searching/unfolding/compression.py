"""Compressed streams: gzip, zlib, bzip2, xz, LZMA, zstd, LZ4 and Brotli, within bounds."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from tasks.erasure.searching.unfolding.pieces import (
    BEYOND_BOUNDS,
    FREE_BYTES,
    MOST_RATIO,
    BeyondBoundsError,
    Budget,
    OpenedContainer,
)

CHUNK_BYTES = 1024**2

# RFC 1952, section 2.3.1; RFC 8878, sections 3.1.1 and 3.1.2; LZ4 frame format; xz file format.
GZIP_MAGIC = b"\x1f\x8b\x08"
BZ2_MAGIC = b"BZh"
# Behind the digit of the level: a block, or the end of an empty file. "BZh" alone is a text.
BZ2_BLOCKS = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")
XZ_MAGIC = b"\xfd7zXZ\x00"
# Properties of level 6 and a dictionary of at least 64 KiB: what `lzma` and Python write.
LZMA_MAGIC = b"\x5d\x00\x00"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
LZ4_MAGIC = b"\x04\x22\x4d\x18"
# The first byte of DEFLATE with a window of 32 KiB; both bytes are a multiple of 31 (RFC 1950).
ZLIB_FIRST = 0x78
SMALLEST_ZLIB_BYTES = 8

Decompressor = Callable[[], Any]


def _gzip() -> Any:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


STREAMS: tuple[tuple[str, bytes, Decompressor], ...] = (
    ("gzip", GZIP_MAGIC, _gzip),
    ("bzip2", BZ2_MAGIC, bz2.BZ2Decompressor),
    ("xz", XZ_MAGIC, lzma.LZMADecompressor),
    ("LZMA", LZMA_MAGIC, lzma.LZMADecompressor),
)
CODECS = (("zstd", ZSTD_MAGIC), ("lz4", LZ4_MAGIC))
SUFFIXES = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "LZMA": ".lzma", "zstd": ".zst"}


def open_stream(name: str, content: bytes, budget: Budget) -> OpenedContainer | None:
    """Return what a compressed file holds, as far as it can be read; nothing for another."""
    for kind, magic, make in STREAMS:
        if content.startswith(magic) and (kind != "bzip2" or content[4:10] in BZ2_BLOCKS):
            return _open_members(kind, name, content, make, budget, magic)

    for codec, magic in CODECS:
        if content.startswith(magic):
            return _open_codec(codec, name, content, budget)

    if is_zlib(content):
        opened = _open_members("zlib", name, content, zlib.decompressobj, budget, b"")
        # Two bytes are little: what cannot be read at all was never compressed.
        return opened if opened.is_whole or opened.parts else None
    if PurePosixPath(name).suffix == ".br":
        return _open_codec("brotli", name, content, budget)
    return None


def is_zlib(content: bytes) -> bool:
    """Say whether a content begins like a zlib stream."""
    return (
        len(content) >= SMALLEST_ZLIB_BYTES
        and content[0] == ZLIB_FIRST
        and int.from_bytes(content[:2]) % 31 == 0
    )


def inflate(content: bytes, make: Decompressor, budget: Budget) -> Iterator[bytes]:
    """Yield the parts of one stream, and last what stands behind its end.

    Raises:
        BeyondBoundsError: It is larger than may be looked into.
        EOFError: It breaks off.
    """
    stream = make()
    rest = content
    size_bytes = 0
    while not stream.eof:
        part = stream.decompress(rest, CHUNK_BYTES)
        # zlib hands back what it has not read; the others keep it.
        rest = getattr(stream, "unconsumed_tail", b"")
        if not part and not rest and not stream.eof:
            raise EOFError
        size_bytes += len(part)
        if size_bytes > FREE_BYTES and size_bytes > MOST_RATIO * len(content):
            raise BeyondBoundsError
        budget.spend(len(part))
        yield part

    yield stream.unused_data


def _open_members(
    kind: str, name: str, content: bytes, make: Decompressor, budget: Budget, magic: bytes
) -> OpenedContainer:
    opened = OpenedContainer()
    parts: list[bytes] = []
    rest = content
    try:
        while rest:
            if not rest.startswith(magic) or (parts and not magic):
                # Padding of a tape, or a signature: it is no member.
                opened.parts.append((f"{name}.rest", rest))
                break
            *_, rest = _collect(inflate(rest, make, budget), parts)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError):
        opened.give_up(f"damaged {kind}")
    except BeyondBoundsError:
        opened.give_up(BEYOND_BOUNDS)

    if parts:
        opened.parts.append((_inner_name(kind, name), b"".join(parts)))
    return opened


def _collect(stream: Iterator[bytes], parts: list[bytes]) -> Iterator[bytes]:
    """Put all but the last of a stream into `parts` as it comes, so that a broken one is kept."""
    last = next(stream)
    for part in stream:
        parts.append(last)
        last = part
    yield last


def _open_codec(codec: str, name: str, content: bytes, budget: Budget) -> OpenedContainer:
    """Open a stream by a codec that Arrow has."""
    opened = OpenedContainer()
    parts: list[bytes] = []
    size_bytes = 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(content), codec) as stream:
            while part := stream.read(CHUNK_BYTES):
                size_bytes += len(part)
                if size_bytes > FREE_BYTES and size_bytes > MOST_RATIO * len(content):
                    raise BeyondBoundsError
                budget.spend(len(part))
                parts.append(part)
    except (OSError, pa.ArrowException):
        opened.give_up(f"damaged {codec}")
    except BeyondBoundsError:
        opened.give_up(BEYOND_BOUNDS)

    if parts:
        opened.parts.append((_inner_name(codec, name), b"".join(parts)))
    return opened


def _inner_name(kind: str, name: str) -> str:
    return name.removesuffix(SUFFIXES.get(kind, ""))
