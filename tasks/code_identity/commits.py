"""At which commit the code stands, and what differs from it: by git's objects, not by `git status`.

`git status` obeys whoever owns the workspace: flags of the index, `info/exclude`, `.gitignore`,
attributes, filters, a file-system monitor. Nothing of that is asked here. One `git cat-file` hands
over raw objects; each is held against the id by which it was asked for, down from the commit, so
that of what git prints the commit's id alone is believed.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from hashlib import sha1, sha256
from pathlib import Path
from typing import IO

from tasks.attestation.artefacts import BYTECODE
from tasks.attestation.run_context import person_sha256
from tasks.code_identity.tree import CODE, Tree
from tasks.errors import EvidenceError
from tasks.system.git import plumbing_command, plumbing_environment

FOLDER_MODE = b"40000"
FILE_MODES = {True: b"100755", False: b"100644"}
MOST_OBJECT_BYTES = 16 << 20  # of a commit, or of a folder's listing


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
        process = subprocess.Popen(
            plumbing_command("cat-file", "--batch"),
            cwd=repository.git_folder,
            env=plumbing_environment(repository.git_folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return Commit()  # this machine has no git

    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        objects = Objects(process.stdin, process.stdout)
        try:
            head = objects.resolve_head()
            if head is None:
                _require_unborn(repository)
                return Commit()
            commit_id, content = head
            committed = dict(_committed(objects, tree_of(content), repository.prefix))
        finally:
            process.kill()  # it has nothing more to say, and may wait for a question

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


class Objects:
    """Raw objects of a repository, each held against its id.

    Args:
        questions: The standard input of `git cat-file --batch`.
        answers: Its standard output.
    """

    def __init__(self, questions: IO[bytes], answers: IO[bytes]) -> None:
        self._questions = questions
        self._answers = answers

    def resolve_head(self) -> tuple[str, bytes] | None:
        """Return the id and the bytes of the commit that is checked out, if there is one.

        Raises:
            EvidenceError: It is no commit, or its bytes are not those of its id.
        """
        answer = self._ask("HEAD")
        if answer is None:
            return None
        identifier, kind, content = answer
        _check(identifier, kind, content, b"commit")
        return identifier, content

    def read(self, identifier: str, kind: bytes) -> bytes:
        """Return the bytes of an object.

        Raises:
            EvidenceError: It is missing, of another kind, or its bytes are not those of its id.
        """
        answer = self._ask(identifier)
        if answer is None:
            raise _broken(identifier, "none")
        _, found_kind, content = answer
        _check(identifier, found_kind, content, kind)
        return content

    def _ask(self, name: str) -> tuple[str, bytes, bytes] | None:
        """Return id, kind and bytes of an object; None where there is none of this name."""
        try:
            self._questions.write(name.encode("ascii") + b"\n")
            self._questions.flush()
        except BrokenPipeError as error:
            raise _broken(name, "a git that ended") from error

        header = self._answers.readline()
        if header.endswith(b" missing\n"):
            return None
        match = re.fullmatch(rb"([0-9a-f]{40}|[0-9a-f]{64}) ([a-z]+) ([0-9]{1,12})\n", header)
        if not match:
            raise _broken(name, "a git that ended" if not header else "another answer")
        if int(match[3]) > MOST_OBJECT_BYTES:
            raise _broken(name, "one of more than 16 MiB")

        content = self._answers.read(int(match[3]))
        if self._answers.read(1) != b"\n":
            raise _broken(name, "one that is cut short")
        return match[1].decode("ascii"), match[2], content


def object_id(kind: bytes, content: bytes, digits: int) -> str:
    """Return the id of an object: sha1 of 40 hex digits, or sha256 of 64 in newer repositories."""
    header = kind + b" " + str(len(content)).encode("ascii") + b"\0"
    if digits == 64:
        return sha256(header + content).hexdigest()
    return sha1(header + content, usedforsecurity=False).hexdigest()


def tree_of(commit: bytes) -> str:
    """Return the id of a commit's tree, which its first line names.

    Raises:
        EvidenceError: It names none.
    """
    match = re.match(rb"tree ([0-9a-f]{40}|[0-9a-f]{64})\n", commit)
    if not match:
        raise _broken("HEAD", "a commit without a tree")
    return match[1].decode("ascii")


def author_of(commit: bytes) -> str:
    """Return the address of a commit's author, as `git log --format=%ae` prints it."""
    headers = commit.partition(b"\n\n")[0]
    match = re.search(rb"^author [^<\n]*<([^>\n]*)>", headers, re.MULTILINE)
    return match[1].decode("utf-8", errors="replace") if match else ""


def entries_of(listing: bytes, digits: int) -> Iterator[tuple[bytes, bytes, str]]:
    """Yield (mode, name, id) of the entries of a tree object.

    Raises:
        EvidenceError: It is no such listing.
    """
    id_bytes = digits // 2
    position = 0
    while position < len(listing):
        space = listing.find(b" ", position)
        end = listing.find(b"\0", space)
        if space < 0 or end < 0 or end + 1 + id_bytes > len(listing):
            raise _broken("a tree of the commit", "one that cannot be read")
        identifier = listing[end + 1 : end + 1 + id_bytes].hex()
        yield listing[position:space], listing[space + 1 : end], identifier
        position = end + 1 + id_bytes


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
        raise _broken("HEAD", "none, or a repository that git does not read")


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


def _check(identifier: str, kind: bytes, content: bytes, expected_kind: bytes) -> None:
    if kind != expected_kind:
        raise _broken(identifier, f"one of kind {kind.decode('ascii')}")
    if object_id(kind, content, len(identifier)) != identifier:
        raise _broken(identifier, "other bytes")


def _broken(name: str, found: str) -> EvidenceError:
    return EvidenceError(
        f"git object {name}",
        expected="the object of this id in the repository",
        found=found,
        remedy="Run `git fsck`, and fetch or clone again: nothing is signed without its commit.",
    )
