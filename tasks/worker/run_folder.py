"""The folder in which one run of a stage works: the inputs that it declares, and no others.

    data/.run-<random>/
        configs/                      a copy of the snapshot's
        tasks, …                      links to the rest of the snapshot
        data/<case>/<stage>/<input>   links to what earlier stages made
        data/<case>/<own stage>/      where the stage writes

The stage starts with this folder as its current one. Its links to data are relative, and are
resolved from the folder itself and not from a path: whoever renames `data/` meanwhile changes
nothing. It lies in `data/` itself, because moving a folder in between would exchange what its links
lead to without a trace in the folder.

What the stage wrote is taken out when its run is signed for, and not before. A run that did not end
well leaves nothing.
"""

import contextlib
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
from tasks.worker.locking import hold, is_held, lock_folder
from tasks.worker.marks import Marks, mark_links, mark_tree, mark_until_settled, require_no_writer

PREFIX = ".run-"
LOCK = "lock"
CONFIGS = "configs"
UP_TO_DATA = Path("..", "..", "..", "..")  # from data/.run-…/data/<case>/<stage>


@dataclass(frozen=True)
class RunFolder:
    """An open run folder.

    Attributes:
        path: The folder by its open descriptor: whatever is renamed, this path leads to it.
        descriptor: The descriptor.
        declared: What the stage declares.
        snapshot: The folder that its code and configuration are read from.
    """

    path: Path
    descriptor: int
    declared: Declared
    snapshot: Path

    def marks(self) -> Marks:
        """Return what changes if somebody writes to an input, or exchanges it or a folder above.

        Raises:
            EvidenceError: A program has an input open for writing, or goes on writing.
        """
        for name in _data_inputs(self.declared):
            require_no_writer(self.path / name, name)
        marks = mark_until_settled(self._look)

        # From here on a change is noticed. The copy has to be one by then, too.
        for file in sorted((self.snapshot / CONFIGS).rglob("*")):
            name = file.relative_to(self.snapshot).as_posix()
            if file.is_file() and not _is_copy(self.path / name, file):
                raise _exchanged(name)
        if _count_files(self.path / CONFIGS) != _count_files(self.snapshot / CONFIGS):
            raise _exchanged(CONFIGS)
        return marks

    def require_unchanged(self, before: Marks) -> None:
        """Refuse inputs that somebody wrote to while the stage ran.

        Raises:
            EvidenceError: Names the first that is not what it was.
        """
        after = self.marks()
        if after == before:
            return
        # Both ways: a file that was added changes nothing that was there.
        changed = sorted({name for name, _ in set(before) ^ set(after)})
        raise _exchanged(changed[0])

    def take_outputs(self) -> None:
        """Move what the stage wrote to where later stages and DVC look for it.

        By this folder's descriptor, as it was read: below `data/` of the checkout that the run
        began in.
        """
        target = self.path / ".." / self.declared.case / self.declared.stage
        target.mkdir(parents=True, exist_ok=True)
        for name in self.declared.outputs:
            made = self.path / name
            place = target / made.name
            # rename(2) replaces a file and an empty folder; a full one has to go first. Through a
            # link nothing is removed.
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            made.replace(place)

    def _look(self) -> Marks:
        data = self.path / ".."
        names = _data_inputs(self.declared)
        folders = {f"data/{self.declared.case}", *(str(Path(name).parent) for name in names)}

        marks = [mark for name in names for mark in mark_tree(self.path / name, name)]
        for name in sorted(folders):
            marks += mark_links(data / _below(name), name)
        # The run's own folders, down to the links: but for the one that the stage writes in.
        own = f"data/{self.declared.case}/{self.declared.stage}"
        for name in sorted({"", "data", f"data/{self.declared.case}", *folders} - {own}):
            marks += mark_links(self.path / name, f"the run folder {name}".rstrip())
        for entry in sorted(self.snapshot.iterdir()):
            marks += mark_links(self.path / entry.name, f"{entry.name} as the stage sees it")
        marks += mark_tree(self.path / CONFIGS, f"{CONFIGS} as the stage sees it")
        marks += mark_tree(self.snapshot, "the snapshot of code and configuration")
        return tuple(marks)


@contextmanager
def open_run_folder(declared: Declared, workspace: Path, snapshot: Path) -> Iterator[RunFolder]:
    """Make a run folder, and remove it when the block ends.

    Args:
        declared: The stage and what it reads.
        workspace: The checkout.
        snapshot: The folder that holds its code and configuration, absolute.
    """
    data = workspace / "data"
    _make_stage_folders(data, declared.case)

    # One at a time: a folder that was made, and is not marked as used yet, looks like an orphan.
    with lock_folder(data):
        _remove_orphans(data)
        # A name that cannot be foreseen: nobody can put a link there beforehand.
        folder = data / f"{PREFIX}{secrets.token_hex(8)}"
        folder.mkdir()
        lock = hold(folder / LOCK)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        path = Path(f"/proc/self/fd/{descriptor}")
        _fill(path, declared, workspace, snapshot)
        yield RunFolder(path, descriptor, declared, snapshot)
    finally:
        os.close(descriptor)
        _remove(folder)
        os.close(lock)


def _fill(folder: Path, declared: Declared, workspace: Path, snapshot: Path) -> None:
    for entry in sorted(snapshot.iterdir()):
        if entry.name == CONFIGS:
            # As files of its own: configuration is reached through no link, wherever it is read.
            _copy_files(entry, folder / CONFIGS)
        else:
            (folder / entry.name).symlink_to(entry)

    own = folder / "data" / declared.case / declared.stage
    own.mkdir(parents=True)
    for name in _data_inputs(declared):
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(UP_TO_DATA / _below(name))

    if STAGES[declared.stage].reads_sources:
        _link_sources(folder, declared.case, workspace)


def _copy_files(source: Path, target: Path) -> None:
    """Copy a folder's files.

    Without modes: by those of a snapshot's folders nobody but root could remove the copy again.
    """
    target.mkdir()
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir()
        else:
            shutil.copyfile(path, copy)


def _link_sources(folder: Path, case: str, workspace: Path) -> None:
    """Show a stage that reads sources whatever else lies in the checkout, by relative paths.

    What a source delivered is digested by the stages themselves: `admit` writes its fingerprint,
    and `ingest` depends on it.
    """
    up = Path("..", "..")
    # Not the worker's own: its keys and ledger (`.portcullis`), and the cache of use cases that
    # this stage is not of.
    private = {".git", ".dvc", ".portcullis", ".venv", "data"}
    for entry in workspace.iterdir():
        if entry.name not in private and not (folder / entry.name).exists():
            (folder / entry.name).symlink_to(up / entry.name)

    for entry in (workspace / "data").iterdir():
        if entry.name != case and not entry.name.startswith(PREFIX):
            (folder / "data" / entry.name).symlink_to(up / entry.name)

    for entry in (workspace / "data" / case).iterdir():
        if entry.name not in STAGES:
            (folder / "data" / case / entry.name).symlink_to(
                Path("..", "..", "..", case, entry.name)
            )


def _make_stage_folders(data: Path, case: str) -> None:
    """Make every stage's folder, so that none appears while a stage that runs beside is compared.

    A folder's time of change moves when an entry is made in it.
    """
    for stage in PATH:
        (data / case / stage.name).mkdir(parents=True, exist_ok=True)


def _remove_orphans(data: Path) -> None:
    """Remove the folders of runs that were killed: nobody holds their lock."""
    for folder in data.glob(f"{PREFIX}*"):
        if not is_held(folder / LOCK):
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a run folder, as far as this account may, and its stack is deep enough.

    What is left of a hostile stage's folders is in nobody's way.
    """
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)


def _is_copy(path: Path, original: Path) -> bool:
    # The stage's account may be this one, and have removed its copy, or put a folder there.
    try:
        return path.read_bytes() == original.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def _count_files(folder: Path) -> int:
    """Return how many files lie in a folder and below it."""
    return sum(path.is_file() for path in folder.rglob("*"))


def _exchanged(name: str) -> EvidenceError:
    return EvidenceError(
        name,
        expected="to stay as it was while the stage ran",
        found="it was written to",
        remedy="Nothing was signed: run the stage again with nothing else writing.",
    )


def _data_inputs(declared: Declared) -> tuple[str, ...]:
    return tuple(name for name in declared.inputs if name.startswith("data/"))


def _below(name: str) -> Path:
    """Return a path below `data/`, relative to it."""
    return Path(name).relative_to("data")
