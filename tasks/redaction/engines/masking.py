"""Mask chunks of texts on an engine: every chunk is a partition."""

from collections.abc import Iterable, Iterator

from tasks.engines import Engine
from tasks.redaction.engines import worker
from tasks.redaction.params import RedactParams
from tasks.redaction.texts import MaskedChunk, TextChunk


class Masking:
    """Masks chunks of texts wherever the engine has its workers."""

    def __init__(self, engine: Engine, params: RedactParams, trial: list[str]) -> None:
        """Take an engine, and the texts of the data on which its finders prove themselves."""
        self._engine = engine
        self._settings = worker.MaskingSettings(params, tuple(trial))

    def mask(self, chunks: Iterable[TextChunk]) -> Iterator[MaskedChunk]:
        """Yield every chunk masked, in order.

        Raises:
            PortcullisError: As the engine does.
        """
        yield from self._engine.map(worker.mask_chunk, self._settings, chunks)
