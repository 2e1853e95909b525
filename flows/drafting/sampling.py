"""Read the names of a file's columns, or a query's, and the first values of each, as text."""

import csv
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from flows.drafting.dialects import guess_dialect, plain_values
from tasks.config.sources import Dialect
from tasks.errors import ConfigError, ServiceError, SourceError
from tasks.formats.shown import kind_of_error
from tasks.formats.strict_json import parse_json
from tasks.redaction.columns.looks import FORMS, look
from tasks.settings import Settings
from tasks.stages.ingest.reading.kinds import OF_NO_KIND
from tasks.system.database import open_database

SAMPLE_ROWS = 1000
SAMPLE_BYTES = 1 << 22  # one block of CSV: a thousand rows of four kilobytes
MOST_NAME_CHARACTERS = 64
ENDINGS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
COMPRESSED = (".gz", ".bz2")  # of text; Parquet compresses by itself
# Forms of a value that no name of a column has. `phone`, `street` and `name` are not among them:
# `address 1` is a fine name.
FORMS_OF_VALUES = frozenset(("email", "ssn", "ip", "iban", "card", "date", "number"))


# What `--sql` takes: a name, the variable that holds the database's URL, and a query.
SQL_FORM = re.compile(r"\s*([a-z][a-z0-9_]*)\s*=\s*([A-Z][A-Z0-9_]*)\s*:\s*(\S.*)", re.DOTALL)


@dataclass(frozen=True)
class SampledFile:
    """A source as a draft needs it: `columns` maps names, in their order, to values as text.

    Missing values are None. Numbers are text as the file writes them, `0042` stays `0042`, but
    with a decimal point and without a sign between thousands. Of a column in `unreadable`, which
    has objects, lists or the like, all are None. Names are those of the use case; `rename` says
    what the file calls those that differ.
    """

    source: str
    path: Path | None  # None of a query
    format: str
    columns: dict[str, tuple[str | None, ...]]
    dialect: Dialect = field(default_factory=Dialect)
    rename: Mapping[str, str] = field(default_factory=dict)
    url_variable: str = ""  # of a query, whose text is `query`
    query: str = ""
    unreadable: frozenset[str] = frozenset()

    def renamed(self, names: Mapping[str, str]) -> "SampledFile":
        """Return the same source with other names for some columns: its own name -> the new one."""
        columns = {names.get(name, name): values for name, values in self.columns.items()}
        unreadable = frozenset(names.get(name, name) for name in self.unreadable)
        rename = {**self.rename, **names}
        return replace(self, columns=columns, rename=rename, unreadable=unreadable)

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return len(next(iter(self.columns.values())))


def sample_file(path: Path, source: str) -> SampledFile:
    """Return the names of a file's columns and the values of its first rows.

    Raises:
        ConfigError: The ending of its name says no format that sources have.
        SourceError: It is absent, empty or damaged, or its header is none. Never names a value.
    """
    form = _format_of(path)
    if not path.is_file():
        raise SourceError(
            path.as_posix(), expected="a file", found="none", remedy="Check the path."
        )
    dialect = Dialect()
    try:
        if form == "csv":
            dialect, names, rows = _sample_csv(path)
        else:
            names, rows = {"parquet": _sample_parquet, "jsonl": _sample_jsonl}[form](path)
    # The last two are of gzip, about a file that was cut short or altered; the one before is of a
    # time for which Python has no year.
    except (OSError, ValueError, KeyError, TypeError, OverflowError, EOFError, zlib.error) as error:
        raise SourceError(
            path.as_posix(),
            expected=f"a whole {form} file" + (" in UTF-8" if form == "jsonl" else ""),
            found=_describe_fault(path, error),
            remedy="Check that it opens elsewhere, and that its ending says what it is. A field "
            "that holds the delimiter stands in quotes.",
        ) from None  # the parsers' own texts quote values

    unreadable, texts = _texts_of(names, rows)
    _check_header(path.as_posix(), names, texts)
    columns = {
        name: plain_values([row[index] for row in texts], dialect)
        for index, name in enumerate(names)
    }
    return SampledFile(source, path, form, columns, dialect, unreadable=unreadable)


def sample_query(stated: str, settings: Settings) -> SampledFile:
    """Return the names and first rows of a query: `visits=DATABASE_URL: SELECT …`.

    Raises:
        ConfigError: It is not written so, or the variable is not set.
        SourceError: The result has no row, or no names.
        ServiceError: The database does not answer it. Its own message is dropped.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    match = SQL_FORM.fullmatch(stated)
    if match is None:
        raise ConfigError(
            "init --sql",
            expected="NAME=VARIABLE: SELECT …, the variable being one that holds the URL",
            found="something else",
            remedy='For example --sql "visits=HOSPITAL_URL: SELECT patient, day FROM visits", '
            "with HOSPITAL_URL=sqlite:////data/hospital.db in the environment.",
        )
    source, variable, query = (part.strip() for part in match.groups())
    try:
        with (
            open_database(settings.source_url(variable)) as engine,
            engine.connect() as connection,
        ):
            result = connection.execute(text(query))
            names = list(result.keys())
            rows = [tuple(row) for row in result.fetchmany(SAMPLE_ROWS)]
    except (SQLAlchemyError, ImportError) as error:
        raise ServiceError(
            "init --sql",
            expected="the database to answer the query",
            found=kind_of_error(error),
            remedy="Check the database, the URL in its variable and the query.",
        ) from None  # the driver's text may quote a value, or the URL with its password

    unreadable, texts = _texts_of(names, rows)
    _check_header("init --sql", names, texts)
    columns = {name: tuple(row[index] for row in texts) for index, name in enumerate(names)}
    return SampledFile(
        source,
        None,
        "sql",
        columns,
        url_variable=variable,
        query=" ".join(query.split()),
        unreadable=unreadable,
    )


def _describe_fault(path: Path, error: Exception) -> str:
    """Return what is wrong with a file, without a value of it."""
    if columns := re.search(r"Expected (\d+) columns, got (\d+)", str(error)):
        row = _first_ragged_row(path)
        place = f"row {row:d} with " if row else "a row with "
        return f"{place}{int(columns[2]):d} fields under a header of {int(columns[1]):d}"
    return f"one that cannot be read ({kind_of_error(error)})"


def _first_ragged_row(path: Path) -> int:
    """Return the number of the first row with more or fewer fields than the header; 0: not found.

    Rows are counted from 1, below the header.
    """
    dialect, text = guess_dialect(_start_of(path))
    try:
        head, *rows = csv.reader(text.splitlines(keepends=True), delimiter=dialect.delimiter)
    except (csv.Error, ValueError):
        return 0

    ragged = (number for number, row in enumerate(rows, start=1) if len(row) != len(head))
    return next(ragged, 0)


def _format_of(path: Path) -> str:
    plain = path.with_suffix("") if path.suffix in COMPRESSED else path
    form = ENDINGS.get(plain.suffix.lower())
    if form is None or (form == "parquet" and plain != path):
        raise ConfigError(
            path.as_posix(),
            expected="a file that ends in " + ", ".join(ENDINGS) + " (text also .gz or .bz2)",
            found="another ending",
            remedy="Export it in one of these formats.",
        )
    return form


def _sample_csv(path: Path) -> tuple[Dialect, list[str], list[tuple[str | None, ...]]]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    dialect, _ = guess_dialect(_start_of(path))

    def opened(kinds: dict[str, Any]) -> Any:
        return arrow_csv.open_csv(
            pa.input_stream(str(path), compression="detect"),
            read_options=arrow_csv.ReadOptions(block_size=SAMPLE_BYTES, encoding=dialect.encoding),
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.delimiter, newlines_in_values=True
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=kinds, null_values=[""], strings_can_be_null=True
            ),
        )

    # Twice, because the types are declared by name: left to itself, Arrow reads 0042 as a number.
    with opened({}) as reader:
        names = list(reader.schema.names)
    with opened(dict.fromkeys(names, pa.string())) as reader:
        batch = next(iter(reader), None)
    # By position: a name may stand there twice, which is refused later, in words.
    columns = (
        [] if batch is None else [column.to_pylist()[:SAMPLE_ROWS] for column in batch.columns]
    )
    return dialect, names, list(zip(*columns, strict=True))


def _start_of(path: Path) -> bytes:
    import pyarrow as pa

    with pa.input_stream(str(path), compression="detect") as stream:
        return bytes(stream.read(SAMPLE_BYTES))


def _sample_parquet(path: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    batches = file.iter_batches(batch_size=SAMPLE_ROWS)
    first = next(batches, None)
    columns = [] if first is None else [column.to_pylist() for column in first.columns]
    return list(file.schema_arrow.names), list(zip(*columns, strict=True))


def _sample_jsonl(path: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
    with _text_lines(path) as stream:
        lines = islice((line for line in _lines_of(stream) if line.strip()), SAMPLE_ROWS)
        records: list[dict[str, Any]] = [parse_json(line) for line in lines]
    if not all(isinstance(record, dict) for record in records):
        raise ValueError("a line that is no object")
    names = list(dict.fromkeys(name for record in records for name in record))
    return names, [tuple(record.get(name) for name in names) for record in records]


def _lines_of(stream: TextIO) -> Iterator[str]:
    """Yield lines of a bounded length: one without an end would fill the memory."""
    while line := stream.readline(SAMPLE_BYTES + 1):
        if len(line) > SAMPLE_BYTES:
            raise ValueError("a line that is too long")
        yield line


def _text_lines(path: Path) -> Any:
    import bz2
    import gzip

    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}
    return openers.get(path.suffix, open)(path, "rt", encoding="utf-8")


def _texts_of(
    names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> tuple[frozenset[str], list[tuple[str | None, ...]]]:
    """Return the columns with a value of no kind, and the rows as text."""
    unreadable = frozenset(
        name
        for row in rows
        for name, value in zip(names, row, strict=True)
        if isinstance(value, OF_NO_KIND)
    )
    return unreadable, [
        tuple(
            None if name in unreadable else _text(value)
            for name, value in zip(names, row, strict=True)
        )
        for row in rows
    ]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        # Whole numbers of a column with gaps arrive as floats; 3.0 says no more than 3.
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def _check_header(where: str, names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> None:
    """Refuse what is no header.

    Its parts would be written down as names of columns, and may be about a person.
    """
    if not names or not rows:
        raise SourceError(
            where,
            expected="a header and at least one row",
            found="no header" if not names else "no row",
            remedy="A draft is guessed from both.",
        )

    faults = list(_header_faults(names, rows))
    if faults:
        position, fault = faults[0]
        raise SourceError(
            f"{where}: column {position}",
            expected="a header: the name of each column, once",
            found=f"{fault} ({len(faults)} of {len(names)} columns)",
            remedy="Give the file a header line with a name for each column.",
        )

    if _is_like_a_row(names, rows):
        raise SourceError(
            where,
            expected="a header: the name of each column, once",
            found="a first line of the same form as the lines below it",
            remedy="If the header line is missing, add it. If this is it, write the names in lower "
            "case: then they differ from values.",
        )


def _header_faults(
    names: Sequence[str], rows: Sequence[Sequence[str | None]]
) -> Iterator[tuple[int, str]]:
    for position, name in enumerate(names, start=1):
        values = {row[position - 1] for row in rows}
        if not name.strip():
            yield position, "no name"
        elif len(name) > MOST_NAME_CHARACTERS or _has_control_characters(name):
            yield position, "a long or unprintable one"
        elif ";" in name or "@" in name or look("", [name]).kind in FORMS_OF_VALUES:
            yield position, "what looks like a value, or like several columns"
        elif names.count(name) > 1:
            yield position, "a name that another column has"
        elif name in values:
            yield position, "a name that is a value of its own column"


def _is_like_a_row(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> bool:
    """Say whether nothing tells the first line from the rows below it.

    One column is enough to tell: a name that stands over values of another form, or one that
    columns of personal data usually have. Otherwise the first line may be somebody's own.
    """
    return all(
        look(name, []).kind == "text" and _has_form_of(name, [row[position] for row in rows])
        for position, name in enumerate(names)
    )


def _has_form_of(name: str, values: Sequence[str | None]) -> bool:
    """Say whether most values of a column are written as its name is."""
    present = [value for value in values if value]
    alike = sum(_form_of(value) == _form_of(name) for value in present)
    return alike > len(present) / 2


def _form_of(text: str) -> str:
    """Return a text with each run of capitals, small letters and digits as one sign: `Aa 9`."""
    form = re.sub(r"[^\W\d_]", lambda letter: "A" if letter[0].isupper() else "a", text)
    return re.sub(r"(.)\1+", r"\1", re.sub(r"\d", "9", form))


def _has_control_characters(name: str) -> bool:
    # With line and paragraph separators: YAML 1.1 ends a line at both, and a name stands in the
    # draft's comments, too, where what follows it would be read as a line of the draft.
    return any(
        unicodedata.category(character)[0] == "C" or unicodedata.category(character) in ("Zl", "Zp")
        for character in name
    )


def source_name(path: Path, taken: Sequence[str]) -> str:
    """Return a name for a source after its file, that no other source has."""
    stem = path.name.partition(".")[0].lower()
    plain = re.sub(r"[^a-z0-9]+", "_", stem).strip("_")
    base = plain if plain[:1].isalpha() else f"source_{plain}".rstrip("_")
    names = (base, *(f"{base}_{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


assert {form for form, _ in FORMS} >= FORMS_OF_VALUES  # a renamed form must not pass
