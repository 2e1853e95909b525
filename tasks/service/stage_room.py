"""A stage's own places to write to besides its outputs: made when it starts, gone when it ends.

    <state>/rooms/<random>/home    its home, where libraries keep caches and look for settings
    <state>/rooms/<random>/tmp     its temporary files; where the kernel lets it, also its /tmp
    <state>/rooms/<random>/view    where its view of the file system is put together

What one stage leaves in its home would be found by the next, perhaps of another use case: a pickle
in a library's cache is code. Only the key store is kept from stage to stage.
"""

import logging
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tasks.service.handing_over import MOST_DEPTH, remove_nested
from tasks.service.service_config import Account

logger = logging.getLogger("portcullis.launcher")

MOST_ENTRIES = 1_000_000  # files and folders of one stage; a page has some fifty
BLOCK_BYTES = 512  # what st_blocks counts in, whatever the file system's own blocks are


@dataclass(frozen=True)
class StageRoom:
    """An open room."""

    path: Path

    @property
    def home(self) -> Path:
        """The stage's home."""
        return self.path / "home"

    @property
    def tmp(self) -> Path:
        """The stage's temporary files."""
        return self.path / "tmp"

    @property
    def view(self) -> Path:
        """An empty folder of root's."""
        return self.path / "view"


@contextmanager
def open_room(rooms: Path, stage: Account) -> Iterator[StageRoom]:
    """Make a room for one stage, and remove it with all that the stage left in it.

    Args:
        rooms: A folder of root's.
        stage: The account that writes to it.
    """
    room = StageRoom(rooms / secrets.token_hex(8))

    room.path.mkdir(mode=0o711)
    try:
        room.view.mkdir(mode=0o755)
        room.home.mkdir(mode=0o700)
        os.chown(room.home, stage.uid, stage.gid)
        # The stage makes and removes its own files in it, and not those by which root mounts there.
        room.tmp.mkdir()
        os.chown(room.tmp, 0, stage.gid)
        room.tmp.chmod(0o1770)

        yield room
    finally:
        _remove(rooms, room.path.name)


def remove_rooms(rooms: Path) -> None:
    """Remove the rooms of stages whose launcher was killed."""
    for folder in rooms.iterdir():
        _remove(rooms, folder.name)


def is_within(folders: Iterable[Path], most_bytes: int) -> bool:
    """Say whether folders hold no more than so many bytes, and can be walked at all.

    Somebody may write to them meanwhile; what vanishes counts nothing.
    """
    waiting = [(folder, 0) for folder in folders]
    total_bytes = 0
    entries = 0

    while waiting:
        folder, depth = waiting.pop()
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as listed:
            for entry in listed:
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    # Blocks and not lengths: a file with holes is as long as it likes and takes
                    # nothing.
                    total_bytes += status.st_blocks * BLOCK_BYTES
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append((Path(entry.path), depth + 1))

                entries += 1

                # Asked at every entry: a folder without an end is not walked to its end.
                if total_bytes > most_bytes or entries > MOST_ENTRIES or depth > 2 * MOST_DEPTH:
                    return False

    return True


def _remove(rooms: Path, name: str) -> None:
    folder = os.open(rooms, os.O_RDONLY | os.O_DIRECTORY)
    try:
        remove_nested(name, folder)
    except OSError as error:
        # In nobody's way: the next room has another name, and the next start tries again.
        logger.warning("launcher: a stage's room is left: %s", type(error).__name__)
    finally:
        os.close(folder)
