"""The key store's tables in PostgreSQL, for several hosts: `PORTCULLIS_KEYS_URL`.

Dead row versions and the server's write-ahead log keep old wrapped keys for a while, whatever is
vacuumed. That is why an erasure also replaces the bucket's key and then the root key: what lingers
cannot be unwrapped any more.
"""

import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from tasks.errors import ServiceError
from tasks.keystore.key_tables import BATCH_VALUES, TABLES, Row
from tasks.system.postgres import AdvisoryLock, connect_postgres, make_tables
from tasks.system.sqlite_file import WAIT_SECONDS

SCHEMA = "portcullis_keys"


class PostgresKeyTables:
    """A schema of its own (`portcullis_keys`) in a database; the URL's role owns it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = self._connect()
        weakref.finalize(self, self._connection.close)

        tables = [table.format(blob="BYTEA", clustered="") for table in TABLES]
        with self._answering():
            make_tables(
                self._connection,
                AdvisoryLock.KEY_TABLES,
                [f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}", *tables],
            )

    @property
    def name(self) -> str:
        """Host and database."""
        info = self._connection.info
        return f"key store {info.host}/{info.dbname}"

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return the rows of a query."""
        with self._answering():
            return self._connection.execute(_with_placeholders(sql), values).fetchall()

    def stream(self, sql: str) -> Iterator[Row]:
        """Yield the rows of a query by a cursor of the server, batch by batch."""
        with self._answering(), self._connection.cursor("stream") as cursor:
            cursor.execute(_with_placeholders(sql))
            while batch := cursor.fetchmany(BATCH_VALUES):
                yield from batch

    def rows_among(self, sql: str, values: Sequence[Any]) -> Iterator[Row]:
        """Yield the rows of a query, batch by batch."""
        ordered = sorted(values)
        for start in range(0, len(ordered), BATCH_VALUES):
            batch = ordered[start : start + BATCH_VALUES]
            # One array: the statement's text is the same however many values there are.
            yield from self.rows(sql.format(among="= ANY(?)"), batch)

    def run(self, sql: str, rows: Iterable[Row] = ((),)) -> None:
        """Run a statement for each row of values."""
        with self._answering(), self._connection.cursor() as cursor:
            cursor.executemany(_with_placeholders(sql), rows)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Give one consistent view: a snapshot."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Give one write transaction; other writers wait, readers do not."""
        with self._transaction("BEGIN"):
            # The weakest lock that two of our writers cannot hold at once.
            self._connection.execute("LOCK TABLE buckets, keys IN SHARE ROW EXCLUSIVE MODE")
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        # By hand, and not by `connection.transaction()`, because of the isolation level.
        with self._answering():
            try:
                self._connection.execute(begin)
                yield
                self._connection.execute("COMMIT")
            finally:
                # Neither closed nor idle: after a failed statement PostgreSQL refuses all but a
                # rollback.
                if not self._connection.closed and self._connection.info.transaction_status:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def erasure_lock(self) -> Iterator[None]:
        """Hold an advisory lock on a connection of its own; where that is cut, the lock ends."""
        with self._connect() as connection:
            # An erasure may run for long, and the next one waits for it however long that takes.
            with self._answering():
                connection.execute("SET lock_timeout = 0")
                connection.execute("SELECT pg_advisory_lock(%s)", (AdvisoryLock.KEY_ERASURE.value,))
            yield

    def is_erasure_locked(self) -> bool:
        """Say whether anybody holds that lock now; nobody waits."""
        # Each statement is a transaction of its own: what is taken is let go at its end. Shared:
        # two who ask at once are no holders to each other.
        query = "SELECT pg_try_advisory_xact_lock_shared(?)"
        return not self.rows(query, AdvisoryLock.KEY_ERASURE.value)[0][0]

    def scrub(self) -> None:
        """Rewrite the small table of buckets without its dead rows, and vacuum the one of keys.

        A full vacuum of the keys would lock the table for as long as it takes to copy it.
        """
        with self._answering():
            self._connection.execute("VACUUM FULL buckets")
            self._connection.execute("VACUUM keys")

    def _connect(self) -> "psycopg.Connection[Row]":
        with self._answering():
            connection = connect_postgres(self._url)
            connection.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
            connection.execute(f"SET search_path = {SCHEMA}")
        return connection

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Report a server that is down as a ServiceError."""
        try:
            yield
        except psycopg.OperationalError as error:
            raise self._does_not_answer(error) from error

    def _does_not_answer(self, error: Exception) -> ServiceError:
        # The host alone: the address may hold a password.
        host = psycopg.conninfo.conninfo_to_dict(self._url).get("host") or "the default host"
        return ServiceError(
            f"key store at {host}",
            expected="PostgreSQL to answer",
            found=type(error).__name__,
            remedy="Start it, or mend $PORTCULLIS_KEYS_URL; nothing was lost.",
        )


def _with_placeholders(sql: str) -> str:
    """Return a query with psycopg's placeholders in place of SQLite's."""
    return sql.replace("?", "%s")
