"""What every engine runs: one redactor a process, opened once, proved on the data's own texts."""

import gc
from functools import lru_cache

from tasks.redaction.opening import open_redactor
from tasks.redaction.params import RedactParams
from tasks.redaction.texts import MaskedChunk, TextChunk, TextRedactor


@lru_cache(maxsize=1)
def redactor(params: RedactParams, trial: tuple[str, ...]) -> TextRedactor:
    """Return this process's redactor, opened at the first call.

    The same texts prove it everywhere, so all workers decide alike.
    """
    opened = open_redactor(params)
    opened.prove(list(trial))
    # What is loaded stays: the collector need not look at millions of objects again and again.
    gc.freeze()
    return opened


def mask_chunk(params: RedactParams, trial: tuple[str, ...], chunk: TextChunk) -> MaskedChunk:
    """Mask one chunk in this process."""
    return redactor(params, trial).redact(chunk)


def start(params: RedactParams, trial: tuple[str, ...]) -> None:
    """Prepare a worker process: it loads its redactor."""
    global _prepared
    _prepared = (params, trial)
    redactor(params, trial)


def mask_prepared(chunk: TextChunk) -> MaskedChunk:
    """Mask one chunk in a process that was prepared by `start`."""
    return mask_chunk(*_prepared, chunk)


# Set once by `start`: settings cross the pipe once per worker, not with every chunk.
_prepared: tuple[RedactParams, tuple[str, ...]]
