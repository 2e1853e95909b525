"""Only a regular file of a bounded size is read, whatever lies in its place."""

import os
import socket
from pathlib import Path

import pytest

from tasks.formats.regular_file import (
    ExposedFileError,
    IrregularFileError,
    describe_unreadable,
    read_regular_file,
)


def test_a_regular_file_and_a_link_to_it_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"text")
    (tmp_path / "link").symlink_to(path)
    assert read_regular_file(path, most_bytes=4) == b"text"
    assert read_regular_file(tmp_path / "link") == b"text"


def test_a_pipe_that_nobody_writes_to_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(IrregularFileError, match="no regular file"):
        read_regular_file(tmp_path / "x")


def test_a_socket_a_device_and_a_folder_are_named_by_their_kind(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(IrregularFileError, match="no regular file"):
            read_regular_file(tmp_path / "s")
    with pytest.raises(IrregularFileError, match="no regular file"):
        read_regular_file(Path("/dev/zero"))
    with pytest.raises(IrregularFileError, match="a folder"):
        read_regular_file(tmp_path)


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(IrregularFileError, match="more than 10 bytes"):
        read_regular_file(path, most_bytes=10)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_secret_that_others_can_reach_is_not_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"text")
    path.chmod(0o600)
    assert read_regular_file(path, is_owner_only=True) == b"text"
    path.chmod(mode)
    with pytest.raises(ExposedFileError):
        read_regular_file(path, is_owner_only=True)


def test_a_link_to_itself_or_to_nothing_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nowhere")
    for name in ("loop", "gone"):
        with pytest.raises(OSError, match=name):
            read_regular_file(tmp_path / name)


def test_why_a_file_is_not_readable_quotes_nothing_of_it() -> None:
    assert describe_unreadable(FileNotFoundError("x")) == "none"
    assert describe_unreadable(IrregularFileError("a folder")) == "a folder"
    assert describe_unreadable(ValueError("secret")) == "ValueError"
