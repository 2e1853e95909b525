"""Digests of files and folders.

A file by its bytes, a folder by the manifest of its files' digests.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class FileDigests:
    """Both digests of one file's bytes: `sha256` is relied on, `md5` is DVC's name for the file."""

    sha256: str
    md5: str


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, or of a folder's manifest (`folder_sha256`).

    Every file below the folder counts; `tasks.attestation.artefacts` leaves bytecode out of code.
    """
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    files = sorted(child for child in path.rglob("*") if child.is_file())
    return folder_sha256((child.relative_to(path).as_posix(), sha256_of(child)) for child in files)


def folder_sha256(digests: Iterable[tuple[str, str]]) -> str:
    """Return the sha256 of a folder's manifest: one line `<sha256>  <path>` for each file.

    This is what `sha256sum` prints, so that a person can check a folder without our code.

    Args:
        digests: (path relative to the folder with `/`, sha256 of the file), sorted as paths sort:
            part by part, so that `a/b` comes before `a.b`.
    """
    manifest = "".join(f"{sha256}  {relative}\n" for relative, sha256 in digests)
    return hashlib.sha256(manifest.encode()).hexdigest()


def file_digests(path: Path) -> FileDigests:
    """Return both digests of a file, read once: of large files, reading is most of the time."""
    sha256 = hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            sha256.update(chunk)
            md5.update(chunk)
    return FileDigests(sha256.hexdigest(), md5.hexdigest())
