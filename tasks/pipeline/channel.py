"""The stage's end of the channel: it reports progress, and why it was refused or failed.

With a runner that listens (`$PORTCULLIS_CHANNEL` names its Unix socket), JSON lines go there:
refusals with their kinds. On a plain `dvc repro`, the texts go to standard error.
"""

import json
import logging
import os
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from tasks.errors import Refusal
from tasks.pipeline.memory import peak_mib
from tasks.pipeline.pace import telling_pace
from tasks.plain_text import one_line

CHANNEL_VARIABLE = "PORTCULLIS_CHANNEL"
INHERITED = "fd:"


class Channel:
    """The stage's end of the channel."""

    def __init__(
        self, stage: str, connection: socket.socket | None, terminal: TextIO | None = None
    ) -> None:
        self._stage = stage
        self._connection = connection
        self._terminal = terminal
        # The stage's own thread and the one that tells its pace: no line into another.
        self._lock = threading.Lock()
        self.rows = 0  # that the stage has worked on, by what it says at its end

    @classmethod
    @contextmanager
    def to_parent(
        cls, stage: str, path: str, *, is_stage: bool = True, terminal: TextIO | None = None
    ) -> Iterator["Channel"]:
        """Open it, route the `portcullis` logger into it, and report time and memory.

        Now and then while the block lasts (`tasks.pipeline.pace`), and at its end.

        Args:
            stage: The stage's name, for the terminal.
            path: The value of `$PORTCULLIS_CHANNEL`; empty where nobody listens.
            is_stage: Whether this is the stage's own process, whose time and memory count.
            terminal: Where lines go where nobody listens; standard error, if left out.

        Raises:
            SystemExit: The runner has gone.
        """
        connection = connect_to(path)
        channel = cls(stage, connection, terminal)
        logger = logging.getLogger("portcullis")
        logger.setLevel(logging.INFO)
        # Libraries configure the root logger: without this, each line would be written twice.
        logger.propagate = False
        handler = _ChannelHandler(channel)
        logger.addHandler(handler)

        start = time.perf_counter()
        start_cpu = _cpu_seconds()
        if is_stage:
            channel._send(kind="started", pid=os.getpid())
        pace = telling_pace(channel.report_progress, peak_mib) if is_stage else nullcontext()
        try:
            with pace:
                yield channel
        finally:
            logger.removeHandler(handler)
            if is_stage:
                channel._send(
                    kind="ended",
                    seconds=time.perf_counter() - start,
                    cpu_seconds=_cpu_seconds() - start_cpu,
                    peak_mib=peak_mib(),
                    rows=channel.rows,
                )
            if connection:
                connection.close()

    def report_progress(self, message: str, level: str = "info") -> None:
        """Pass a line of progress on."""
        self._send(kind="progress", level=level, message=message)

    def report_refusals(self, refusals: tuple[Refusal, ...]) -> None:
        """Report that a gate is shut, and why."""
        self._send(kind="refused", refusals=[refusal.to_dict() for refusal in refusals])

    def report_failure(self, message: str, exit_code: int) -> None:
        """Report what went wrong, in one line, and its exit code (see `tasks.errors`)."""
        self._send(kind="failed", message=message, exit_code=exit_code)

    def _send(self, **event: Any) -> None:
        with self._lock:
            if self._connection:
                try:
                    self._connection.sendall(json.dumps(event).encode() + b"\n")
                    return
                except OSError:
                    # Nobody listens any more: the rest goes to the terminal.
                    self._connection = None

            for line in lines_for_people(event):
                (self._terminal or sys.stderr).write(f"{self._stage}: {line}\n")


def connect_to(path: str) -> socket.socket | None:
    """Connect to a runner by what `$PORTCULLIS_CHANNEL` says; None where nobody listens.

    It names a socket's path; or `fd:<number>`, a descriptor that is open already.

    Raises:
        SystemExit: The runner has gone.
    """
    if path.startswith(INHERITED):
        descriptor = int(path.removeprefix(INHERITED))
        is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
        return socket.socket(fileno=descriptor) if is_socket else None
    if not path:
        return None

    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_address(Path(path)) as address:
            connection.connect(address)
    except OSError:
        # The run that this stage belongs to was interrupted while it started: nobody wants its work
        # any more.
        connection.close()
        sys.exit(128 + signal.SIGTERM)
    return connection


@contextmanager
def short_address(path: Path) -> Iterator[str]:
    """Give an address for a Unix socket at `path`, however long the path is.

    The kernel takes 107 bytes (unix(7)); the temporary folder of a batch system often has more.
    Through the open folder's descriptor the address is always short.
    """
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


def lines_for_people(event: Any) -> tuple[str, ...]:
    """Return an event as the lines that a person reads; none of an event of another form.

    Each is one line without control characters, whatever the stage sends.
    """
    match event:
        case {"kind": "progress" | "failed", "message": str(message)}:
            return (one_line(message),)
        case {"kind": "refused", "refusals": [*refusals]}:
            return ("BLOCKED", *(Refusal.from_dict(values).text for values in refusals))
        case {"kind": "ended", "seconds": float(seconds), "peak_mib": float(peak)}:
            return (_line_of_end(seconds, peak, event.get("cpu_seconds"), event.get("rows")),)
        case _:
            return ()


def _line_of_end(seconds: float, peak_mib: float, cpu_seconds: Any, rows: Any) -> str:
    parts = [f"{seconds:.1f} s"]
    if isinstance(cpu_seconds, float):
        parts.append(f"{cpu_seconds:.1f} s of CPU")
    if type(rows) is int and rows > 0 and seconds > 0:
        parts.append(f"{rows:,} rows, {rows / seconds:,.0f} a second")
    return ", ".join([*parts, f"{peak_mib:.0f} MiB"])


def _cpu_seconds() -> float:
    """Return what this process and its ended children have taken; a forked one begins at none."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class _ChannelHandler(logging.Handler):
    """What the `portcullis` loggers write, as lines of progress."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        self._channel.report_progress(record.getMessage(), record.levelname.lower())
