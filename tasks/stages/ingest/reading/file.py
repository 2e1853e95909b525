"""Read a file, here or behind a URL, by Arrow, which refuses ragged rows and halves of files."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from tasks.config.sources import FileSource, is_absent
from tasks.errors import ServiceError, SourceError
from tasks.stages.ingest.reading.delivery import Wanted

if TYPE_CHECKING:
    import pandas as pd

# how files write "no number"; text columns know none of these: there are people called Null
NO_NUMBER = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "."]


def read_file(source: FileSource, wanted: Wanted) -> "pd.DataFrame":
    """Return the rows of a file source."""
    readers: dict[str, Callable[[str, Wanted], pd.DataFrame]] = {
        "csv": read_csv,
        "parquet": _read_parquet,
        "jsonl": _read_jsonl,
    }
    return readers[source.format](source.path.removeprefix("file://"), wanted)


def read_csv(path: str, wanted: Wanted, *, row_key: str | None = None) -> "pd.DataFrame":
    """Return the rows of a CSV file (UTF-8, a header, as RFC 4180 has it; plain, gzip or bzip2).

    A row with fewer or more fields than the header is refused, and so is a last line without an end: both are what a
    file that was cut short ends with. `row_key` is the name of a column of row numbers (1, 2, 3, …) to add.
    """
    from pyarrow import csv, float64, string

    names: list[str] = []
    with _reading(path, wanted, "CSV", names) as open_stream:
        with open_stream() as stream:
            names += csv.open_csv(stream).schema.names
        wanted.check_names([*names, *([row_key] if row_key else ())])
        kinds = {
            name: float64() if name in wanted.numbers else string()
            for name in wanted.read
            if name in names
        }
        with open_stream() as stream:
            end = _End(stream)
            table = csv.read_csv(
                end,
                parse_options=csv.ParseOptions(newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types=kinds, include_columns=list(kinds), null_values=NO_NUMBER
                ),
            )
        if end.last not in (b"\n", b"\r"):
            raise ValueError("the last line has no end")
    frame: pd.DataFrame = table.to_pandas()
    if row_key:
        frame.insert(0, row_key, range(1, len(frame) + 1))
    return frame


def _read_parquet(path: str, wanted: Wanted) -> "pd.DataFrame":
    from pyarrow import parquet
    from pyarrow.types import is_dictionary

    with _reading(path, wanted, "Parquet") as open_stream, open_stream() as stream:
        file = parquet.ParquetFile(stream)
        wanted.check_names(file.schema_arrow.names)
        table = file.read(columns=list(wanted.read))
        for index, field in enumerate(table.schema):
            if is_dictionary(field.type):
                table = table.set_column(
                    index, field.name, table.column(index).cast(field.type.value_type)
                )
        return cast("pd.DataFrame", table.to_pandas(ignore_metadata=True))


def _read_jsonl(path: str, wanted: Wanted) -> "pd.DataFrame":
    """Return the rows of a file with one JSON object a line; a column that is null in every row counts as absent."""
    import pyarrow as pa
    from pyarrow import json

    kinds = [
        (name, pa.float64() if name in wanted.numbers else pa.string()) for name in wanted.read
    ]
    with _reading(path, wanted, "JSON lines") as open_stream, open_stream() as stream:
        table = json.read_json(
            stream, parse_options=json.ParseOptions(explicit_schema=pa.schema(kinds))
        )
        wanted.check_names(
            name for name in table.column_names if table[name].null_count < len(table)
        )
        return cast("pd.DataFrame", table.select(list(wanted.read)).to_pandas())


@contextmanager
def _reading(
    path: str, wanted: Wanted, form: str, names: Sequence[str] = ()
) -> Iterator[Callable[[], Any]]:
    """Give a way to open the file from its start, as often as needed; say in one line what is wrong with it.

    `names` are the columns in the file's order, once they are known.
    """
    is_remote = "://" in path
    shown = path.partition("?")[0]
    try:
        yield (lambda: _remote(path)) if is_remote else (lambda: _local(path))
    except SourceError:
        raise
    except (
        ValueError,
        EOFError,
    ) as error:  # the parse errors of Arrow and of what unpacks are all ValueErrors
        raise wanted.error(
            f"a whole {form} file of the declared kinds",
            _fault(str(error), type(error).__name__, names),
            "It may be cut short: compare its size with what the owner sent; or declare another `kind`.",
        ) from None  # the parser's own text quotes values
    except Exception as error:  # every remote file system has errors of its own
        if isinstance(error, FileNotFoundError) and is_absent(error):
            raise wanted.error(
                f"a {form} file at {shown}", "none", "Deliver it, or mend `path`."
            ) from None
        if is_remote:
            raise ServiceError(
                f"source `{wanted.source}`",
                expected=f"{shown} to answer",
                found=type(error).__name__,
                remedy="Check the network and the credentials in the environment, then run again.",
            ) from None  # its text quotes the whole URL, and a query may be a signature
        if not isinstance(error, OSError):
            raise
        raise wanted.error(
            f"a whole {form} file at {shown}",
            f"one that cannot be read ({type(error).__name__})",
            "Check its permissions; a compressed file may be cut short.",
        ) from None


class _End:
    """A stream that remembers its last byte."""

    closed = False

    def __init__(self, stream: Any) -> None:
        self._stream, self.last = stream, b""

    def read(self, size: int = -1) -> bytes:
        chunk: bytes = self._stream.read(size)
        self.last = chunk[-1:] or self.last
        return chunk


def _local(path: str) -> Any:
    import pyarrow as pa

    return pa.input_stream(path, compression="detect")


def _remote(path: str) -> Any:
    import fsspec
    import pyarrow as pa

    filesystem, inside = fsspec.url_to_fs(path)
    endings = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}
    compression = endings.get(path.partition("?")[0].rpartition(".")[2])
    return pa.input_stream(filesystem.open(inside, "rb"), compression=compression)


def _fault(text: str, kind: str, names: Sequence[str]) -> str:
    """Return what Arrow says about the place of a fault, without the value that it quotes."""
    if column := re.search(r"In CSV column #(\d+)", text):
        index = int(column[1])
        return f"a value of another kind in {names[index] if index < len(names) else f'column {index + 1}'}"
    if columns := re.search(r"Expected (\d+) columns, got (\d+)", text):
        return f"a row with {columns[2]} fields under a header of {columns[1]}"
    if column := re.search(r"Column\(/(\w+)\)", text):
        return f"a value of another kind in {column[1]}"
    if "Empty" in text or "the last line has no end" in text:
        return "an empty one" if "Empty" in text else "a last line without an end"
    return f"one that does not parse ({kind})"
