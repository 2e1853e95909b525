"""A process that dies with its parent, tried with real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
