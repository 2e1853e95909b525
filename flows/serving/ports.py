"""Ports of this machine, 127.0.0.1 alone."""

import socket

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
