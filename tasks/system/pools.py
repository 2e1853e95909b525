"""Worker processes of a stage, which end with it however it ends."""

import mmap
import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.reduction import DupFd
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
    with _held_in_memory(initargs) as handed_over:
        pool = ProcessPoolExecutor(
            workers,
            # a fork would copy locks that other threads hold
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(os.getpid(), initializer, handed_over),
        )

        try:
            yield pool
        except (BrokenProcessPool, RuntimeError, OSError) as error:
            # When a worker dies, the pool's own thread shuts it down. Whoever hands over work at
            # that moment, which starts a worker, gets "handle is closed" or "after shutdown".
            if not (isinstance(error, BrokenProcessPool) or pool._broken):
                raise
            raise ServiceError(
                where,
                expected=f"{workers} worker processes that live",
                found="one that died (killed, or out of memory)",
                remedy=remedy,
            ) from error
        finally:
            if sys.version_info < (3, 11, 5):
                _stop_writing(pool)
            # also where the block is left in the middle
            _end(pool)


def _end(pool: ProcessPoolExecutor) -> None:
    """Wait for the pool's end; a worker that was started while it broke is ended here."""
    workers = dict(pool._processes)
    pool.shutdown(wait=True, cancel_futures=True)

    for worker in workers.values():
        worker.kill()
        worker.join()


def _stop_writing(pool: ProcessPoolExecutor) -> None:
    """Have the pool's writer see that nobody reads any more, where its workers are dead.

    This process holds the reading end of the pipe to its own workers, too, so that a thread that
    was writing to them would wait for ever, and the pool's end for the thread. Python 3.11.5 and
    later close it (gh-94777), and Debian 12 has 3.11.2.
    """
    with suppress(OSError):  # the pool's own thread was faster
        pool._call_queue._reader.close()  # type: ignore[attr-defined]


class _HandedOver:
    """What all workers get at their start, pickled once.

    `multiprocessing` writes a worker's arguments to a pipe whose reading end the writer holds, so
    that it waits for ever if a worker dies before it has read more than a pipe holds. So they lie
    in anonymous memory, of which a worker inherits the descriptor: in no file, and gone with the
    processes. Where the system has none, as on macOS, they go through the pipe.
    """

    def __init__(self, descriptor: int | None, pickled: bytes) -> None:
        self._descriptor = descriptor
        self._pickled = pickled

    def __getstate__(self) -> tuple[Any, bytes]:
        """Return what is written to a worker that is started: nothing else may pickle it."""
        return None if self._descriptor is None else DupFd(self._descriptor), self._pickled

    def __setstate__(self, state: tuple[Any, bytes]) -> None:
        """Take the descriptor that was inherited."""
        inherited, self._pickled = state
        self._descriptor = None if inherited is None else inherited.detach()

    def take(self) -> tuple[Any, ...]:
        """Return the arguments; a worker takes them once."""
        if self._descriptor is None:
            arguments = pickle.loads(self._pickled)
        else:
            with mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ) as memory:
                arguments = pickle.loads(memory)
            os.close(self._descriptor)

        return tuple(arguments)


@contextmanager
def _held_in_memory(arguments: tuple[Any, ...]) -> Iterator[_HandedOver]:
    pickled = pickle.dumps(arguments, pickle.HIGHEST_PROTOCOL)
    if sys.platform != "linux":
        yield _HandedOver(None, pickled)
        return

    descriptor = os.memfd_create("portcullis-workers")
    try:
        with open(descriptor, "wb", closefd=False) as memory:
            memory.write(pickled)
        del pickled
        yield _HandedOver(descriptor, b"")
    finally:
        os.close(descriptor)


def _start(stage: int, initializer: Callable[..., None] | None, handed_over: _HandedOver) -> None:
    # A stage that is killed cannot end its workers: the kernel does, also where it was killed
    # before this line.
    die_with_parent(stage)
    # Ctrl-C goes to the whole process group; the stage ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if initializer:
        initializer(*handed_over.take())
