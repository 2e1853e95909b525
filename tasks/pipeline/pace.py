"""Say how far a stage is while it runs: rate, time left, peak memory; a line now and then.

What is counted is what the stage's loops count in `tasks.under_way`. Nothing else is said: figures,
and words of the code.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tasks.under_way import Work, outermost

FIRST_SECONDS = 10.0  # a stage that ends earlier says only what it took
# From one line to the next: seldom enough for a log, and the longer it takes, the more seldom.
LEAST_PAUSE_SECONDS = 10.0
PAUSE_RATIO = 0.05  # of the time so far
MANY_SECONDS = 120.0  # from here on in minutes
HIGH_RATE = 10.0  # a second; from here on in whole numbers


@contextmanager
def telling_pace(
    say: Callable[[str], None],
    peak_mib: Callable[[], float],
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], bool] | None = None,
) -> Iterator[None]:
    """Say how far the stage is as long as this block lasts, from another thread.

    Args:
        say: Is given each line.
        peak_mib: Tells the largest resident memory so far, in MiB.
        clock: Tells the time, in seconds; that of `tasks.under_way`.
        wait: Waits for so many seconds; returns True at once where the block has ended. Left out, a
            thread's event does.
    """
    ended = threading.Event()
    arguments = (say, peak_mib, clock, wait or ended.wait)
    # A daemon: it never keeps a stage that was interrupted from ending.
    thread = threading.Thread(target=_tell, args=arguments, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # What is said after this block is the stage's last word.
        thread.join()


def _tell(
    say: Callable[[str], None],
    peak_mib: Callable[[], float],
    clock: Callable[[], float],
    wait: Callable[[float], bool],
) -> None:
    started = clock()
    pause_seconds = FIRST_SECONDS
    while not wait(pause_seconds):
        now = clock()
        say(describe_pace(outermost(), now, now - started, peak_mib()))
        pause_seconds = max(LEAST_PAUSE_SECONDS, (now - started) * PAUSE_RATIO)


def describe_pace(works: Sequence[Work], now: float, seconds: float, peak_mib: float) -> str:
    """Return how far a stage is, in one line.

    Time is told to the end of what is counted, which may be a part of the stage; and only where it
    is known of how many things it is, and one of them is done.

    Args:
        works: The outermost loop that is counted and the one within it, if there are any.
        now: The time, by the clock of the loops.
        seconds: That the stage has taken so far.
        peak_mib: The largest resident memory so far, of any of its processes.
    """
    cost = f"{describe_seconds(seconds)} so far, at most {peak_mib:,.0f} MiB"
    if not works:
        return f"at work, time left not known; {cost}"

    work = works[0]
    within = works[1] if len(works) > 1 and works[1].total else None
    parts = [work.what]
    if work.total:
        parts[0] += f": {work.done:,} of {work.total:,} {work.unit}"
    elif work.done:
        parts[0] += f": {work.done:,} {work.unit}"
    if within:
        parts[0] += f" (of the next, {within.done:,} of {within.total:,} {within.unit})"
    # A fit of many rounds is one of few fits: by whole fits alone, time would stand still for long.
    done = work.done + (min(within.done / within.total, 1.0) if within else 0.0)
    taken_seconds = now - work.started
    # A clock that stands still is no error.
    rate = done / taken_seconds if taken_seconds > 0 else 0.0
    if rate > 0:
        parts.append(f"{rate:,.0f} a second" if rate >= HIGH_RATE else f"{rate:.2g} a second")

    if rate > 0 and work.total:
        parts.append(f"{describe_seconds(max(work.total - done, 0) / rate)} left of this")
    else:
        parts.append("time left not known")
    return f"{', '.join(parts)}; {cost}"


def describe_seconds(seconds: float) -> str:
    """Return a duration in words: seconds, or minutes where they are many."""
    return f"{seconds / 60:,.0f} min" if seconds >= MANY_SECONDS else f"{seconds:.0f} s"
