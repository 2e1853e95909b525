"""Code and configuration of a workspace, read once: what is digested is what is written out."""

import errno
import importlib.util
import marshal
import os
import shutil
import stat
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from hashlib import md5, sha256
from pathlib import Path
from types import MappingProxyType

from tasks.attestation.artefacts import BYTECODE, folder_artefact, named
from tasks.attestation.statement import Artefact
from tasks.errors import EvidenceError
from tasks.formats.digests import FileDigests, folder_sha256

# Whatever decides what runs: what is imported, what is read by it, and what says which of it runs.
# DVC obeys `.dvcignore`, Prefect runs what `prefect.yaml` names, and a distribution of
# `tests/requirements.lock` may be installed although no release needs it. `.dvc/config.local` holds
# people's credentials, and chooses remotes alone.
CODE = (
    ".dvc/config",
    ".dvcignore",
    "configs",
    "dvc.yaml",
    "flows",
    "portcullis",
    "prefect.yaml",
    "pyproject.toml",
    "requirements.lock",
    "tasks",
    "tests/requirements.lock",
)

# Code and configuration of this project are 3 MB; whoever puts a data set there is told so.
MOST_FILE_BYTES = 64 << 20
MOST_TREE_BYTES = 256 << 20

# PEP 552: the interpreter takes such bytecode as it is and never looks at the source's time.
UNCHECKED_HASH = 0b01


@dataclass(frozen=True)
class Tree:
    """Files by path, in the order of paths (part by part), and which of them are executable.

    Paths are relative to the workspace, with `/`. Python's bytecode is not among them.
    """

    files: Mapping[str, bytes]
    executable: frozenset[str] = frozenset()

    @cached_property
    def digests(self) -> Mapping[str, FileDigests]:
        """The digests of each file."""
        return {
            path: FileDigests(
                sha256(content).hexdigest(), md5(content, usedforsecurity=False).hexdigest()
            )
            for path, content in self.files.items()
        }

    @cached_property
    def sha256(self) -> str:
        """The digest of all of it, by the rule for folders (`tasks.formats.digests`)."""
        return folder_sha256((path, digests.sha256) for path, digests in self.digests.items())

    def has(self, name: str) -> bool:
        """Say whether there is a file of this name, or a folder with files."""
        return name in self.files or any(path.startswith(f"{name}/") for path in self.files)

    def artefact(self, name: str) -> Artefact:
        """Return what `tasks.attestation.artefacts.artefact` says of a file or folder on disk.

        Raises:
            EvidenceError: There is nothing of this name.
        """
        if digests := self.digests.get(name):
            return Artefact(named(name), digests.sha256, digests.md5)

        folder = f"{name}/"
        inside = [
            (path.removeprefix(folder), digests)
            for path, digests in self.digests.items()
            if path.startswith(folder)
        ]
        if not inside:
            raise EvidenceError(
                name,
                expected="code or configuration of the workspace",
                found="nothing",
                remedy="Restore it.",
            )
        return folder_artefact(named(name), inside)

    def write(self, folder: Path) -> None:
        """Write the tree out to `folder`, with bytecode made from these very bytes.

        Files are 0444 (executable ones 0555) and folders 0555: a stage's interpreter needs neither
        write access nor time to compile. The folder appears whole or not at all. Where it is there
        already, its sources are compared; its bytecode is believed, because only an account that
        may write to the folder can have changed it: that must not be the stage's.

        Raises:
            EvidenceError: `folder` is there and holds something else.
        """
        if not os.path.lexists(folder):
            draft = folder.with_name(f".{folder.name}.{os.getpid()}.draft")
            try:
                self._fill(draft, folder)
                draft.rename(folder)
            except OSError as error:
                # Of two workers that write the same tree at once, one comes second.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            finally:
                remove_draft(draft)

        self._compare(folder)

    def _fill(self, draft: Path, folder: Path) -> None:
        """Write everything into `draft`; tracebacks name the files by where they will lie."""
        written: dict[str, tuple[bytes, bool]] = {}
        for path, content in self.files.items():
            written[path] = (content, path in self.executable)
            if bytecode := compile_source(content, folder / path):
                written[bytecode_path(path)] = (bytecode, False)
        write_files(draft, written)

    def _compare(self, folder: Path) -> None:
        """Hold what lies in `folder` against this tree: no file too many, and none of other bytes.

        Raises:
            EvidenceError: It is something else.
        """
        bytecode = {bytecode_path(path) for path in self.files if path.endswith(".py")}
        lying_there: dict[str, bytes] = {}
        if not folder.is_symlink():
            entries = read_files(folder, "", ignored=(), unread=bytecode)
            lying_there = {path: content for path, content, _ in entries}

        sources = {path: lying_there[path] for path in lying_there.keys() - bytecode}
        if sources != dict(self.files):
            raise EvidenceError(
                str(folder),
                expected="the code and configuration that were read",
                found="other files",
                remedy="Remove that folder: it is made anew.",
            )


def read_tree(workspace: Path) -> Tree:
    """Read every file of code and configuration, each of them once.

    Raises:
        EvidenceError: Something there is neither a regular file nor a folder, is called in a way
            that two programs could read differently, or is too large for code.
    """
    files: dict[str, bytes] = {}
    executable: set[str] = set()
    total_bytes = 0

    for name in CODE:
        for path, content, is_executable in read_files(workspace, name):
            files[path] = content
            total_bytes += len(content)
            if is_executable:
                executable.add(path)
            if total_bytes > MOST_TREE_BYTES:
                raise _refused(path, "code and configuration of 256 MiB at most", "more")

    in_order = sorted(files, key=lambda path: path.split("/"))
    return Tree(MappingProxyType({path: files[path] for path in in_order}), frozenset(executable))


def read_files(
    workspace: Path,
    name: str,
    ignored: tuple[str, ...] = BYTECODE,
    unread: Set[str] = frozenset(),
) -> Iterator[tuple[str, bytes, bool]]:
    """Yield (path, bytes, whether it is executable) of a file, or of all files below a folder.

    Every folder is opened by its descriptor, relative to the one above: a link that is put in place
    of a folder meanwhile is refused, and not followed. What is absent yields nothing. Of a path in
    `unread` the kind is looked at, and no byte is read.
    """
    # The workspace itself may be reached by links: its place is nobody's claim.
    descriptor = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *parents, last = name.split("/")
        for depth, parent in enumerate(parents):
            above = descriptor
            try:
                descriptor = _open_folder(parent, above, "/".join(parents[: depth + 1]))
            except FileNotFoundError:
                return
            os.close(above)

        if last:
            yield from _read(last, descriptor, name, ignored, unread)
        else:
            for entry in names_in(descriptor):
                yield from _read(entry, descriptor, entry, ignored, unread)
    finally:
        os.close(descriptor)


def write_files(draft: Path, files: Mapping[str, tuple[bytes, bool]]) -> None:
    """Make the folder `draft` of (bytes, whether it is executable) by path; then it is read-only.

    Paths have to be checked before (`check_name`).
    """
    draft.mkdir(mode=0o700, parents=True)
    folders = {parent for path in files for parent in Path(path).parents}
    for folder in sorted(folders):
        (draft / folder).mkdir(exist_ok=True)

    for path, (content, is_executable) in files.items():
        descriptor = os.open(draft / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, 0o555 if is_executable else 0o444)  # whatever the umask is
            stream.write(content)
    for folder in sorted(folders, reverse=True):
        (draft / folder).chmod(0o555)


def names_in(folder: int) -> list[str]:
    """Return the names in an open folder, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def bytecode_path(source: str) -> str:
    """Return where this interpreter looks for the bytecode of a source, whatever is configured."""
    folder, _, name = source.rpartition("/")
    file = f"__pycache__/{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
    return f"{folder}/{file}" if folder else file


def compile_source(content: bytes, path: Path) -> bytes:
    """Return a `.pyc` with unchecked hash; empty for what is no source, or does not compile."""
    if path.suffix != ".py":
        return b""
    try:
        code = compile(content, str(path), "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return b""  # whoever imports it gets the error, with its line
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH.to_bytes(4, "little")
    return header + importlib.util.source_hash(content) + marshal.dumps(code)


def _read(
    name: str, folder: int, path: str, ignored: tuple[str, ...], unread: Set[str]
) -> Iterator[tuple[str, bytes, bool]]:
    if any(fnmatch(name, pattern) for pattern in ignored):
        return
    check_name(path)

    # Without O_NONBLOCK, a pipe that somebody left there would hold the worker for ever.
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _not_regular(path, error.errno == errno.ELOOP) from error
        raise _refused(
            path, "a file that this account can read", os.strerror(error.errno or 0)
        ) from error

    try:
        status = os.fstat(descriptor)
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            for entry in names_in(descriptor):
                yield from _read(entry, descriptor, f"{path}/{entry}", ignored, unread)
        elif stat.S_ISREG(mode):
            content = b"" if path in unread else _read_content(descriptor, status.st_size)
            if len(content) > MOST_FILE_BYTES:
                raise _refused(path, "a file of 64 MiB at most", "a larger one")
            yield path, content, bool(mode & stat.S_IXUSR)
        else:
            raise _not_regular(path, is_link=False)
    finally:
        os.close(descriptor)


def _read_content(descriptor: int, size_bytes: int) -> bytes:
    """Return the bytes of an open file; of one that is too large, one more than there may be.

    It is asked for by its size: Python makes a buffer of what is asked for, and one of 64 MiB for
    each of a thousand files took longer than to read them.
    """
    parts: list[bytes] = []
    left = MOST_FILE_BYTES + 1
    while left and (part := os.read(descriptor, min(size_bytes + 1, left))):
        parts.append(part)
        left -= len(part)

    return b"".join(parts)


def check_name(path: str) -> None:
    """Refuse a path that another program, or a person, could read as another one.

    Raises:
        EvidenceError: It is not UTF-8, or has a character that is not shown, or a backslash.
    """
    # Nearly every name is of ASCII, and this is asked of a thousand files three times a stage.
    #
    # Categories C* are control, format (also those that turn the direction of writing), lone
    # surrogates (how Python shows bytes that are not UTF-8), private and unassigned characters.
    is_shown = (path.isascii() and path.isprintable()) or all(
        unicodedata.category(character)[0] != "C"
        and unicodedata.category(character) not in ("Zl", "Zp")
        for character in path
    )
    parts = path.split("/")
    if not is_shown or "\\" in path or any(part in ("", ".", "..", ".git") for part in parts):
        raise _refused(
            path.encode("unicode_escape", "backslashreplace").decode("ascii"),
            "a name in UTF-8 of characters that are shown, without a backslash",
            "another",
        )


def _open_folder(name: str, above: int, path: str) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
    except NotADirectoryError as error:  # of a link, too
        raise _not_regular(path, is_link=True) from error


def remove_draft(draft: Path) -> None:
    """Remove a draft, if it is still there; its folders may be read-only by now."""
    if not draft.exists():
        return
    for folder, _, _ in os.walk(draft):
        Path(folder).chmod(0o700)
    shutil.rmtree(draft)


def _not_regular(path: str, is_link: bool) -> EvidenceError:
    kind = "a symbolic link" if is_link else "something else"
    return _refused(path, "a regular file or a folder", kind)


def _refused(path: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        path,
        expected=expected,
        found=found,
        remedy="Code and configuration are signed for as they lie there: mend or remove it.",
    )
