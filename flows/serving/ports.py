"""Ports of this machine, 127.0.0.1 alone, and what starts our server on one."""

import socket
import sys

HOST = "127.0.0.1"


def find_free_port() -> int:
    """Return a port on which nobody listens now; another process may take it at any time."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_port_taken(port: int) -> bool:
    """Say whether somebody accepts connections on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def server_command(port: int) -> list[str]:
    """Return the command that starts our Prefect server, `flows.serving.server`, on a port."""
    module = [sys.executable, "-m", "flows.serving.server"]
    return [*module, "server", "start", "--host", HOST, "--port", str(port)]
