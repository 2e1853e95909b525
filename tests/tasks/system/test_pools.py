"""Workers answer in order, end with the block, and one that dies is said by name."""

import os
import signal
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
