"""Read a file, local or behind a URL, with Arrow, which refuses ragged rows and cut-off files.

What Arrow and remote file systems say about a fault quotes values and URLs. It is caught in one
place (`_reading`) and replaced by one line that names the place of the fault.
"""

import codecs
import io
import re
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from tasks.config.sources import Dialect, FileSource, is_absent
from tasks.errors import ServiceError, SourceError
from tasks.formats.shown import kind_of_error, shown_name
from tasks.formats.strict_json import JsonFaultError, parse_json
from tasks.stages.ingest.reading.delivery import (
    ExpectedDelivery,
    FaultyBlockError,
    convert_columns,
    kinds_error,
)
from tasks.stages.ingest.reading.kinds import ColumnFault, numbers_of_text
from tasks.stages.ingest.reading.quotes import QuoteSearch, check_quotes
from tasks.under_way import under_way

if TYPE_CHECKING:
    import pandas as pd

# How files write "no number". Text columns know none of these: there are people called Null.
NO_NUMBER = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "."]

START_BYTES = 1 << 16  # by which an encoding is told
BLOCK_BYTES = 1 << 20  # parsed together, and the longest row
SAMPLE_BYTES = 1 << 22  # a thousand rows of four kilobytes
PARQUET_ROWS = 65_536
DELIMITERS = {";": ";", "\t": "\\t", "|": "|", ",": ","}

NO_LINE_END = "a last line without an end"
NO_OBJECT = "a line that is no object"
OTHER_ENCODING = "bytes that are none of its encoding"
TOO_LONG = f"a row of more than {BLOCK_BYTES >> 20} MiB"
EXCELS_LINE = re.compile(r'"?sep=.?"?')  # in which Excel says how it parts columns

# Arrow knows a local file's compression by its name; of a remote stream it sees no name.
COMPRESSIONS = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}


def blocks_of_file(source: FileSource, expected: ExpectedDelivery) -> "Iterator[pd.DataFrame]":
    """Yield the rows of a file source under the names of the use case, some at a time.

    Lines of JSON come as one block.

    Raises:
        FaultyBlockError: A CSV file has a value of another kind.
    """
    path = source.path.removeprefix("file://")
    delivered = expected.as_delivered(source.rename)
    if source.format == "csv":
        blocks = blocks_of_csv(path, delivered, dialect=source.dialect)
    elif source.format == "parquet":
        blocks = _blocks_of_parquet(path, delivered)
    else:
        blocks = iter((_read_jsonl(path, delivered),))
    for block in blocks:
        yield block.rename(columns=source.rename)


def read_file(source: FileSource, expected: ExpectedDelivery) -> "pd.DataFrame":
    """Return the rows of a file source, under the names of the use case."""
    if source.format != "csv":
        return _whole(blocks_of_file(source, expected))
    path = source.path.removeprefix("file://")
    frame = read_csv(path, expected.as_delivered(source.rename), dialect=source.dialect)
    return frame.rename(columns=source.rename)


def read_first_rows(
    source: FileSource, expected: ExpectedDelivery, most_rows: int
) -> "pd.DataFrame":
    """Return the first rows of a file source, of which only the header is sure to be right."""
    path = source.path.removeprefix("file://")
    delivered = expected.as_delivered(source.rename)
    if source.format == "csv":
        frame = read_csv(path, delivered, dialect=source.dialect, most_rows=most_rows)
    elif source.format == "jsonl":
        with _reading(path, delivered, "JSON lines") as open_stream:
            frame = _read_lines(open_stream, delivered, most_rows)
    else:
        frame = _first(_blocks_of_parquet(path, delivered), most_rows)
    return frame.rename(columns=source.rename)


def blocks_of_csv(
    path: str,
    expected: ExpectedDelivery,
    *,
    row_key: str | None = None,
    dialect: Dialect = Dialect(),  # noqa: B008 # frozen
) -> "Iterator[pd.DataFrame]":
    """Yield the rows of a CSV file (with a header; plain, gzip or bzip2), some at a time.

    A row with fewer or more fields than the header is refused, and so is a last line without an
    end: both are what a file that was cut short ends with; and a quote that nothing ends, which
    would take in the rows after it. `row_key` is the name of a column of row
    numbers (1, 2, 3, …) to add. Quotes, commas and encoding are those of RFC 4180, or `dialect`'s.

    Raises:
        FaultyBlockError: A value of a column of numbers is none.
    """
    from pyarrow import ArrowInvalid

    with _csv_of(path, expected, row_key, dialect) as (open_stream, read):
        # Arrow converts numbers, ten times as fast as anything here, unless thousands have a sign.
        numbers = expected.numbers & set(read)
        as_texts = numbers if dialect.thousands else frozenset()
        first_row = 1
        try:
            for block in _arrow_blocks(
                open_stream, expected, read, numbers - as_texts, dialect, BLOCK_BYTES
            ):
                if _convert_texts(block, as_texts, dialect):
                    raise FaultyBlockError
                if row_key:
                    block.insert(0, row_key, range(first_row, first_row + len(block)))
                    first_row += len(block)
                yield block
        except ArrowInvalid as error:
            if "conversion error to double" not in str(error):
                raise
            raise FaultyBlockError from None


def read_csv(
    path: str,
    expected: ExpectedDelivery,
    *,
    row_key: str | None = None,
    dialect: Dialect = Dialect(),  # noqa: B008 # frozen
    most_rows: int | None = None,
) -> "pd.DataFrame":
    """Return the rows of a CSV file, or its first ones, read as texts.

    So each column with a fault, and its rows, can be told. Of the first rows they are not:
    `sync --sources` tells them together with all others.

    Raises:
        SourceError: A column is not of its kind; names the columns and how many rows are wrong.
    """
    with _csv_of(path, expected, row_key, dialect) as (open_stream, read):
        size = BLOCK_BYTES if most_rows is None else SAMPLE_BYTES
        blocks = _arrow_blocks(open_stream, expected, read, frozenset(), dialect, size)
        frame = _whole(blocks) if most_rows is None else _first(blocks, most_rows)
        faults = _convert_texts(frame, expected.numbers & set(read), dialect)
        if faults and most_rows is None:
            _, others = convert_columns(frame, replace(expected, read=tuple(read)))
            told = {fault.column: fault for fault in (*others, *faults)}
            raise kinds_error([told[name] for name in read if name in told], expected)
    if row_key:
        frame.insert(0, row_key, range(1, len(frame) + 1))
    return frame


@contextmanager
def _csv_of(
    path: str, expected: ExpectedDelivery, row_key: str | None, dialect: Dialect
) -> Iterator[tuple[Callable[[], Any], list[str]]]:
    """Give a function that opens a CSV file whose header is as declared, and the names to read."""
    from pyarrow import ArrowInvalid

    names: list[str] = []
    with _reading(path, expected, "CSV", names) as open_stream:
        try:
            # The header first: which types to read depends on which columns there are.
            with open_stream() as stream:
                _check_start(stream, expected, dialect)
            with open_stream() as stream:
                names += _names_of_csv(stream, dialect)
            _check_delimiter(names, expected, dialect)
            expected.check_names([*names, *([row_key] if row_key else ())])
            yield open_stream, [name for name in expected.read if name in names]
        except ArrowInvalid as error:
            # A quote that takes in the next rows makes a row of too few fields, or too long a one.
            if "conversion error" not in str(error):
                _look_at_quotes(open_stream, expected, dialect)
            raise


def _convert_texts(
    frame: "pd.DataFrame", names: Collection[str], dialect: Dialect
) -> list[ColumnFault]:
    """Make numbers of columns of texts, in the frame itself; return what is none."""
    faults = []
    for name in names:
        frame[name], fault = numbers_of_text(
            name,
            frame[name].astype("str"),
            decimal=dialect.decimal,
            thousands=dialect.thousands,
            no_number=NO_NUMBER,
        )
        if fault is not None:
            faults.append(fault)
    return faults


def _arrow_blocks(
    open_stream: Callable[[], Any],
    expected: ExpectedDelivery,
    names: Sequence[str],
    numbers: Collection[str],
    dialect: Dialect,
    block_bytes: int,
) -> "Generator[pd.DataFrame]":
    """Yield the rows of a CSV file, first of all none; what is not of `numbers` is texts."""
    import pyarrow as pa
    from pyarrow import csv

    convert = csv.ConvertOptions(
        column_types={name: pa.float64() if name in numbers else pa.string() for name in names},
        include_columns=list(names),
        null_values=NO_NUMBER,
        decimal_point=dialect.decimal,
    )
    options = csv.ReadOptions(encoding=dialect.encoding, block_size=block_bytes)
    quotes = QuoteSearch(dialect)
    with open_stream() as stream, under_way("reading a file", _size_of(stream), "bytes") as work:
        tail = _TailStream(stream, work.advance, quotes.look)
        with csv.open_csv(tail, options, _parse_options(dialect), convert) as reader:
            yield reader.schema.empty_table().to_pandas()
            for batch in reader:
                yield batch.to_pandas()
        # In two bytes a sign, the last byte says nothing.
        ends = (b"\n", b"\r")
        if tail.last_byte not in ends and "\n".encode(dialect.encoding) == b"\n":
            raise ValueError(NO_LINE_END)
    if quotes.is_any_there:
        _look_at_quotes(open_stream, expected, dialect)


def _look_at_quotes(
    open_stream: Callable[[], Any], expected: ExpectedDelivery, dialect: Dialect
) -> None:
    with open_stream() as stream, under_way("looking at quotes"):
        check_quotes(stream, expected, dialect)


def _whole(blocks: "Iterator[pd.DataFrame]") -> "pd.DataFrame":
    import pandas as pd

    return pd.concat(blocks, ignore_index=True)


def _first(blocks: "Generator[pd.DataFrame]", most_rows: int) -> "pd.DataFrame":
    """Return the first rows: those of the first block that has any, and no more of them."""
    with closing(blocks):
        frame = next(blocks)
        if not len(frame):
            frame = next(blocks, frame)
    return frame.iloc[:most_rows]


def _names_of_csv(stream: Any, dialect: Dialect) -> list[str]:
    from pyarrow import csv

    options = csv.ReadOptions(encoding=dialect.encoding)
    with csv.open_csv(stream, options, _parse_options(dialect)) as reader:
        return list(reader.schema.names)


def _parse_options(dialect: Dialect) -> Any:
    from pyarrow import csv

    return csv.ParseOptions(
        delimiter=dialect.delimiter, quote_char=dialect.quote, newlines_in_values=True
    )


def _check_start(stream: Any, expected: ExpectedDelivery, dialect: Dialect) -> None:
    """Refuse what the start shows to be of another encoding, or to begin before the header.

    Raises:
        SourceError: Says which encoding it may be, or which line is no header.
    """
    start = bytes(stream.read(START_BYTES))
    is_wide = "\n".encode(dialect.encoding) != b"\n"
    if not is_wide and (start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start):
        raise expected.error(
            f"a text file in {dialect.encoding}",
            "NUL characters: another encoding, or no text",
            "If it comes from Windows, declare `dialect: {encoding: utf-16}`.",
        )
    try:
        decoder = codecs.getincrementaldecoder(dialect.encoding)()
        text = decoder.decode(start, len(start) < START_BYTES)
    except UnicodeDecodeError:
        raise expected.error(
            f"a text file in {dialect.encoding}",
            "bytes that are none of it",
            "Declare the file's own, as in `dialect: {encoding: cp1252}`.",
        ) from None
    if EXCELS_LINE.fullmatch(text.lstrip("\ufeff").partition("\n")[0].rstrip("\r").lower()):
        raise expected.error(
            "names of columns in the first line",
            "`sep=`, which Excel alone understands",
            "Have it delivered without that line.",
        )


def _check_delimiter(names: Sequence[str], expected: ExpectedDelivery, dialect: Dialect) -> None:
    """Refuse a header of one column that another delimiter would part into declared ones."""
    if len(names) != 1 or names[0] in expected.declared:
        return
    for delimiter, shown in DELIMITERS.items():
        parts = [part.strip().strip(dialect.quote) for part in names[0].split(delimiter)]
        if delimiter != dialect.delimiter and expected.declared & set(parts):
            raise expected.error(
                f"columns parted by `{dialect.delimiter}`",
                f"columns parted by `{shown}`",
                f'Declare it: `dialect: {{delimiter: "{shown}"}}`.',
            )


def _blocks_of_parquet(path: str, expected: ExpectedDelivery) -> "Generator[pd.DataFrame]":
    """Yield the rows of a Parquet file, first of all none, dictionaries unpacked to plain values.

    Whether moments are days or have times is told by all of a column: a file with one is one block.
    """
    from pyarrow import parquet
    from pyarrow.types import is_timestamp

    with _reading(path, expected, "Parquet") as open_stream, open_stream() as stream:
        file = parquet.ParquetFile(stream)
        expected.check_names(file.schema_arrow.names)
        has_moments = any(
            is_timestamp(file.schema_arrow.field(name).type) for name in expected.read
        )
        rows = max(file.metadata.num_rows, 1) if has_moments else PARQUET_ROWS
        empty = file.schema_arrow.empty_table().select(list(expected.read))
        yield _frame_of(empty)
        for batch in file.iter_batches(batch_size=rows, columns=list(expected.read)):
            yield _frame_of(batch)


def _frame_of(rows: Any) -> "pd.DataFrame":
    """Return an Arrow table or batch as plain values."""
    from pyarrow.types import is_dictionary

    # A dictionary becomes a pandas categorical, whose type depends on the values that occur.
    for index, field in enumerate(rows.schema):
        if is_dictionary(field.type):
            values = rows.column(index).cast(field.type.value_type)
            rows = rows.set_column(index, field.name, values)

    _check_texts(rows)
    # The file's own pandas metadata could bring an index and types of another machine.
    return cast("pd.DataFrame", rows.to_pandas(ignore_metadata=True, integer_object_nulls=True))


def _check_texts(rows: Any) -> None:
    """Refuse bytes that are no UTF-8 in texts of Parquet and JSON, where Arrow takes them as read.

    Whatever first looks at such a text would fail, and say what it says.

    Raises:
        ArrowInvalid: There is one; `_reading` says so without it.
    """
    rows.validate(full=True)


def _read_jsonl(path: str, expected: ExpectedDelivery) -> "pd.DataFrame":
    """Return the rows of a file of one JSON object a line.

    Arrow reads what is written as its kind is; flags as true and false, whole numbers as keys and
    what else Parquet may hold are read line by line.
    """
    import pyarrow as pa
    from pyarrow import json

    types = [
        (name, pa.float64() if name in expected.numbers else pa.string()) for name in expected.read
    ]
    options = json.ParseOptions(explicit_schema=pa.schema(types))
    with _reading(path, expected, "JSON lines") as open_stream:
        try:
            with open_stream() as stream:
                table = json.read_json(stream, parse_options=options)
        except pa.ArrowInvalid as error:
            if "changed from" not in str(error) and "Column(" not in str(error):
                raise
            return _read_lines(open_stream, expected, None)

        # A column that is null in every row looks as one that is absent: its key tells.
        empty = {name for name in table.column_names if table[name].null_count == len(table)}
        keys = _keys_of_lines(open_stream, empty) if empty else set()
        expected.check_names(
            (name for name in table.column_names if name not in empty or name in keys),
            has_order=False,
        )
        read = table.select(list(expected.read))
        _check_texts(read)
        return cast("pd.DataFrame", read.to_pandas())


def _read_lines(
    open_stream: Callable[[], Any], expected: ExpectedDelivery, most_rows: int | None
) -> "pd.DataFrame":
    """Return the rows of JSON lines as the objects that stand there, or the first of them."""
    import pandas as pd

    records = list(islice(_records(open_stream), most_rows))
    expected.check_names(
        dict.fromkeys(name for record in records for name in record), has_order=False
    )
    return pd.DataFrame(
        {
            name: pd.Series([record.get(name) for record in records], dtype=object)
            for name in expected.read
        }
    )


def _keys_of_lines(open_stream: Callable[[], Any], sought: set[str]) -> set[str]:
    """Return those of the names that are a key of any line; mostly the first line has them all."""
    keys: set[str] = set()
    for record in _records(open_stream):
        keys |= sought & record.keys()
        if keys == sought:
            break
    return keys


def _records(open_stream: Callable[[], Any]) -> Iterator[dict[str, Any]]:
    with open_stream() as stream:
        for number, line in enumerate(io.TextIOWrapper(stream, encoding="utf-8"), 1):
            if not line.strip():
                continue
            try:
                record = parse_json(line)
            except JsonFaultError as error:
                what = str(error).removesuffix(" from line 1 on")  # of this text, which is one line
                raise JsonFaultError(f"{what} in line {number:,}") from None
            if not isinstance(record, dict):
                raise ValueError(NO_OBJECT)
            yield record


@contextmanager
def _reading(
    path: str, expected: ExpectedDelivery, form: str, names: Sequence[str] = ()
) -> Iterator[Callable[[], Any]]:
    """Give a function that opens the file from its start, and turn what goes wrong into one line.

    `names` are the columns in the file's order, once they are known. No error has a cause: the text
    of a parser quotes values, and that of a file system the whole URL, whose query may be a
    signature.
    """
    is_remote = "://" in path
    path_without_query = path.partition("?")[0]
    try:
        yield (lambda: _open_remote(path)) if is_remote else (lambda: _open_local(path))
    except (SourceError, FaultyBlockError):
        raise
    # The parse errors of Arrow are ValueErrors, as are those of decompressors, but for EOFError.
    except (ValueError, EOFError) as error:
        found = _describe_fault(error, names, expected)
        raise expected.error(
            f"a whole {form} file of the declared kinds",
            found,
            _remedy_of(found, form, is_json_fault=isinstance(error, JsonFaultError)),
        ) from None
    except Exception as error:  # every remote file system has exception types of its own
        if isinstance(error, FileNotFoundError) and is_absent(error):
            raise expected.error(
                f"a {form} file at {path_without_query}", "none", "Deliver it, or mend `path`."
            ) from None
        if is_remote:
            raise ServiceError(
                f"source `{expected.source}`",
                expected=f"{path_without_query} to answer",
                found=kind_of_error(error),
                remedy="Check the network and the credentials in the environment, then run again.",
            ) from None
        if not isinstance(error, OSError):
            raise
        raise expected.error(
            f"a whole {form} file at {path_without_query}",
            f"one that cannot be read ({kind_of_error(error)})",
            "Check its permissions; a compressed file may be cut short.",
        ) from None


class _TailStream:
    """A stream that remembers its last byte: Arrow does not say how a file ended."""

    closed = False  # Arrow asks for it

    def __init__(
        self, stream: Any, count: Callable[[int], None], look: Callable[[bytes], None]
    ) -> None:
        self._stream = stream
        self._count = count  # is told of each number of bytes that are read
        self._look = look  # is shown them
        self.last_byte = b""

    def read(self, size: int = -1) -> bytes:
        chunk: bytes = self._stream.read(size)
        self.last_byte = chunk[-1:] or self.last_byte
        self._count(len(chunk))
        self._look(chunk)
        return chunk


def _size_of(stream: Any) -> int:
    """Return how many bytes a plain local file gives; 0, not known, of any other stream.

    A compressed one does not know, and some remote ones say that they can seek and cannot.
    """
    import pyarrow as pa

    return int(stream.size()) if isinstance(stream, pa.OSFile) else 0


def _open_local(path: str) -> Any:
    import pyarrow as pa

    return pa.input_stream(path, compression="detect")


def _open_remote(path: str) -> Any:
    import fsspec
    import pyarrow as pa

    filesystem, object_path = fsspec.url_to_fs(path)
    ending = path.partition("?")[0].rpartition(".")[2]
    stream = filesystem.open(object_path, "rb")
    return pa.input_stream(stream, compression=COMPRESSIONS.get(ending))


def _describe_fault(error: Exception, names: Sequence[str], expected: ExpectedDelivery) -> str:
    """Return what Arrow says about the place of a fault, without what it quotes.

    It quotes the value, the row, and the name of the column or key: of these a declared name alone
    is shown.
    """
    text = str(error)
    if isinstance(error, JsonFaultError):
        return text
    place = ""
    if column := re.search(r"In CSV column #(\d+)", text):
        index = int(column[1])
        name = names[index] if index < len(names) else ""
        place = f" in {shown_name(name, expected.declared, otherwise=f'column {index + 1:d}')}"
    if isinstance(error, UnicodeDecodeError) or "invalid utf8" in text.lower():
        return f"{OTHER_ENCODING}{place}"
    if place:
        return f"a value of another kind{place}"
    if columns := re.search(r"Expected (\d+) columns, got (\d+)", text):
        return f"a row with {int(columns[2]):d} fields under a header of {int(columns[1]):d}"
    if column := re.search(r"Column\(/(\w+)\)", text):
        key = shown_name(column[1], expected.declared, otherwise="a key that is not declared")
        return f"a value of another kind in {key}"
    if "Empty" in text:
        return "an empty one"
    if "straddl" in text:
        return TOO_LONG
    for plain in (NO_LINE_END, NO_OBJECT):
        if plain in text:
            return plain
    return f"one that does not parse ({kind_of_error(error)})"


def _remedy_of(found: str, form: str, *, is_json_fault: bool) -> str:
    if found.startswith(OTHER_ENCODING):
        if form == "CSV":
            return "Declare the file's own, as in `dialect: {encoding: cp1252}`."
        return "Have it delivered in UTF-8."
    if found == TOO_LONG:
        return "Have it delivered as Parquet, or with shorter texts; a line end may be missing."
    if found == NO_OBJECT:
        return "Have it delivered with one object a line, and no brackets around all of them."
    # Of a line that is whole, and says something that has no one meaning.
    if is_json_fault and not found.startswith("no JSON "):
        return "Have the delivery mended."
    return "It may be cut short: compare its size with what the owner sent."
