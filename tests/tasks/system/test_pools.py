"""Workers answer in order, end with the block, and one that dies is said by name."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import ServiceError
from tasks.system.pools import worker_processes


def square(number: int) -> int:
    return number**2


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def prepare(folder: Path, name: str) -> None:
    (folder / f"{name}-{os.getpid()}").touch()


def is_ignoring_ctrl_c(_: int) -> bool:
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def process_of(_: int) -> int:
    return os.getpid()


def test_results_come_in_order_from_other_processes(tmp_path: Path) -> None:
    with worker_processes("here", 2, "Again.", prepare, (tmp_path, "w")) as pool:
        assert list(pool.map(square, range(20))) == [number**2 for number in range(20)]
        workers = set(pool.map(process_of, range(20)))
    assert os.getpid() not in workers
    prepared = {int(path.name.removeprefix("w-")) for path in tmp_path.iterdir()}
    assert workers <= prepared


def test_a_worker_that_dies_ends_the_block_with_what_to_do() -> None:
    with pytest.raises(ServiceError) as caught, worker_processes("here", 1, "Again.") as pool:
        list(pool.map(die, [1]))
    text = str(caught.value)
    assert text.startswith("here: ")
    assert "one that died" in text
    assert "Again." in text


# More than a pipe holds, so that whoever writes it waits for somebody who reads.
MUCH = 1 << 22

DYING = f"""
import os, signal, sys, time
from multiprocessing import popen_spawn_posix, resource_tracker, spawn
from tasks.errors import ServiceError
from tasks.system.pools import worker_processes

def take(*_):
    pass

def die(_):
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)

class SecondStartsLate(popen_spawn_posix.Popen):
    started = 0

    def _launch(self, process):
        SecondStartsLate.started += 1
        if SecondStartsLate.started == 2:
            until = time.monotonic() + 3  # before 3.11.5, nothing breaks while work is handed over
            while not pool._broken and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(0.5)  # for the pool's thread to close what it closes
        super()._launch(process)

if __name__ == "__main__":
    if sys.argv[1] == "before the next starts":
        popen_spawn_posix.Popen = SecondStartsLate
    if sys.argv[1] != "at its work":
        resource_tracker.ensure_running()  # it is started by the same program
        spawn.set_executable("/bin/false")
        initargs = (b"x" * {MUCH},)
    else:
        initargs = ()
    try:
        with worker_processes("here", 2, "Again.", take, initargs) as pool:
            for future in [pool.submit(die, b"x" * {MUCH}) for _ in range(8)]:
                future.result()
    except ServiceError as error:
        print(error)
"""


@pytest.mark.parametrize("when", ["at its start", "before the next starts", "at its work"])
def test_nobody_waits_for_a_dead_worker_to_read(when: str, tmp_path: Path) -> None:
    script = tmp_path / "dying.py"
    script.write_text(DYING)
    done = subprocess.run(
        [sys.executable, str(script), when],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "one that died" in done.stdout


def length(number: int) -> int:
    return len(_large) + number


def keep(large: bytes) -> None:
    global _large
    _large = large


_large = b""


def test_every_worker_gets_much_at_its_start() -> None:
    with worker_processes("here", 2, "Again.", keep, (b"x" * MUCH,)) as pool:
        assert list(pool.map(length, range(20))) == [MUCH + number for number in range(20)]
    assert not [
        path for path in Path("/proc/self/fd").glob("*") if "portcullis-workers" in _target(path)
    ]


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def test_no_worker_outlives_a_block_that_fails() -> None:
    workers: list[int] = []

    def fail() -> None:
        with worker_processes("here", 1, "Again.") as pool:
            workers.extend(pool.map(process_of, [1]))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not Path(f"/proc/{workers[0]}").exists()


def test_ctrl_c_is_left_to_the_stage() -> None:
    with worker_processes("here", 1, "Again.") as pool:
        assert list(pool.map(is_ignoring_ctrl_c, [1])) == [True]
