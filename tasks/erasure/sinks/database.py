"""Databases of other programs (MLflow, Prefect): every text of every table, whatever its columns mean."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tasks.erasure.searching.masking import CannotMaskError, holds, without
from tasks.erasure.searching.traces import Traces
from tasks.erasure.sinks.sink import Purged
from tasks.errors import ServiceError
from tasks.system.database import open_database, with_driver

NO_TEXT = ("INT", "FLOAT", "DOUBLE", "REAL", "NUMERIC", "DECIMAL", "BOOL", "DATE", "TIME", "UUID")
AT_ONCE = 2_000


@dataclass(frozen=True)
class Column:
    """A column that may hold text: how it is written in SQL, and the type to cast to where the database is strict."""

    name: str
    type: str


def purge_database(name: str, url: str, traces: Traces) -> Purged:
    """Mask every value of theirs in every table; then look again, also at the bytes of the file.

    Raises:
        ServiceError: The database does not answer.
    """
    parsed = with_driver(url)
    path = (
        Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
    )
    if path is not None and not path.is_file():
        return Purged()
    engine = open_database(url)
    try:
        with engine.connect() as connection:
            if path is not None:
                connection.execute(text("PRAGMA secure_delete=ON"))
                connection.execute(text("PRAGMA busy_timeout=60000"))
                connection.commit()
            done = _purge_tables(connection, traces)
            left = [f"{name}: {where}" for where in _hits(connection, traces)]
            connection.commit()
            if path is not None:
                left += _clean_file(name, path, connection, traces)
    except DBAPIError as error:
        raise ServiceError(
            name,
            expected="its database to answer",
            found=type(error.orig).__name__,
            remedy="Start it and run the same command again: it goes on where it stopped.",
        ) from error
    finally:
        engine.dispose()
    return done + Purged(left=tuple(left))


def _purge_tables(connection: Connection, traces: Traces) -> Purged:
    searched = rewritten = 0
    for table, key, columns in _tables(connection):
        found = []
        for row in _rows(connection, table, key, columns):
            searched += 1
            changes = {
                column: _clean(value, traces)
                for column, value in zip(columns, row[len(key) :], strict=True)
                if value is not None and holds("cell", _bytes(value), traces)
            }
            if changes:
                found.append((row[: len(key)], changes))
        for place, changes in found:
            _update(connection, table, key, place, changes)
            rewritten += len(changes)
    connection.commit()
    return Purged(searched=searched, rewritten=rewritten)


def _hits(connection: Connection, traces: Traces) -> list[str]:
    found = set()
    for table, key, columns in _tables(connection):
        for row in _rows(connection, table, key, columns):
            for column, value in zip(columns, row[len(key) :], strict=True):
                if value is not None and holds("cell", _bytes(value), traces):
                    found.add(f"table {table}, column {column.name}, still holds a value of theirs")
    return sorted(found)


def _tables(connection: Connection) -> Iterator[tuple[str, list[str], list[Column]]]:
    """Yield each table's name, the columns that address a row, and those that may hold text."""
    known = inspect(connection)
    is_sqlite = connection.dialect.name == "sqlite"
    for table in known.get_table_names():
        columns = [
            Column(column["name"], str(column["type"]))
            for column in known.get_columns(table)
            if not any(word in str(column["type"]).upper() for word in NO_TEXT)
        ]
        key = list(known.get_pk_constraint(table)["constrained_columns"]) or [
            "rowid" if is_sqlite else "ctid"
        ]
        if columns:
            yield table, key, columns


def _rows(
    connection: Connection, table: str, key: list[str], columns: list[Column]
) -> Iterator[Any]:
    names = [_quoted(connection, name) for name in key]
    if connection.dialect.name == "sqlite":
        names += [_quoted(connection, column.name) for column in columns]
    else:
        names += [f"CAST({_quoted(connection, column.name)} AS TEXT)" for column in columns]
    query = text(f"SELECT {', '.join(names)} FROM {_quoted(connection, table)}")
    yield from connection.execute(query, execution_options={"yield_per": AT_ONCE})


def _update(
    connection: Connection, table: str, key: list[str], place: Any, changes: dict[Column, Any]
) -> None:
    where = " AND ".join(
        f"{_quoted(connection, name)} = {_key(name, i)}" for i, name in enumerate(key)
    )
    values = {f"key{i}": value for i, value in enumerate(place)}
    strict = connection.dialect.name != "sqlite"
    for i, column in enumerate(changes):
        target = f"CAST(:new{i} AS {column.type})" if strict else f":new{i}"
        statement = f"UPDATE {_quoted(connection, table)} SET {_quoted(connection, column.name)} = {target} WHERE {where}"
        new = changes[column]
        try:
            with connection.begin_nested():
                connection.execute(text(statement), {**values, f"new{i}": new})
        except IntegrityError:  # it was a name that has to be different from all others
            new = f"{new} {os.urandom(4).hex()}"
            with connection.begin_nested():
                connection.execute(text(statement), {**values, f"new{i}": new})
        if column.name in key:
            values[f"key{key.index(column.name)}"] = new


def _key(name: str, place: int) -> str:
    return f"CAST(:key{place} AS tid)" if name == "ctid" else f":key{place}"


def _clean(value: Any, traces: Traces) -> Any:
    """Return a cell without them: masked, or where that cannot be, emptied."""
    content = _bytes(value)
    try:
        clean = without("cell.txt" if isinstance(value, str) else "cell.bin", content, traces)
    except CannotMaskError:
        clean = traces.masked(content)[0]
    if holds("cell", clean, traces):
        clean = b"[erased]"
    return clean.decode() if isinstance(value, str) else clean


def _clean_file(name: str, path: Path, connection: Connection, traces: Traces) -> list[str]:
    """Empty the log, and rewrite the file where its free pages still hold something."""
    files = [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-journal")]
    connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    connection.commit()
    if not _occur(files, traces) or _occur_in_cells(connection, traces):
        return []  # or it is a longer address of somebody else, which a page's bytes cannot tell apart
    connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM"))
    connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    return [
        f"{name}: free pages of {file.name} still hold a value of theirs; stop what uses it and run this again"
        for file in _occur(files, traces)
    ]


def _occur(files: list[Path], traces: Traces) -> list[Path]:
    return [file for file in files if file.is_file() and traces.occur_in(file.read_bytes())]


def _occur_in_cells(connection: Connection, traces: Traces) -> bool:
    return any(
        value is not None and traces.occur_in(_bytes(value))
        for table, key, columns in _tables(connection)
        for row in _rows(connection, table, key, columns)
        for value in row[len(key) :]
    )


def _bytes(value: Any) -> bytes:
    return (
        bytes(value)
        if isinstance(value, bytes | memoryview)
        else str(value).encode("utf-8", errors="surrogatepass")
    )


def _quoted(connection: Connection, name: str) -> str:
    return (
        name
        if name in ("rowid", "ctid")
        else connection.dialect.identifier_preparer.quote_identifier(name)
    )
