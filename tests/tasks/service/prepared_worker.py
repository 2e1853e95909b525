"""A worker's service with answers that a test has prepared, behind a socket like the real one's."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Message = dict[str, Any]

BEGUN: Message = {"tell": "done"}
WAIT_SECONDS = 10.0


@contextmanager
def prepared_worker(
    path: Path, *answers: Message, lines: tuple[str, ...] = ()
) -> Iterator[list[Message]]:
    """Answer requests of one client, each with the next answer, and close after the last.

    Args:
        path: Where the socket is made.
        answers: One for each request that the test makes.
        lines: What people are told before every answer.

    Yields:
        The requests so far; all of them are there once the client has its answers.
    """
    requests: list[Message] = []
    told = [{"tell": "line", "text": text} for text in lines]

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.settimeout(WAIT_SECONDS)
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                for answer, request in zip(answers, stream, strict=False):
                    requests.append(json.loads(request))
                    for message in (*told, answer):
                        connection.sendall(json.dumps(message).encode() + b"\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield requests
        finally:
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive(), "the client has asked less than a test prepared"
