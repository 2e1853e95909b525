"""At which commit the code stands, and what differs from it: by git's objects, not by `git status`.

`git status` obeys whoever owns the workspace: flags of the index, `info/exclude`, `.gitignore`,
attributes, filters, a file-system monitor. Nothing of that is asked here. One `git cat-file` hands
over raw objects; each is held against the id by which it was asked for, down from the commit, so
that of what git prints the commit's id alone is believed.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tasks.attestation.artefacts import BYTECODE
from tasks.attestation.identities import person_sha256
from tasks.code_identity.git_objects import (
    FILE_MODES,
    FOLDER_MODE,
    Objects,
    author_of,
    broken_object,
    entries_of,
    object_id,
    open_objects,
    tree_of,
)
from tasks.code_identity.tree import CODE, Tree
from tasks.errors import EvidenceError
from tasks.system.git import plumbing_command, plumbing_environment


@dataclass(frozen=True)
class Commit:
    """Where the code stands.

    `dirty` lists files of code and configuration that differ from it, untracked ones too, whatever
    git is told to ignore.
    """

    sha: str = ""  # empty outside git
    author_sha256: str = ""
    dirty: tuple[str, ...] = ()


@dataclass(frozen=True)
class Repository:
    """Git's folder, and where in its working tree the workspace lies (`""` for the top, else `a/`).

    For a linked working tree it is the folder that its file `.git` names.
    """

    git_folder: Path
    prefix: str


def find_commit(workspace: Path, tree: Tree) -> Commit:
    """Compare what was read with the commit that is checked out, by the ids of its objects.

    Outputs and `dvc.lock` are no code: a run always changes them. Without git, outside a
    repository, and before its first commit there is no commit.

    Raises:
        EvidenceError: An object of the repository is missing, or is not what its id says.
    """
    repository = find_repository(workspace)
    if repository is None:
        return Commit()
    try:
        with open_objects(repository.git_folder) as objects:
            head = objects.resolve_head()
            if head is None:
                _require_unborn(repository)
                return Commit()
            commit_id, content = head
            committed = dict(_committed(objects, tree_of(content), repository.prefix))
    except FileNotFoundError:
        return Commit()  # this machine has no git

    present = {
        path: (FILE_MODES[path in tree.executable], object_id(b"blob", content, len(commit_id)))
        for path, content in tree.files.items()
    }
    differing = {
        path
        for path in committed.keys() | present.keys()
        if committed.get(path) != present.get(path)
    }
    return Commit(commit_id, person_sha256(author_of(content)), tuple(sorted(differing)))


def find_repository(workspace: Path) -> Repository | None:
    """Return the repository whose working tree holds the workspace; None where there is none.

    Raises:
        EvidenceError: A file `.git` names no folder.
    """
    top = workspace.resolve()
    for folder in (top, *top.parents):
        marker = folder / ".git"
        prefix = f"{top.relative_to(folder).as_posix()}/" if folder != top else ""
        if marker.is_dir():
            # An empty folder of that name is no repository: git, too, looks further up.
            if (marker / "HEAD").exists():
                return Repository(marker, prefix)
        elif marker.is_file():
            text = marker.read_text(encoding="utf-8", errors="surrogateescape")
            git_folder = folder / text.removeprefix("gitdir:").strip()
            if not text.startswith("gitdir:") or not (git_folder / "HEAD").exists():
                raise EvidenceError(
                    str(marker),
                    expected="a file that names git's folder (`gitdir: …`)",
                    found="none there",
                    remedy="Run `git worktree repair`, or clone again.",
                )
            return Repository(git_folder.resolve(), prefix)

    return None


def _require_unborn(repository: Repository) -> None:
    """Tell a repository before its first commit from one whose newest commit is lost.

    Raises:
        EvidenceError: HEAD names a commit.
    """
    done = subprocess.run(
        plumbing_command("rev-parse", "--verify", "--quiet", "HEAD"),
        cwd=repository.git_folder,
        env=plumbing_environment(repository.git_folder),
        capture_output=True,
        check=False,
    )
    if done.stdout.strip() or done.returncode != 1:
        raise broken_object("HEAD", "none, or a repository that git does not read")


def _committed(
    objects: Objects, identifier: str, prefix: str, path: str = ""
) -> Iterator[tuple[str, tuple[bytes, str]]]:
    """Yield (path below the workspace, (mode, id)) of the commit's code and configuration.

    `identifier` is that of the tree at `path`, relative to the top of the repository.
    """
    for mode, name, entry_id in entries_of(objects.read(identifier, b"tree"), len(identifier)):
        entry = path + name.decode("utf-8", errors="backslashreplace")
        if mode == FOLDER_MODE:
            if _leads_to_code(f"{entry}/", prefix):
                yield from _committed(objects, entry_id, prefix, f"{entry}/")
            continue

        inside = entry.removeprefix(prefix)
        is_bytecode = any(
            fnmatch(part, pattern) for part in inside.split("/") for pattern in BYTECODE
        )
        if entry.startswith(prefix) and _is_code(inside) and not is_bytecode:
            # A link or another repository is of a mode that no file that was read can have.
            yield inside, (mode, entry_id)


def _leads_to_code(folder: str, prefix: str) -> bool:
    """Say whether a folder lies above code, is code, or lies in it."""
    names = tuple(f"{prefix}{name}/" for name in CODE)
    return any(name.startswith(folder) or folder.startswith(name) for name in names)


def _is_code(path: str) -> bool:
    return any(path == name or path.startswith(f"{name}/") for name in CODE)
