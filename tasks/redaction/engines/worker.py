"""What every engine runs: one redactor a process, opened once, proved on the data's own texts.

A Dask worker may run several chunks at once, in threads: they share the redactor.
"""

import gc
import threading
from dataclasses import dataclass
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


# One alone: another setting in the same process is another use case, and two finders hold twice the
# memory.
@lru_cache(maxsize=1)
def _open_redactor(params: RedactParams, trial: tuple[str, ...]) -> TextRedactor:
    opened = open_redactor(params)
    # Before the first chunk: a finder that falls back in the middle would mask two halves of a file
    # differently.
    opened.prove(list(trial))
    # What is loaded stays: the collector need not look at millions of objects again and again.
    gc.freeze()
    return opened


@dataclass(frozen=True)
class MaskingSettings:
    """What all chunks of a run share; finders prove themselves on the trial texts."""

    params: RedactParams
    trial: tuple[str, ...]


def mask_chunk(settings: MaskingSettings, chunk: TextChunk) -> MaskedChunk:
    """Mask one chunk in this process."""
    return redactor(settings.params, settings.trial).redact(chunk)
