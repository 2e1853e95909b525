"""What clients and the worker say to each other: one JSON object a line, over a Unix socket.

    client   {"do": "begin", "case": "loan", "commit": "<40 or 64 hex digits>"}
    worker   {"tell": "line", "text": "…"}               any number of them, then one answer:
    worker   {"tell": "done", …}                                  or
    worker   {"tell": "failed", "message": …, "exit_code": …}     or
    worker   {"tell": "refused", "refusals": […]}

A client can name a commit, a use case, a stage, a version that is to serve, and hand in what
somebody has signed. There is no
message by which it could set a variable, a path or a limit.
"""

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tasks.errors import PortcullisError, Refusal, RefusedError, ServiceError
from tasks.formats.strict_json import parse_json

MOST_REQUEST_BYTES = 1 << 20  # a signed approval has some 2 KB
MOST_ANSWER_BYTES = 64 << 20  # a gate's page with its plots
SEND_SECONDS = 60.0  # for who reads slowly, or not: a session must not wait for its client
CHUNK_BYTES = 1 << 16


class RemoteError(PortcullisError):
    """What the worker could not do. Carries its message and its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        # The worker's message says what was expected already, so PortcullisError's form is left
        # out.
        Exception.__init__(self, message)


class Conversation:
    """One end of a connection: whole messages out and in. Several threads may say something.

    `is_broken` says that something could not be sent.
    """

    def __init__(self, connection: socket.socket, most_bytes: int) -> None:
        self._connection = connection
        self._most_bytes = most_bytes
        self._buffer = bytearray()
        self._turn = threading.Lock()
        self.is_broken = False

    def say(self, **message: Any) -> None:
        """Send a message.

        Raises:
            OSError: The other end is gone, or has read nothing for a while. Nothing is sent from
                then on: half a message may have been.
        """
        data = json.dumps(message).encode() + b"\n"

        with self._turn:
            if self.is_broken:
                raise BrokenPipeError

            try:
                _send_all(self._connection, data)
            except OSError:
                self.is_broken = True
                raise

    def hear(self, within_seconds: float | None = None) -> dict[str, Any] | None:
        """Return the next message; None where the other end has closed.

        Args:
            within_seconds: How long a whole message may take to arrive, however it is cut up; for
                ever, if left out.

        Raises:
            TimeoutError: It took longer. What has arrived of it is kept.
            ValueError: It is no message, or a longer one than may be.
        """
        end = None if within_seconds is None else time.monotonic() + within_seconds
        searched_bytes = 0
        while (line_bytes := self._buffer.find(b"\n", searched_bytes)) < 0:
            searched_bytes = len(self._buffer)
            # Before more is received, so that memory is bounded whatever is sent; and searched on
            # from where the last search ended, as each search from the start would take the square
            # of a long message.
            if searched_bytes > self._most_bytes:
                raise ValueError("a message without an end")

            chunk = self._receive(end)
            if not chunk:
                if self._buffer:
                    raise ValueError("half a message")
                return None
            self._buffer += chunk

        if line_bytes > self._most_bytes:
            raise ValueError("a message of too many bytes")

        # Cut off before it is parsed: after a message that is none, the next one is read.
        line = bytes(self._buffer[:line_bytes])
        del self._buffer[: line_bytes + 1]

        message = parse_json(line)
        if not isinstance(message, dict):
            raise ValueError("not a message")
        return message

    def is_open(self) -> bool:
        """Say whether anybody is still there: who has closed one direction alone, is."""
        poll = select.poll()
        poll.register(self._connection, 0)  # POLLHUP and POLLERR are reported unasked
        return not poll.poll(0)

    def _receive(self, end: float | None) -> bytes:
        left_seconds = None if end is None else max(end - time.monotonic(), 0)
        ready, _, _ = select.select([self._connection], [], [], left_seconds)
        if not ready:
            raise TimeoutError
        return self._connection.recv(CHUNK_BYTES)

    def ask(self, on_line: Callable[[str], None], **request: Any) -> dict[str, Any]:
        """Send a request, pass on what is told meanwhile, and return the answer.

        Raises:
            RefusedError: A gate is shut.
            RemoteError: The worker could not do it.
            ServiceError: The worker has gone, or answers in another form.
        """
        try:
            self.say(**request)

            for message in self._messages():
                match message:
                    case {"tell": "line", "text": str(text)}:
                        on_line(text)
                    case {"tell": "done", **answer}:
                        return {str(name): value for name, value in answer.items()}
                    case {"tell": "refused", "refusals": [*values]}:
                        refusals = tuple(Refusal.from_dict(refusal) for refusal in values)
                        raise RefusedError(
                            "worker", refusals, remedy="Mend what failed, never the limit."
                        )
                    case {"tell": "failed", "message": str(text), "exit_code": int(code)}:
                        raise RemoteError(text, code)
                    case _:
                        raise ValueError("an unknown message")

        except (OSError, ValueError) as error:
            raise _gone(type(error).__name__) from error
        raise _gone("it closed the connection")

    def _messages(self) -> Iterator[dict[str, Any]]:
        while (message := self.hear()) is not None:
            yield message


def _send_all(connection: socket.socket, data: bytes) -> None:
    """Send bytes, if the other end reads them in time.

    Raises:
        TimeoutError: It has not read all of them within `SEND_SECONDS`.
    """
    rest = memoryview(data)
    end = time.monotonic() + SEND_SECONDS

    while rest:
        _, ready, _ = select.select([], [connection], [], max(end - time.monotonic(), 0))
        if not ready:
            raise TimeoutError

        # Without waiting: what the kernel has no room for stays for the next turn.
        try:
            rest = rest[connection.send(rest, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            continue


def _gone(found: str) -> ServiceError:
    return ServiceError(
        "worker",
        expected="an answer",
        found=found,
        remedy="Look whether the service runs; the same command goes on where it stopped.",
    )
