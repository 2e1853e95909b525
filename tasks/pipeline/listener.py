"""The runner's end of the channel: hear a stage while it runs, remember how it ended, and end it if need be."""

import contextlib
import json
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.pipeline.channel import VARIABLE, short_address, spoken

Hear = Callable[[str], None]
_running: set["Heard"] = set()


@dataclass(eq=False)
class Heard:
    """What the last stage's process said: its refusals, its failure, its cost."""

    refusals: tuple[str, ...] = ()
    failure: str = ""
    exit_code: int | None = None  # of the failure
    seconds: float | None = None
    peak_mib: float | None = None
    pid: int | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def take(self, event: dict[str, Any]) -> None:
        """Remember one event."""
        match event:
            case {"kind": "started", "pid": int(pid)}:
                self.pid = pid
            case {"kind": "refused", "lines": [*lines]}:
                self.refusals = tuple(str(line) for line in lines)
            case {"kind": "failed", "message": str(message), "exit_code": int(exit_code)}:
                self.failure, self.exit_code = message, exit_code
            case {"kind": "ended", "seconds": float(seconds), "peak_mib": float(peak)}:
                self.seconds, self.peak_mib, self.pid = seconds, peak, None

    def end(self) -> None:
        """End the stage's process if it still runs: an interrupted flow leaves nothing that goes on writing."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


def end_all() -> None:
    """End every stage that still runs, whichever thread waits for it: for a flow that is interrupted."""
    for heard in tuple(_running):
        heard.end()


@contextmanager
def listening(hear: Hear) -> Iterator[Heard]:
    """Listen for one stage; give its process `environment`. On any exception the stage's process is ended."""
    heard = Heard()
    with (
        tempfile.TemporaryDirectory(prefix="portcullis-") as folder,
        socket.socket(socket.AF_UNIX) as server,
    ):
        path = Path(folder) / "channel"
        with short_address(path) as address:
            server.bind(address)
        server.listen(1)
        heard.environment[VARIABLE] = str(path)
        ear = threading.Thread(target=_hear, args=(server, heard, hear), daemon=True)
        ear.start()
        _running.add(heard)
        try:
            yield heard
        except BaseException:
            heard.end()
            raise
        finally:
            _running.discard(heard)
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)  # wakes an ear that waits for another stage
            ear.join(timeout=5)


def _hear(server: socket.socket, heard: Heard, hear: Hear) -> None:
    """Hear one stage after the other (a run with upstream has several) until the server is shut down."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile("r", encoding="utf-8") as lines:
                for line in lines:
                    event = json.loads(line)
                    heard.take(event)
                    for text in spoken(event):
                        hear(text)
