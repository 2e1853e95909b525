"""What an engine is, and how answers come in the order of their partitions."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Protocol, TypeVar

Shared = TypeVar("Shared")
Partition = TypeVar("Partition")
Answer = TypeVar("Answer")


class Engine(Protocol):
    """Works on partitions, in this process, in several, or on several machines."""

    def map(
        self,
        function: Callable[[Shared, Partition], Answer],
        shared: Shared,
        partitions: Iterable[Partition],
    ) -> Iterator[Answer]:
        """Yield `function(shared, partition)` of every partition, in order.

        No more partitions are read ahead than can be worked on, so that memory is bounded.

        Args:
            function: Pure, and of a module's top level: a worker finds it by its name, in its own
                copy of this project. It depends on nothing but its arguments.
            shared: The same for all partitions (a model, parameters): sent once, kept meanwhile.
            partitions: What differs. Keys of a sealed partition are here, never in `shared`.

        Raises:
            PortcullisError: As the function raised it.
            ServiceError: A worker failed, or what it answered cannot be used.
        """

    def describe(self) -> dict[str, str]:
        """Return what a statement says of the engine: its kind, and who worked so far."""


def in_order(
    submit: Callable[[Partition], Future[Answer]], partitions: Iterable[Partition], ahead: int
) -> Iterator[Answer]:
    """Submit partitions, at most `ahead` at a time, and yield answers in the partitions' order.

    So memory is bounded by `ahead` partitions, however slowly the answers are taken.
    """
    running: deque[Future[Answer]] = deque()
    for partition in partitions:
        running.append(submit(partition))
        if len(running) >= ahead:
            yield running.popleft().result()

    while running:
        yield running.popleft().result()
