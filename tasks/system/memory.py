"""Have a process give memory back to the machine as soon as it is freed."""

import ctypes
import os
import sys

# glibc's mallopt(3): whatever is as large as this is mapped apart, and unmapped once it is freed.
# The kernel fills each page of it with zeros when it is first touched, which costs more than the
# allocation: from 256 KiB on, as columns of 8,192 rows are, it was a fifth of `ingest`'s own CPU.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
MAPPED_BYTES = 4 << 20
TRIMMED_BYTES = 4 << 20

POOL_VARIABLE = "ARROW_DEFAULT_MEMORY_POOL"


def give_memory_back() -> None:
    """Keep no freed memory for later, so that the peak of a process with large tables is lower.

    Arrow's own allocator keeps what is freed for its next tables, and glibc's raises its threshold
    with the size of what is freed, so that columns leave holes between others. Call it before Arrow
    is imported. An operator's own choice for Arrow holds, and an allocator that is none of glibc's
    stays as it is.
    """
    # Not by `pyarrow.set_memory_pool`: Arrow's writers would keep to the allocator that it began
    # with.
    os.environ.setdefault(POOL_VARIABLE, "system")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(M_TRIM_THRESHOLD, TRIMMED_BYTES)
