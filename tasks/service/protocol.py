"""What clients and the worker say to each other: one JSON object a line, over a Unix socket.

    client   {"do": "begin", "case": "loan", "commit": "<40 or 64 hex digits>"}
    worker   {"tell": "line", "text": "…"}               any number of them, then one answer:
    worker   {"tell": "done", …}                                  or
    worker   {"tell": "failed", "message": …, "exit_code": …}     or
    worker   {"tell": "refused", "refusals": […]}

A client can name a commit, a use case, a stage, and hand in what somebody has signed. There is no
message by which it could set a variable, a path or a limit.
"""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

from tasks.errors import PortcullisError, Refusal, RefusedError, ServiceError
from tasks.formats.strict_json import parse_json

MOST_REQUEST_BYTES = 1 << 20  # a signed approval has some 2 KB
MOST_ANSWER_BYTES = 64 << 20  # a gate's page with its plots


class RemoteError(PortcullisError):
    """What the worker could not do. Carries its message and its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        # The worker's message says what was expected already, so PortcullisError's form is left
        # out.
        Exception.__init__(self, message)


class Conversation:
    """One end of a connection: whole messages out and in."""

    def __init__(self, connection: socket.socket, most_bytes: int) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._most_bytes = most_bytes

    def say(self, **message: Any) -> None:
        """Send a message."""
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> dict[str, Any] | None:
        """Return the next message; None where the other end has closed.

        Raises:
            ValueError: It is no message, or a longer one than may be.
        """
        line = self._lines.readline(self._most_bytes + 1)
        if not line:
            return None
        if not line.endswith(b"\n"):
            raise ValueError("a message without an end")
        message = parse_json(line)
        if not isinstance(message, dict):
            raise ValueError("not a message")
        return message

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


def _gone(found: str) -> ServiceError:
    return ServiceError(
        "worker",
        expected="an answer",
        found=found,
        remedy="Look whether the service runs; the same command goes on where it stopped.",
    )
