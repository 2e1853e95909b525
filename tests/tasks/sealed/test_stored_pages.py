"""Values read from their pages are those that Arrow decodes, or it is said that they cannot be."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.sealed.stored_pages import UnknownPageError, find_place, read_values

WIDTH = 16
ROWS = 3_000
SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary(WIDTH), nullable=False),
        pa.field("row", pa.binary(), nullable=False),
    ]
)
OURS: dict[str, Any] = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,
    "data_page_size": 4_096,
    "write_batch_size": 64,
}


def table_of(seed: int = 1, longest: int = 90) -> pa.Table:
    choose = random.Random(seed)
    keys = [choose.randbytes(WIDTH) for _ in range(ROWS)]
    rows = [choose.randbytes(choose.randrange(longest)) for _ in range(ROWS)]
    return pa.table({"key": keys, "row": rows}, schema=SCHEMA)


def written(path: Path, table: pa.Table, **options: Any) -> pq.ParquetFile:
    pq.write_table(table, path, row_group_size=1_000, **(OURS | options))
    return pq.ParquetFile(path)


def read(path: Path, group: int, places: list[int]) -> list[tuple[bytes, bytes]]:
    chunks = pq.ParquetFile(path).metadata.row_group(group)
    with path.open("rb", buffering=0) as stream:
        keys = read_values(stream, chunks.column(0), places, width=WIDTH)
        rows = read_values(stream, chunks.column(1), places)
    return [(keys[place], rows[place]) for place in places]


def decoded(path: Path, group: int, places: list[int]) -> list[tuple[bytes, bytes]]:
    table = pq.ParquetFile(path).read_row_group(group).take(places)
    return list(zip(table["key"].to_pylist(), table["row"].to_pylist(), strict=True))


@pytest.mark.parametrize("places", [[0], [999], [400, 7, 7, 998], list(range(1_000)), []])
@pytest.mark.parametrize("group", [0, 2])
def test_values_are_those_that_are_decoded(tmp_path: Path, group: int, places: list[int]) -> None:
    written(tmp_path / "x", table_of())
    if places:
        assert read(tmp_path / "x", group, places) == decoded(tmp_path / "x", group, places)
    else:
        with pytest.raises(UnknownPageError):
            read(tmp_path / "x", group, places)


@pytest.mark.parametrize(
    "options",
    [{"write_statistics": True}, {"write_page_checksum": True}, {"write_page_index": True}, {}],
    ids=str,
)
def test_headers_with_more_in_them_are_read(tmp_path: Path, options: dict[str, Any]) -> None:
    # Statistics quote values, which makes a header longer than it is expected to be.
    written(tmp_path / "x", table_of(longest=40), **options)
    assert read(tmp_path / "x", 1, [3, 700]) == decoded(tmp_path / "x", 1, [3, 700])


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd"},
        {"use_dictionary": True},
        {"data_page_version": "2.0"},
        {"use_dictionary": False, "column_encoding": {"row": "DELTA_BYTE_ARRAY"}},
    ],
    ids=str,
)
def test_pages_of_another_kind_are_not_guessed_at(tmp_path: Path, options: dict[str, Any]) -> None:
    written(tmp_path / "x", table_of(), **options)
    with pytest.raises(UnknownPageError):
        read(tmp_path / "x", 0, [5])


def test_statistics_that_fill_more_than_a_header_s_room_are_not_guessed_at(tmp_path: Path) -> None:
    written(tmp_path / "x", table_of(longest=3_000), write_statistics=True)
    with pytest.raises(UnknownPageError):
        read(tmp_path / "x", 0, [5])


def test_a_place_beyond_the_chunk_is_not_there(tmp_path: Path) -> None:
    written(tmp_path / "x", table_of())
    with pytest.raises(UnknownPageError):
        read(tmp_path / "x", 0, [1_000])


def test_whatever_is_damaged_no_other_error_is_raised(tmp_path: Path) -> None:
    """Every byte of the first pages' headers and lengths, in turn: refused, or some bytes."""
    file = written(tmp_path / "x", table_of())
    content = bytearray((tmp_path / "x").read_bytes())
    start = file.metadata.row_group(0).column(1).data_page_offset
    chunks = file.metadata.row_group(0)
    refused = 0
    for position in range(start, start + 200):
        for value in (0, 0x7F, 0xFF):
            damaged = bytearray(content)
            damaged[position] = value
            path = tmp_path / "damaged"
            path.write_bytes(damaged)
            with path.open("rb", buffering=0) as stream:
                try:
                    read_values(stream, chunks.column(1), [400])
                except UnknownPageError:
                    refused += 1
    assert refused > 0


def test_a_header_that_nests_without_end_is_not_followed() -> None:
    struct_in_struct = b"\x1c" * 5_000  # field 1 is a struct, of which field 1 is a struct, ...
    with pytest.raises(UnknownPageError):
        find_place(struct_in_struct, len(struct_in_struct), 0, WIDTH)
