"""A process that dies with its parent, tried with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.system import processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")

# A child that prints its process id, then sleeps; its parent waits to be killed.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(child.stdout.readline(), end="", flush=True)
time.sleep(60)
"""
CHILD = """
import os, time
from tasks.system.processes import die_with_parent
die_with_parent({parent})
print(os.getpid(), flush=True)
time.sleep(60)
"""
DEADLINE_SECONDS = 10


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ends_in_time(pid: int) -> bool:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_child_dies_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD.format(parent="")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        assert is_running(child_pid)
        parent.kill()
        assert ends_in_time(child_pid)


def test_a_child_whose_parent_died_before_it_asked_ends_at_once() -> None:
    # As if the parent had been another process: its place was taken by whoever adopts orphans.
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(parent=os.getpid() + 100_000)],
        check=False,
        capture_output=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == b""


def test_a_child_of_the_parent_that_it_names_lives_on() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD.format(parent=os.getpid())], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert int(child.stdout.readline()) == child.pid
        assert child.poll() is None
        child.kill()


# A process with a token in its environment; it starts a child and prints what the child read.
HIDDEN = """
import os, subprocess, sys
from tasks.system.processes import hide_from_others
if sys.argv[1] == "hidden":
    hide_from_others()
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    if sys.argv[1] == "hidden":
        hide_from_others()  # changing the account has made it one that can be looked into
    else:
        import ctypes
        ctypes.CDLL(None).prctl(4, 1)
done = subprocess.run(
    ["/bin/cat", f"/proc/{os.getpid()}/environ"], capture_output=True, env={}, check=False
)
print(done.stdout.decode() or done.stderr.decode())
"""


def read_by_a_child(state: str) -> str:
    """Return what a child of the same ordinary account reads of its parent's environment."""
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN, state],
        env={"PATH": "/usr/bin:/bin", "PORTCULLIS_SIGNING_TOKEN": "a token", "LC_ALL": "C"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_child_reads_the_environment_of_a_parent_that_does_not_hide() -> None:
    assert "a token" in read_by_a_child("shown")


def test_a_child_of_the_same_account_reads_nothing_of_a_parent_that_hides() -> None:
    output = read_by_a_child("hidden")
    assert "a token" not in output
    assert "Permission denied" in output


# A child that leaves a process in a session of its own, and ends.
LEAVING = """
import os, sys, time
from tasks.system.processes import adopt_orphans, end_children
adopt_orphans()
read, write = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        os.write(write, str(os.getpid()).encode())
        time.sleep(60)
    os._exit(0)
print(os.read(read, 20).decode(), flush=True)
end_children()
print("ended", flush=True)
"""


def test_what_forked_twice_and_has_its_own_session_ends_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVING],
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE_SECONDS,
    )
    pid, ended = done.stdout.split()
    assert ended == "ended"
    assert not is_running(int(pid))


# What is asked of the kernel, in this process: its answers are given here, for they would change
# the process of the suite, and end its servers.


class KernelOf:
    """A kernel that notes requests, and the children of this process as it has them.

    Attributes:
        looks: The listing of children, as it is at each look.
        ended: What waiting without a pause gives: a process, 0 for none yet, or None for no child.
        requests: prctl(2), as it was called.
        killed: Whom a signal was sent to.
    """

    WNOHANG = os.WNOHANG
    parent = 1000
    own = 2000

    def __init__(self, looks: tuple[str, ...] = (), ended: tuple[int | None, ...] = ()) -> None:
        self._looks: Iterator[str] = iter(looks)
        self._ended: Iterator[int | None] = iter(ended)
        self._gone: set[int] = set()
        self.requests: list[tuple[int, int]] = []
        self.killed: list[int] = []

    def prctl(self, request: int, value: int) -> None:
        self.requests.append((request, value))

    def getpid(self) -> int:
        return self.own

    def getppid(self) -> int:
        return self.parent

    def read_text(self, encoding: str) -> str:
        assert encoding == "ascii"
        return next(self._looks)

    def vanish(self, pid: int) -> None:
        """Let a process end after the look at the listing, waited for by somebody else."""
        self._gone.add(pid)

    def kill(self, pid: int, number: int) -> None:
        assert number == signal.SIGKILL
        if pid in self._gone:
            raise ProcessLookupError(pid)
        self.killed.append(pid)

    def waitpid(self, pid: int, options: int) -> tuple[int, int]:
        assert (pid, options) == (-1, os.WNOHANG)
        ended = next(self._ended)
        if ended is None:
            raise ChildProcessError
        return ended, 0


def put_in_place(kernel: KernelOf, monkeypatch: pytest.MonkeyPatch) -> KernelOf:
    monkeypatch.setattr(processes, "os", kernel)
    monkeypatch.setattr(processes, "ctypes", SimpleNamespace(CDLL=lambda _: kernel))
    monkeypatch.setattr(processes, "Path", lambda _: kernel)
    return kernel


def test_the_kernel_is_asked_for_a_kill_at_the_parent_s_death(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = put_in_place(KernelOf(), monkeypatch)
    processes.die_with_parent()
    assert kernel.requests == [(1, signal.SIGKILL)]
    assert kernel.killed == []


def test_a_process_whose_parent_is_another_by_now_kills_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = put_in_place(KernelOf(), monkeypatch)
    processes.die_with_parent(kernel.parent + 1)
    assert kernel.killed == [kernel.own]


def test_the_kernel_is_asked_for_orphans_and_for_no_looks_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = put_in_place(KernelOf(), monkeypatch)
    processes.adopt_orphans()
    processes.hide_from_others()
    assert kernel.requests == [(36, 1), (4, 0)]


def test_another_system_is_asked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = put_in_place(KernelOf(), monkeypatch)
    monkeypatch.setattr(processes, "sys", SimpleNamespace(platform="darwin"))
    processes.die_with_parent(kernel.parent + 1)
    processes.adopt_orphans()
    processes.hide_from_others()
    assert (kernel.requests, kernel.killed) == ([], [])


def test_children_are_killed_and_so_is_what_they_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = ("11 12", "12", "13", "")
    kernel = put_in_place(KernelOf(looks, ended=(11, 12, 0, None)), monkeypatch)
    processes.end_children()
    assert kernel.killed == [11, 12, 12, 13]


def test_a_child_that_has_gone_by_itself_keeps_no_other_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = put_in_place(KernelOf(("11 12",), ended=(None,)), monkeypatch)
    kernel.vanish(11)
    processes.end_children()
    assert kernel.killed == [12]
