"""A bare mirror of a remote repository, from which commits are judged and written out."""

import os
import re
import subprocess
import tempfile
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tasks.attestation.artefacts import BYTECODE
from tasks.checkout.commit_signature import find_signer
from tasks.code_identity.git_objects import (
    FILE_MODES,
    FOLDER_MODE,
    Objects,
    entries_of,
    object_id,
    open_objects,
    tree_of,
)
from tasks.code_identity.tree import (
    MOST_TREE_BYTES,
    Tree,
    check_name,
    read_files,
    read_tree,
    remove_draft,
    write_files,
)
from tasks.errors import (
    ConfigError,
    EvidenceError,
    PortcullisError,
    Refusal,
    RefusalKind,
    RefusedError,
    ServiceError,
)
from tasks.system.git import plumbing_command, plumbing_environment

# SHA-1 and SHA-256, whole: a beginning may be another commit's tomorrow.
COMMIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Whole names: `main` could be a branch or a tag, and `@{1}` and `main~3` say something else.
REF = re.compile(r"refs/(?:heads|tags)/[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
# No user or password in an https address: it would stand in the settings, and in every process
# list. No user that begins with `-`, which ssh would take for an option. `ext::` and other helpers
# of git run commands.
REMOTE = re.compile(
    r"file:///[^\s\\]+"
    r"|https://[A-Za-z0-9.-]+(?::\d+)?/[^\s\\@]*"
    r"|ssh://(?:[A-Za-z0-9][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?/[^\s\\]*"
)
# For `GIT_ALLOW_PROTOCOL` (git(1)): by no other way is anything fetched, whatever a remote or a
# setting names.
PROTOCOLS = "file:https:ssh"
# A first fetch brings the whole history; a remote that answers nothing holds the worker no longer.
FETCH_SECONDS = 600.0

# What DVC runs commands from, besides the one `dvc.yaml` at the top, which the service compares
# with its own: a stage of any other that writes into a folder that a stage of ours reads would be
# run before it, by the worker's account.
PIPELINES = ("dvc.yaml", "*.dvc")
OWN_PIPELINE = ("dvc.yaml",)
OWN_DVC_FOLDER = ".dvc"

# Listings can be nested in each other a few times and stand for millions of files.
MOST_ENTRIES = 100_000

FETCH_SETTINGS = (
    # Objects of hostile form are refused as they come (git-fsck(1)), and never lie in the mirror.
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    # No cache of the history's form: `_leads_to` believes the commits themselves.
    "fetch.writeCommitGraph=false",
    # Nothing goes on in the background when the fetch has ended.
    "gc.auto=0",
    "maintenance.auto=false",
    # Empty, which takes every helper off the list that is named elsewhere (gitcredentials(7)).
    "credential.helper=",
    # Whoever the administrator named, and nobody whom that one names.
    "http.followRedirects=false",
    "http.sslVerify=true",
    "submodule.recurse=false",
    # Nothing is asked of a person, and nothing read from ~/.ssh/config.
    "core.sshCommand=ssh -F none -oBatchMode=yes -oStrictHostKeyChecking=yes",
)


@dataclass(frozen=True)
class Releasable:
    """A commit that may be released, and why: it is on `ref`, or `signer` has signed it."""

    commit: str
    ref: str = ""
    signer: str = ""


class CommitMirror:
    """A bare copy of a remote's branches. It belongs to the worker: others may not write to it.

    Args:
        path: Where it lies, or will lie after the first `fetch`.
        remote: A URL of scheme `file`, `https` or `ssh`, without a password.

    Raises:
        ConfigError: The remote is none.
    """

    def __init__(self, path: Path, remote: str) -> None:
        # `isprintable` besides: `\s` does not know every mark that a terminal obeys.
        if not REMOTE.fullmatch(remote) or not remote.isprintable():
            raise ConfigError(
                "the remote of the worker's mirror",
                expected="`file:///…`, `https://…` or `ssh://…`, without a password",
                found="another form",
                remedy="Write it as a URL; ssh keys and certificates are the account's own.",
            )
        self._path = path.absolute()
        self._remote = remote

    def fetch(self) -> None:
        """Bring the branches of the remote up to date; those that it no longer has are dropped.

        All of their history: whether a commit is on a ref cannot be said from a part of it. Tags
        are not fetched, and nothing of a branch is checked out.

        Raises:
            ServiceError: The remote does not answer, or hands over objects that are broken.
        """
        with self._fetching() as environment:
            # Asked first: a new mirror has to have the kind of ids that the remote has, and `init`
            # fixes it.
            listed = self._run(environment, "ls-remote", "--heads", "--", self._remote)
            if not (self._path / "HEAD").exists():
                self._make(environment, listed)

            words = [word for setting in FETCH_SETTINGS for word in ("-c", setting)]
            # `--prune`: what was taken off a branch by force is on it no longer. `--atomic`: all
            # branches move, or none, so that nobody judges by one of two states.
            options = ("--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--atomic")
            branches = "+refs/heads/*:refs/heads/*"
            self._run(
                environment, *words, "fetch", *options, "--no-recurse-submodules", "--",
                self._remote, branches,
            )  # fmt: skip

    def releasable(self, commit: str, refs: Sequence[str], allowed_signers: str) -> Releasable:
        """Say why a commit may be released.

        Args:
            commit: Its whole id: no name that somebody can move.
            refs: Protected branches by their whole names (`refs/heads/main`); a commit counts that
                one of them leads to.
            allowed_signers: Whose signature counts as well (ssh-keygen(1), "ALLOWED SIGNERS").

        Raises:
            ConfigError: A ref is no whole name.
            EvidenceError: There is no such commit, or it is broken.
            RefusedError: Neither holds.
        """
        check_commit_id(commit)
        for ref in refs:
            # As git-check-ref-format(1) has it, as far as the pattern does not say it.
            if not REF.fullmatch(ref) or ".." in ref or ref.endswith((".lock", ".")):
                raise ConfigError(
                    "the protected refs",
                    expected="whole names, as `refs/heads/main`",
                    found="another form",
                    remedy="Name each branch that only reviewed commits get to.",
                )
        with self._objects() as objects:
            # Read and held against its id before git is asked about it: what it answers is about
            # these bytes.
            content = objects.read(commit, b"commit")

        # 1. On a protected ref. 2. Signed by an allowed key. The first needs no key of anybody.
        for ref in refs:
            if self._leads_to(ref, commit):
                return Releasable(commit, ref=ref)
        if signer := find_signer(content, allowed_signers):
            return Releasable(commit, signer=signer)

        text = f"commit {commit}: on none of the protected refs, and not signed by an allowed key"
        raise RefusedError(
            f"commit {commit[:12]}",
            (Refusal(RefusalKind.COMMIT_NOT_RELEASABLE, text),),
            remedy="Have it reviewed and merged, or signed by somebody who may.",
        )

    def write(self, commit: str, folder: Path) -> Tree:
        """Write the files of a commit into a new folder, read-only, and return its code.

        Bytes are those of git's objects: no line ends are changed, no filter is run, and a pointer
        of Git LFS stays a pointer. What was written is read again and held against the ids.

        Raises:
            EvidenceError: The commit is not there or broken; it holds links, other repositories,
                bytecode, another pipeline, a module and a package of one name, or names that are
                hostile or equal but for their case; or there is something at `folder` already.
        """
        check_commit_id(commit)
        if os.path.lexists(folder):
            raise EvidenceError(
                str(folder),
                expected="no such folder yet",
                found="one",
                remedy="Give a new folder for each commit.",
            )

        with self._objects() as objects:
            top = tree_of(objects.read(commit, b"commit"))
            listed = _check_entries(_list(objects, top))
            files: dict[str, tuple[bytes, bool]] = {}
            total_bytes = 0
            # Contents after all names: a commit that is refused for a name has cost no more than
            # its listings.
            for path, (identifier, is_executable) in listed.items():
                content = objects.read(identifier, b"blob")
                total_bytes += len(content)
                if total_bytes > MOST_TREE_BYTES:
                    raise _refused(path, "256 MiB of files at most", "more")
                files[path] = (content, is_executable)

        # Under another name until all is written and read again: nobody finds half a commit. In the
        # folder beside it, so that the name is given by one step of the system.
        draft = folder.with_name(f".{folder.name}.{os.getpid()}.draft")
        try:
            write_files(draft, files)
            _compare(draft, listed, len(commit))
            draft.rename(folder)
        finally:
            remove_draft(draft)
        return read_tree(folder)

    def _leads_to(self, ref: str, commit: str) -> bool:
        environment = plumbing_environment(self._path)
        # A file beside the objects could say that a commit is an ancestor which is none.
        words = ("-c", "core.commitGraph=false")
        # A branch that the remote no longer has lets nobody through, and is no fault of the mirror.
        is_there = self._ask(environment, "show-ref", "--verify", "--quiet", "--", ref)
        if is_there.returncode:
            return False

        # 0: it is an ancestor, or the same; 1: it is not. All else is no answer.
        done = self._ask(environment, *words, "merge-base", "--is-ancestor", commit, ref)
        if done.returncode not in (0, 1):
            raise EvidenceError(
                f"the mirror {self._path}",
                expected=f"the history of `{ref}`",
                found=f"git exit {done.returncode}",
                remedy="Remove the mirror: the next fetch makes it anew.",
            )

        return done.returncode == 0

    def _make(self, environment: dict[str, str], listed: bytes) -> None:
        """Make an empty mirror, of the kind of ids that the remote has."""
        # Of an empty remote nothing is listed: SHA-1, as git's own default is.
        name = listed.split(b"\t")[0]
        form = "sha256" if len(name) == 64 else "sha1"
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run(
            environment, "init", "--bare", "--quiet", "--template=", f"--object-format={form}"
        )

    @contextmanager
    def _fetching(self) -> Iterator[dict[str, str]]:
        """Give the environment of a fetch.

        A repository of this machine is opened by a second git, which reads no variable of the first
        one's but the file of configuration that this names: it trusts this one repository.
        """
        environment = plumbing_environment(self._path, PROTOCOLS)
        with tempfile.NamedTemporaryFile("w", prefix="portcullis-", suffix=".gitconfig") as config:
            if self._remote.startswith("file://"):
                # A quote would end the value and begin a setting of its own; the pattern of remotes
                # has no backslash and no line break.
                place = self._remote.removeprefix("file://").replace('"', "")
                config.write(f'[safe]\n\tdirectory = "{place}"\n\tdirectory = "{place}/.git"\n')
                config.flush()
            yield environment | {"GIT_CONFIG_GLOBAL": config.name, "GIT_ASKPASS": "false"}

    def _run(self, environment: dict[str, str], *words: str) -> bytes:
        done = self._ask(environment, *words)
        if done.returncode:
            raise self._silent(_last_line(done.stderr) or f"git exit {done.returncode}")
        return done.stdout

    def _ask(
        self, environment: dict[str, str], *words: str
    ) -> "subprocess.CompletedProcess[bytes]":
        try:
            return subprocess.run(
                plumbing_command(*words),
                # The environment names the repository: where this process stands has no say.
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=FETCH_SECONDS,
            )
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            raise self._silent(type(error).__name__) from error

    @contextmanager
    def _objects(self) -> Iterator[Objects]:
        if not (self._path / "HEAD").exists():
            raise self._silent("nothing fetched yet")
        with open_objects(self._path) as objects:
            yield objects

    def _silent(self, found: str) -> PortcullisError:
        return ServiceError(
            f"the mirror of {self._remote}",
            expected="its branches",
            found=found,
            remedy="Look whether the account of the worker may read the remote.",
        )


def check_commit_id(commit: str) -> None:
    """Refuse what is no whole id: a name can be moved, and an option obeyed.

    Raises:
        EvidenceError: It is none.
    """
    if not COMMIT_ID.fullmatch(commit):
        raise EvidenceError(
            "the commit to release",
            expected="its whole id, 40 or 64 hex digits in small letters",
            found="another form",
            remedy="`git rev-parse HEAD` prints it.",
        )


def _list(objects: Objects, top: str) -> Iterator[tuple[str, bytes, str]]:
    """Yield (path, mode, id) of every entry of a tree that is no folder."""
    waiting = [("", top)]
    entries = 0
    # Bounded by entries and not by depth: folders that hold each other in turns stand for millions.
    while waiting:
        folder, identifier = waiting.pop()
        names: set[bytes] = set()
        for mode, name, entry_id in entries_of(objects.read(identifier, b"tree"), len(top)):
            entries += 1
            path = folder + os.fsdecode(name)
            # Every name is judged before a byte is written, also of a folder: `..` and what a
            # terminal would obey are refused here.
            check_name(path)
            if b"/" in name or name in names:
                raise _refused(path, "each name once, and none with a `/`", "another")
            if entries > MOST_ENTRIES:
                raise _refused(path, f"{MOST_ENTRIES} files at most", "more")
            names.add(name)

            if mode == FOLDER_MODE:
                waiting.append((f"{path}/", entry_id))
            else:
                yield path, mode, entry_id


def _check_entries(entries: Iterator[tuple[str, bytes, str]]) -> dict[str, tuple[str, bool]]:
    """Return path -> (id, whether it is executable), if all are regular files of distinct names.

    Names that differ in case, or in how an accent is encoded, are one file on some systems. So is
    `.GIT`, which no repository needs.
    """
    kinds = {mode: is_executable for is_executable, mode in FILE_MODES.items()}
    listed: dict[str, tuple[str, bool]] = {}
    spellings: dict[str, str] = {}

    for path, mode, identifier in entries:
        if mode not in kinds:
            kind = {b"120000": "a symbolic link", b"160000": "another repository"}.get(mode)
            raise _refused(path, "a regular file", kind or "something else")
        if any(fnmatch(part, pattern) for part in path.split("/") for pattern in BYTECODE):
            raise _refused(path, "sources alone", "bytecode, which hides what it was made of")

        # Folded as file systems fold that know no case: what is two files here is one there.
        parts = _folded(path).split("/")
        # Windows drops dots and blanks at the end, and calls the folder `git~1` besides
        # (CVE-2014-9390).
        if any(part.rstrip(". ") in (".git", "git~1") for part in parts):
            raise _refused(path, "no file of git's own", "one")
        if _is_pipeline(parts):
            raise _refused(path, "one pipeline, the `dvc.yaml` at the top", "another file of DVC")
        for depth in range(1, len(parts) + 1):
            spelling = "/".join(path.split("/")[:depth])
            if spellings.setdefault("/".join(parts[:depth]), spelling) != spelling:
                raise _refused(path, "names that differ in more than their case", "two such")
        listed[path] = (identifier, kinds[mode])
    # Of all paths together, at the end: which of the two comes first is the tree's order.
    _require_one_module_a_name(listed)
    return listed


def _is_pipeline(parts: list[str]) -> bool:
    """Say whether DVC reads commands from a path, given as its folded parts, or from below it."""
    if tuple(parts) == OWN_PIPELINE:
        return False
    inside = parts[1:] if parts[0] == OWN_DVC_FOLDER else parts
    return any(fnmatch(part, pattern) for part in inside for pattern in PIPELINES)


def _require_one_module_a_name(paths: Collection[str]) -> None:
    """Refuse a package beside a module of its name: Python imports the package, unseen.

    Whoever compares `check.py` with their own would run `check/__init__.py` all the same.
    """
    for path in paths:
        package = f"{path.removesuffix('.py')}/__init__.py"
        if path.endswith(".py") and package in paths:
            raise _refused(package, "one module of a name", f"`{Path(path).name}` beside it")


def _folded(path: str) -> str:
    # Composed again after folding, which takes some letters apart.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _compare(draft: Path, listed: dict[str, tuple[str, bool]], digits: int) -> None:
    """Read what was written, and hold it against the commit."""
    lying_there = {
        path: (object_id(b"blob", content, digits), is_executable)
        for path, content, is_executable in read_files(draft, "", ignored=())
    }
    for path in sorted(listed.keys() | lying_there.keys()):
        if listed.get(path) != lying_there.get(path):
            raise _refused(path, "the bytes of the commit", "others")


def _last_line(output: bytes) -> str:
    """Return why git failed, in its words, as far as a terminal can show them."""
    lines = output.decode("utf-8", "replace").strip().splitlines()
    line = lines[-1] if lines else ""
    return "".join(character for character in line if character.isprintable())[:200]


def _refused(path: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        # A name out of a commit is somebody else's: it goes to a terminal as escapes.
        path.encode("unicode_escape", "backslashreplace").decode("ascii"),
        expected=f"in a commit: {expected}",
        found=found,
        remedy="Nothing was written: change the commit.",
    )
