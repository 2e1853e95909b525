"""Say how far a long run is: how many of how many, how fast, and how much time is left."""

import time
from collections.abc import Callable

EVERY_SECONDS = 10.0


class Progress:
    """Speaks at most every `EVERY_SECONDS`, and at the end."""

    def __init__(
        self, of: int, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._of, self._say, self._clock = of, say, clock
        self._start = self._last = clock()
        self._done = 0

    def add(self, rows: int) -> None:
        """Count further rows."""
        self._done += rows
        now = self._clock()
        if now - self._last >= EVERY_SECONDS or self._done >= self._of:
            self._last = now
            self._say(self._line(now - self._start))

    def _line(self, seconds: float) -> str:
        rate = self._done / seconds if seconds > 0 else 0.0
        line = f"{self._done:,} of {self._of:,} rows"
        if not rate:
            return line
        left = (self._of - self._done) / rate
        return f"{line}, {rate:,.0f} a second" + (f", {_shown(left)} left" if left > 0 else "")


def _shown(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
