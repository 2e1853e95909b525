"""A file in the place of an older one: whole, with its permissions, or the older one as it was."""

import os
import re
import secrets
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.formats.whole_file import write_whole
from tests.full_disk import files_of_at_most


@pytest.fixture
def umask() -> Iterator[int]:
    """Have new files read by the group, and written by nobody else."""
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_replaces_what_lies_there_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_keeps_its_permissions_and_a_new_one_has_what_the_umask_leaves(
    tmp_path: Path, umask: int
) -> None:
    path = tmp_path / "case.yaml"
    write_whole(path, b"old")
    assert mode_of(path) == 0o666 & ~umask

    for mode in (0o600, 0o664):  # beyond the umask, too
        path.chmod(mode)
        write_whole(path, b"new")
        assert mode_of(path) == mode


@pytest.mark.usefixtures("umask")
def test_permissions_that_are_named_are_given_whatever_was_before(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    write_whole(path, b"page", mode=0o644)
    assert mode_of(path) == 0o644
    write_whole(path, b"page", mode=0o600)
    assert mode_of(path) == 0o600


def test_a_draft_lets_nobody_in_whom_the_file_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(b"old")
    path.chmod(0o600)
    modes = []

    def look(descriptor: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", look)
    write_whole(path, b"new")
    write_whole(path, b"new", mode=0o644)
    assert modes == [0o600, 0o600]


def test_a_full_disk_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_bytes(b"old")
    with files_of_at_most(10), pytest.raises(OSError, match="too large"):
        write_whole(path, b"x" * 100_000)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_cannot_be_given_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "taken", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]


def test_the_content_is_on_the_disk_before_it_has_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stamp"
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(path.exists()))
    write_whole(path, b"new")
    assert seen == [False]
    write_whole(path, b"newer", must_last=False)
    assert seen == [False]


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    path = tmp_path / "case.yaml"
    path.symlink_to(precious)
    write_whole(path, b"new")
    assert precious.read_bytes() == b"precious"
    assert not path.is_symlink()


def test_a_link_in_the_place_of_the_draft_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can know the draft's name; and who guessed it would have nothing written over."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    monkeypatch.setattr(secrets, "token_hex", lambda _: "guessed")
    (tmp_path / ".portcullis-guessed.draft").symlink_to(precious)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "case.yaml", b"new")
    assert precious.read_bytes() == b"precious"


def test_of_several_writers_at_once_each_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    contents = [bytes([letter]) * 200_000 for letter in b"abcdefgh"]
    writers = [threading.Thread(target=write_whole, args=(path, text)) for text in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


# What these rename lies there already: a key that is rotated, a store that is put aside.
OTHERS = {"tasks/formats/whole_file.py", "tasks/guard/renewal.py", "flows/cli/proof/keys.py"}


def test_nobody_writes_a_file_over_another_in_a_way_of_their_own() -> None:
    root = Path(__file__).parents[3]
    modules = [path for top in ("tasks", "flows") for path in (root / top).rglob("*.py")]
    writers = {
        path.relative_to(root).as_posix()
        for path in modules
        if re.search(r"\b(draft|os|shutil)\.(replace|move)\(", path.read_text(encoding="utf-8"))
    }
    assert writers == OTHERS
