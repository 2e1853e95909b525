"""Where a ledger lies: one SQLite file by default (`postgres.py` has the same for PostgreSQL).

Tiles are those of C2SP tlog-tiles: 256 entries wide; level 0 holds the records themselves, level n the roots of
complete tiles of level n-1. Bodies (envelopes) lie beside the tree, by their sha256: they can be pruned or held.
"""

import fcntl
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from tasks.errors import EvidenceError, PortcullisError, ServiceError

TABLES = """
CREATE TABLE IF NOT EXISTS tiles (place INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS bodies (digest BLOB PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
BATCH = 500
LEVEL_BITS = 56  # a tile's place is its level above its index


def nothing() -> None:
    """Do nothing."""


class Store(Protocol):
    """Keeps tiles, bodies and the head; believes nothing and checks nothing: `Ledger` does."""

    def appending(self, then: Callable[[], None] = nothing) -> AbstractContextManager[None]:
        """Be the only appender; what the block puts is stored whole when it ends well, else not at all.

        `then` is called after that, while nobody else can append.
        """

    def reading(self) -> AbstractContextManager[None]:
        """See one state of the log throughout the block."""

    def head(self) -> str | None:
        """Return the latest signed checkpoint."""

    def put_head(self, note: str) -> None:
        """Replace it."""

    def tile(self, level: int, index: int) -> bytes:
        """Return a tile as far as it is filled; empty where there is none."""

    def put_tile(self, level: int, index: int, data: bytes) -> None:
        """Store a tile."""

    def bodies(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the bodies that are there, by digest."""

    def put_body(self, digest: bytes, body: bytes) -> None:
        """Store a body."""

    def drop_body(self, digest: bytes) -> None:
        """Delete a body; its record, and every proof, stays."""

    def mark(self, name: str) -> str | None:
        """Return what was noted under a name: a hint about where to look, never evidence."""

    def put_mark(self, name: str, value: str) -> None:
        """Note something."""

    def close(self) -> None:
        """Let go of it."""


class SqliteStore:
    """One file, one machine. Not over NFS, whose locks are not to be relied on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with (
            self._told(),
            self._locked(),
        ):  # two that open a new file at once would trip over its journal mode
            self._db = sqlite3.connect(
                path, timeout=60, isolation_level=None, check_same_thread=False
            )
            path.chmod(0o600)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(TABLES)

    @contextmanager
    def appending(self, then: Callable[[], None] = nothing) -> Iterator[None]:
        """Hold the lock file and a write transaction."""
        with self._told(), self._locked():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
                then()
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold a read transaction."""
        with self._told():
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("ROLLBACK")

    def head(self) -> str | None:
        """Return the latest signed checkpoint."""
        row = self._one("SELECT note FROM head WHERE one = 1", ())
        return None if row is None else str(row)

    def put_head(self, note: str) -> None:
        """Replace it."""
        self._db.execute(
            "INSERT INTO head VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET note = excluded.note",
            (note,),
        )

    def tile(self, level: int, index: int) -> bytes:
        """Return a tile as far as it is filled."""
        return _bytes(
            self._one("SELECT data FROM tiles WHERE place = ?", (level << LEVEL_BITS | index,))
        )

    def put_tile(self, level: int, index: int, data: bytes) -> None:
        """Store a tile."""
        self._db.execute(
            "INSERT OR REPLACE INTO tiles VALUES (?,?)", (level << LEVEL_BITS | index, data)
        )

    def bodies(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the bodies that are there."""
        wanted, found = list(digests), dict[bytes, bytes]()
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            marks = ",".join("?" * len(batch))
            with self._told():
                rows = self._db.execute(
                    f"SELECT digest, body FROM bodies WHERE digest IN ({marks})", batch
                )
                found.update((_bytes(digest), _bytes(body)) for digest, body in rows)
        return found

    def put_body(self, digest: bytes, body: bytes) -> None:
        """Store a body."""
        self._db.execute("INSERT OR IGNORE INTO bodies VALUES (?,?)", (digest, body))

    def drop_body(self, digest: bytes) -> None:
        """Delete a body."""
        self._db.execute("DELETE FROM bodies WHERE digest = ?", (digest,))

    def mark(self, name: str) -> str | None:
        """Return what was noted under a name."""
        found = self._one("SELECT value FROM marks WHERE name = ?", (name,))
        return None if found is None else str(found)

    def put_mark(self, name: str, value: str) -> None:
        """Note something."""
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?,?)", (name, value))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _one(self, query: str, values: tuple[object, ...]) -> object:
        with self._told():
            row = self._db.execute(query, values).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock file."""
        try:
            lock = self.path.with_suffix(".lock").open("w")
        except OSError as error:
            raise ServiceError(
                f"ledger {self.path.name}",
                expected="its lock file",
                found=type(error).__name__,
                remedy="Is the folder there, and this user's?",
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell SQLite's errors in the house's words."""
        try:
            yield
        except PortcullisError:
            raise
        except sqlite3.OperationalError as error:
            raise ServiceError(
                f"ledger {self.path.name}",
                expected="to be read and written",
                found=str(error),
                remedy="Nothing was half-written: free some disk, or give this user the file, and run it again.",
            ) from error
        except (sqlite3.DatabaseError, TypeError) as error:
            raise EvidenceError(
                f"ledger {self.path.name}",
                expected="a whole ledger",
                found=f"a damaged file ({error})",
                remedy="Restore its newest copy and check that with `./portcullis verify`.",
            ) from error


def _bytes(value: object) -> bytes:
    """Return a BLOB; SQLite keeps whatever type somebody wrote into the column."""
    return value if isinstance(value, bytes) else str(value or "").encode()
