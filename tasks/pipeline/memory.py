"""The largest resident memory that a stage's processes have had so far."""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path


def peak_mib() -> float:
    """Return the largest resident memory in MiB, of this process or of one that it has started.

    Linux keeps getrusage's figure across fork and exec: a small stage would report the size of the
    runner that started it. `VmHWM` (proc(5)) is the process's own, in KiB; of a process that was
    forked it begins at what that shares with its parent, which is resident in it, too. What a child
    takes over by the same rule is at most the peak of this process, so that the larger is right.
    Children that still run are asked themselves: getrusage knows those alone that were waited for.
    """
    ended_children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own = _high_water_kib("self")
    if own is None:
        own_maxrss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return max(own_maxrss, ended_children) / 1024**2  # macOS counts bytes

    running = (_high_water_kib(pid) or 0 for pid in _descendants(str(os.getpid())))
    return max(own, ended_children, *running) / 1024


def _high_water_kib(pid: str) -> int | None:
    """Return a process's `VmHWM`; None where the system does not tell it, or it has ended."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        for line in Path("/proc", pid, "status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return None


def _descendants(pid: str) -> Iterator[str]:
    """Yield the processes that a process has started, and that those have, as far as they run."""
    for path in Path("/proc", pid).glob("task/*/children"):
        children: list[str] = []
        with contextlib.suppress(OSError):
            children = path.read_text(encoding="ascii").split()
        for child in children:
            yield child
            yield from _descendants(child)
