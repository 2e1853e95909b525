"""Where wrapped keys lie: one small interface, SQLite by default (one machine), PostgreSQL for several hosts.

SQL is written once, with `?` for values and `{among}` for "is one of these".
"""

import fcntl
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tasks.errors import SealError, ServiceError
from tasks.system.installation import Installation

Row = tuple[Any, ...]
BATCH = 10_000
WAIT_SECONDS = 60
TABLES = (
    "CREATE TABLE IF NOT EXISTS buckets (bucket INTEGER PRIMARY KEY, wrapped {blob} NOT NULL)",
    "CREATE TABLE IF NOT EXISTS keys (key_id {blob} PRIMARY KEY, lookup {blob} NOT NULL UNIQUE, "
    "bucket INTEGER NOT NULL, wrapped {blob} NOT NULL) {clustered}",
    "CREATE INDEX IF NOT EXISTS keys_by_bucket ON keys (bucket)",
    "CREATE TABLE IF NOT EXISTS restricted_keys (key_id {blob} PRIMARY KEY, lookup {blob} NOT NULL UNIQUE, "
    "sealed {blob} NOT NULL, basis TEXT NOT NULL, since TEXT NOT NULL, review TEXT NOT NULL, "
    "held INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS destroyed (key_id {blob} PRIMARY KEY, seq INTEGER NOT NULL, day TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS tombstones (seq INTEGER PRIMARY KEY, mark {blob} NOT NULL, day TEXT NOT NULL, "
    "event TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)


class Shelf(Protocol):
    """A key store's tables. Rows are wrapped keys, keyed marks and days: nothing that names a person."""

    @property
    def name(self) -> str:
        """What messages call it; never a password."""

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return what a query finds."""

    def among(self, sql: str, wanted: Sequence[Any]) -> Iterator[Row]:
        """Yield what a query finds whose `{among}` is filled with `wanted`, batch by batch."""

    def run(self, sql: str, rows: Iterable[Row] = ((),)) -> None:
        """Run a statement for each row of values."""

    def reading(self) -> AbstractContextManager[None]:
        """Give one consistent view of all tables."""

    def writing(self) -> AbstractContextManager[None]:
        """Give one transaction that is alone in writing: all of it happens, or none."""

    def alone(self) -> AbstractContextManager[None]:
        """Hold the one lock under which erasures run, however many processes and hosts there are."""

    def scrub(self) -> None:
        """Let go of what deleted and replaced rows left behind (write-ahead log, dead tuples)."""


class SqliteShelf:
    """One file of mode 0600. Deleted content is overwritten (`secure_delete`); the log is emptied by `scrub`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        path.chmod(0o600)
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                self._connection.execute(f"PRAGMA {pragma}")
            for table in TABLES:
                self._connection.execute(table.format(blob="BLOB", clustered="WITHOUT ROWID"))
        except sqlite3.DatabaseError as error:
            raise SealError(
                self.name,
                expected="a key store",
                found=type(error).__name__,
                remedy="Restore it from its backup.",
            ) from error

    @property
    def name(self) -> str:
        """The file's name."""
        return f"key store {self.path.name}"

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return what a query finds."""
        return self._connection.execute(sql, values).fetchall()

    def among(self, sql: str, wanted: Sequence[Any]) -> Iterator[Row]:
        """Yield what a query finds, batch by batch; sorted, because neighbours lie on one page."""
        ordered = sorted(wanted)
        for start in range(0, len(ordered), BATCH):
            batch = ordered[start : start + BATCH]
            yield from self.rows(sql.format(among=f"IN ({','.join('?' * len(batch))})"), *batch)

    def run(self, sql: str, rows: Iterable[Row] = ((),)) -> None:
        """Run a statement for each row of values."""
        self._connection.executemany(sql, rows)

    def reading(self) -> AbstractContextManager[None]:
        """Give one consistent view: a read transaction."""
        return self._transaction("BEGIN")

    def writing(self) -> AbstractContextManager[None]:
        """Give one write transaction; others wait."""
        return self._transaction("BEGIN IMMEDIATE")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        try:
            self._connection.execute(begin)
        except sqlite3.OperationalError as error:
            raise ServiceError(
                self.name,
                expected=f"to be written to within {WAIT_SECONDS} s",
                found=str(error),
                remedy="See which process holds it, then run the same command again.",
            ) from error
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock file beside the store."""
        with self.path.with_suffix(".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def scrub(self) -> None:
        """Empty the write-ahead log; readers that are still at it are waited for."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
            if time.monotonic() > deadline:
                raise ServiceError(
                    self.name,
                    expected=f"its write-ahead log to be free within {WAIT_SECONDS} s",
                    found="a reader that does not end",
                    remedy="End it, then run the same command again.",
                )
            time.sleep(0.05)


def open_shelf(installation: Installation) -> Shelf:
    """Return the tables of this installation's key store."""
    if url := installation.settings.keys_url:
        from tasks.keystore.postgres import PostgresShelf

        return PostgresShelf(url)
    return SqliteShelf(installation.home / "keys.db")
