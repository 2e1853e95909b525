"""The folder in which one run of a stage works: the inputs that it declares, and no others.

    data/.runs/<random>/
        tasks, configs, …             links to the snapshot of code and configuration
        data/<case>/<stage>/<input>   links to what earlier stages made
        data/<case>/<own stage>/      where the stage writes

The stage starts with this folder as its current one. Its links to data are relative, and are
resolved from the folder itself and not from a path: whoever renames `data/` meanwhile changes
nothing. Files and folders that the links lead to are compared before and after by inode, size, time
of modification and time of change; the last of these no program can set.

What the stage wrote is taken out when its run is signed for, and not before. A run that did not end
well leaves nothing.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.attestation.artefacts import Declared
from tasks.errors import EvidenceError
from tasks.path import PATH, STAGES

RUNS = ".runs"
LOCK = "lock"
UP_TO_DATA = Path("..", "..", "..", "..", "..")  # from data/.runs/<run>/data/<case>/<stage>

Marks = tuple[tuple[str, tuple[int, ...]], ...]  # path and what changes when it is written to


@dataclass(frozen=True)
class RunFolder:
    """An open run folder.

    Attributes:
        name: Its path relative to the workspace.
        path: The same folder by its open descriptor: whatever is renamed, this path leads to it.
        descriptor: The descriptor.
        declared: What the stage declares.
    """

    name: Path
    path: Path
    descriptor: int
    declared: Declared

    def marks(self) -> Marks:
        """Return what changes if somebody writes to an input, or exchanges it."""
        data = self.path / ".." / ".."
        names = _data_inputs(self.declared)
        folders = {f"data/{self.declared.case}", *(Path(name).parent.as_posix() for name in names)}
        marks = [(name, _mark(data / _below(name))) for name in sorted(folders)]

        for name in names:
            path = self.path / name
            if path.is_dir():
                marks += [
                    (f"{name}/{child.relative_to(path).as_posix()}", _mark(child))
                    for child in (path, *sorted(path.rglob("*")))
                ]
            elif path.exists():
                marks.append((name, _mark(path)))
        return tuple(marks)

    def require_unchanged(self, before: Marks) -> None:
        """Refuse inputs that somebody wrote to while the stage ran.

        Raises:
            EvidenceError: Names the first that is not what it was.
        """
        after = self.marks()
        if after == before:
            return
        changed = sorted({name for name, _ in set(before) ^ set(after)})
        raise EvidenceError(
            changed[0],
            expected="to stay as it was while the stage ran",
            found="it was written to",
            remedy="Nothing was signed: run the stage again with nothing else writing.",
        )

    def take_outputs(self) -> None:
        """Move what the stage wrote to where later stages and DVC look for it.

        By this folder's descriptor, as it was read: below `data/` of the checkout that the run
        began in.
        """
        target = self.path / ".." / ".." / self.declared.case / self.declared.stage
        target.mkdir(parents=True, exist_ok=True)
        for name in self.declared.outputs:
            made = self.path / name
            place = target / made.name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            made.replace(place)


@contextmanager
def open_run_folder(declared: Declared, workspace: Path, snapshot: Path) -> Iterator[RunFolder]:
    """Make a run folder, and remove it when the block ends.

    Args:
        declared: The stage and what it reads.
        workspace: The checkout.
        snapshot: The folder that holds its code and configuration, absolute.
    """
    runs = workspace / "data" / RUNS
    runs.mkdir(parents=True, exist_ok=True)
    _remove_orphans(runs)
    _make_stage_folders(workspace, declared.case)

    folder = runs / secrets.token_hex(8)
    folder.mkdir()
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _fill(folder, declared, workspace, snapshot)
            path = Path(f"/proc/self/fd/{descriptor}")
            yield RunFolder(folder.relative_to(workspace), path, descriptor, declared)
        finally:
            os.close(descriptor)
            shutil.rmtree(folder, ignore_errors=True)


def _fill(folder: Path, declared: Declared, workspace: Path, snapshot: Path) -> None:
    for entry in sorted(snapshot.iterdir()):
        (folder / entry.name).symlink_to(entry)

    own = folder / "data" / declared.case / declared.stage
    own.mkdir(parents=True)
    for name in _data_inputs(declared):
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(UP_TO_DATA / _below(name))

    if STAGES[declared.stage].reads_sources:
        _link_sources(folder, declared.case, workspace)


def _link_sources(folder: Path, case: str, workspace: Path) -> None:
    """Show a stage that reads sources whatever else lies in the checkout, by relative paths.

    What a source delivered is digested by the stages themselves: `admit` writes its fingerprint,
    and `ingest` depends on it.
    """
    up = Path("..", "..", "..")
    private = {".git", ".dvc", ".portcullis", ".venv", "data"}
    for entry in workspace.iterdir():
        if entry.name not in private and not (folder / entry.name).exists():
            (folder / entry.name).symlink_to(up / entry.name)
    for entry in (workspace / "data").iterdir():
        if entry.name not in (RUNS, case):
            (folder / "data" / entry.name).symlink_to(Path("..", "..", "..") / entry.name)
    for entry in (workspace / "data" / case).iterdir():
        if entry.name not in STAGES:
            (folder / "data" / case / entry.name).symlink_to(
                Path("..", "..", "..", "..", case, entry.name)
            )


def _make_stage_folders(workspace: Path, case: str) -> None:
    """Make every stage's folder, so that none appears while a stage that runs beside is compared.

    A folder's time of change moves when an entry is made in it.
    """
    for stage in PATH:
        (workspace / "data" / case / stage.name).mkdir(parents=True, exist_ok=True)


def _remove_orphans(runs: Path) -> None:
    """Remove the folders of runs that were killed: nobody holds their lock."""
    for folder in runs.iterdir():
        with contextlib.suppress(OSError), (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _data_inputs(declared: Declared) -> tuple[str, ...]:
    return tuple(name for name in declared.inputs if name.startswith("data/"))


def _below(name: str) -> Path:
    """Return a path below `data/`, relative to it."""
    return Path(name).relative_to("data")


def _mark(path: Path) -> tuple[int, ...]:
    """Return inode, size and times of a file; of a folder, without its size."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return ()
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
