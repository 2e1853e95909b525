"""A ledger in PostgreSQL, for several workers: `PORTCULLIS_LEDGER_URL=postgresql://…`.

The application's role needs SELECT, INSERT and UPDATE on three tables, and DELETE on bodies where it prunes; the tables
belong to another role. What an owner does behind its back does not derive, and is refused like any other edit.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import psycopg

from tasks.errors import ServiceError
from tasks.ledger.sqlite_store import LEVEL_BITS, nothing

TABLES = """
CREATE TABLE IF NOT EXISTS portcullis_tiles (place BIGINT PRIMARY KEY, data BYTEA NOT NULL);
CREATE TABLE IF NOT EXISTS portcullis_bodies (digest BYTEA PRIMARY KEY, body BYTEA NOT NULL);
CREATE TABLE IF NOT EXISTS portcullis_head (one INTEGER PRIMARY KEY CHECK (one = 1), note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS portcullis_marks (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
LOCK = 0x706C6F67  # one appender at a time, whichever machine it runs on; the key store's locks are other numbers
CREATING = LOCK + 1


class PostgresStore:
    """The tables of one log in one database."""

    def __init__(self, url: str) -> None:
        with _told():
            self._db = psycopg.connect(url, autocommit=True, connect_timeout=10)
            if self._one("SELECT to_regclass('portcullis_marks')::text", ()) is None:
                with (
                    self._db.transaction()
                ):  # two that start at once: IF NOT EXISTS alone is no protection
                    self._db.execute("SELECT pg_advisory_xact_lock(%s)", (CREATING,))
                    self._db.execute(TABLES)  # many statements, so without parameters

    @contextmanager
    def appending(self, then: Callable[[], None] = nothing) -> Iterator[None]:
        """Hold the log's advisory lock and a transaction."""
        with _told():
            self._db.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
            try:
                with self._db.transaction():
                    yield
                then()
            finally:
                if not self._db.closed:
                    self._db.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold a snapshot."""
        if self._db.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            yield
            return
        with _told(), self._db.transaction():
            self._db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield

    def head(self) -> str | None:
        """Return the latest signed checkpoint."""
        found = self._one("SELECT note FROM portcullis_head WHERE one = 1", ())
        return None if found is None else str(found)

    def put_head(self, note: str) -> None:
        """Replace it."""
        query = "INSERT INTO portcullis_head VALUES (1, %s) ON CONFLICT (one) DO UPDATE SET note = excluded.note"
        self._db.execute(query, (note,))

    def tile(self, level: int, index: int) -> bytes:
        """Return a tile as far as it is filled."""
        found = self._one(
            "SELECT data FROM portcullis_tiles WHERE place = %s", (level << LEVEL_BITS | index,)
        )
        return found if isinstance(found, bytes) else b""

    def put_tile(self, level: int, index: int, data: bytes) -> None:
        """Store a tile."""
        query = "INSERT INTO portcullis_tiles VALUES (%s, %s) ON CONFLICT (place) DO UPDATE SET data = excluded.data"
        self._db.execute(query, (level << LEVEL_BITS | index, data))

    def bodies(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the bodies that are there."""
        with _told():
            rows = self._db.execute(
                "SELECT digest, body FROM portcullis_bodies WHERE digest = ANY(%s)",
                (list(digests),),
            ).fetchall()
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
        found = self._one("SELECT value FROM portcullis_marks WHERE name = %s", (name,))
        return None if found is None else str(found)

    def put_mark(self, name: str, value: str) -> None:
        """Note something."""
        query = "INSERT INTO portcullis_marks VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        self._db.execute(query, (name, value))

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _one(self, query: str, values: tuple[object, ...]) -> object:
        with _told():
            row = self._db.execute(query, values).fetchone()
        return None if row is None else row[0]


@contextmanager
def _told() -> Iterator[None]:
    """Tell psycopg's errors in the house's words, without the URL: it may hold a password."""
    try:
        yield
    except psycopg.Error as error:
        raise ServiceError(
            "ledger database",
            expected="to be read and written",
            found=type(error).__name__ + (f" {error.sqlstate}" if error.sqlstate else ""),
            remedy="Nothing was half-written: start it, or give the role its rights, and run it again.",
        ) from error
