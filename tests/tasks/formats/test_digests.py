"""Digests of files and folders, against sha256sum and md5sum where they say the same."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from tasks.formats.digests import CHUNK_BYTES, file_digests, folder_sha256, sha256_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, and one below it."""
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_bytes(b"1")
    (folder / "sub" / "b").write_bytes(b"2")
    return folder


def test_a_file_is_digested_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_a_folder_keeps_its_digest_when_a_file_is_touched(folder: Path) -> None:
    before = sha256_of(folder)
    (folder / "a").touch()
    assert sha256_of(folder) == before


def test_a_folder_changes_with_a_name(folder: Path) -> None:
    before = sha256_of(folder)
    (folder / "a").rename(folder / "c")
    assert sha256_of(folder) != before


def test_a_folder_changes_with_a_byte(folder: Path) -> None:
    before = sha256_of(folder)
    (folder / "sub" / "b").write_bytes(b"3")
    assert sha256_of(folder) != before


def test_a_folder_changes_with_an_empty_file(folder: Path) -> None:
    before = sha256_of(folder)
    (folder / "d").write_bytes(b"")
    assert sha256_of(folder) != before


def test_a_folder_s_manifest_is_what_sha256sum_prints(folder: Path) -> None:
    printed = subprocess.run(
        ["sha256sum", "a", "sub/b"], cwd=folder, check=True, capture_output=True
    ).stdout
    assert sha256_of(folder) == hashlib.sha256(printed).hexdigest()


def test_files_are_listed_part_by_part_of_their_paths(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"1")
    (tmp_path / "a.b").write_bytes(b"2")
    ordered = [(name, sha256_of(tmp_path / name)) for name in ("a/b", "a.b")]
    assert sha256_of(tmp_path) == folder_sha256(ordered)


def test_an_empty_folder_has_the_digest_of_nothing(tmp_path: Path) -> None:
    assert sha256_of(tmp_path) == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_both_digests_are_of_all_bytes(tmp_path: Path, size: int) -> None:
    content = b"x" * size
    (tmp_path / "a").write_bytes(content)
    digests = file_digests(tmp_path / "a")
    assert digests.sha256 == hashlib.sha256(content).hexdigest() == sha256_of(tmp_path / "a")
    assert digests.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
