"""End with the process that started this one, so that no orphan writes into a retry's outputs."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent(parent: int | None = None) -> None:
    """Ask Linux to kill this process when its parent dies; the first thing that a process does.

    Args:
        parent: The parent's process id, where that is known; without it, a parent that died before this call is missed.
    """
    if sys.platform != "linux":
        return
    parent = parent or os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os.kill(os.getpid(), signal.SIGKILL)
