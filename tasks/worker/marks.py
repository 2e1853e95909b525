"""Whether somebody wrote to files meanwhile, by what no program of an ordinary account can set.

Times of modification are set by whoever likes (`os.utime`). The time of change (ctime) moves with
every write, with every rename and with `os.utime` itself, and nobody sets it. Two ways past it are
closed here: a write in the same tick of the kernel's clock, and one through memory that a program
has mapped and written to before.
"""

import contextlib
import errno
import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tasks.errors import EvidenceError

Marks = tuple[tuple[str, tuple[int, ...]], ...]  # path and what changes when it is written to

# The kernel's clock for files may stand still for a tick: 10 ms at 100 a second, the fewest.
TICK_SECONDS = 0.012
MOST_LOOKS = 100


def mark_until_settled(look: Callable[[], Marks]) -> Marks:
    """Return marks whose newest time of change lies more than a tick back.

    A second write within the tick of the first moves no time: it would not be noticed later.

    Raises:
        EvidenceError: Somebody goes on writing.
    """
    for _ in range(MOST_LOOKS):
        marks = look()
        newest = max((mark[-1] for _, mark in marks if mark), default=0)
        if time.time_ns() - newest > TICK_SECONDS * 1e9:
            return marks
        time.sleep(TICK_SECONDS)

    raise _written_to(max(marks, key=lambda mark: mark[1][-1:])[0])


def mark_tree(path: Path, name: str) -> Marks:
    """Return the marks of a file, or of a folder and of all that lies below it."""
    if not path.is_dir():
        return mark_links(path, name)
    marks = [*mark_links(path, name)]

    # Text, no Path objects: the snapshot is looked at twice in every stage.
    top = os.fspath(path)
    for folder, folders, files in os.walk(top):
        for entry in sorted((*folders, *files)):
            child = f"{folder}/{entry}"
            marks += mark_links(child, name + child.removeprefix(top))
    return tuple(marks)


def mark_links(path: str | Path, name: str) -> Marks:
    """Return the mark of what a path leads to, links followed; an empty one for nothing."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - as text where it is one of thousands
    except (FileNotFoundError, NotADirectoryError):  # also below what is a file by now
        return ((name, ()),)
    # Device and inode, because a file that is put in the place of another has times of its own,
    # which may be older.
    mark = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    return ((name, mark),)


def require_no_writer(path: Path, name: str) -> None:
    """Refuse a file, or a file in a folder, that a program has open for writing, or has mapped so.

    A write through mapped memory moves the time of change once, and not again until the kernel has
    written the page out. The kernel grants a read lease (fcntl(2), F_SETLEASE) on what nobody can
    write to, which is all that is asked of it here. Where it grants none to anybody (a network's
    file system, another account's file) nothing can be said.

    Raises:
        EvidenceError: Somebody has it open.
    """
    files = [path] if path.is_file() else (file for file in path.rglob("*") if file.is_file())

    # Who opens a file for writing while a lease on it is held makes the kernel signal the holder,
    # which would end it.
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                _try_lease(file, name)
    finally:
        signal.signal(signal.SIGIO, before)


def _try_lease(file: Path, name: str) -> None:
    with file.open("rb") as stream:
        try:
            fcntl.fcntl(stream, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            # EAGAIN is the one answer that says that somebody has it open for writing; EACCES and
            # EINVAL say that this account or this file system grants no lease.
            if error.errno == errno.EAGAIN:
                raise _written_to(name) from error
        else:
            fcntl.fcntl(stream, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def _written_to(name: str) -> EvidenceError:
    return EvidenceError(
        name,
        expected="a file that no program is writing to",
        found="one that does",
        remedy="Nothing was signed: run the stage again with nothing else writing.",
    )
