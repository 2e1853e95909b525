"""The runner's end of the channel.

Read what a stage reports, keep it, and end the stage if need be.
"""

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
from tasks.pipeline.channel import CHANNEL_VARIABLE, lines_for_people, short_address

# A stage that has ended has closed its end: reading what is left takes far less.
JOIN_SECONDS = 5

LineSink = Callable[[str], None]  # is called with each line that people read

# Several threads run a stage each. Whoever is interrupted ends the stages of all of them.
_running: set["StageMessages"] = set()


@dataclass(eq=False)
class StageMessages:
    """What the last stage's process reported: its refusals, its failure, its cost.

    `environment` is what a stage's process needs to report here.
    """

    refusals: tuple[Refusal, ...] = ()
    failure: str = ""
    exit_code: int | None = None  # of the failure
    seconds: float | None = None
    peak_mib: float | None = None
    pid: int | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def record(self, event: dict[str, Any]) -> None:
        """Keep an event; one of another form is left out."""
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
                # The system may give its number to another process, which nobody may end.
                self.pid = None

    def end_stage(self) -> None:
        """End the stage's process if it still runs: nothing goes on writing after an interrupt."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


def end_all_stages() -> None:
    """End every stage that still runs, whichever thread waits for it."""
    for messages in tuple(_running):
        messages.end_stage()


@contextmanager
def listen_to_stage(on_line: LineSink) -> Iterator[StageMessages]:
    """Listen to one stage while the block runs; the block starts it with the yielded `environment`.

    On any exception the stage's process is ended.
    """
    messages = StageMessages()
    with (
        tempfile.TemporaryDirectory(prefix="portcullis-") as folder,
        socket.socket(socket.AF_UNIX) as server,
    ):
        path = Path(folder) / "channel"
        with short_address(path) as address:
            server.bind(address)
        server.listen(1)
        messages.environment[CHANNEL_VARIABLE] = str(path)

        reader = threading.Thread(
            target=_read_events, args=(server, messages, on_line), daemon=True
        )
        reader.start()
        _running.add(messages)
        try:
            yield messages
        except BaseException:
            messages.end_stage()
            raise
        finally:
            _running.discard(messages)
            # It wakes a reader that waits for another stage.
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            reader.join(timeout=JOIN_SECONDS)


def _read_events(server: socket.socket, messages: StageMessages, on_line: LineSink) -> None:
    """Read from one stage after the other until the server is shut down.

    A run with upstream has several stages, and each connects anew.
    """
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile("r", encoding="utf-8") as lines:
                for line in lines:
                    event = json.loads(line)
                    messages.record(event)
                    for text in lines_for_people(event):
                        on_line(text)
