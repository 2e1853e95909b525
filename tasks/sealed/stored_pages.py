"""Single values of a Parquet column, read from the page in which they lie.

To decode a whole column chunk for one row of it takes eight times as long. Parquet has an index of
pages for that, which sealed files of earlier versions do not have; their page headers, which stand
before the pages, say the same (Apache Parquet, "File Format" and `parquet.thrift`).

Only what sealed files are made of is read: columns without compression and nulls, whose values
stand one after the other. Of anything else the answer is that it cannot be told here.
"""

import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import IO, Any

PLAIN_ENCODINGS = {"PLAIN", "RLE"}  # of values, and of the levels that say which of them are null
MOST_HEADER_BYTES = 1_024  # with room for statistics, which may quote a value; ours quote none
MOST_DEPTH = 8  # of structs: `PageHeader` holds `DataPageHeader`, and that `Statistics`
DATA_PAGE = 0  # parquet.thrift, `PageType`
PLAIN = 0  # `Encoding`
LENGTH = struct.Struct("<I")

# Types of fields in Thrift's compact protocol, of those that page headers are made of.
STOP = 0
BOOLEANS = (1, 2)
INTEGERS = (4, 5, 6)
BINARY = 8
STRUCT = 12


class UnknownPageError(Exception):
    """A page that is none of those that sealed files have; whoever reads it decodes the column."""


@dataclass(frozen=True)
class StoredPage:
    """Where the values of a page lie in its column chunk, and how many there are."""

    start: int
    size: int
    values: int


def is_plain(column: Any) -> bool:
    """Say whether a column chunk, by its metadata, holds its values as they are."""
    return column.compression == "UNCOMPRESSED" and set(column.encodings) <= PLAIN_ENCODINGS


def read_values(
    stream: IO[bytes], column: Any, places: Collection[int], *, width: int = 0
) -> dict[int, bytes]:
    """Return the values at some places of a column chunk.

    Args:
        stream: The file, opened without a buffer.
        column: The chunk's metadata; its column is required: no value may be null.
        places: From 0, within the chunk.
        width: Of a value in bytes; 0 where each has its own length.

    Raises:
        UnknownPageError: The chunk has a page of another kind, or fewer values.
    """
    if not is_plain(column):
        raise UnknownPageError

    def read(start: int, size: int) -> bytes:
        stream.seek(column.data_page_offset + start)
        return stream.read(size)

    found: dict[int, bytes] = {}
    first = 0
    for page in _iter_pages(read, column.total_compressed_size):
        # Sorted, because values of any width are walked through from the front, once.
        wanted = sorted(place - first for place in places if first <= place < first + page.values)
        if wanted:
            content = read(page.start, page.size)
            values = _of_width(content, wanted, width) if width else _of_any_width(content, wanted)
            found |= {first + place: value for place, value in values.items()}
            if len(found) == len(set(places)):
                return found
        first += page.values
    raise UnknownPageError


def find_place(content: bytes | bytearray, size: int, offset: int, width: int) -> int | None:
    """Return at which place of a column chunk a value begins; None if none begins there.

    Args:
        content: Begins with the whole chunk; its values are all of one width, and none is null.
        size: Of the chunk, in bytes.
        offset: From the chunk's start, in bytes.
        width: Of a value, in bytes.

    Raises:
        UnknownPageError: The chunk has a page of another kind.
    """

    def read(start: int, size: int) -> bytes:
        return bytes(content[start : start + size])

    first = 0
    for page in _iter_pages(read, size):
        # A key id is random bytes, so that the bytes that were hit may also lie across two ids:
        # then there is a remainder, and it is nobody's.
        place, beyond = divmod(offset - page.start, width)
        if 0 <= place < page.values:
            return None if beyond else first + place
        first += page.values
    return None


def _iter_pages(read: Callable[[int, int], bytes], chunk_size: int) -> Iterator[StoredPage]:
    position = 0
    while position < chunk_size:
        # How long a header is, is only known at its end: Thrift's compact protocol has no length.
        header = _HeaderReader(read(position, MOST_HEADER_BYTES))
        fields = header.read_struct()
        # `type`, `compressed_page_size` and `data_page_header`; of that, `num_values`, `encoding`.
        kind, size, data = fields.get(1), fields.get(3), fields.get(5)
        if kind != DATA_PAGE or not isinstance(size, int) or not isinstance(data, dict):
            raise UnknownPageError
        values, encoding = data.get(1), data.get(2)
        # Sizes of 0 are refused as well: with one the loop would stay where it is.
        if encoding != PLAIN or not isinstance(values, int) or size <= 0 or values <= 0:
            raise UnknownPageError
        yield StoredPage(position + header.position, size, values)
        position += header.position + size


def _of_width(content: bytes, places: list[int], width: int) -> dict[int, bytes]:
    if len(content) < (places[-1] + 1) * width:
        raise UnknownPageError
    return {place: content[place * width : (place + 1) * width] for place in places}


def _of_any_width(content: bytes, places: list[int]) -> dict[int, bytes]:
    """Return values of which each has its length before it, in four bytes."""
    found = {}
    length_at = LENGTH.unpack_from
    position = passed = 0
    try:
        for place in places:
            for _ in range(place - passed):
                position += LENGTH.size + length_at(content, position)[0]
            passed = place
            start = position + LENGTH.size
            end = start + length_at(content, position)[0]
            # A slice beyond the end is shorter and no error: it would be taken for a row.
            if end > len(content):
                raise UnknownPageError
            found[place] = content[start:end]
    except struct.error:
        raise UnknownPageError from None
    return found


class _HeaderReader:
    """Thrift's compact protocol, as far as page headers need it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0
        self._depth = 0

    def read_struct(self) -> dict[int, Any]:
        """Return a struct's fields by their numbers; of those that are text only that they are."""
        fields: dict[int, Any] = {}
        number = 0
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise UnknownPageError
        while (head := self._byte()) != STOP:
            # Thrift's compact protocol, "Struct encoding": the field's number less the last one's
            # in the upper four bits, its type in the lower; with 0 above, the number follows by
            # itself.
            step, kind = divmod(head, 16)
            number = number + step if step else self._integer()
            fields[number] = self._value(kind)
        self._depth -= 1
        return fields

    def _value(self, kind: int) -> Any:
        if kind in INTEGERS:
            return self._integer()
        if kind == STRUCT:
            return self.read_struct()
        if kind == BINARY:
            length = self._unsigned()
            self.position += length
            return None
        # A boolean's value is its type: no byte follows.
        if kind in BOOLEANS:
            return None
        raise UnknownPageError

    def _integer(self) -> int:
        """Return a signed one, written as zigzag."""
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)

    def _unsigned(self) -> int:
        """Return a number of which each byte has seven bits, the lowest first."""
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def _byte(self) -> int:
        if self.position >= len(self._content):
            raise UnknownPageError
        self.position += 1
        return self._content[self.position - 1]
