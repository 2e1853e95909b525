"""A file that a person asked for: new, whole, and under the very name that they gave."""

import os
import stat
from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.formats import new_file
from tasks.formats.new_file import require_new_file, write_new_file


def test_it_holds_the_content_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "person.json"

    write_new_file(path, b"all of it", mode=0o600)

    assert path.read_bytes() == b"all of it"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def lay_file(path: Path) -> None:
    path.write_bytes(b"somebody's")


def lay_folder(path: Path) -> None:
    path.mkdir()


def lay_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("lay", [lay_file, lay_folder, lay_dangling_link])
def test_what_lies_there_stays(tmp_path: Path, lay: object) -> None:
    path = tmp_path / "taken"
    assert callable(lay)
    lay(path)
    before = path.lstat()

    with pytest.raises(ConfigError, match="nothing is written over"):
        require_new_file(path)
    with pytest.raises(ConfigError, match="nothing is written over"):
        write_new_file(path, b"new")

    assert path.lstat() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        require_new_file(tmp_path / "missing" / "person.json")


def test_a_folder_that_is_a_file_is_none(tmp_path: Path) -> None:
    lay_file(tmp_path / "file")
    with pytest.raises(ConfigError, match="no such folder"):
        require_new_file(tmp_path / "file" / "person.json")


def test_a_folder_that_nobody_may_write_to_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere, and tests may run as root.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match="one that you may not"):
        require_new_file(tmp_path / "person.json")


def test_who_was_faster_keeps_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "taken"
    monkeypatch.setattr(new_file, "require_new_file", lay_file)

    with pytest.raises(ConfigError, match="nothing is written over"):
        write_new_file(path, b"new")

    assert path.read_bytes() == b"somebody's"
    assert list(tmp_path.iterdir()) == [path]


def refuse_links(*_: object, **__: object) -> None:
    raise PermissionError("no hard links here")


def test_a_file_system_without_hard_links_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse_links)
    path = tmp_path / "person.json"

    write_new_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_nor_is_anything_written_over_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "taken"
    monkeypatch.setattr(os, "link", refuse_links)
    monkeypatch.setattr(new_file, "require_new_file", lay_file)

    with pytest.raises(ConfigError, match="nothing is written over"):
        write_new_file(path, b"new")

    assert path.read_bytes() == b"somebody's"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(ConfigError, match="No space left on device"):
        write_new_file(tmp_path / "person.json", b"new")
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_killed_while_it_writes_leaves_nothing(tmp_path: Path) -> None:
    process = os.fork()
    if not process:
        # Everything is written by then, and nothing has its name.
        setattr(os, "fsync", lambda _: os._exit(9))  # noqa: B010 - in a process of its own
        write_new_file(tmp_path / "person.json", b"all that is held of somebody")
        os._exit(1)
    _, status = os.waitpid(process, 0)

    assert os.waitstatus_to_exitcode(status) == 9
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_its_mode_is_that_of_any_new_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_new_file(tmp_path / "ours", b"x")
        (tmp_path / "any").write_bytes(b"x")
    finally:
        os.umask(before)

    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_file_system_without_unnamed_files_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    path = tmp_path / "person.json"

    write_new_file(path, b"new", mode=0o600)

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
