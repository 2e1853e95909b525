"""Say by name what of the machine is in the way: a full disk, a limit, a disk that fails.

Such an error may come out of any line of any library, so it is explained at the edges: where a
command, a stage's process or a Prefect task would else report a fault of the program.
"""

import contextlib
import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import PortcullisError, ServiceError
from tasks.system.installation import Installation
from tasks.system.sqlite_file import AGAIN, explain_sqlite

THIS_MACHINE = "this machine"
NO_ROOM = ("room to write", "a full disk, or a quota that is used up", f"Make room, {AGAIN}.")
NO_MEMORY = (
    "the memory that the work needs",
    "none left, or the limit of this process (`ulimit -v`)",
    f"Raise the limit, or end other programs, {AGAIN}.",
)
NO_FILES = (
    "as many open files as the work needs",
    "the limit of this process (`ulimit -n`), or of the system",
    f"Raise it, for example by `ulimit -n 1024`, {AGAIN}.",
)
CAUSES = {
    errno.ENOSPC: NO_ROOM,
    errno.EDQUOT: NO_ROOM,
    errno.EFBIG: (
        "files as large as the work writes",
        "the limit of this process (`ulimit -f`), or of the file system",
        f"Raise it, {AGAIN}.",
    ),
    errno.EMFILE: NO_FILES,
    errno.ENFILE: NO_FILES,
    errno.ENOMEM: NO_MEMORY,
    errno.EIO: (
        "a disk that reads and writes",
        "an error of the disk",
        f"Look at the system's log, {AGAIN}.",
    ),
    errno.EROFS: (
        "to be written to",
        "a file system that may only be read",
        f"Mount it for writing, {AGAIN}.",
    ),
}

# With less room than this a place is named as full: what failed wanted more than was left.
FULL_BYTES = 1 << 20
RESTORE = "Restore its newest backup: `./portcullis doctor` says which one it is."


def explain_machine(
    error: BaseException, installation: Installation | None = None
) -> PortcullisError | None:
    """Return what of the machine is in the way; None where an error is no matter of it.

    Args:
        error: By its codes, or those of what caused it; its text is never looked at.
        installation: Its places are looked at, where a disk is full.
    """
    for link in _chain_of(error):
        if isinstance(link, sqlite3.Error):
            cause = explain_sqlite(link, "a database of this installation", restore=RESTORE)
            if cause is not None and link.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                return _fault(NO_ROOM, _full_places(installation))
            if cause is not None:
                return cause
        # The class alone: a MemoryError of Python has neither a code nor a text.
        if isinstance(link, MemoryError):
            return _fault(NO_MEMORY)
        if isinstance(link, OSError) and link.errno in CAUSES:
            parts = CAUSES[link.errno]
            return _fault(parts, _full_places(installation) if parts is NO_ROOM else "")

    return None


@contextmanager
def explaining_machine(installation: Installation) -> Iterator[None]:
    """Raise by name what of the machine stands in the way of the block.

    Raises:
        PortcullisError: The cause; any other error goes on as it is.
    """
    try:
        yield
    except PortcullisError:
        raise
    except Exception as error:
        cause = explain_machine(error, installation)
        if cause is None:
            raise
        raise cause from error


def _fault(parts: tuple[str, str, str], where: str = "") -> ServiceError:
    expected, found, remedy = parts
    return ServiceError(where or THIS_MACHINE, expected=expected, found=found, remedy=remedy)


def _full_places(installation: Installation | None) -> str:
    """Return which places of an installation have no room, as far as that can be told."""
    places = []
    if installation is not None:
        workspace = installation.workspace
        places += [workspace, workspace / "data", workspace / ".dvc", installation.home]
    with contextlib.suppress(OSError):  # no folder for temporary files is left to write to
        places.append(Path(tempfile.gettempdir()))

    full = dict.fromkeys(str(place.absolute()) for place in places if _is_full(place))
    return f"the disk of {' and of '.join(full)}" if full else "a disk of this installation"


def _is_full(place: Path) -> bool:
    try:
        room = os.statvfs(place)
    except OSError:
        return False
    # File systems without a count of files, such as btrfs, say 0 of 0.
    return room.f_bavail * room.f_frsize < FULL_BYTES or (room.f_files > 0 and room.f_favail == 0)


def _chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came of, each once; SQLAlchemy keeps the driver's in `orig`."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        # `raise … from None` says that what came before is no cause.
        context = None if link.__suppress_context__ else link.__context__
        original = getattr(link, "orig", None)
        link = link.__cause__ or (original if isinstance(original, BaseException) else context)
