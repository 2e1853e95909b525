"""Cells of a table, many of them as one piece: to look into a million one by one takes a minute.

Together are looked at those in which nothing but an escape can hide somebody: no term is among
their bytes, they are no container, and they have no run and no wide characters to decode. All
others are pieces of their own.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import re2

from tasks.erasure.searching.unfolding import archives, compression, documents, programs, tables
from tasks.erasure.searching.unfolding.base_runs import HEX_ARRAY, HEX_GROUPS
from tasks.erasure.searching.unfolding.charsets import MARKS, WIDE_RUNS, is_utf8

# No escape, tag, run or value goes across it.
BETWEEN_CELLS = b"\n|<|\n"
CELLS_AT_ONCE = 16_384
FEW_CELLS = 16  # that are soon looked into one by one

# What a container may begin with; some of it begins other things, too, which are then looked into
# by themselves.
MAGICS = (
    *(tables.PARQUET_MAGIC, tables.SQLITE_MAGIC, tables.ARROW_MAGIC, tables.ARROW_STREAM_MAGIC),
    *(tables.NUMPY_MAGIC, *programs.PICKLE_PROTOCOLS, documents.PDF_MAGIC, *archives.ZIP_MAGICS),
    *(magic for _, magic, _ in compression.STREAMS),
    *(magic for _, magic in compression.CODECS),
    *(magic for magic, _ in documents.OPAQUE_MAGICS),
    *(*documents.ARMOURS, *(mark for mark, _ in MARKS)),
)
INNER_MAGICS = tuple((start, magic) for start, magic, _, _ in documents.OPAQUE_INNER_MAGICS)
_BYTES = re2.Options()
_BYTES.encoding = re2.Options.Encoding.LATIN1
# Anywhere in a cell: a zip archive behind a program, and what `base_runs` and `charsets` decode.
TELLING = (
    re2.compile(re2.escape(archives.ZIP_MAGICS[1]), _BYTES),
    re2.compile(rb"[A-Za-z0-9+/_-]{16,}|[A-Za-z0-9+/_-]{6,}=|[0-9A-Fa-f]{10,}", _BYTES),
    *(HEX_GROUPS, HEX_ARRAY),
    *(pattern for _, pattern in WIDE_RUNS),
)
HasBytes = Callable[[bytes], bool]


def join_cells(
    name: str, cells: Sequence[bytes], has_bytes: HasBytes, *, has_accents: bool
) -> Iterator[tuple[str, bytes]]:
    """Yield cells as pieces: by themselves what may hold anything, all others together.

    Args:
        name: What a piece is called.
        cells: The cells.
        has_bytes: Whether a term is among some bytes.
        has_accents: Whether the charset of a text matters.
    """
    for first in range(0, len(cells), CELLS_AT_ONCE):
        batch = cells[first : first + CELLS_AT_ONCE]
        alone = _find_telling(batch)
        alone.update(_find_held(batch, 0, has_bytes))

        texts = []
        others = []
        for number, cell in enumerate(batch):
            if number in alone or _may_be_container(cell):
                yield name, cell
            elif cell.isascii() or is_utf8(cell):
                texts.append(cell)
            elif has_accents:
                yield name, cell
            else:
                others.append(cell)
        # By themselves, because some escapes are read in UTF-8 only.
        for group in (texts, others):
            yield name, BETWEEN_CELLS.join(group)


def _find_telling(cells: Sequence[bytes]) -> set[int]:
    """Return which cells have something in them to be decoded."""
    starts = list(accumulate((len(cell) + len(BETWEEN_CELLS) for cell in cells), initial=0))
    content = BETWEEN_CELLS.join(cells)
    numbers: set[int] = set()
    for pattern in TELLING:
        place = 0
        while (hit := pattern.search(content, place)) is not None:
            first = bisect_right(starts, hit.start()) - 1
            # What stands between cells may begin a hit, or end it.
            last = bisect_right(starts, hit.end()) - 1
            numbers.update(range(first, last + 1))
            place = max(starts[first + 1], hit.start() + 1)

    return numbers


def _find_held(cells: Sequence[bytes], first: int, has_bytes: HasBytes) -> Iterator[int]:
    """Yield which cells have a term among their bytes, by halves."""
    if not has_bytes(BETWEEN_CELLS.join(cells)):
        return
    if len(cells) <= FEW_CELLS:
        yield from range(first, first + len(cells))
        return
    middle = len(cells) // 2
    yield from _find_held(cells[:middle], first, has_bytes)
    yield from _find_held(cells[middle:], first + middle, has_bytes)


def _may_be_container(cell: bytes) -> bool:
    """Say whether a cell has to be opened, or read with its own records and line ends."""
    return (
        cell.startswith(MAGICS)
        or any(cell.startswith(magic, start) for start, magic in INNER_MAGICS)
        or compression.is_zlib(cell)
        or archives.is_tar(cell)
        or (programs.is_pickle(cell) and programs.open_pickle("", cell) is not None)
        # What stands in one record of JSON is told by its braces.
        or cell.lstrip()[:1] in (b"{", b"[")
        # A line of quoted-printable that ends with its sign goes on in the next one.
        or cell.rstrip(b"\r\n").endswith(b"=")
    )
