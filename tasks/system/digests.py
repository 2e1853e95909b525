"""Digests of artefacts: a file by its bytes, a folder by the sorted list of its files' digests."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, or of a folder's manifest.

    A manifest has a line `<sha256>  <posix path>` for each file below the folder, sorted by path.
    Empty folders, modes and times are not part of it.
    """
    if path.is_dir():
        files = sorted(child for child in path.rglob("*") if child.is_file())
        manifest = "".join(
            f"{sha256_of(child)}  {child.relative_to(path).as_posix()}\n" for child in files
        )
        return hashlib.sha256(manifest.encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
