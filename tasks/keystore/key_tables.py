"""The tables of a key store: SQLite by default (one machine), PostgreSQL for several hosts.

SQL is written once, with `?` for values and `{among}` for "is one of these".
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tasks.errors import ServiceError
from tasks.system.installation import Installation
from tasks.system.sqlite_file import (
    WAIT_SECONDS,
    explaining_sqlite,
    hold_lock_file,
    is_lock_file_held,
    open_sqlite,
    read_transaction,
    require_columns,
    write_transaction,
)

Row = tuple[Any, ...]
# Values in one query. SQLite allows 32,766 (SQLITE_MAX_VARIABLE_NUMBER); more than this is no
# faster.
BATCH_VALUES = 10_000
RESTORE = (
    "Restore the newest backup of the key store and its secrets: an older one would bring back "
    "whoever was erased since, and is refused"
)
SCRUB_POLL_SECONDS = 0.05
KEY_FILE = "keys.db"
TABLES = (
    "CREATE TABLE IF NOT EXISTS buckets (bucket INTEGER PRIMARY KEY, wrapped {blob} NOT NULL)",
    "CREATE TABLE IF NOT EXISTS keys (key_id {blob} PRIMARY KEY, lookup {blob} NOT NULL UNIQUE, "
    "bucket INTEGER NOT NULL, wrapped {blob} NOT NULL) {clustered}",
    "CREATE INDEX IF NOT EXISTS keys_by_bucket ON keys (bucket)",
    # A lookup may come twice: a person was erased, returned as a customer and was erased again.
    "CREATE TABLE IF NOT EXISTS restricted_keys ("
    "key_id {blob} PRIMARY KEY, lookup {blob} NOT NULL, "
    "sealed {blob} NOT NULL, basis TEXT NOT NULL, since TEXT NOT NULL, review TEXT NOT NULL, "
    "held INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS restricted_keys_by_lookup ON restricted_keys (lookup)",
    "CREATE TABLE IF NOT EXISTS destroyed ("
    "key_id {blob} PRIMARY KEY, seq INTEGER NOT NULL, day TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS tombstones ("
    "seq INTEGER PRIMARY KEY, mark {blob} NOT NULL, day TEXT NOT NULL, event TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)


class KeyTables(Protocol):
    """A key store's tables. Rows are wrapped keys, keyed marks and days: none names a person."""

    @property
    def name(self) -> str:
        """What messages call it; never a password."""

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return the rows of a query."""

    def stream(self, sql: str) -> Iterator[Row]:
        """Yield the rows of a query one by one, within `reading`; never all of them in memory."""

    def rows_among(self, sql: str, values: Sequence[Any]) -> Iterator[Row]:
        """Yield the rows of a query whose `{among}` is filled with `values`, batch by batch."""

    def run(self, sql: str, rows: Iterable[Row] = ((),)) -> None:
        """Run a statement for each row of values."""

    def reading(self) -> AbstractContextManager[None]:
        """Give one consistent view of all tables."""

    def writing(self) -> AbstractContextManager[None]:
        """Give one transaction that is alone in writing: all of it happens, or none."""

    def erasure_lock(self) -> AbstractContextManager[None]:
        """Hold the one lock under which erasures run, whatever processes and hosts there are."""

    def scrub(self) -> None:
        """Empty what still holds deleted and replaced rows: write-ahead log, dead tuples."""


class SqliteKeyTables:
    """One file of mode 0600. Deleted content is overwritten; `scrub` empties the log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with self._as_our_errors():
                self._connection = open_sqlite(path, is_deleted_overwritten=True)
                # WITHOUT ROWID: a key lies in the tree by its id: finding it is one search.
                tables = [table.format(blob="BLOB", clustered="WITHOUT ROWID") for table in TABLES]
                for table in tables:
                    self._connection.execute(table)
                # `CREATE … IF NOT EXISTS` says nothing of a table of that name with other columns.
                require_columns(self._connection, tables, self.name)
        except OSError as error:
            raise ServiceError(
                self.name,
                expected="a file that this account may open and change",
                found=type(error).__name__,
                remedy="Mend its owner, mode or mount; nothing was lost.",
            ) from error

    @property
    def name(self) -> str:
        """The file's name."""
        return f"key store {self.path.name}"

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return the rows of a query."""
        with self._as_our_errors():
            return self._connection.execute(sql, values).fetchall()

    def stream(self, sql: str) -> Iterator[Row]:
        """Yield the rows of a query as SQLite finds them."""
        with self._as_our_errors():
            yield from self._connection.execute(sql)

    def rows_among(self, sql: str, values: Sequence[Any]) -> Iterator[Row]:
        """Yield the rows of a query, batch by batch; sorted, because neighbours lie on one page."""
        ordered = sorted(values)
        for start in range(0, len(ordered), BATCH_VALUES):
            batch = ordered[start : start + BATCH_VALUES]
            placeholders = ",".join("?" * len(batch))
            yield from self.rows(sql.format(among=f"IN ({placeholders})"), *batch)

    def run(self, sql: str, rows: Iterable[Row] = ((),)) -> None:
        """Run a statement for each row of values."""
        with self._as_our_errors():
            self._connection.executemany(sql, rows)

    def reading(self) -> AbstractContextManager[None]:
        """Give one consistent view: a read transaction."""
        return self._transaction(read_transaction(self._connection))

    def writing(self) -> AbstractContextManager[None]:
        """Give one write transaction; others wait."""
        return self._transaction(write_transaction(self._connection))

    @contextmanager
    def _transaction(self, transaction: AbstractContextManager[None]) -> Iterator[None]:
        # The end is translated, too: where the disk is full, it is the commit that says so.
        with self._as_our_errors(), transaction:
            yield

    def _as_our_errors(self) -> AbstractContextManager[None]:
        return explaining_sqlite(self.name, restore=f"{RESTORE}.")

    def erasure_lock(self) -> AbstractContextManager[None]:
        """Hold the lock file beside the store."""
        return hold_lock_file(self.path, "key store")

    def scrub(self) -> None:
        """Empty the write-ahead log, which holds old wrapped keys; wait for readers that use it.

        Raises:
            ServiceError: A reader does not end. The keys are destroyed, and their wrapped forms
                may still lie in the log: the caller may not say that the erasure is done.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        # Its first column is 1 where a reader or writer kept it from finishing (SQLite, "PRAGMA
        # wal_checkpoint"): the statement itself succeeds either way.
        while self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
            if time.monotonic() > deadline:
                raise ServiceError(
                    self.name,
                    expected=f"its write-ahead log to be free within {WAIT_SECONDS} s",
                    found="a reader that does not end",
                    remedy="End it, then run the same command again.",
                )

            time.sleep(SCRUB_POLL_SECONDS)


def open_key_tables(installation: Installation) -> KeyTables:
    """Return the tables of this installation's key store."""
    if url := installation.settings.keys_url:
        from tasks.keystore.postgres_key_tables import PostgresKeyTables

        return PostgresKeyTables(url)
    return SqliteKeyTables(installation.home / KEY_FILE)


def hold_erasure_lock(installation: Installation) -> AbstractContextManager[None]:
    """Hold the lock of erasures where the store itself may be lost: no file of it is opened."""
    if url := installation.settings.keys_url:
        from tasks.keystore.postgres_key_tables import PostgresKeyTables

        return PostgresKeyTables(url).erasure_lock()
    return hold_lock_file(installation.home / KEY_FILE, "key store")


def is_erasure_under_way(installation: Installation) -> bool:
    """Say whether anybody holds the lock of erasures now; nobody waits.

    Raises:
        ServiceError: The server of the key store does not answer.
    """
    if url := installation.settings.keys_url:
        from tasks.keystore.postgres_key_tables import PostgresKeyTables

        return PostgresKeyTables(url).is_erasure_locked()
    return is_lock_file_held(installation.home / KEY_FILE)
