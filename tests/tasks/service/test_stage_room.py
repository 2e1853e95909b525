"""A stage's room: its own while it runs, gone afterwards, and counted as it fills."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.service import stage_room
from tasks.service.service_config import Account
from tasks.service.stage_room import is_within, open_room, remove_rooms

STAGE = Account("stage", 65534, 65534)
MIB = 1 << 20
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to accounts: needs root")


@needs_root
def test_a_room_s_home_is_the_stage_s_and_its_view_root_s(tmp_path: Path) -> None:
    with open_room(tmp_path, STAGE) as room:
        assert room.path.parent == tmp_path
        assert room.home.stat().st_uid == STAGE.uid
        assert stat.S_IMODE(room.home.stat().st_mode) == 0o700
        assert (room.view.stat().st_uid, list(room.view.iterdir())) == (0, [])


@needs_root
def test_a_stage_removes_nothing_of_root_s_from_its_temporary_files(tmp_path: Path) -> None:
    with open_room(tmp_path, STAGE) as room:
        status = room.tmp.stat()
        assert (status.st_uid, status.st_gid) == (0, STAGE.gid)
        assert stat.S_IMODE(status.st_mode) == 0o1770


@needs_root
def test_what_a_stage_leaves_goes_with_its_room(tmp_path: Path) -> None:
    with pytest.raises(KeyError), open_room(tmp_path, STAGE) as room:  # noqa: PT012
        (room.home / ".cache").mkdir()
        (room.home / ".cache" / "model.pickle").write_text("x")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_rooms_that_a_killed_launcher_left_are_removed(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "home").mkdir(parents=True)
    remove_rooms(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_room_that_cannot_be_removed_is_logged_and_in_nobody_s_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A file is none of the folders that a launcher makes.
    (tmp_path / "a file").write_text("x")
    (tmp_path / "room").mkdir()
    remove_rooms(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]
    assert caplog.messages == ["launcher: a stage's room is left: NotADirectoryError"]


# What it takes


def test_files_in_all_folders_count_together(tmp_path: Path) -> None:
    for name in ("outputs", "room"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "rows").write_bytes(os.urandom(MIB))
    folders = (tmp_path / "outputs", tmp_path / "room")
    assert is_within(folders, 3 * MIB)
    assert is_within(folders[:1], MIB + MIB // 2)
    assert not is_within(folders, MIB + MIB // 2)


def test_a_file_with_holes_counts_what_it_takes_on_disk(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(100 * MIB)
    assert is_within([tmp_path], MIB)


def test_a_link_counts_nothing_of_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(2 * MIB))
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "link").symlink_to(tmp_path)
    assert is_within([tmp_path / "room"], MIB)


def test_a_folder_that_has_vanished_counts_nothing(tmp_path: Path) -> None:
    assert is_within([tmp_path / "absent"], 0)


def test_a_file_that_vanishes_while_it_is_counted_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").write_bytes(os.urandom(MIB))
    scan = os.scandir

    class VanishingFolder:
        """A listing whose entries are removed before anybody looks at them."""

        def __init__(self, folder: Path) -> None:
            self._listed = scan(folder)

        def __enter__(self) -> Iterator["os.DirEntry[str]"]:
            entries = list(self._listed)
            for entry in entries:
                Path(entry.path).unlink()
            return iter(entries)

        def __exit__(self, *_: object) -> None:
            self._listed.close()

    monkeypatch.setattr(os, "scandir", VanishingFolder)
    assert is_within([tmp_path], 0)


def test_more_files_than_can_be_walked_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_room, "MOST_ENTRIES", 3)
    for number in range(3):
        (tmp_path / str(number)).touch()
    assert is_within([tmp_path], MIB)
    (tmp_path / "3").touch()
    assert not is_within([tmp_path], MIB)


def test_folders_that_are_nested_too_deep_are_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_room, "MOST_DEPTH", 1)
    (tmp_path / "1" / "2" / "3").mkdir(parents=True)
    assert is_within([tmp_path], MIB)
    (tmp_path / "1" / "2" / "3" / "4").mkdir()
    assert not is_within([tmp_path], MIB)
