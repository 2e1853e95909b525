"""Read a file, local or behind a URL, with Arrow, which refuses ragged rows and cut-off files.

What Arrow and remote file systems say about a fault quotes values and URLs. It is caught in one
place (`_reading`) and replaced by one line that names the place of the fault.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from tasks.config.sources import FileSource, is_absent
from tasks.errors import ServiceError, SourceError
from tasks.formats.shown import kind_of_error, shown_name
from tasks.stages.ingest.reading.delivery import ExpectedDelivery

if TYPE_CHECKING:
    import pandas as pd

# How files write "no number". Text columns know none of these: there are people called Null.
NO_NUMBER = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "."]

# Arrow knows a local file's compression by its name; of a remote stream it sees no name.
COMPRESSIONS = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}


def read_file(source: FileSource, expected: ExpectedDelivery) -> "pd.DataFrame":
    """Return the rows of a file source."""
    readers: dict[str, Callable[[str, ExpectedDelivery], pd.DataFrame]] = {
        "csv": read_csv,
        "parquet": _read_parquet,
        "jsonl": _read_jsonl,
    }
    return readers[source.format](source.path.removeprefix("file://"), expected)


def read_csv(
    path: str, expected: ExpectedDelivery, *, row_key: str | None = None
) -> "pd.DataFrame":
    """Return the rows of a CSV file (RFC 4180: UTF-8, with a header; plain, gzip or bzip2).

    A row with fewer or more fields than the header is refused, and so is a last line without an
    end: both are what a file that was cut short ends with. `row_key` is the name of a column of row
    numbers (1, 2, 3, …) to add.
    """
    from pyarrow import csv, float64, string

    names: list[str] = []
    with _reading(path, expected, "CSV", names) as open_stream:
        # The header first: which types to read depends on which columns there are.
        with open_stream() as stream:
            names += csv.open_csv(stream).schema.names
        expected.check_names([*names, *([row_key] if row_key else ())])

        types = {
            name: float64() if name in expected.numbers else string()
            for name in expected.read
            if name in names
        }
        with open_stream() as stream:
            tail = _TailStream(stream)
            table = csv.read_csv(
                tail,
                parse_options=csv.ParseOptions(newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types=types, include_columns=list(types), null_values=NO_NUMBER
                ),
            )
        if tail.last_byte not in (b"\n", b"\r"):
            raise ValueError("the last line has no end")

    frame: pd.DataFrame = table.to_pandas()
    if row_key:
        frame.insert(0, row_key, range(1, len(frame) + 1))
    return frame


def _read_parquet(path: str, expected: ExpectedDelivery) -> "pd.DataFrame":
    """Return the rows of a Parquet file, dictionaries unpacked to plain values."""
    from pyarrow import parquet
    from pyarrow.types import is_dictionary

    with _reading(path, expected, "Parquet") as open_stream, open_stream() as stream:
        file = parquet.ParquetFile(stream)
        expected.check_names(file.schema_arrow.names)
        table = file.read(columns=list(expected.read))

        # A dictionary becomes a pandas categorical, whose type depends on the values that occur.
        for index, field in enumerate(table.schema):
            if is_dictionary(field.type):
                values = table.column(index).cast(field.type.value_type)
                table = table.set_column(index, field.name, values)

        # The file's own pandas metadata could bring an index and types of another machine.
        return cast("pd.DataFrame", table.to_pandas(ignore_metadata=True))


def _read_jsonl(path: str, expected: ExpectedDelivery) -> "pd.DataFrame":
    """Return the rows of a file of one JSON object a line.

    JSON lines have no header, so that a column that is null in every row counts as absent.
    """
    import pyarrow as pa
    from pyarrow import json

    types = [
        (name, pa.float64() if name in expected.numbers else pa.string()) for name in expected.read
    ]
    options = json.ParseOptions(explicit_schema=pa.schema(types))
    with _reading(path, expected, "JSON lines") as open_stream, open_stream() as stream:
        table = json.read_json(stream, parse_options=options)
        expected.check_names(
            (name for name in table.column_names if table[name].null_count < len(table)),
            has_order=False,
        )
        return cast("pd.DataFrame", table.select(list(expected.read)).to_pandas())


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
    except SourceError:
        raise
    # The parse errors of Arrow are ValueErrors, as are those of decompressors, but for EOFError.
    except (ValueError, EOFError) as error:
        raise expected.error(
            f"a whole {form} file of the declared kinds",
            _describe_fault(error, names, expected),
            "It may be cut short: compare its size with what the owner sent; "
            "or declare another `kind`.",
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

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last_byte = b""

    def read(self, size: int = -1) -> bytes:
        chunk: bytes = self._stream.read(size)
        self.last_byte = chunk[-1:] or self.last_byte
        return chunk


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
    if column := re.search(r"In CSV column #(\d+)", text):
        index = int(column[1])
        name = names[index] if index < len(names) else ""
        place = shown_name(name, expected.declared, otherwise=f"column {index + 1:d}")
        return f"a value of another kind in {place}"
    if columns := re.search(r"Expected (\d+) columns, got (\d+)", text):
        return f"a row with {int(columns[2]):d} fields under a header of {int(columns[1]):d}"
    if column := re.search(r"Column\(/(\w+)\)", text):
        key = shown_name(column[1], expected.declared, otherwise="a key that is not declared")
        return f"a value of another kind in {key}"
    if "Empty" in text:
        return "an empty one"
    if "the last line has no end" in text:
        return "a last line without an end"
    return f"one that does not parse ({kind_of_error(error)})"
