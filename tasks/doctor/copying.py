"""Look at an installation through a copy: what is opened there makes and changes nothing here.

Opening a database of ours makes what is not there, and reading one moves its write-ahead log. So
databases are copied, with their logs; key files are linked to, for no secret is to lie anywhere
twice.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tasks.system.installation import Installation

DATABASES = ("keys.db", "ledger.db", "erasures.db")
LOG = "-wal"
COPIED = ("ledger.pin",)
ANCHORS = "anchors"  # what a witness and an authority of time stamps have signed
LINKED = "*.key"
MEMORY_FOLDER = Path("/dev/shm")


@contextmanager
def copied(installation: Installation) -> Iterator[Installation]:
    """Yield an installation of the same workspace and settings whose home is a copy.

    Raises:
        OSError: A file may not be read, or there is no room for the copy.
    """
    parent = MEMORY_FOLDER if _has_room(installation.home) else None
    with tempfile.TemporaryDirectory(prefix="portcullis-doctor-", dir=parent) as folder:
        home = Path(folder)
        for name in (*DATABASES, *COPIED):
            # With its log: what was committed last may stand there alone. Its index (`-shm`) is
            # made anew.
            for path in (installation.home / name, installation.home / f"{name}{LOG}"):
                if path.is_file():
                    shutil.copyfile(path, home / path.name)

        if (installation.home / ANCHORS).is_dir():
            shutil.copytree(installation.home / ANCHORS, home / ANCHORS)

        for path in installation.home.glob(LINKED):
            (home / path.name).symlink_to(path)

        yield replace(installation, home=home)


def _has_room(home: Path) -> bool:
    """Say whether memory holds the copy twice: nothing of it should lie on a disk."""
    if not MEMORY_FOLDER.is_dir():
        return False
    # Twice: whoever opens a copy with a log writes that log's pages into it.
    sizes = [path.stat().st_size for path in home.glob("*.db*") if path.is_file()]
    return shutil.disk_usage(MEMORY_FOLDER).free > 2 * sum(sizes)
