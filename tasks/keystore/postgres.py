"""The key store's tables in PostgreSQL: for several hosts. Imported only where `PORTCULLIS_KEYS_URL` names one.

Dead row versions and the server's write-ahead log keep old wrapped keys for a while, whatever is vacuumed. That is
why an erasure also drops the bucket's key and then the root: what lingers cannot be unwrapped any more.
"""

import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from tasks.errors import ServiceError
from tasks.keystore.shelf import BATCH, TABLES, WAIT_SECONDS, Row

ERASING = (
    0x706F7274  # the advisory lock under which erasures run; any number that nobody else takes
)
CREATING = ERASING + 1


class PostgresShelf:
    """A schema of its own (`portcullis_keys`) in a database; the URL's role owns it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = self._connect()
        weakref.finalize(self, self._connection.close)
        with self._transaction("BEGIN"):
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (CREATING,))
            self._connection.execute("CREATE SCHEMA IF NOT EXISTS portcullis_keys")
            for table in TABLES:
                self._connection.execute(table.format(blob="BYTEA", clustered=""))

    @property
    def name(self) -> str:
        """Host and database."""
        info = self._connection.info
        return f"key store {info.host}/{info.dbname}"

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return what a query finds."""
        return self._connection.execute(_marked(sql), values).fetchall()

    def among(self, sql: str, wanted: Sequence[Any]) -> Iterator[Row]:
        """Yield what a query finds, batch by batch."""
        ordered = sorted(wanted)
        for start in range(0, len(ordered), BATCH):
            yield from self.rows(sql.format(among="= ANY(?)"), ordered[start : start + BATCH])

    def run(self, sql: str, rows: Iterable[Row] = ((),)) -> None:
        """Run a statement for each row of values."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_marked(sql), rows)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Give one consistent view: a snapshot."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Give one write transaction; other writers wait, readers do not."""
        with self._transaction("BEGIN"):
            try:
                self._connection.execute("LOCK TABLE buckets, keys IN SHARE ROW EXCLUSIVE MODE")
            except psycopg.errors.LockNotAvailable as error:
                raise self._does_not_answer(error) from error
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        try:
            self._connection.execute(begin)
            yield
            self._connection.execute("COMMIT")
        except psycopg.OperationalError as error:
            raise self._does_not_answer(error) from error
        finally:
            if not self._connection.closed and self._connection.info.transaction_status:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold an advisory lock on a connection of its own; it ends with the connection, even where that is cut."""
        with self._connect() as connection:
            connection.execute("SET lock_timeout = 0")
            connection.execute("SELECT pg_advisory_lock(%s)", (ERASING,))
            yield

    def scrub(self) -> None:
        """Rewrite the small table of buckets without its dead rows, and vacuum the large one of keys."""
        self._connection.execute("VACUUM FULL buckets")
        self._connection.execute("VACUUM keys")

    def _connect(self) -> "psycopg.Connection[Row]":
        try:
            connection = psycopg.connect(self._url, autocommit=True, connect_timeout=10)
            connection.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
            connection.execute("SET search_path = portcullis_keys")
        except psycopg.OperationalError as error:
            raise self._does_not_answer(error) from error
        return connection

    def _does_not_answer(self, error: Exception) -> ServiceError:
        host = psycopg.conninfo.conninfo_to_dict(self._url).get("host") or "the default host"
        return ServiceError(
            f"key store at {host}",
            expected="PostgreSQL to answer",
            found=type(error).__name__,
            remedy="Start it, or mend $PORTCULLIS_KEYS_URL; nothing was lost.",
        )


def _marked(sql: str) -> str:
    return sql.replace("?", "%s")
