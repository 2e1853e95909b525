"""Look at an installation through a copy: what is opened there makes and changes nothing here.

Opening a database of ours makes what is not there, and reading one moves its write-ahead log. So
databases are copied, with their logs; key files are linked to, for no secret is to lie anywhere
twice.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tasks.errors import ServiceError
from tasks.system.installation import Installation

DATABASES = ("keys.db", "ledger.db", "erasures.db")
LOG = "-wal"
PIN = "ledger.pin"
ANCHORS = "anchors"  # what a witness and an authority of time stamps have signed
LINKED = "*.key"
MEMORY_FOLDER = Path("/dev/shm")
FileMarks = tuple[tuple[int, ...], ...]

# The kernel's clock for files may stand still for a tick: 10 ms at 100 a second, the fewest.
TICK_SECONDS = 0.012
MOST_TRIES = 50


@contextmanager
def copied(installation: Installation) -> Iterator[Installation]:
    """Yield an installation of the same workspace and settings whose home is a copy.

    Raises:
        OSError: A file may not be read, or there is no room for the copy.
        ServiceError: A database is merged with its log again and again.
    """
    parent = MEMORY_FOLDER if _has_room(installation.home) else None
    with tempfile.TemporaryDirectory(prefix="portcullis-doctor-", dir=parent) as folder:
        home = Path(folder)
        # What knows of the log before the log: others append meanwhile, and a log that is shorter
        # than its pin, or than what was cosigned, looks truncated.
        if (installation.home / ANCHORS).is_dir():
            shutil.copytree(installation.home / ANCHORS, home / ANCHORS)
        if (installation.home / PIN).is_file():
            shutil.copyfile(installation.home / PIN, home / PIN)
        for name in DATABASES:
            _copy_database(installation.home / name, home / name)

        for path in installation.home.glob(LINKED):
            (home / path.name).symlink_to(path)

        yield replace(installation, home=home)


def mark_files(installation: Installation) -> FileMarks:
    """Return what changes when somebody writes to a database of ours or exchanges a key file."""
    names = [name + suffix for name in DATABASES for suffix in ("", LOG)]
    keys = sorted(path.name for path in installation.home.glob(LINKED))
    return tuple(_mark(installation.home / name) for name in (*names, *keys))


def _copy_database(path: Path, copy: Path) -> None:
    """Copy a database with its write-ahead log, as they were at one moment.

    Not by SQLite's own backup: it makes `-wal` and `-shm` beside the original, as whoever asks,
    which may be root where the worker has another account.
    """
    for _ in range(MOST_TRIES):
        before = _mark(path)
        # A write in the same tick as the last one moves no time: it is over when copying begins.
        time.sleep(TICK_SECONDS)

        # With its log: what was committed last may stand there alone. Its index (`-shm`) is made
        # anew.
        for suffix in ("", LOG):
            original = path.with_name(path.name + suffix)
            target = copy.with_name(copy.name + suffix)
            target.unlink(missing_ok=True)
            if original.is_file():
                shutil.copyfile(original, target)

        # The database is written to when its log is merged, and then alone (WAL). If that was
        # between the two copies, what had been committed before is in neither.
        if _mark(path) == before:
            return

    raise ServiceError(
        path.name,
        expected="a moment in which it is not merged with its log",
        found=f"none in {MOST_TRIES} tries",
        remedy="Run the command again when less is written; nothing was changed.",
    )


def _mark(path: Path) -> tuple[int, ...]:
    """Return what changes when somebody writes to a file or exchanges it; nothing for no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _has_room(home: Path) -> bool:
    """Say whether memory holds the copy twice: nothing of it should lie on a disk."""
    if not MEMORY_FOLDER.is_dir():
        return False
    # Twice: whoever opens a copy with a log writes that log's pages into it.
    sizes = [path.stat().st_size for path in home.glob("*.db*") if path.is_file()]
    return shutil.disk_usage(MEMORY_FOLDER).free > 2 * sum(sizes)
