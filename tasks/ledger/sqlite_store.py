"""A ledger in one SQLite file, which is the default; `postgres_store.py` is for several hosts."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import EvidenceError, PortcullisError, ServiceError
from tasks.formats.shown import kind_of_error
from tasks.ledger.store import do_nothing, place_of
from tasks.system.sqlite_file import (
    hold_lock_file,
    open_sqlite,
    read_transaction,
    write_transaction,
)

TABLES = """
CREATE TABLE IF NOT EXISTS tiles (place INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS bodies (digest BLOB PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
BATCH_BODIES = 500  # in one query; SQLite before 3.32 takes at most 999 values
# Of 4 KiB: an append writes few pages and pays for their flush; merging the log less often than
# every 1,000 pages, SQLite's default, leaves the appends in between as fast as they can be.
CHECKPOINT_PAGES = 4000


class SqliteStore:
    """One file, one machine. Not over NFS, whose locks are not to be relied on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Locked, because two that open a new file at once would trip over its journal mode.
        with self._as_our_errors(), hold_lock_file(self.path, "ledger"):
            self._db = open_sqlite(
                path,
                is_deleted_overwritten=False,
                is_shared_by_threads=True,
                checkpoint_pages=CHECKPOINT_PAGES,
            )
            self._db.executescript(TABLES)

    @contextmanager
    def appending(self, then: Callable[[], None] = do_nothing) -> Iterator[None]:
        """Hold the lock file and a write transaction."""
        with self._as_our_errors(), hold_lock_file(self.path, "ledger"):
            # The lock file around the transaction, so that nobody appends between the commit and
            # `then`, which moves the pin.
            with write_transaction(self._db):
                yield
            then()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold a read transaction, unless one is held."""
        with self._as_our_errors():
            # SQLite nests no transactions; the one that is held sees one state already.
            if self._db.in_transaction:
                yield
                return
            with read_transaction(self._db):
                yield

    def head(self) -> str | None:
        """Return the latest signed checkpoint."""
        note = self._value("SELECT note FROM head WHERE one = 1", ())
        return None if note is None else str(note)

    def put_head(self, note: str) -> None:
        """Replace it."""
        self._db.execute(
            "INSERT INTO head VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET note = excluded.note",
            (note,),
        )

    def tile(self, level: int, index: int) -> bytes:
        """Return a tile as far as it is filled."""
        query = "SELECT data FROM tiles WHERE place = ?"
        return _as_bytes(self._value(query, (place_of(level, index),)))

    def put_tile(self, level: int, index: int, data: bytes) -> None:
        """Store a tile."""
        self._db.execute(
            "INSERT OR REPLACE INTO tiles VALUES (?,?)", (place_of(level, index), data)
        )

    def bodies(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the bodies that are there."""
        ordered = list(digests)
        bodies: dict[bytes, bytes] = {}
        for start in range(0, len(ordered), BATCH_BODIES):
            batch = ordered[start : start + BATCH_BODIES]
            placeholders = ",".join("?" * len(batch))
            query = f"SELECT digest, body FROM bodies WHERE digest IN ({placeholders})"
            with self._as_our_errors():
                rows = self._db.execute(query, batch)
                bodies.update((_as_bytes(digest), _as_bytes(body)) for digest, body in rows)

        return bodies

    def put_body(self, digest: bytes, body: bytes) -> None:
        """Store a body."""
        # What lies under its digest is the same body, or one that the next reader refuses: it is
        # never replaced.
        self._db.execute("INSERT OR IGNORE INTO bodies VALUES (?,?)", (digest, body))

    def drop_body(self, digest: bytes) -> None:
        """Delete a body."""
        self._db.execute("DELETE FROM bodies WHERE digest = ?", (digest,))

    def mark(self, name: str) -> str | None:
        """Return what was noted under a name."""
        value = self._value("SELECT value FROM marks WHERE name = ?", (name,))
        return None if value is None else str(value)

    def put_mark(self, name: str, value: str) -> None:
        """Note something."""
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?,?)", (name, value))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _value(self, query: str, values: tuple[object, ...]) -> object:
        """Return the first column of a query's first row, or None."""
        with self._as_our_errors():
            row = self._db.execute(query, values).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _as_our_errors(self) -> Iterator[None]:
        """Report what SQLite raises: trouble that may pass as a service's, damage as evidence's."""
        try:
            yield
        except PortcullisError:
            raise
        except sqlite3.OperationalError as error:
            raise ServiceError(
                f"ledger {self.path.name}",
                expected="to be read and written",
                found=kind_of_error(error),
                remedy=(
                    "Nothing was half-written: free some disk, or give this user the file, and run "
                    "it again."
                ),
            ) from error
        except (sqlite3.DatabaseError, TypeError) as error:
            # A TypeError comes of a column that somebody wrote another type into.
            raise EvidenceError(
                f"ledger {self.path.name}",
                expected="a whole ledger",
                found=f"a damaged file ({kind_of_error(error)})",
                remedy="Restore its newest copy and check that with `./portcullis verify`.",
            ) from error


def _as_bytes(value: object) -> bytes:
    """Return a BLOB; SQLite keeps whatever type somebody wrote into the column."""
    return value if isinstance(value, bytes) else str(value or "").encode()
