"""Worker processes of a stage, which end with it however it ends."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from tasks.errors import ServiceError
from tasks.system.processes import die_with_parent


@contextmanager
def worker_processes(
    where: str,
    workers: int,
    remedy: str,
    initializer: Callable[..., None] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of worker processes; none of them outlives the block.

    Args:
        where: What uses them, for a message.
        workers: How many.
        remedy: What a person can do if one of them dies.
        initializer: What each of them does first.
        initargs: Its arguments.

    Raises:
        ServiceError: A worker died; nothing of what it was doing was used.
    """
    pool = ProcessPoolExecutor(
        workers,
        # a fork would copy locks that other threads hold
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(os.getpid(), initializer, initargs),
    )

    try:
        yield pool
    except BrokenProcessPool as error:
        raise ServiceError(
            where,
            expected=f"{workers} worker processes that live",
            found="one that died (killed, or out of memory)",
            remedy=remedy,
        ) from error
    finally:
        # also where the block is left in the middle
        pool.shutdown(wait=True, cancel_futures=True)


def _start(stage: int, initializer: Callable[..., None] | None, initargs: tuple[Any, ...]) -> None:
    # A stage that is killed cannot end its workers: the kernel does, also where it was killed
    # before this line.
    die_with_parent(stage)
    # Ctrl-C goes to the whole process group; the stage ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if initializer:
        initializer(*initargs)
