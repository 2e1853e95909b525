"""Every byte of code and configuration, read once, in a folder that nobody writes to again.

What a stage reads, what is digested and what is signed are then the same bytes. A file of the
checkout that is exchanged and put back while a release runs is either in the snapshot, and in the
evidence, or in neither.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.code_identity.tree import Tree, read_tree
from tasks.system.installation import Installation

KEPT = 4  # snapshots that stay for the next run: the stages of a release share one


@contextmanager
def open_snapshot(installation: Installation, trees: Path) -> Iterator[tuple[Tree, Path]]:
    """Yield the checkout's code and configuration: the bytes, and the folder that holds them.

    The folder is named after the bytes' digest, below `trees`, and shared by all runs over the same
    bytes. It is compared with them before it is used.
    """
    tree = read_tree(installation.workspace)
    trees.mkdir(mode=0o755, exist_ok=True)

    with _held(trees, tree.sha256):
        folder = trees / tree.sha256
        tree.write(folder)
        _remove_old(trees, tree.sha256)
        yield tree, folder


@contextmanager
def _held(trees: Path, sha256: str) -> Iterator[None]:
    """Keep a snapshot from being removed while the block runs."""
    with (trees / f"{sha256}.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        yield


def _remove_old(trees: Path, present: str) -> None:
    """Remove all but the newest snapshots; one that a run uses stays."""
    folders = sorted(
        (path for path in trees.iterdir() if path.is_dir() and path.name != present),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for folder in folders[KEPT:]:
        lock = folder.with_name(f"{folder.name}.lock")
        with lock.open("w") as stream, contextlib.suppress(BlockingIOError, OSError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _make_writable(folder)
            shutil.rmtree(folder)
            lock.unlink()


def _make_writable(folder: Path) -> None:
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o755)
