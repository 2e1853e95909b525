"""What a process asks of Linux: to end with its parent, and that nobody looks into it."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PAUSE_SECONDS = 0.002


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


def end_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Ask Linux to send this process a signal when its parent dies, from now on."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def hide_from_others() -> None:
    """Make this process one that no other of the same account may look into.

    Neither its environment (`/proc/<pid>/environ`, which may hold a token) nor its memory (ptrace,
    a core dump) can be read then. A program that this process starts can be looked into again.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Ask Linux to make this process the parent of whatever its children leave behind.

    A process that forks twice and begins a session of its own is still found by `end_children`.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_children() -> None:
    """Kill every child, and whatever these leave to this process, until there is none."""
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    while True:
        for pid in listing.read_text(encoding="ascii").split():
            # A child that has ended is a zombie until it is waited for: the number is still its.
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

        # Without waiting: one that was left to this process after the look is killed in the next.
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return

        # None has ended yet; a killed child takes a moment.
        if ended == 0:
            time.sleep(PAUSE_SECONDS)
