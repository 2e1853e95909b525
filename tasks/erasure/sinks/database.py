"""Databases of other programs (MLflow, Prefect): every text of every table, whatever it means."""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.cells import look_at_cell, mask_cell, sift_rows, to_bytes
from tasks.erasure.sinks.columns import (
    POSTGRES_ROW,
    SQLITE_ROW,
    TextColumn,
    TextTable,
    read_tables,
)
from tasks.erasure.sinks.sink import AS_MASKING_ALLOWS, PurgeOptions, PurgeReport
from tasks.errors import ServiceError
from tasks.system.database import open_database, with_driver

ROWS_AT_ONCE = 2_000  # of a million log lines a few megabytes are in memory
WRITTEN_AT_ONCE = 500  # rows of one transaction: other programs wait for it
PIECE_BYTES = 16 * 1024**2
OVERLAP_BYTES = 64 * 1024  # of the piece before; no value is longer
# MLflow's and Prefect's servers write for milliseconds; one that holds the file for a minute hangs.
BUSY_MILLISECONDS = 60_000

RowKey = tuple[Any, ...]


def purge_database(
    name: str, url: str, terms: SearchTerms, options: PurgeOptions = AS_MASKING_ALLOWS
) -> PurgeReport:
    """Mask every value of theirs in every table; then look again, also at the bytes of the file.

    Args:
        name: What reports and errors call the database.
        url: Where it is; a SQLite file that does not exist has nothing.
        terms: What to look for.
        options: What may be changed.

    Raises:
        ServiceError: The database does not answer, or another program does not let it go.
    """
    path = sqlite_path(url)
    if path is not None and not path.is_file():
        return PurgeReport()

    with reporting_silence(name), open_for_purge(url, options) as engine:
        purge = _DatabasePurge(name, terms, options)
        with engine.connect() as connection:
            report = purge.run(connection)
        if path is not None and not options.is_dry_run:
            report += _clean_file(name, path, engine, terms)
    return report


@contextmanager
def reporting_silence(name: str) -> Iterator[None]:
    """Turn whatever a database's driver raises into the error of a service that is silent.

    Raises:
        ServiceError: The database does not answer, or another program does not let it go.
    """
    try:
        yield
    except DBAPIError as error:
        raise ServiceError(
            name,
            expected="its database to answer",
            found=type(error.orig).__name__,
            remedy="Start it and run the same command again: it goes on where it stopped.",
        ) from error


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite database; None for one of a server."""
    parsed = with_driver(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return Path(parsed.database) if is_file and parsed.database else None


def open_for_purge(url: str, options: PurgeOptions) -> AbstractContextManager[Engine]:
    """Open a database; in a dry run in a way that writes none of its files.

    A log that is not empty has to be read with the file; in its index, which is memory that the
    processes share, readers mark where they read. Without a log the file alone is read.
    """
    path = sqlite_path(url)
    if path is None or not options.is_dry_run:
        return open_database(url)

    log = path.with_name(f"{path.name}-wal")
    has_log = log.is_file() and log.stat().st_size > 0
    mode = "mode=ro" if has_log else "mode=ro&immutable=1"
    return open_database(f"sqlite:///file:{quote(path.absolute().as_posix())}?{mode}&uri=true")


@dataclass
class _Findings:
    """What a pass over tables found, in counts."""

    searched: int = 0
    planned: Counter[str] = field(default_factory=Counter)  # by table
    left: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # table, column, reason
    unsearched: Counter[str] = field(default_factory=Counter)  # by kind of content

    def add(self, other: "_Findings") -> None:
        self.searched += other.searched
        self.planned.update(other.planned)
        self.left.update(other.left)
        self.unsearched.update(other.unsearched)


@dataclass
class _DatabasePurge:
    """One database: each table is searched, and what was masked in it is searched again."""

    name: str
    terms: SearchTerms
    options: PurgeOptions
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)

    def run(self, connection: Connection) -> PurgeReport:
        if connection.dialect.name == "sqlite":
            connection.execute(text(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}"))
            if not self.options.is_dry_run:
                # SQLite leaves deleted content in its pages otherwise.
                connection.execute(text("PRAGMA secure_delete=ON"))
            connection.commit()

        findings = _Findings()
        rewritten = 0
        for table in read_tables(connection):
            keys, table_findings = self._look_over(connection, table)
            if keys and not self.options.is_dry_run:
                rewritten += self._mask_rows(connection, table, keys)
                # What stays says the database, and not what was meant to be written.
                _, table_findings = self._look_over(connection, table)
            findings.add(table_findings)
        return PurgeReport(rewritten=rewritten) + self._report(findings)

    def _look_over(
        self, connection: Connection, table: TextTable
    ) -> tuple[list[RowKey], _Findings]:
        """Return which rows hold the person, and what else there is to say about a table.

        That is what a dry run would mask, what stays, and what could not be looked into.
        """
        findings = _Findings()
        keys: list[RowKey] = []
        # Read to the end before a row is written: an update moves rows under an open cursor.
        for rows in _read_batches(connection, table):
            findings.searched += len(rows)
            for key, cells in sift_rows(rows, self.terms):
                # Every cell: what cannot be looked into is said of each.
                looks = [
                    self._look_at_cell(table, column, value, findings)
                    for column, value in zip(table.columns, cells, strict=True)
                ]
                if any(looks):
                    keys.append(key)

        connection.commit()
        return keys, findings

    def _look_at_cell(
        self, table: TextTable, column: TextColumn, value: Any, findings: _Findings
    ) -> bool:
        """Note what is to be said of a cell, and return whether it holds the person."""
        look = look_at_cell(value, self.terms)
        findings.unsearched.update(set(look.unsearched))
        if look.holds_person:
            clean = self._mask(value, column) if self.options.is_dry_run else value
            findings.planned[table.name] += self._is_masked(value, clean)
            if look_at_cell(clean, self.terms).holds_person:
                findings.left[table.name, column.name, self._reason(table, column)] += 1
        elif look.is_ambiguous:
            findings.left[table.name, column.name, "others are called so, too"] += 1

        return look.holds_person

    def _mask_rows(self, connection: Connection, table: TextTable, keys: list[RowKey]) -> int:
        """Mask the rows of one table that hold the person; return how many cells."""
        rewritten = 0
        for first in range(0, len(keys), WRITTEN_AT_ONCE):
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            batch = keys[first : first + WRITTEN_AT_ONCE]
            rewritten += sum(self._mask_row(connection, table, key) for key in batch)
            connection.commit()
        return rewritten

    def _mask_row(self, connection: Connection, table: TextTable, key: RowKey) -> int:
        """Mask one row, read again within the transaction that writes it; return how many cells."""
        masked = 0
        for _, cells in _read_rows(connection, table, key):
            for column, value in zip(table.columns, cells, strict=True):
                if self._is_masked(value, clean := self._mask(value, column)):
                    masked += self._write_cell(connection, table, key, column, clean)
        return masked

    def _write_cell(
        self,
        connection: Connection,
        table: TextTable,
        key: RowKey,
        column: TextColumn,
        value: Any,
    ) -> int:
        """Write one cell; one that the database refuses is set aside, and the others go on."""
        is_plain = connection.dialect.name == "sqlite" or column.holds_bytes
        target = ":value" if is_plain else f"CAST(:value AS {column.sql_type})"
        condition, parameters = _address(connection, table, key)
        statement = text(
            f"UPDATE {_quote(connection, table.name)} "
            f"SET {_quote(connection, column.name)} = {target} WHERE {condition}"
        )
        try:
            with connection.begin_nested():
                connection.execute(statement, {**parameters, "value": value})
        except (OperationalError, InterfaceError):
            raise  # it is locked or gone: no matter of this value
        except DBAPIError:
            self.refused[table.name, column.name] += 1
            return 0

        return 1

    def _mask(self, value: Any, column: TextColumn) -> Any:
        if not look_at_cell(value, self.terms).holds_person:
            return value
        return mask_cell(value, column, self.terms, may_empty=self.options.removes_files)

    def _is_masked(self, value: Any, clean: Any) -> bool:
        return value is not None and to_bytes(clean) != to_bytes(value)

    def _report(self, findings: _Findings) -> PurgeReport:
        return PurgeReport(
            searched=findings.searched,
            planned=tuple(
                self._line(f"{_count(cells, 'cell')} of {self.name}, table {table}")
                for table, cells in sorted(findings.planned.items())
                if cells
            ),
            left=tuple(
                self._line(
                    f"{self.name}: table {table}, column {column}: "
                    f"{_count(cells, 'value')} of theirs: {reason}"
                )
                for (table, column, reason), cells in sorted(findings.left.items())
            ),
            unseen=tuple(
                self._line(f"{self.name}: {kind}: {cells:,} not looked into")
                for kind, cells in sorted(findings.unsearched.items())
            ),
        )

    def _reason(self, table: TextTable, column: TextColumn) -> str:
        """Say why a value of theirs stays."""
        if self.refused[table.name, column.name]:
            return "the database refuses another value there"
        if column.protection:
            return f"{column.protection.value} are never changed, a person has to decide"
        return "it cannot be masked in place, a person has to decide, or give --remove-files"

    def _line(self, line: str) -> str:
        return self.terms.mask_name(line)


def _read_batches(
    connection: Connection, table: TextTable
) -> Iterator[list[tuple[RowKey, tuple[Any, ...]]]]:
    """Yield every row of a table, so many at once as are looked at together."""
    rows = _read_rows(connection, table)
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        yield batch


def _read_rows(
    connection: Connection, table: TextTable, key: RowKey | None = None
) -> Iterator[tuple[RowKey, tuple[Any, ...]]]:
    """Yield every row, or the one of a key: its key, and its cells that may hold text, as text.

    Cells stand in the order of the table's columns.
    """
    selected = [_quote(connection, name) for name in table.key]
    for column in table.columns:
        quoted = _quote(connection, column.name)
        # SQLite's types bind no value, and bytes are no text: a cast would write them in hex.
        is_plain = connection.dialect.name == "sqlite" or column.holds_bytes
        selected.append(quoted if is_plain else f"CAST({quoted} AS TEXT)")

    query = f"SELECT {', '.join(selected)} FROM {_quote(connection, table.name)}"
    parameters: dict[str, Any] = {}
    if key is not None:
        condition, parameters = _address(connection, table, key)
        is_server = connection.dialect.name != "sqlite"
        query += f" WHERE {condition}{' FOR UPDATE' if is_server else ''}"

    rows: Any = connection.execute(
        text(query), parameters, execution_options={"yield_per": ROWS_AT_ONCE}
    )
    # A row that is about to be written is read to the end first.
    for row in rows if key is None else rows.all():
        yield tuple(row[: len(table.key)]), tuple(row[len(table.key) :])


def _address(connection: Connection, table: TextTable, key: RowKey) -> tuple[str, dict[str, Any]]:
    """Return the condition that one row meets, and its parameters."""
    # SQLite allows NULL in a primary key.
    equals = "IS" if connection.dialect.name == "sqlite" else "="
    conditions = []
    for place, name in enumerate(table.key):
        parameter = f"CAST(:key{place} AS tid)" if name == POSTGRES_ROW else f":key{place}"
        conditions.append(f"{_quote(connection, name)} {equals} {parameter}")
    return " AND ".join(conditions), {f"key{place}": value for place, value in enumerate(key)}


def _clean_file(name: str, path: Path, engine: Engine, terms: SearchTerms) -> PurgeReport:
    """Empty the log, and rewrite the file where its free pages hold something still."""
    files = [path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal")]
    with engine.connect() as connection:
        # VACUUM is refused within a transaction, and Python's driver begins one by itself.
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}"))
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        if not _find_files(files, terms):
            return PurgeReport()

        try:
            connection.execute(text("VACUUM"))
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        except OperationalError:
            line = f"{name}: its free pages could not be rewritten; stop what uses it, run it again"
            return PurgeReport(left=(line,))

        # What is left or somebody else's longer address has such bytes in a cell: its pages may.
        if _any_cell_has_bytes(connection, terms):
            return PurgeReport()
    return PurgeReport(
        left=tuple(
            f"{name}: free pages of {file.suffix or 'the file'} still hold a value of theirs; "
            "stop what uses it and run this again"
            for file in _find_files(files, terms)
        )
    )


def _find_files(files: list[Path], terms: SearchTerms) -> list[Path]:
    return [file for file in files if file.is_file() and _file_has_bytes(file, terms)]


def _file_has_bytes(file: Path, terms: SearchTerms) -> bool:
    end_of_last_piece = b""
    with file.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            if terms.has_bytes(end_of_last_piece + piece):
                return True
            end_of_last_piece = piece[-OVERLAP_BYTES:]
    return False


def _any_cell_has_bytes(connection: Connection, terms: SearchTerms) -> bool:
    return any(
        value is not None and terms.has_bytes(to_bytes(value))
        for table in read_tables(connection)
        for _, cells in _read_rows(connection, table)
        for value in cells
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _quote(connection: Connection, name: str) -> str:
    """Return a name as SQL has it; the databases' own row addresses are no columns."""
    if name in (SQLITE_ROW, POSTGRES_ROW):
        return name
    return connection.dialect.identifier_preparer.quote_identifier(name)
