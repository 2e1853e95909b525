"""The runner's end of the channel.

Read what a stage reports, keep it, and end the stage if need be.
"""

import contextlib
import os
import signal
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tasks.errors import Refusal
from tasks.formats.strict_json import parse_json
from tasks.pipeline.channel import CHANNEL_VARIABLE, lines_for_people, short_address
from tasks.plain_text import one_line

# A stage's code is not trusted with our memory, our log or Prefect's database. Its own reports are
# some hundred lines of at most a few thousand characters; refusals come in one line together.
MOST_LINE_BYTES = 1 << 20
MOST_LINES = 10_000  # of one stage's process

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
    cpu_seconds: float | None = None
    rows: int | None = None
    pid: int | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def record(self, event: Any) -> None:
        """Keep an event; one of another form is left out."""
        match event:
            # Below 2 are groups of processes, every process and the first one: kill(2).
            case {"kind": "started", "pid": int(pid)} if type(pid) is int and pid > 1:
                self.pid = pid
            case {"kind": "refused", "refusals": [*refusals]}:
                self.refusals = tuple(Refusal.from_dict(values) for values in refusals)
            # A failure is never a 0, which would be success, nor another program's number.
            case {"kind": "failed", "message": str(message), "exit_code": 1 | 2 | 3 | 4 as code}:
                self.failure = one_line(message)
                self.exit_code = int(code)
            case {"kind": "ended", "seconds": float(seconds), "peak_mib": float(peak)}:
                self.seconds = seconds
                self.peak_mib = peak
                cpu_seconds, rows = event.get("cpu_seconds"), event.get("rows")
                self.cpu_seconds = cpu_seconds if isinstance(cpu_seconds, float) else None
                # A stage that works on no rows says 0.
                self.rows = rows if type(rows) is int and rows > 0 else None
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
            with connection, connection.makefile("rb") as stream:
                _read_connection(stream, _peer_of(connection), messages, on_line)


def _read_connection(
    stream: BinaryIO, peer: int | None, messages: StageMessages, on_line: LineSink
) -> None:
    """Read one stage's events to the end, keep what is in order, and leave out what is not.

    The stream is read to its end in any case: a stage whose reports nobody takes would wait.
    """
    count = 0
    while line := stream.readline(MOST_LINE_BYTES):
        count += 1
        if count > MOST_LINES:
            if count == MOST_LINES + 1:
                on_line(f"the stage reports more than {MOST_LINES:,} lines: the rest is left out")
            # How it ended still counts; it is the progress that floods.
            if b'"progress"' in line:
                continue

        try:
            event = parse_json(line)
            if peer is not None and isinstance(event, dict) and event.get("kind") == "started":
                # The system says who speaks: a stage that names another process would have that
                # one ended in its place.
                event["pid"] = peer
            messages.record(event)
            texts = lines_for_people(event)
        except ValueError:
            texts = ("the stage has sent something that is no report: it is left out",)
        for text in texts:
            if count <= MOST_LINES:
                on_line(text)


def _peer_of(connection: socket.socket) -> int | None:
    """Return the process at the other end, where the system says so (unix(7), SO_PEERCRED)."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    credentials = connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", credentials)[0]
    return pid
