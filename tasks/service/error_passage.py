"""What a stage writes to its standard error, on its way into the service's log."""

import contextlib
import os

from tasks.plain_text import one_line

MOST_ERROR_BYTES = 1 << 16  # of a stage's standard error, in the service's log


class ErrorPassage:
    """What a stage writes to its standard error, on its way into the service's log.

    Lines without control characters, and no more of them than a traceback has.
    """

    def __init__(self, source: int, target: int, stage: str) -> None:
        self._target = target
        self._stage = stage
        self._rest = b""
        self._bytes = 0
        self.source = source
        self.is_open = True
        os.set_blocking(source, False)

    def pass_on(self) -> bool:
        """Pass on what there is; return whether there was anything."""
        try:
            chunk = os.read(self.source, 4096)
        except BlockingIOError:
            return False

        if not chunk:
            self.is_open = False

        # Beyond the bound it is read and dropped: a full pipe would hold the stage up.
        room = MOST_ERROR_BYTES - self._bytes
        self._bytes += len(chunk)
        *lines, self._rest = (self._rest + chunk[: max(room, 0)]).split(b"\n")

        for line in lines:
            self._write(line)

        return bool(chunk)

    def finish(self) -> None:
        """Pass on the rest. Who still holds the other end, where processes are shared, is left."""
        while self._bytes < MOST_ERROR_BYTES and self.pass_on():
            pass
        if self._rest:
            self._write(self._rest)
        os.close(self.source)

    def _write(self, line: bytes) -> None:
        text = f"{self._stage}: {one_line(line.decode(errors='replace'))}\n"
        with contextlib.suppress(OSError):
            os.write(self._target, text.encode())
