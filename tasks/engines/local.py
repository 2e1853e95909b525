"""Engines on one machine: this process, or worker processes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tasks.engines.mapping import Answer, Partition, Shared, in_order
from tasks.system.pools import worker_processes

PARTITIONS_AHEAD = 2  # for each worker: one that it works on, and one that waits


class OneProcess:
    """Works on partitions where the stage runs."""

    def map(
        self,
        function: Callable[[Shared, Partition], Answer],
        shared: Shared,
        partitions: Iterable[Partition],
    ) -> Iterator[Answer]:
        """Yield the answer of every partition, in order."""
        for partition in partitions:
            yield function(shared, partition)

    def describe(self) -> dict[str, str]:
        """Return what a statement says of the engine."""
        return {"kind": "one_process"}


class Processes:
    """Works on partitions in worker processes; they go there through pipes, never by files."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map(
        self,
        function: Callable[[Shared, Partition], Answer],
        shared: Shared,
        partitions: Iterable[Partition],
    ) -> Iterator[Answer]:
        """Yield the answer of every partition, in order.

        Raises:
            ServiceError: A worker died; nothing of its partition was used.
        """
        with worker_processes(
            "engine",
            self._workers,
            "Run the stage again; with less `chunk_rows` or fewer `workers` it needs less memory.",
            _start,
            (function, shared),
        ) as pool:
            yield from in_order(
                lambda partition: pool.submit(_work, partition),
                partitions,
                # Not all at once: a pool takes whatever is submitted into its queue, and a whole
                # file would lie there.
                ahead=self._workers * PARTITIONS_AHEAD,
            )

    def describe(self) -> dict[str, str]:
        """Return what a statement says of the engine."""
        return {"kind": "processes", "workers": str(self._workers)}


def _start(function: Callable[[Any, Any], Any], shared: Any) -> None:
    # Set once: what all partitions share crosses the pipe once a worker, not with every partition.
    global _prepared
    _prepared = (function, shared)


def _work(partition: Any) -> Any:
    function, shared = _prepared
    return function(shared, partition)


_prepared: tuple[Callable[[Any, Any], Any], Any]
