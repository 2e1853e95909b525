"""Ports that nobody listens on, and ports that somebody does."""

import socket

from flows.serving.ports import find_free_port, is_port_taken


def test_a_free_port_is_not_taken_and_can_be_bound() -> None:
    port = find_free_port()
    assert not is_port_taken(port)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))


def test_a_port_is_taken_once_somebody_listens() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert not is_port_taken(port)
        listener.listen()
        assert is_port_taken(port)
