"""Engines on one machine: this process, or worker processes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future

from tasks.redaction.engines import worker
from tasks.redaction.params import RedactParams
from tasks.redaction.texts import MaskedChunk, TextChunk
from tasks.system.pools import worker_processes

CHUNKS_AHEAD = 2  # for each worker: one that it masks, and one that waits


class OneProcess:
    """Masks chunks where the stage runs."""

    def __init__(self, params: RedactParams, trial: list[str]) -> None:
        self._params = params
        self._trial = tuple(trial)

    def mask(self, chunks: Iterable[TextChunk]) -> Iterator[MaskedChunk]:
        """Yield every chunk masked, in order."""
        for chunk in chunks:
            yield worker.mask_chunk(self._params, self._trial, chunk)


class Processes:
    """Masks chunks in worker processes; texts go to them through pipes, never through files."""

    def __init__(self, params: RedactParams, trial: list[str], workers: int) -> None:
        self._params = params
        self._trial = tuple(trial)
        self._workers = workers

    def mask(self, chunks: Iterable[TextChunk]) -> Iterator[MaskedChunk]:
        """Yield every chunk masked, in order.

        Raises:
            ServiceError: A worker died; nothing of its chunk was used.
        """
        with worker_processes(
            "redact.engine",
            self._workers,
            "Run the stage again; with less `chunk_rows` or fewer `workers` it needs less memory.",
            worker.start,
            (self._params, self._trial),
        ) as pool:
            yield from in_order(
                lambda chunk: pool.submit(worker.mask_prepared, chunk),
                chunks,
                ahead=self._workers * CHUNKS_AHEAD,
            )


def in_order(
    submit: Callable[[TextChunk], Future[MaskedChunk]], chunks: Iterable[TextChunk], ahead: int
) -> Iterator[MaskedChunk]:
    """Submit chunks, at most `ahead` at a time, and yield their results in the chunks' order.

    So memory is bounded by `ahead` chunks, however slowly the results are taken.
    """
    running: deque[Future[MaskedChunk]] = deque()
    for chunk in chunks:
        running.append(submit(chunk))
        if len(running) >= ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
