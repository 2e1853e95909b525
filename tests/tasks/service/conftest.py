"""Processes that tests of the service start themselves, and the connection that they speak over."""

import os
import signal
import socket
from collections.abc import Callable, Iterator

import pytest

Fork = Callable[[Callable[[], int]], int]

FAILED = 70
DEADLINE_SECONDS = 20


@pytest.fixture
def fork() -> Iterator[Fork]:
    """Run a call in a child, which exits with what the call returns; gives the child's number.

    A child that is left when the test ends is ended too, and waited for.
    """
    end_process = os._exit  # a test may put something else in its place
    pids: list[int] = []

    def run_in_child(call: Callable[[], int]) -> int:
        pid = os.fork()
        if pid == 0:
            code = FAILED
            try:
                signal.alarm(DEADLINE_SECONDS)
                code = call()
            finally:
                end_process(code)
        pids.append(pid)
        return pid

    yield run_in_child

    for pid in pids:
        # A number that was waited for may be another process's by now, and raises here.
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue
        if ended == 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection of packets: the one that answers, and the one that asks."""
    answering, asking = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asking.settimeout(DEADLINE_SECONDS)
    with answering, asking:
        yield answering, asking
