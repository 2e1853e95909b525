"""What workers of the suite share: one folder that is made once, and files in a good order.

And where all of them write: into memory, if there is room.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.conftest import (
    ROOM_BYTES,
    WORKER_BYTES,
    has_room,
    put_long_first,
    pytest_xdist_auto_num_workers,
)
from tests.made_once import made_once
from tests.scheduling import TOGETHER, ByFileAndService


@dataclass(frozen=True)
class Item:
    """A test as far as the order asks: its file, its name, and whether it is an integration."""

    path: str
    name: str
    is_long: bool = False

    def get_closest_marker(self, name: str) -> str | None:
        return name if self.is_long else None


def test_what_fails_half_way_is_made_anew_and_what_is_whole_never_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    made: list[str] = []

    def fill(folder: Path) -> None:
        made.append("begun")
        (folder / "draft").touch(exist_ok=False)
        if len(made) == 1:
            raise OSError("no space")

    name = "shared-by-test-sharing"
    with pytest.raises(OSError, match="no space"):
        made_once(tmp_path_factory, name, fill)
    folder = made_once(tmp_path_factory, name, fill)
    assert made_once(tmp_path_factory, name, fill) == folder
    assert made == ["begun", "begun"]
    assert [path.name for path in folder.iterdir()] == ["draft"]


@pytest.mark.parametrize(
    ("processors", "memory_bytes", "expected"),
    [(2, 24 << 30, 3), (8, 4 * WORKER_BYTES, 4), (1, 1 << 30, 1), (None, 24 << 30, 2)],
)
def test_there_is_a_worker_more_than_processors_where_memory_allows_it(
    monkeypatch: pytest.MonkeyPatch, processors: int | None, memory_bytes: int, expected: int
) -> None:
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    memory = SimpleNamespace(available=memory_bytes)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    assert pytest_xdist_auto_num_workers() == expected
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "5")
    assert pytest_xdist_auto_num_workers() is None


def test_workers_share_a_folder_of_the_run(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    own = made_once(tmp_path_factory, "own-by-test-sharing", str)
    assert own.parent == tmp_path_factory.getbasetemp()
    below = tmp_path_factory.mktemp("run")
    monkeypatch.setattr(tmp_path_factory, "_basetemp", below / "popen-gw0")
    (below / "popen-gw0").mkdir()
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    assert made_once(tmp_path_factory, "all-s", str) == below / "all-s"


def test_what_stands_on_one_service_goes_to_one_worker_and_other_files_anywhere() -> None:
    scheduler = object.__new__(ByFileAndService)
    assert isinstance(scheduler, LoadFileScheduling)
    for folder in TOGETHER:
        for name in ("test_plan.py::test_a", "test_people.py::test_b[x::y]"):
            assert scheduler._split_scope(f"{folder}{name}") == folder
    assert scheduler._split_scope("tests/flows/test_a.py::test_b[c::d]") == "tests/flows/test_a.py"


def test_files_with_an_integration_test_come_first_and_stay_whole() -> None:
    items = [Item("a", "1"), Item("b", "2"), Item("b", "3", is_long=True), Item("c", "4")]
    put_long_first(cast("list[pytest.Item]", items))
    assert [item.name for item in items] == ["2", "3", "1", "4"]


@pytest.mark.parametrize(
    ("free_blocks", "available_bytes", "flags", "expected"),
    [
        (ROOM_BYTES >> 12, ROOM_BYTES, 0, True),
        ((ROOM_BYTES >> 12) - 1, ROOM_BYTES, 0, False),
        (ROOM_BYTES >> 12, ROOM_BYTES - 1, 0, False),
        (ROOM_BYTES >> 12, ROOM_BYTES, os.ST_NOEXEC, False),
    ],
    ids=["enough", "a small folder", "little memory", "programs do not start there"],
)
def test_tests_write_into_memory_where_there_is_room(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    free_blocks: int,
    available_bytes: int,
    flags: int,
    expected: bool,
) -> None:
    system = SimpleNamespace(f_bavail=free_blocks, f_frsize=4096, f_flag=flags)
    monkeypatch.setattr("os.statvfs", lambda _: system)
    memory = SimpleNamespace(available=available_bytes)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    assert has_room(tmp_path) is expected
    assert not has_room(tmp_path / "absent")
