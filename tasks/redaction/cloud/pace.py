"""No more requests in a minute than a use case allows: a token bucket."""

import threading
import time
from collections.abc import Callable

BURST_SECONDS = 1.0  # what may be saved up, so that the first second is as slow as every other


class Pace:
    """Lets requests pass at a steady rate. Safe for threads."""

    def __init__(
        self,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second = per_minute / 60
        self._most_tokens = max(1.0, self._per_second * BURST_SECONDS)
        self._tokens = self._most_tokens
        self._clock = clock
        self._sleep = sleep
        self._filled_seconds = clock()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the next request may be made."""
        # Threads wait one behind the other: who holds the lock is the next to go.
        with self._lock:
            self._fill()
            self._tokens -= 1
            # A token that is not there yet is owed, and no loop asks whether a rounded second has
            # brought all of it.
            if self._tokens < 0:
                self._sleep(-self._tokens / self._per_second)

    def _fill(self) -> None:
        now = self._clock()
        gained = (now - self._filled_seconds) * self._per_second
        self._tokens = min(self._most_tokens, self._tokens + gained)
        self._filled_seconds = now
