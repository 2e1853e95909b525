"""A client that sends bytes as they are, and prints what the worker answers.

python -I talking.py <socket>, with one base64 text a line on standard input: each is the whole of
what one connection sends. Prints a line for each connection: base64 of all that was answered.
"""

import base64
import contextlib
import socket
import sys

SECONDS = 120


def main() -> int:
    """Hold one conversation after the other."""
    for line in sys.stdin:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(sys.argv[1])
            with contextlib.suppress(OSError):
                connection.sendall(base64.b64decode(line))
                connection.shutdown(socket.SHUT_WR)
            answered = b""
            with contextlib.suppress(ConnectionResetError):
                while chunk := connection.recv(1 << 16):
                    answered += chunk
        sys.stdout.write(base64.b64encode(answered).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
