import hashlib
from pathlib import Path

from tasks.system.digests import sha256_of


def test_a_file_is_digested_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_a_folder_changes_with_a_name_a_byte_or_a_file_and_with_nothing_else(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_bytes(b"1")
    (folder / "sub" / "b").write_bytes(b"2")
    first = sha256_of(folder)
    (folder / "a").touch()
    assert sha256_of(folder) == first
    (folder / "a").rename(folder / "c")
    renamed = sha256_of(folder)
    (folder / "c").write_bytes(b"3")
    changed = sha256_of(folder)
    (folder / "d").write_bytes(b"")
    assert len({first, renamed, changed, sha256_of(folder)}) == 4
