"""One thread that renews what ends: tokens, leases, and what was read."""

import logging
import time
from collections.abc import Callable
from threading import Condition, Thread

from tasks.errors import PortcullisError

RETRY_SECONDS = 0.5
LOG = logging.getLogger(__name__)
Chore = Callable[[], float]


class Upkeep:
    """Calls each chore when it is due; a chore says after how many seconds it is due again.

    A chore that fails is tried again soon, and the failure is logged once until it succeeds.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._due: dict[Chore, float] = {}
        self._failing: set[Chore] = set()
        self._is_open = True
        self._thread: Thread | None = None

    def add(self, chore: Chore) -> None:
        """Call it from now on."""
        with self._changed:
            self._due[chore] = time.monotonic()
            if self._thread is None:
                # A daemon: a process whose work is done does not wait for the next renewal.
                self._thread = Thread(target=self._run, name="secrets-upkeep", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Call no chore any more; return when none is under way."""
        with self._changed:
            self._is_open = False
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._is_open:
                    return
                chore, due = min(self._due.items(), key=lambda item: item[1])
                if (seconds := due - time.monotonic()) > 0:
                    self._changed.wait(seconds)
                    continue

            # Called without the lock: others add chores, and close, while it asks a server.
            pause = self._call(chore)

            with self._changed:
                self._due[chore] = time.monotonic() + pause

    def _call(self, chore: Chore) -> float:
        try:
            pause = chore()
        except PortcullisError as error:
            self._note(chore, str(error))
        except Exception as error:
            # A thread that ends here would let everything expire. The text may quote an answer.
            self._note(chore, type(error).__name__)
        else:
            self._failing.discard(chore)
            return pause

        return RETRY_SECONDS

    def _note(self, chore: Chore, text: str) -> None:
        if chore not in self._failing:
            LOG.warning("secrets are not renewed, trying again: %s", text)
        self._failing.add(chore)
