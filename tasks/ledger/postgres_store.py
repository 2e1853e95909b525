"""A ledger in PostgreSQL, for several workers: `PORTCULLIS_LEDGER_URL=postgresql://…`.

The application's role needs SELECT, INSERT and UPDATE on four tables, and DELETE on bodies where it
prunes; the tables belong to another role. What an owner changes behind its back no longer derives,
and is refused like any other edit.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import psycopg

from tasks.errors import ServiceError
from tasks.ledger.store import do_nothing, place_of
from tasks.system.postgres import AdvisoryLock, advisory_lock, connect_postgres, make_tables

TABLES = (
    "CREATE TABLE IF NOT EXISTS portcullis_tiles (place BIGINT PRIMARY KEY, data BYTEA NOT NULL)",
    "CREATE TABLE IF NOT EXISTS portcullis_bodies (digest BYTEA PRIMARY KEY, body BYTEA NOT NULL)",
    "CREATE TABLE IF NOT EXISTS portcullis_head "
    "(one INTEGER PRIMARY KEY CHECK (one = 1), note TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS portcullis_marks (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)


class PostgresStore:
    """The tables of one log in one database."""

    def __init__(self, url: str) -> None:
        with _as_our_errors():
            self._db = connect_postgres(url)
            # Looked for first, because the application's role may not create tables.
            if self._value("SELECT to_regclass('portcullis_marks')::text", ()) is None:
                make_tables(self._db, AdvisoryLock.LEDGER_TABLES, TABLES)

    @contextmanager
    def appending(self, then: Callable[[], None] = do_nothing) -> Iterator[None]:
        """Hold the log's advisory lock and a transaction.

        The lock is the session's, not the transaction's: `then` runs after the commit and before
        anybody else appends.
        """
        with _as_our_errors(), advisory_lock(self._db, AdvisoryLock.LEDGER_APPEND):
            with self._db.transaction():
                yield
            then()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold a snapshot, unless a transaction is held."""
        if self._db.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            yield
            return
        with _as_our_errors(), self._db.transaction():
            # READ COMMITTED, the default, would see a new state at every query: tiles of one log
            # under the head of another.
            self._db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield

    def head(self) -> str | None:
        """Return the latest signed checkpoint."""
        note = self._value("SELECT note FROM portcullis_head WHERE one = 1", ())
        return None if note is None else str(note)

    def put_head(self, note: str) -> None:
        """Replace it."""
        self._db.execute(
            "INSERT INTO portcullis_head VALUES (1, %s) "
            "ON CONFLICT (one) DO UPDATE SET note = excluded.note",
            (note,),
        )

    def tile(self, level: int, index: int) -> bytes:
        """Return a tile as far as it is filled."""
        query = "SELECT data FROM portcullis_tiles WHERE place = %s"
        data = self._value(query, (place_of(level, index),))
        return data if isinstance(data, bytes) else b""

    def put_tile(self, level: int, index: int, data: bytes) -> None:
        """Store a tile."""
        self._db.execute(
            "INSERT INTO portcullis_tiles VALUES (%s, %s) "
            "ON CONFLICT (place) DO UPDATE SET data = excluded.data",
            (place_of(level, index), data),
        )

    def bodies(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the bodies that are there."""
        query = "SELECT digest, body FROM portcullis_bodies WHERE digest = ANY(%s)"
        with _as_our_errors():
            rows = self._db.execute(query, (list(digests),)).fetchall()
        return {bytes(digest): bytes(body) for digest, body in rows}

    def put_body(self, digest: bytes, body: bytes) -> None:
        """Store a body."""
        self._db.execute(
            "INSERT INTO portcullis_bodies VALUES (%s, %s) ON CONFLICT DO NOTHING", (digest, body)
        )

    def drop_body(self, digest: bytes) -> None:
        """Delete a body."""
        self._db.execute("DELETE FROM portcullis_bodies WHERE digest = %s", (digest,))

    def mark(self, name: str) -> str | None:
        """Return what was noted under a name."""
        value = self._value("SELECT value FROM portcullis_marks WHERE name = %s", (name,))
        return None if value is None else str(value)

    def put_mark(self, name: str, value: str) -> None:
        """Note something."""
        self._db.execute(
            "INSERT INTO portcullis_marks VALUES (%s, %s) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _value(self, query: str, values: tuple[object, ...]) -> object:
        """Return the first column of a query's first row, or None."""
        with _as_our_errors():
            row = self._db.execute(query, values).fetchone()
        return None if row is None else row[0]


@contextmanager
def _as_our_errors() -> Iterator[None]:
    """Report psycopg's errors without the URL, which may hold a password."""
    try:
        yield
    except psycopg.Error as error:
        raise ServiceError(
            "ledger database",
            expected="to be read and written",
            found=type(error).__name__ + (f" {error.sqlstate}" if error.sqlstate else ""),
            remedy=(
                "Nothing was half-written: start it, or give the role its rights, and run it again."
            ),
        ) from error
