"""Git's objects, each held against its id: of what git prints nothing else is believed."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha1, sha256
from pathlib import Path
from typing import IO

from tasks.errors import EvidenceError
from tasks.system.git import plumbing_command, plumbing_environment

FOLDER_MODE = b"40000"
FILE_MODES = {True: b"100755", False: b"100644"}  # by whether it is executable
MOST_OBJECT_BYTES = 64 << 20  # what this project holds is smaller by far; memory is not for more


@contextmanager
def open_objects(git_folder: Path) -> "Iterator[Objects]":
    """Start a git that hands over the objects of a repository, and end it after the block.

    Raises:
        FileNotFoundError: This machine has no git.
    """
    process = subprocess.Popen(
        plumbing_command("cat-file", "--batch"),
        cwd="/",
        env=plumbing_environment(git_folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Objects(process.stdin, process.stdout)
        finally:
            process.kill()  # it has nothing more to say, and waits for a question
            # Of a git that ended by itself, the last question is still to be written.
            with suppress(BrokenPipeError):
                process.stdin.close()


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
            raise broken_object(identifier, "none")

        _, found_kind, content = answer
        _check(identifier, found_kind, content, kind)
        return content

    def _ask(self, name: str) -> tuple[str, bytes, bytes] | None:
        """Return id, kind and bytes of an object; None where there is none of this name."""
        try:
            self._questions.write(name.encode("ascii") + b"\n")
            self._questions.flush()
        except BrokenPipeError as error:
            raise broken_object(name, "a git that ended") from error

        header = self._answers.readline()
        if header.endswith(b" missing\n"):
            return None
        match = re.fullmatch(rb"([0-9a-f]{40}|[0-9a-f]{64}) ([a-z]+) ([0-9]{1,12})\n", header)
        if not match:
            raise broken_object(name, "a git that ended" if not header else "another answer")
        if int(match[3]) > MOST_OBJECT_BYTES:
            raise broken_object(name, "one of more than 64 MiB")

        content = self._answers.read(int(match[3]))
        if self._answers.read(1) != b"\n":
            raise broken_object(name, "one that is cut short")
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
        raise broken_object("HEAD", "a commit without a tree")
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
            raise broken_object("a tree of the commit", "one that cannot be read")
        identifier = listing[end + 1 : end + 1 + id_bytes].hex()
        yield listing[position:space], listing[space + 1 : end], identifier
        position = end + 1 + id_bytes


def _check(identifier: str, kind: bytes, content: bytes, expected_kind: bytes) -> None:
    if kind != expected_kind:
        raise broken_object(identifier, f"one of kind {kind.decode('ascii')}")
    if object_id(kind, content, len(identifier)) != identifier:
        raise broken_object(identifier, "other bytes")


def broken_object(name: str, found: str) -> EvidenceError:
    """Return the error about an object that is not what it is called."""
    return EvidenceError(
        f"git object {name}",
        expected="the object of this id in the repository",
        found=found,
        remedy="Run `git fsck`, and fetch or clone again: nothing is signed without its commit.",
    )
