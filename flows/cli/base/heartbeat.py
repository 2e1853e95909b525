"""Say on standard error that a command is still at work, where it has nothing else to say for long.

Plain lines, the same on a terminal and in a log. While a person is asked something nothing is said.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.under_way import describe_innermost

# A command that is silent for longer than this is taken for one that hangs (ADR 81).
FIRST_SECONDS = 5.0
NEXT_SECONDS = 15.0
# One for the process: there is one terminal, and one command at it.
_is_asking = threading.Event()


@contextmanager
def heartbeat(name: str) -> Iterator[None]:
    """Say so after five seconds, and then now and again, as long as this block lasts."""
    ended = threading.Event()
    # A daemon: it never keeps a command that was interrupted from ending.
    threading.Thread(target=_beat, args=(name, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()


@contextmanager
def asking() -> Iterator[None]:
    """Keep quiet as long as this block waits for a person."""
    _is_asking.set()
    try:
        yield
    finally:
        _is_asking.clear()


def _beat(name: str, ended: threading.Event) -> None:
    started = time.monotonic()
    pause_seconds = FIRST_SECONDS
    while not ended.wait(pause_seconds):
        pause_seconds = NEXT_SECONDS
        if not _is_asking.is_set():
            seconds = round(time.monotonic() - started)
            how_far = describe_innermost()
            line = f"  {name}: at work for {seconds} s" + (f" ({how_far})" if how_far else "")
            print(line, file=sys.stderr, flush=True)
