"""Tables: Parquet, Arrow and Feather, SQLite, and NumPy's arrays of text, one row a line."""

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from tokenize import TokenError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.erasure.searching.unfolding.pieces import (
    BEYOND_BOUNDS,
    MOST_BYTES,
    BeyondBoundsError,
    Budget,
    OpenedContainer,
)

PARQUET_MAGIC = b"PAR1"
ARROW_MAGIC = b"ARROW1"
ARROW_STREAM_MAGIC = b"\xff\xff\xff\xff"  # the continuation of an encapsulated message
SQLITE_MAGIC = b"SQLite format 3\x00"
NUMPY_MAGIC = b"\x93NUMPY"
# SQLite's file format, section 1.3.3: 2 says that a log is beside the file, which memory has not.
SQLITE_VERSIONS = slice(18, 20)
SQLITE_STEPS = 50_000_000  # of the virtual machine: a view or a trick that never ends is stopped
STEPS_AT_ONCE = 1_000_000
BATCH_ROWS = 65_536
CELL_SUFFIX = ".cell"  # of a piece that is one cell
# Whoever claims more cells than that in a small file claims it to stop the search.
MOST_CELLS = 200_000_000

ARROW_ERRORS = (
    pa.ArrowException,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    MemoryError,
)


def open_parquet(name: str, content: bytes, budget: Budget) -> OpenedContainer:
    """Return all texts of a Parquet file: rows, names of columns, and metadata."""
    opened = OpenedContainer()
    try:
        with pq.ParquetFile(io.BytesIO(content)) as file:
            facts = file.metadata
            claimed_bytes = sum(
                facts.row_group(number).total_byte_size for number in range(facts.num_row_groups)
            )
            cells = facts.num_rows * max(facts.num_columns, 1)
            if claimed_bytes > MOST_BYTES or cells > MOST_CELLS:
                raise BeyondBoundsError
            opened.parts.append((f"{name}.schema", read_schema_texts(file.schema_arrow)))
            for batch in file.iter_batches(BATCH_ROWS):
                _add_batch(name, batch, budget, opened)
    except ARROW_ERRORS:
        return opened.give_up("damaged Parquet")
    except BeyondBoundsError:
        opened.unsearched.append(BEYOND_BOUNDS)

    return opened


def open_arrow(name: str, content: bytes, budget: Budget) -> OpenedContainer:
    """Return all texts of an Arrow file (which Feather is) or stream."""
    opened = OpenedContainer()
    try:
        source = pa.BufferReader(content)
        is_file = content.startswith(ARROW_MAGIC)
        reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        opened.parts.append((f"{name}.schema", read_schema_texts(reader.schema)))
        batches = (
            (reader.get_batch(number) for number in range(reader.num_record_batches))
            if is_file
            else iter(reader)
        )
        for batch in batches:
            _add_batch(name, batch, budget, opened)
    except ARROW_ERRORS:
        if content.startswith(ARROW_STREAM_MAGIC):
            # Four bytes of ones begin much else: it is no damage.
            opened.is_whole = False
            return opened
        return opened.give_up("damaged Arrow file")
    except BeyondBoundsError:
        opened.unsearched.append(BEYOND_BOUNDS)

    return opened


def read_schema_texts(schema: pa.Schema) -> bytes:
    """Return names of columns, and the metadata of the schema and of every column."""
    texts = [name.encode(errors="replace") for name in schema.names]
    for facts in (schema.metadata, *(field.metadata for field in schema)):
        for key, value in (facts or {}).items():
            texts += (key, value)
    return b"\n".join(texts)


def _add_batch(name: str, batch: pa.RecordBatch, budget: Budget, opened: OpenedContainer) -> None:
    columns = []
    for column in batch.columns:
        flat = _to_flat_bytes(column)
        if flat is not None:
            columns.append(flat)
            if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
                cells = flat.drop_null().to_pylist()
                opened.parts += [(f"{name}{CELL_SUFFIX}", cell) for cell in cells if cell]
        elif pa.types.is_nested(column.type):
            columns.append(pa.array(_read_nested(column), pa.large_binary()))
    if not columns:
        return

    separator = pa.scalar(b"\t", pa.large_binary())
    rows = pc.binary_join_element_wise(
        *columns, separator, null_handling="replace", null_replacement=b""
    )
    text = b"\n".join(rows.to_pylist())
    budget.spend(len(text))
    opened.parts.append((f"{name}.rows", text))


def _to_flat_bytes(column: pa.Array) -> pa.Array | None:
    """Return a column of texts or bytes as bytes; nothing for another."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view":
        return column.cast(pa.large_string()).cast(pa.large_binary())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return column.cast(pa.large_binary())
    if pa.types.is_fixed_size_binary(kind) or str(kind) == "binary_view":
        return column.cast(pa.binary()).cast(pa.large_binary())
    return None


def _read_nested(column: pa.Array) -> Iterator[bytes]:
    """Yield the texts of lists, structs and maps, a row each."""
    for value in column.to_pylist():
        yield b"\t".join(read_value_texts(value))


def read_value_texts(value: object) -> Iterator[bytes]:
    """Yield every text in a nested value, in the order in which a cell is masked."""
    if isinstance(value, str):
        yield value.encode(errors="replace")
    elif isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from read_value_texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from read_value_texts(inner)


def open_sqlite(name: str, content: bytes, budget: Budget) -> OpenedContainer:
    """Return all rows of an SQLite database file, and its schema; it is read from a copy in memory.

    No SQL of the file's own runs: views and virtual tables are passed over. Their contents lie in
    ordinary tables.
    """
    opened = OpenedContainer()
    copy = bytearray(content)
    copy[SQLITE_VERSIONS] = b"\x01\x01"
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            database.deserialize(bytes(copy))
            _limit(database)
            _read_database(name, database, budget, opened)
        except (sqlite3.Error, ValueError, OverflowError, MemoryError):
            opened.give_up("damaged SQLite database")
        except BeyondBoundsError:
            opened.unsearched.append(BEYOND_BOUNDS)

    return opened


def _limit(database: sqlite3.Connection) -> None:
    steps = iter(range(SQLITE_STEPS // STEPS_AT_ONCE))
    database.set_progress_handler(lambda: next(steps, None) is None, STEPS_AT_ONCE)
    database.execute("PRAGMA trusted_schema = OFF")
    database.text_factory = bytes


def _read_database(
    name: str, database: sqlite3.Connection, budget: Budget, opened: OpenedContainer
) -> None:
    schema = database.execute("SELECT type, name, rootpage, sql FROM sqlite_master").fetchall()
    opened.parts.append((f"{name}.schema", b"\n".join(row[3] for row in schema if row[3])))
    tables = [row[1] for row in schema if row[0] == b"table" and row[2]]

    for table in tables:
        quoted = table.decode(errors="surrogateescape").replace('"', '""')
        rows = []
        for row in database.execute(f'SELECT * FROM "{quoted}"'):
            cells = [cell for cell in row if isinstance(cell, bytes)]
            budget.spend(sum(len(cell) for cell in cells))
            # Texts and blobs alike come as bytes; a blob may be a container.
            opened.parts += [
                (f"{name}{CELL_SUFFIX}", cell) for cell in cells if not _is_plain(cell)
            ]
            rows.append(b"\t".join(cells).replace(b"\n", b" "))
        opened.parts.append((f"{name}.rows", b"\n".join(rows)))


def _is_plain(cell: bytes) -> bool:
    """Say whether a cell is a short text that its row is searched with."""
    return cell.isascii() and b"\x00" not in cell


def open_numpy(name: str, content: bytes) -> OpenedContainer:
    """Return the texts of a file of NumPy's; numbers have none, and pickles are not loaded."""
    opened = OpenedContainer()
    try:
        stream = io.BytesIO(content)
        version = np.lib.format.read_magic(stream)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        _, _, kind = read_header(stream)
        if kind.hasobject:
            opened.parts.append((f"{name}.pkl", content[stream.tell() :]))
        elif kind.kind in "USV":
            stream.seek(0)
            array = np.load(stream, allow_pickle=False)
            texts = (text for value in array.ravel().tolist() for text in read_value_texts(value))
            opened.parts.append((f"{name}.texts", b"\n".join(texts)))
    except (*ARROW_ERRORS, EOFError, SyntaxError, TokenError):
        opened.give_up("damaged NumPy file")

    return opened


def is_arrow(content: bytes) -> bool:
    """Say whether a content begins like a file or stream of Arrow's."""
    return content.startswith((ARROW_MAGIC, ARROW_STREAM_MAGIC))
