"""Report how far a long run is: how many of how many, how fast, and how much time is left."""

import time
from collections.abc import Callable

EVERY_SECONDS = 10.0


class Progress:
    """Reports one line at most every `EVERY_SECONDS`, and one at the end."""

    def __init__(
        self,
        total_rows: int,
        report: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total_rows = total_rows
        self._report = report
        self._clock = clock
        self._start_seconds = clock()
        self._reported_seconds = self._start_seconds
        self._rows = 0

    def add(self, rows: int) -> None:
        """Count further rows."""
        self._rows += rows
        now = self._clock()
        if now - self._reported_seconds >= EVERY_SECONDS or self._rows >= self._total_rows:
            self._reported_seconds = now
            self._report(self._line(now - self._start_seconds))

    def _line(self, seconds: float) -> str:
        line = f"{self._rows:,} of {self._total_rows:,} rows"
        # a clock that stands still is no error
        rate = self._rows / seconds if seconds > 0 else 0.0
        if not rate:
            return line

        line += f", {rate:,.0f} a second"
        remaining_seconds = (self._total_rows - self._rows) / rate
        if remaining_seconds > 0:
            line += f", {_format_duration(remaining_seconds)} left"
        return line


def _format_duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
