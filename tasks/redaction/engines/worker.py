"""What every engine runs: one redactor a process, opened once, proved on the data's own texts.

A Dask worker may run several chunks at once, in threads: they share the redactor.
"""

import gc
import threading
from functools import lru_cache

from tasks.redaction.opening import open_redactor
from tasks.redaction.params import RedactParams
from tasks.redaction.texts import MaskedChunk, TextChunk, TextRedactor

# Held while a redactor is opened: threads that come together would open, and keep, one each.
_OPENING_LOCK = threading.Lock()


def redactor(params: RedactParams, trial: tuple[str, ...]) -> TextRedactor:
    """Return this process's redactor, opened at the first call.

    The same texts prove it everywhere, so all workers decide alike.
    """
    with _OPENING_LOCK:
        return _open_redactor(params, trial)


@lru_cache(maxsize=1)
def _open_redactor(params: RedactParams, trial: tuple[str, ...]) -> TextRedactor:
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
