"""Databases of other programs (MLflow, Prefect): every text of every table, whatever it means."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tasks.erasure.searching.masking import CannotMaskError, holds_person, remove_person
from tasks.erasure.searching.search_terms import MASK, SearchTerms
from tasks.erasure.sinks.sink import PurgeReport
from tasks.errors import ServiceError
from tasks.system.database import open_database, with_driver

# Types that hold no text, by what their names contain in SQLite and PostgreSQL. Any other type is
# searched: a type that nobody thought of may hold anything.
TYPES_WITHOUT_TEXT = (
    "INT",
    "FLOAT",
    "DOUBLE",
    "REAL",
    "NUMERIC",
    "DECIMAL",
    "BOOL",
    "DATE",
    "TIME",
    "UUID",
)
ROWS_AT_ONCE = 2_000  # of a million log lines a few megabytes are in memory
# MLflow's and Prefect's servers write for milliseconds; one that holds the file for a minute hangs.
BUSY_MILLISECONDS = 60_000

# How a row is addressed in a table without a primary key.
SQLITE_ROW = "rowid"
POSTGRES_ROW = "ctid"


@dataclass(frozen=True)
class TextColumn:
    """A column that may hold text, and the type to cast to where the database is strict."""

    name: str
    sql_type: str


@dataclass(frozen=True)
class TextTable:
    """A table: the columns that address a row of it, and those that may hold text."""

    name: str
    key: tuple[str, ...]
    columns: tuple[TextColumn, ...]


def purge_database(name: str, url: str, terms: SearchTerms) -> PurgeReport:
    """Mask every value of theirs in every table; then look again, also at the bytes of the file.

    Args:
        name: What reports and errors call the database.
        url: Where it is; a SQLite file that does not exist has nothing.
        terms: What to look for.

    Raises:
        ServiceError: The database does not answer.
    """
    path = _sqlite_path(url)
    if path is not None and not path.is_file():
        return PurgeReport()

    try:
        with open_database(url) as engine, engine.connect() as connection:
            if path is not None:
                # SQLite leaves deleted content in its pages otherwise.
                connection.execute(text("PRAGMA secure_delete=ON"))
                connection.execute(text(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}"))
                connection.commit()

            report = _mask_tables(connection, terms)
            left = [f"{name}: {place}" for place in _find_places(connection, terms)]
            connection.commit()
            if path is not None:
                left += _clean_file(name, path, connection, terms)
    except DBAPIError as error:
        raise ServiceError(
            name,
            expected="its database to answer",
            found=type(error.orig).__name__,
            remedy="Start it and run the same command again: it goes on where it stopped.",
        ) from error
    return report + PurgeReport(left=tuple(left))


def _sqlite_path(url: str) -> Path | None:
    parsed = with_driver(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return Path(parsed.database) if is_file and parsed.database else None


def _mask_tables(connection: Connection, terms: SearchTerms) -> PurgeReport:
    searched = 0
    rewritten = 0
    for table in _read_tables(connection):
        # All rows are read before one is written: an update moves rows under an open cursor.
        updates = []
        for row in _read_rows(connection, table):
            searched += 1
            key, cells = _split_row(table, row)
            changes = {
                column: _mask_cell(value, terms)
                for column, value in cells.items()
                if _cell_holds_person(value, terms)
            }
            if changes:
                updates.append((key, changes))

        for key, changes in updates:
            _update_row(connection, table, key, changes)
            rewritten += len(changes)
    connection.commit()
    return PurgeReport(searched=searched, rewritten=rewritten)


def _find_places(connection: Connection, terms: SearchTerms) -> list[str]:
    """Return where a value of theirs stands still: one line for each table and column."""
    places = set()
    for table in _read_tables(connection):
        for row in _read_rows(connection, table):
            _, cells = _split_row(table, row)
            for column, value in cells.items():
                if _cell_holds_person(value, terms):
                    places.add(
                        f"table {table.name}, column {column.name}, still holds a value of theirs"
                    )
    return sorted(places)


def _read_tables(connection: Connection) -> Iterator[TextTable]:
    """Yield every table that has a column which may hold text."""
    schema = inspect(connection)
    any_row = SQLITE_ROW if _is_sqlite(connection) else POSTGRES_ROW
    for name in schema.get_table_names():
        columns = tuple(
            TextColumn(column["name"], str(column["type"]))
            for column in schema.get_columns(name)
            if not any(word in str(column["type"]).upper() for word in TYPES_WITHOUT_TEXT)
        )
        key = tuple(schema.get_pk_constraint(name)["constrained_columns"]) or (any_row,)
        if columns:
            yield TextTable(name, key, columns)


def _read_rows(connection: Connection, table: TextTable) -> Iterator[Any]:
    """Yield every row: the columns of its key, then those that may hold text, as text."""
    selected = [_quote(connection, name) for name in table.key]
    for column in table.columns:
        quoted = _quote(connection, column.name)
        # SQLite's types bind no value: a cast would turn bytes into text.
        selected.append(quoted if _is_sqlite(connection) else f"CAST({quoted} AS TEXT)")

    query = text(f"SELECT {', '.join(selected)} FROM {_quote(connection, table.name)}")
    yield from connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})


def _split_row(table: TextTable, row: Any) -> tuple[tuple[Any, ...], dict[TextColumn, Any]]:
    """Return the key of a row, and its cells by column."""
    key_columns = len(table.key)
    return tuple(row[:key_columns]), dict(zip(table.columns, row[key_columns:], strict=True))


def _update_row(
    connection: Connection,
    table: TextTable,
    key: tuple[Any, ...],
    changes: dict[TextColumn, Any],
) -> None:
    """Write the changed cells of one row, cell by cell; the key may be among them."""
    condition = " AND ".join(
        f"{_quote(connection, name)} = {_key_parameter(name, place)}"
        for place, name in enumerate(table.key)
    )
    parameters = {f"key{place}": value for place, value in enumerate(key)}

    for column, value in changes.items():
        target = ":value" if _is_sqlite(connection) else f"CAST(:value AS {column.sql_type})"
        statement = text(
            f"UPDATE {_quote(connection, table.name)} "
            f"SET {_quote(connection, column.name)} = {target} WHERE {condition}"
        )
        written = value
        try:
            with connection.begin_nested():
                connection.execute(statement, {**parameters, "value": written})
        except IntegrityError:
            # The column is unique, and two people's masks are equal: a random end tells them apart.
            written = f"{value} {os.urandom(4).hex()}"
            with connection.begin_nested():
                connection.execute(statement, {**parameters, "value": written})

        # The next cell of this row is found by its new key.
        if column.name in table.key:
            parameters[f"key{table.key.index(column.name)}"] = written


def _key_parameter(name: str, place: int) -> str:
    return f"CAST(:key{place} AS tid)" if name == POSTGRES_ROW else f":key{place}"


def _cell_holds_person(value: Any, terms: SearchTerms) -> bool:
    return value is not None and holds_person("cell", _to_bytes(value), terms)


def _mask_cell(value: Any, terms: SearchTerms) -> Any:
    """Return a cell without them: masked, or where that cannot be, emptied."""
    content = _to_bytes(value)
    is_text = isinstance(value, str)
    try:
        clean = remove_person("cell.txt" if is_text else "cell.bin", content, terms)
    except CannotMaskError:
        clean, _ = terms.mask(content)

    if holds_person("cell", clean, terms):
        clean = MASK
    return clean.decode() if is_text else clean


def _clean_file(name: str, path: Path, connection: Connection, terms: SearchTerms) -> list[str]:
    """Empty the log, and rewrite the file where its free pages hold something still.

    Returns:
        One line for each file that holds a value of theirs even so.
    """
    files = [path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal")]
    connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    connection.commit()

    # A longer address of somebody else holds theirs as a part, and a page's bytes do not tell the
    # two apart: where a cell has such bytes, the pages may have them, too.
    if not _find_files(files, terms) or _any_cell_has_bytes(connection, terms):
        return []

    connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM"))
    connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    return [
        f"{name}: free pages of {file.name} still hold a value of theirs; "
        "stop what uses it and run this again"
        for file in _find_files(files, terms)
    ]


def _find_files(files: list[Path], terms: SearchTerms) -> list[Path]:
    return [file for file in files if file.is_file() and terms.has_bytes(file.read_bytes())]


def _any_cell_has_bytes(connection: Connection, terms: SearchTerms) -> bool:
    return any(
        value is not None and terms.has_bytes(_to_bytes(value))
        for table in _read_tables(connection)
        for row in _read_rows(connection, table)
        for value in _split_row(table, row)[1].values()
    )


def _to_bytes(value: Any) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return str(value).encode("utf-8", errors="surrogatepass")


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _quote(connection: Connection, name: str) -> str:
    """Return a name as SQL has it; the databases' own row addresses are no columns."""
    if name in (SQLITE_ROW, POSTGRES_ROW):
        return name
    return connection.dialect.identifier_preparer.quote_identifier(name)
