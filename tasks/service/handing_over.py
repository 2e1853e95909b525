"""Give what a stage has written to the worker's account, and remove what it leaves elsewhere.

Runs as root, over folders that a hostile account owned a moment ago, and whose descriptors it may
have passed to a process of another account that goes on. So a folder changes its owner before
anybody looks into it: from then on nobody but the worker can exchange what lies in it.
"""

import os
import stat
from pathlib import Path

from tasks.errors import EvidenceError
from tasks.service.service_config import Account
from tasks.worker.marks import require_no_writer
from tasks.worker.run_folder import PREFIX

MOST_DEPTH = 32  # of folders in an output; a model has two


def hand_over(folder: int, worker: Account, depth: int = 0) -> list[str]:
    """Give what a stage wrote to the worker's account; return what is there that must not be.

    A link could lead the worker to a file that the stage may not read; a second name of a file
    would leave the stage able to write to it. Both stay with the stage's account and are named. So
    is a file that somebody can still write to: a stage can pass its open descriptor to another
    account's program. Modes are set, for a stage could let everybody write.
    """
    # First of all. A stage can let everybody write to its folder, and pass that descriptor on, too:
    # a link put in the place of a file that was looked at before would lead the worker anywhere.
    os.fchown(folder, worker.uid, worker.gid)
    os.fchmod(folder, 0o755)

    odd: list[str] = []
    for name in sorted(os.listdir(folder)):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode) and depth == MOST_DEPTH:
            # Whoever walks down such folders runs out of stack, also to remove them.
            remove_nested(name, folder)
            odd.append(name)
        elif stat.S_ISDIR(status.st_mode):
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                odd += [f"{name}/{below}" for below in hand_over(inner, worker, depth + 1)]
            finally:
                os.close(inner)
        # Asked again by the open descriptor below: a second name may be made between the two.
        elif stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            os.chown(name, worker.uid, worker.gid, dir_fd=folder, follow_symlinks=False)
            if not _close_to_others(name, folder):
                odd.append(name)
        else:
            odd.append(name)
    return odd


def remove_nested(name: str, folder: int) -> None:
    """Remove a folder, however deep the folders in it are: each is moved up, and then emptied.

    Nobody else may write to `folder`; what lies below may belong to anybody.
    """
    waiting = [name]
    moved = 0
    while waiting:
        current = waiting.pop()
        # By descriptors, not by paths: a name may be exchanged for a link at any moment.
        inner = os.open(current, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            # What a stage made may have any owner and mode: it is taken before it is looked into.
            os.fchown(inner, os.geteuid(), os.getegid())
            os.fchmod(inner, 0o700)

            for entry in [listed.name for listed in os.scandir(inner)]:
                status = os.stat(entry, dir_fd=inner, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    moved += 1
                    above = f"{PREFIX}removed-{moved}"
                    os.rename(entry, above, src_dir_fd=inner, dst_dir_fd=folder)
                    waiting.append(above)
                else:
                    os.unlink(entry, dir_fd=inner)
        finally:
            os.close(inner)

        os.rmdir(current, dir_fd=folder)


def _close_to_others(name: str, folder: int) -> bool:
    """Let the owner alone write to a file; say whether nobody else still does."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        os.fchmod(descriptor, 0o644)  # of an access control list it sets the mask
        require_no_writer(Path(f"/proc/self/fd/{descriptor}"), name)
        return os.fstat(descriptor).st_nlink == 1
    except EvidenceError:
        return False
    finally:
        os.close(descriptor)
