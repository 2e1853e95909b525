"""Ports that nobody listens on, and ports that somebody does."""

import socket
from pathlib import Path

import pytest

from flows.serving import ports
from flows.serving.ports import CALLERS_PORTS, FIRST_PORT, find_free_port, is_port_taken


def test_a_free_port_is_not_taken_and_can_be_bound() -> None:
    port = find_free_port()
    assert not is_port_taken(port)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))


def test_it_is_none_that_the_kernel_gives_to_whoever_calls_somebody() -> None:
    first = int(CALLERS_PORTS.read_text().split()[0])
    assert {FIRST_PORT <= find_free_port() < first for _ in range(50)} == {True}


def test_none_is_given_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SeaweedFS ended at its start in one of 450: two of its eight ports were the same one."""
    path = tmp_path / "range"
    path.write_text(f"{FIRST_PORT + 40} 65535")
    monkeypatch.setattr(ports, "CALLERS_PORTS", path)
    monkeypatch.setattr(ports, "TRIES", 10_000)
    given = [find_free_port() for _ in range(20)]
    assert len(set(given)) == 20


@pytest.mark.parametrize("text", ["", "nothing", "1024 65535"])
def test_where_all_ports_are_the_kernel_s_one_of_those_is_taken(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "range"
    path.write_text(text)
    monkeypatch.setattr(ports, "CALLERS_PORTS", path)
    assert not is_port_taken(find_free_port())


def test_a_port_is_taken_once_somebody_listens() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert not is_port_taken(port)
        listener.listen()
        assert is_port_taken(port)
