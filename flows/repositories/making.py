"""Make a repository, and bring one to this version: every file whole, and the manifest last."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.repositories.contents import (
    EXECUTABLE,
    PREFECT,
    example_files,
    managed_files,
    prefect_file,
    started_files,
)
from flows.repositories.manifest import (
    MANIFEST,
    Manifest,
    changed_files,
    digests_of,
    read_manifest,
    shown_paths,
)
from flows.use_cases.derived_files import derived_files, resolve_cases, stale_files, write_files
from tasks.config.case_paths import refuse_links
from tasks.errors import ConfigError
from tasks.formats.whole_file import write_whole
from tasks.system.git import ask_git, git_environment

# What a folder may hold already: a clone of a repository that is still empty.
WELCOME = frozenset({".git"})
# By these a folder is a checkout of Portcullis, or a repository that was made of one.
MARKS = ("portcullis", "tasks/path.py")


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did, and what it kept because the owner had changed it."""

    before: str
    after: str
    written: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]


def make_repository(folder: Path, version: str, *, has_example: bool) -> int:
    """Make a repository in a new or empty folder, and return how many files it holds.

    Raises:
        ConfigError: The folder is not empty, or lies in a checkout of Portcullis.
    """
    _refuse_target(folder)
    managed = managed_files()
    started = started_files()
    example = example_files() if has_example else {}

    folder.mkdir(parents=True, exist_ok=True)
    _begin_git(folder)
    for name, source in (managed | started | example | {PREFECT: prefect_file()}).items():
        _write(folder, name, source.read_bytes())
    # After the files that it lists: an interrupted call leaves none, and nobody takes it for a
    # repository.
    _write_manifest(folder, Manifest(version, digests_of(managed), digests_of(started)))
    _derive(folder)
    return len(managed) + len(started) + len(example)


def upgrade_repository(folder: Path, version: str) -> Upgrade:
    """Bring a repository to this version, file by file; its owner's files stay as they are.

    A run that was interrupted is finished by the next: a file that is this version's already
    counts as nobody's edit.

    Raises:
        ConfigError: It is no such repository; somebody has edited what Portcullis manages, or put
            a file of their own where it needs one; or this is the version that it holds.
    """
    manifest = read_manifest(folder)
    managed = managed_files()
    started = started_files()
    new = digests_of(managed)
    if manifest.managed == new:
        raise ConfigError(
            str(folder),
            expected="a repository of another version",
            found=f"one of this version, {version}",
            remedy="Start the command by the version to upgrade to: the installed `portcullis`, "
            "or the ./portcullis of its checkout.",
        )
    # Before anything is written: an upgrade is whole or has not begun.
    _refuse_edited(folder, manifest, new)

    # What the owner has changed since it was written stays; so does what they have removed.
    # Removed counts as changed: an owner who took a file out does not get it back.
    changed = {*changed_files(folder, manifest.started)}
    kept = sorted(
        name
        for name, source in started.items()
        if name in changed and digests_of({name: source})[name] != manifest.started[name]
    )
    fresh = {
        name: source
        for name, source in started.items()
        if name not in changed and (name in manifest.started or not (folder / name).exists())
    }

    # Only what differs: an upgrade that was interrupted writes the rest.
    written = changed_files(folder, new | digests_of(fresh))
    removed = sorted(
        name for name in manifest.managed.keys() - new.keys() if (folder / name).exists()
    )
    sources = managed | fresh
    for name in written:
        _write(folder, name, sources[name].read_bytes())
    # After what is new is there: in between both versions' files lie there, and none is missing.
    for name in removed:
        _remove(folder, name)
    # Last: until then the old one stands, by which the next call finishes this one.
    _write_manifest(folder, Manifest(version, new, {**manifest.started, **digests_of(fresh)}))
    _derive(folder)
    return Upgrade(manifest.version, version, tuple(written), tuple(removed), tuple(kept))


def _refuse_target(folder: Path) -> None:
    # Also from within a checkout: its code would then be a part of what the repository's commits
    # hold.
    for above in (folder, *folder.parents):
        if all((above / mark).exists() for mark in MARKS):
            raise ConfigError(
                str(folder),
                expected="a folder outside of any checkout of Portcullis",
                found=f"one in {above}",
                remedy="Name another folder. A use case is drafted by `init NAME --from FILE …`; "
                "a repository that is there already is upgraded by `init DIR --upgrade`.",
            )

    if folder.exists() and (not folder.is_dir() or _names_in(folder) - WELCOME):
        raise ConfigError(
            str(folder),
            expected="a new folder, or an empty one: nothing is overwritten",
            found="one that holds something, or no folder",
            remedy="Name another folder.",
        )


def _refuse_edited(folder: Path, manifest: Manifest, new: Mapping[str, str]) -> None:
    """Refuse to replace what somebody has edited, or has made where a new file has to go."""
    edited = [
        name
        for name in changed_files(folder, manifest.managed)
        # A file that is this version's already is nobody's edit: an interrupted upgrade wrote it.
        if name not in new or changed_files(folder, {name: new[name]})
    ]
    own = [
        name
        for name in sorted(new.keys() - manifest.managed.keys())
        if os.path.lexists(folder / name) and changed_files(folder, {name: new[name]})
    ]
    if edited or own:
        raise ConfigError(
            str(folder),
            expected=f"the files of Portcullis {manifest.version} as they were written",
            found=f"{len(edited) + len(own)} edited, removed or in the way: "
            f"{shown_paths(edited + own)}",
            remedy="Put them back (`git checkout` of the commit that brought them), and offer the "
            "change to the project, or keep your own code in files of other names.",
        )


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _write(folder: Path, name: str, content: bytes) -> None:
    """Write one file whole: what is interrupted leaves the old one."""
    refuse_links(Path(name), folder)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    # By name, whatever the source's mode: git commits whether a file is executable.
    write_whole(path, content, mode=0o755 if name in EXECUTABLE else 0o644)


def _remove(folder: Path, name: str) -> None:
    refuse_links(Path(name), folder)
    path = folder / name
    path.unlink()
    # A folder that only bytecode is left in would still be a package without a module.
    for above in path.parents:
        if above == folder or _names_in(above) - {"__pycache__"}:
            return
        shutil.rmtree(above)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    _write(folder, MANIFEST.as_posix(), manifest.to_json().encode())


def _derive(folder: Path) -> None:
    """Write what follows from the use cases and the code, as `sync` does."""
    cases = resolve_cases(folder)
    write_files(stale_files(derived_files(cases, folder), folder), folder)


def _begin_git(folder: Path) -> None:
    """Make the folder a repository of git, unless it lies in one; without git it is none yet."""
    inside = ask_git(folder, "rev-parse", "--is-inside-work-tree")
    if inside is not None and inside.returncode:
        subprocess.run(["git", "init", "--quiet"], cwd=folder, env=git_environment(), check=False)
