"""Ports of this machine, 127.0.0.1 alone, and what starts our server on one."""

import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path

HOST = "127.0.0.1"
FIRST_PORT = 20_000
LAST_PORT = 65_535  # of 16 bits
TRIES = 100
# The kernel gives a port of this range to whoever calls somebody and names none.
CALLERS_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")

# A server with several ports asks for all of them before it listens on any.
_drawn_ports: set[int] = set()


def find_free_port() -> int:
    """Return a port on which nobody listens now; another process may take it at any time.

    It lies below those that the kernel gives to outgoing calls. A server that starts seconds later
    would now and then find such a one taken by somebody's call. None of them is returned twice by
    one process.
    """
    below = _first_of_callers()
    for _ in range(TRIES if below > FIRST_PORT else 0):
        port = FIRST_PORT + secrets.randbelow(below - FIRST_PORT)
        if port in _drawn_ports:
            continue
        with suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            _drawn_ports.add(port)
            return port

    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _first_of_callers() -> int:
    try:
        return int(CALLERS_PORTS.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def is_port_taken(port: int) -> bool:
    """Say whether somebody accepts connections on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def server_command(port: int) -> list[str]:
    """Return the command that starts our Prefect server, `flows.serving.server`, on a port."""
    module = [sys.executable, "-m", "flows.serving.server"]
    return [*module, "server", "start", "--host", HOST, "--port", str(port)]
