"""What a stage leaves is handed over as plain files of the worker's, or named."""

import os
from pathlib import Path

import pytest

from tasks.service import handing_over
from tasks.service.handing_over import hand_over, remove_nested
from tasks.service.service_config import Account

WORKER = Account("worker", os.getuid(), os.getgid())


def handed_over(folder: Path) -> list[str]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return hand_over(descriptor, WORKER)
    finally:
        os.close(descriptor)


def test_files_and_folders_are_handed_over_for_the_owner_alone_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir(mode=0o777)
    (tmp_path / "page" / "index.html").write_text("x")
    (tmp_path / "page" / "index.html").chmod(0o6777)
    assert handed_over(tmp_path) == []
    assert (tmp_path / "page").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "page" / "index.html").stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize("is_deep", [False, True], ids=["beside", "deep in a folder"])
def test_a_link_is_named(tmp_path: Path, is_deep: bool) -> None:
    name = "page/link" if is_deep else "link"
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).symlink_to("/etc/passwd")
    assert handed_over(tmp_path) == [name]


def test_a_file_with_a_second_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    os.link(tmp_path / "a", tmp_path / "b")
    assert handed_over(tmp_path) == ["a", "b"]


def test_a_file_that_somebody_can_still_write_to_is_named(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w"):
        assert handed_over(tmp_path) == ["a"]


def test_folders_in_folders_are_removed_and_named(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    (named,) = handed_over(tmp_path)
    assert set(named.split("/")) == {"d"}
    assert len(list(tmp_path.rglob("*"))) < 40


@pytest.mark.skipif(os.geteuid() != 0, reason="acts as two other accounts: needs root")
def test_a_folder_that_another_account_can_write_to_is_closed_before_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The stage (65534) lets everybody write to its folder, and has passed its descriptor to a
    # process of somebody else (65533), who waits until the first file was looked at.
    for name in ("a", "b"):
        (tmp_path / name).write_text("x")
        os.chown(tmp_path / name, 65534, 65534)
    os.chown(tmp_path, 65534, 65534)
    tmp_path.chmod(0o777)
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    go_read, go_write = os.pipe()
    accomplice = os.fork()
    if accomplice == 0:
        try:
            os.setresuid(65533, 65533, 65533)
            os.read(go_read, 1)
            os.symlink("/etc/shadow", "link", dir_fd=descriptor)
            os.rename("link", "a", src_dir_fd=descriptor, dst_dir_fd=descriptor)
        finally:
            os._exit(0)

    look = handing_over._close_to_others

    def look_and_wait(name: str, folder: int) -> bool:
        is_closed = look(name, folder)
        if name == "a":
            os.write(go_write, b"x")
            os.waitpid(accomplice, 0)
        return is_closed

    monkeypatch.setattr(handing_over, "_close_to_others", look_and_wait)
    assert hand_over(descriptor, WORKER) == []
    os.close(descriptor)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert not (tmp_path / "a").is_symlink()


def test_nested_folders_that_nobody_may_enter_are_removed(tmp_path: Path) -> None:
    (tmp_path / "room" / "closed" / "deeper").mkdir(parents=True)
    (tmp_path / "room" / "closed" / "deeper" / "file").write_text("x")
    (tmp_path / "room" / "link").symlink_to("/etc")
    (tmp_path / "room" / "closed").chmod(0)
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    if os.geteuid() != 0:
        (tmp_path / "room" / "closed").chmod(0o700)
    remove_nested("room", descriptor)
    os.close(descriptor)
    assert list(tmp_path.iterdir()) == []
    assert Path("/etc/passwd").exists()
