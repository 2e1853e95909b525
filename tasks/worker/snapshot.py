"""Every byte of code and configuration, read once, in a folder that nobody writes to again.

What a stage reads, what is digested and what is signed are then the same bytes. A file of the
checkout that is exchanged and put back while a release runs is either in the snapshot, and in the
evidence, or in neither.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from tasks.code_identity.tree import Tree, read_tree
from tasks.errors import EvidenceError
from tasks.system.installation import Installation
from tasks.worker.locking import hold, is_held, lock_folder

PACKAGE = "tasks"
KEPT = 4  # snapshots that stay for the next run: the stages of a release share one


@contextmanager
def open_snapshot(installation: Installation, trees: Path) -> Iterator[tuple[Tree, Path]]:
    """Yield the checkout's code and configuration: the bytes, and the folder that holds them.

    The folder is named after the bytes' digest, below `trees`, and shared by all runs over the same
    bytes. It is compared with them before it is used: one that somebody changed is made anew,
    unless another run is using it.

    Raises:
        EvidenceError: The checkout holds what is no code, or the folder was changed while in use.
    """
    tree = read_tree(installation.workspace)
    trees.mkdir(mode=0o755, exist_ok=True)
    folder = trees / tree.sha256

    # One at a time: a lock file must not vanish between another run's look and its lock.
    with lock_folder(trees):
        _write(tree, folder)
        descriptor = hold(_lock_of(folder))
        _remove_old(trees, folder)
    try:
        yield tree, folder
    finally:
        os.close(descriptor)


def continue_from(snapshot: Path, tree: Tree) -> None:
    """Compare the modules of this process with a snapshot, and import the others from there.

    The worker's first modules come from the checkout, where somebody may exchange them for a
    moment. They are compared by the bytes that were compiled.

    A process that `tasks/isolated.py` did not start (a test, a notebook) is left as it is: nobody
    signs in it.

    Raises:
        EvidenceError: A module that runs here is not the one that was read.
    """
    checkout = Path(str(sys.modules[PACKAGE].__file__)).parents[1]

    for module, sha256 in _compiled_here():
        path = Path(str(module.__file__)).relative_to(checkout).as_posix()
        digests = tree.digests.get(path)
        # By the digest of the source that was compiled, which the importer keeps: the file may have
        # been put back by now.
        if digests is None or digests.sha256 != sha256:
            raise EvidenceError(
                path,
                expected="the code that runs here",
                found="other code: it was exchanged while it was read",
                remedy="Nothing was signed: run the stage again with nothing else writing.",
            )
        if hasattr(module, "__path__"):
            # Of packages alone: where their next submodules are looked for.
            module.__path__ = [str(snapshot / Path(path).parent)]


def _write(tree: Tree, folder: Path) -> None:
    """Write a snapshot, or compare the one that lies there and make it anew if it was changed."""
    try:
        tree.write(folder)
    except EvidenceError:
        # A run that reads from it now would see its code vanish: then it is the run that comes
        # second which is refused.
        if is_held(_lock_of(folder)):
            raise
        _remove(folder)
        tree.write(folder)


def _remove_old(trees: Path, present: Path) -> None:
    """Remove all but the newest snapshots, and drafts of killed runs; one that is used stays."""
    folders = [path for path in trees.iterdir() if path.is_dir() and path != present]
    drafts = [path for path in folders if path.name.startswith(".")]
    old = sorted(
        (path for path in folders if path not in drafts and not is_held(_lock_of(path))),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for path in (*drafts, *old[KEPT:]):
        _remove(path)
        _lock_of(path).unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _remove(path: Path) -> None:
    """Remove a snapshot, or whatever somebody has put in its place; no link is followed."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o755)
    shutil.rmtree(path)


def _compiled_here() -> Iterator[tuple[ModuleType, str]]:
    """Yield our modules, and the digest of the source that each was compiled from."""
    for module in tuple(sys.modules.values()):
        spec = getattr(module, "__spec__", None)
        sha256 = getattr(getattr(spec, "loader", None), "source_sha256", "")
        if sha256:
            yield module, sha256
