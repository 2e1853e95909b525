"""What a process asks of Linux: to end with its parent, and that nobody looks into it."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)
PR_SET_DUMPABLE = 4


def die_with_parent(parent: int | None = None) -> None:
    """Ask Linux to kill this process when its parent dies; the first thing that a process does.

    Other systems have no such request, and nothing happens there.

    Args:
        parent: The parent's process id, where it is known; 0 or None takes the present parent, and
            misses one that died before this call.
    """
    if sys.platform != "linux":
        return

    parent = parent or os.getppid()
    end_with_parent()

    # The kernel signals deaths after the request only. A parent that died before it has left this
    # process to another one.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def end_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, from now on."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def hide_from_others() -> None:
    """Make this process one that no other of the same account may look into.

    Neither its environment (`/proc/<pid>/environ`, which may hold a token) nor its memory (ptrace,
    a core dump) can be read then. A program that this process starts can be looked into again.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)
