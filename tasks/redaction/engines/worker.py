"""What every engine runs: one redactor a process, opened once, proved on the data's own texts."""

import ctypes
import gc
import signal
import sys
from functools import lru_cache

from tasks.redaction.opening import open_redactor
from tasks.redaction.params import RedactParams
from tasks.redaction.texts import MaskedChunk, TextChunk, TextRedactor


@lru_cache(maxsize=1)
def redactor(params: RedactParams, trial: tuple[str, ...]) -> TextRedactor:
    """Return this process's redactor; the same texts prove it everywhere, so all workers decide alike."""
    opened = open_redactor(params)
    opened.prove(list(trial))
    gc.freeze()  # what is loaded stays: the collector need not look at it again and again
    return opened


def mask_chunk(params: RedactParams, trial: tuple[str, ...], chunk: TextChunk) -> MaskedChunk:
    """Mask one chunk in this process."""
    return redactor(params, trial).redact(chunk)


def start(params: RedactParams, trial: tuple[str, ...]) -> None:
    """Prepare a worker process: it dies with the stage that started it, and loads its redactor once."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    global _prepared
    _prepared = (params, trial)
    redactor(params, trial)


def mask_prepared(chunk: TextChunk) -> MaskedChunk:
    """Mask one chunk in a process that was prepared by `start`."""
    return mask_chunk(*_prepared, chunk)


_prepared: tuple[RedactParams, tuple[str, ...]]
