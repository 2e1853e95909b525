"""The runner's end of the channel: hear a stage, remember how it ended, and end it if need be."""

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

from tasks.errors import Refusal
from tasks.pipeline.channel import VARIABLE, short_address, spoken

Hear = Callable[[str], None]
_running: set["Heard"] = set()


@dataclass(eq=False)
class Heard:
    """What the last stage's process said: its refusals, its failure, its cost."""

    refusals: tuple[Refusal, ...] = ()
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
            case {"kind": "refused", "refusals": [*refusals]}:
                self.refusals = tuple(Refusal.from_dict(values) for values in refusals)
            case {"kind": "failed", "message": str(message), "exit_code": int(exit_code)}:
                self.failure = message
                self.exit_code = exit_code
            case {"kind": "ended", "seconds": float(seconds), "peak_mib": float(peak)}:
                self.seconds = seconds
                self.peak_mib = peak
                self.pid = None

    def end(self) -> None:
        """End the stage's process if it still runs: nothing goes on writing after an interrupt."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


def end_all() -> None:
    """End every stage that still runs, whichever thread waits for it."""
    for heard in tuple(_running):
        heard.end()


@contextmanager
def listening(hear: Hear) -> Iterator[Heard]:
    """Listen for one stage; give its process `environment`.

    On any exception the stage's process is ended.
    """
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
            # It wakes an ear that waits for another stage.
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            ear.join(timeout=5)


def _hear(server: socket.socket, heard: Heard, hear: Hear) -> None:
    """Hear one stage after the other, as a run with upstream has, until the server is shut down."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile("r", encoding="utf-8") as lines:
                for line in lines:
                    event = json.loads(line)
                    heard.take(event)
                    for text in spoken(event):
                        hear(text)
