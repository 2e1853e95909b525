"""Locks by which runs that share a folder of ours know of each other; the kernel frees them.

A lock of a process that was killed is free at once, so that nobody has to ask whether it lives.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a folder alone while the block runs: what comes and goes in it does so in turn."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def hold(lock: Path) -> int:
    """Mark as used, with all others who do so, what `lock` stands for; until it is closed."""
    # Not through a link: the lock would be of another file, and made wherever the link leads.
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def is_held(lock: Path) -> bool:
    """Say whether anybody uses what `lock` stands for; the caller holds the folder it lies in."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False

    try:
        # Alone, if nobody has a share: the lock that is got goes again with the descriptor.
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        return True
    finally:
        os.close(descriptor)
