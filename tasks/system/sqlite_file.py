"""Open an SQLite file of this installation: the ledger, the key store and the journal of erasures.

Databases that others run (a source, MLflow's, Prefect's) are opened by `tasks.system.database`.
"""

import fcntl
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tasks.errors import EvidenceError, PortcullisError, SealError, ServiceError

AGAIN = "then run the same command again: nothing was lost, and nothing is to be restored"
CAUSES = {
    sqlite3.SQLITE_FULL: ("room to write", "a full disk", f"Make room, {AGAIN}."),
    sqlite3.SQLITE_BUSY: (
        "to be written to within the time it waits",
        "another process",
        f"See which process holds it, {AGAIN}.",
    ),
    sqlite3.SQLITE_READONLY: (
        "to be written to",
        "a file or folder that may only be read",
        f"Mend its owner, mode or mount, {AGAIN}.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "to be opened",
        "a file or folder that this account may not open",
        f"Mend its owner, mode or mount, {AGAIN}.",
    ),
    sqlite3.SQLITE_IOERR: (
        "a disk that reads and writes",
        "an error of the disk",
        f"Look at the system's log and at the room on the disk, {AGAIN}.",
    ),
}
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

WAIT_SECONDS = 60  # for another process to end its write; longer than any write of ours takes
WAL_POLL_SECONDS = 0.01


def open_sqlite(
    path: Path,
    *,
    is_deleted_overwritten: bool,
    is_shared_by_threads: bool = False,
    checkpoint_pages: int | None = None,
) -> sqlite3.Connection:
    """Open a database file of mode 0600, made on first use; transactions are begun by hand.

    Args:
        path: The file. Not on NFS, whose locks are not to be relied on.
        is_deleted_overwritten: Whether deleted content is overwritten with zeros. The write-ahead
            log still holds it until a checkpoint truncates that.
        is_shared_by_threads: Whether threads take turns on the connection; the caller sees to that.
        checkpoint_pages: From how many pages on the write-ahead log is merged; else SQLite's 1,000.

    Raises:
        sqlite3.OperationalError: It cannot be opened, or another process held it for too long.
        sqlite3.DatabaseError: It is no database.
    """
    connection = sqlite3.connect(
        path,
        timeout=WAIT_SECONDS,
        isolation_level=None,
        check_same_thread=not is_shared_by_threads,
    )
    # Before the first page is written: the log and its index take their modes from this file.
    path.chmod(0o600)

    # With WAL, readers and the writer do not wait for each other. FULL, because what is recorded
    # must still be there after the power went: WAL with NORMAL may lose the last commits.
    _switch_to_wal(connection)
    pragmas = ["synchronous=FULL"]
    if is_deleted_overwritten:
        # SQLite leaves deleted content in free pages by default; ON overwrites it with zeros, FAST
        # only where that costs no further write ("PRAGMA secure_delete").
        pragmas.append("secure_delete=ON")
    if checkpoint_pages is not None:
        pragmas.append(f"wal_autocheckpoint={checkpoint_pages}")
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # SQLite's own time-out does not hold for this statement: while another process makes the same
    # new file, it fails at once.
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if _kind_of(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(WAL_POLL_SECONDS)


def explain_sqlite(error: sqlite3.Error, where: str, *, restore: str) -> PortcullisError | None:
    """Return why a database of ours cannot be worked with, by SQLite's own code.

    None where that is no matter of the machine: a statement that is wrong, or breaks a rule.

    Most causes ask for no backup, and after an erasure an old one does harm: `restore` is said of a
    damaged file alone.

    Args:
        error: SQLite's.
        where: What messages call the database.
        restore: What to restore, and what that would undo.
    """
    kind = _kind_of(error)
    expected, found, remedy = CAUSES.get(kind, ("", "", ""))
    if found:
        return ServiceError(where, expected=expected, found=found, remedy=remedy)
    if kind in DAMAGED:
        found = "a damaged, truncated or other file"
        return SealError(where, expected="a whole database", found=found, remedy=restore)

    return None


def _kind_of(error: sqlite3.Error) -> int:
    # The low byte is the kind; what stands above it is a detail.
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def require_columns(connection: sqlite3.Connection, statements: Sequence[str], where: str) -> None:
    """Refuse a database whose tables are not those of this version: what is unknown would be lost.

    Args:
        connection: To a file whose tables were made, unless they were there.
        statements: Which make the tables of this version.
        where: What messages call the database.

    Raises:
        EvidenceError: A table has other columns.
    """
    # Compared with tables that the same statements make: no second list of columns could go stale.
    with closing(sqlite3.connect(":memory:")) as fresh:
        for statement in statements:
            fresh.executescript(statement)
        expected = _columns_of(fresh)

    present = _columns_of(connection)
    for table, columns in expected.items():
        if present[table] != columns:
            raise EvidenceError(
                where,
                expected=f"the table `{table}` as this version of Portcullis makes it",
                found="one with other columns",
                remedy="Work with the version that wrote to it last. Nothing was changed.",
            )


def _columns_of(connection: sqlite3.Connection) -> dict[str, list[str]]:
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return {
        name: [
            row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
        ]
        for (name,) in tables
    }


@contextmanager
def explaining_sqlite(where: str, *, restore: str) -> Iterator[None]:
    """Raise the cause by name where a database of ours meets one inside the block.

    Args:
        where: See `explain_sqlite`.
        restore: Likewise.

    Raises:
        PortcullisError: The cause; what is no matter of the machine goes on as it is.
    """
    try:
        yield
    except sqlite3.Error as error:
        cause = explain_sqlite(error, where, restore=restore)
        if cause is None:
            raise
        raise cause from error


@contextmanager
def write_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Be the only writer: what the block does is kept whole when it ends well, else not at all."""
    # IMMEDIATE takes the write lock now. A transaction that began as a reader and wants to write
    # later fails at once where another has written since, however long the time-out.
    connection.execute("BEGIN IMMEDIATE")
    with _ended(connection):
        yield


@contextmanager
def read_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """See one state of the database throughout the block."""
    connection.execute("BEGIN")
    with _ended(connection):
        yield


@contextmanager
def _ended(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors, as when the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def hold_lock_file(path: Path, shown: str) -> Iterator[None]:
    """Hold the lock file beside a database file, which keeps out processes and threads alike.

    The kernel lets go of it when the process ends, however it ends.

    Args:
        path: Of the database file.
        shown: What the file belongs to, for people.

    Raises:
        ServiceError: The lock file cannot be opened.
    """
    lock = path.with_suffix(".lock")
    try:
        stream = lock.open("w")
    except OSError as error:
        raise ServiceError(
            f"lock {lock.name} of the {shown}",
            expected="a file that this account may open and change",
            found=type(error).__name__,
            remedy="Mend its owner, mode or mount, or remove it; nothing was lost.",
        ) from error

    with stream:
        # flock, not fcntl's record locks: those belong to the process, so that its threads would
        # not keep each other out, and closing any descriptor of the file lets go of them
        # (fcntl(2)).
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def is_lock_file_held(path: Path) -> bool:
    """Say whether somebody holds the lock file beside a database file; nobody waits.

    Nothing is made or changed. A lock file that is not there, or may not be read, counts as free.

    Args:
        path: Of the database file.
    """
    try:
        stream = path.with_suffix(".lock").open("rb")
    except OSError:
        return False

    with stream:
        try:
            # Shared: two who ask at once are no holders to each other.
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
