"""The worker's own checkout of a use case: code of one commit, which nobody else can write to.

    <state>/mirrors/<digest of the remote>.git    a bare mirror
    <state>/workspaces/<case>/                    code and configuration of the commit, data/, .dvc/
    <state>/mandates/<case>.json                  who asked, and why the commit may be released

`data/`, DVC's cache and `dvc.lock` stay from release to release, so that what has not changed is
not run again; code and configuration are written anew whenever they are not the commit's.
"""

import fcntl
import os
import pwd
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from tasks.checkout.commit_mirror import CommitMirror
from tasks.code_identity.tree import Tree, read_files, read_tree
from tasks.config.case_name import is_case_name
from tasks.config.case_paths import case_names_in
from tasks.config.cases import load_case
from tasks.errors import ConfigError, EvidenceError
from tasks.formats.import_graph import reached_files
from tasks.pipeline.dvc_file import dvc_text
from tasks.secrets.opening import with_references
from tasks.service.service_config import ServiceConfig
from tasks.settings import Settings
from tasks.system.installation import Installation
from tasks.worker.mandate import Mandate, Mode

WAITS = "another release runs; this one waits for it"
TRY_SECONDS = 0.2
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What a release leaves for the next one; everything else in a workspace is the commit's.
KEPT = frozenset({"data", ".dvc", "dvc.lock", ".git"})
# The worker's own code: all that signs, asks and publishes, by its import graph.
JUDGE = ("tasks.__main__", "tasks.worker.running", "tasks.worker.confirming")
JUDGE_FILES = ("tasks/isolated.py", ".dvc/config", "requirements.lock")


@dataclass(frozen=True)
class Release:
    """A release that a client asked for, in the worker's checkout."""

    case: str
    mandate: Mandate
    installation: Installation


@contextmanager
def open_release(
    case: str,
    commit: str,
    uid: int,
    config: ServiceConfig,
    on_line: Callable[[str], None],
    is_wanted: Callable[[], bool],
) -> Iterator[Release]:
    """Check a commit out and stand in its folder; one release of a use case at a time.

    Args:
        case: A use case, as the client names it.
        commit: A whole commit id.
        uid: The client's account, as the kernel says.
        config: The administrator's file.
        on_line: Is told what is waited for.
        is_wanted: Says whether anybody still waits for it.

    Raises:
        ConfigError: Names are none, or the use case is not in the commit.
        EvidenceError: The commit may not be released, or brings another judge.
        ConnectionResetError: Nobody waits any more.
    """
    if not is_case_name(case) or not COMMIT.fullmatch(commit):
        raise ConfigError(
            "request",
            expected="a use case's name and a whole commit id",
            found="something else",
            remedy="Name the commit by all of its hexadecimal digits.",
        )
    state = config.places.state
    workspace = state / "workspaces" / case

    # In a folder that the worker's account alone can enter: who can open a file can lock it.
    lock = state / "home" / f"release-{case}.lock"
    with _alone(lock, lambda: on_line(f"{case}: {WAITS}"), is_wanted):
        code = config.code
        name = f"{sha256(code.remote.encode()).hexdigest()[:16]}.git"
        mirror = CommitMirror(state / "mirrors" / name, code.remote)
        # One mirror for all use cases: two that fetch at once would be in each other's way.
        with _alone(state / "mirrors" / f"{name}.lock", lambda: None, is_wanted):
            mirror.fetch()
        signers = code.allowed_signers.read_text(encoding="utf-8") if code.allowed_signers else ""
        # Fetched first, each time: a ref that was moved back, or a commit that nobody may release
        # any more, is known.
        reason = mirror.releasable(commit, code.refs, signers)
        _check_out(mirror, commit, case, workspace)
        _name_commit(state / "mirrors" / name, commit, workspace)

        mandate = Mandate(
            Mode.ENFORCED,
            _name_of(uid),
            state / "trees",
            ref=reason.ref,
            signer=reason.signer,
            launcher=state / "home" / "launcher.sock",
        )
        path = state / "home" / f"mandate-{case}.json"
        path.write_text(mandate.to_json(), encoding="utf-8")
        # By the environment, since DVC starts `python -m tasks` as a process of its own.
        os.environ["PORTCULLIS_MANDATE"] = str(path)
        os.chdir(workspace)
        settings = Settings.from_environment(os.environ)
        load_case(case, workspace)  # the use case is in the commit, and its resolved copy is fresh
        installation = Installation(workspace, state / "home", settings)
        yield Release(case, mandate, with_references(installation, os.environ))


def require_own_judge(tree: Tree, service: Path) -> None:
    """Refuse a commit whose judging code is not this service's, byte for byte.

    A worker that ran the judge of whoever is judged would judge nothing. Stages' own code may
    differ: it runs under another account.

    Args:
        tree: The commit's.
        service: The service's own checkout.

    Raises:
        EvidenceError: Names the first file that differs.
    """
    files = set(JUDGE_FILES)
    for module in JUDGE:
        files |= set(reached_files(service, module, is_lazy_included=True))

    for name in sorted(files):
        if tree.files.get(name) != (service / name).read_bytes():
            raise EvidenceError(
                f"commit, {name}",
                expected="this worker's own",
                found="other code, or none",
                remedy="The worker judges by its own code: have its administrator bring it to this "
                "version, or rebase.",
            )


def _check_out(mirror: CommitMirror, commit: str, case: str, workspace: Path) -> None:
    """Bring a workspace to a commit, unless it is there."""
    draft = workspace.with_name(f".{workspace.name}.draft")
    _remove(draft)

    try:
        tree = mirror.write(commit, draft)
        require_own_judge(tree, Path(__file__).parents[2])

        # The names of the commit's own folders, each checked: they become words of commands.
        cases = case_names_in(draft)
        # DVC runs the commands that stand there, under the worker's account: they are derived here
        # and compared, never taken from the commit.
        if tree.files.get("dvc.yaml") != dvc_text(draft, cases).encode():
            raise EvidenceError(
                "commit, dvc.yaml",
                expected="what follows from tasks/path.py, the code and the use cases",
                found="something else",
                remedy="Run `./portcullis sync` and commit what it writes.",
            )

        # A client could have a checkout made for every name that it can think of.
        if case not in cases:
            raise ConfigError(
                "request",
                expected="a use case of the commit",
                found="another name",
                remedy="Check the spelling, and that the use case is committed.",
            )

        workspace.mkdir(exist_ok=True)
        if not _is_written(draft, workspace):
            _make_writable(draft)
            _replace_code(draft, workspace)

    finally:
        _remove(draft)


def _is_written(draft: Path, workspace: Path) -> bool:
    """Say whether a workspace holds a commit's files, its sources as well as its code.

    Code alone would not do: evidence names the commit, whose rows these then have to be.
    """
    if read_tree(workspace).sha256 != read_tree(draft).sha256:
        return False

    if _files_in(draft) != _files_in(workspace):
        return False

    sources = [path for path in (draft / "data").glob("*") if path.is_file()]
    return all(
        (workspace / "data" / path.name).is_file()
        and path.read_bytes() == (workspace / "data" / path.name).read_bytes()
        for path in sources
    )


def _files_in(folder: Path) -> dict[str, str]:
    """Return path -> sha256 of everything in a checkout but what releases leave for each other."""
    return {
        path: sha256(content).hexdigest()
        for name in sorted(entry.name for entry in folder.iterdir())
        if name not in KEPT
        for path, content, _ in read_files(folder, name, ignored=())
    }


def _replace_code(draft: Path, workspace: Path) -> None:
    for entry in workspace.iterdir():
        if entry.name in KEPT:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    # Moved and not copied: the draft lies beside the workspace, on the same file system.
    for entry in draft.iterdir():
        if entry.name not in KEPT:
            entry.rename(workspace / entry.name)

    # DVC makes folders there that everybody may write to (its index of files, 0777).
    (workspace / ".dvc").mkdir(exist_ok=True)
    (workspace / ".dvc").chmod(0o700)
    for name in ("config", ".gitignore", "plots.html"):
        source = draft / ".dvc" / name
        if source.is_file():
            source.replace(workspace / ".dvc" / name)
    (workspace / "data").mkdir(exist_ok=True)
    for entry in (draft / "data").iterdir() if (draft / "data").is_dir() else ():
        # Sources that are committed; what stages made somewhere else is not taken over.
        if entry.is_file():
            entry.replace(workspace / "data" / entry.name)


def _remove(folder: Path) -> None:
    if folder.exists():
        _make_writable(folder)
        shutil.rmtree(folder)


def _make_writable(folder: Path) -> None:
    """Let the worker's account replace what the mirror wrote out read-only."""
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o755)


def _name_commit(mirror: Path, commit: str, workspace: Path) -> None:
    """Make the workspace a linked working tree of the mirror (gitrepository-layout(5))."""
    linked = mirror / "worktrees" / workspace.name
    linked.mkdir(parents=True, exist_ok=True)
    (linked / "HEAD").write_text(f"{commit}\n", encoding="ascii")
    (linked / "commondir").write_text("../..\n", encoding="ascii")
    (linked / "gitdir").write_text(f"{workspace / '.git'}\n", encoding="utf-8")
    (workspace / ".git").write_text(f"gitdir: {linked}\n", encoding="utf-8")


@contextmanager
def _alone(
    path: Path, on_wait: Callable[[], None], is_wanted: Callable[[], bool]
) -> Iterator[None]:
    """Let one session at a time do what `path` stands for; others wait as long as it is wanted.

    Raises:
        ConnectionResetError: Nobody waits any more.
    """
    with path.open("w") as stream:
        is_told = False
        while not _try_lock(stream):
            if not is_told:
                on_wait()
                is_told = True

            if not is_wanted():
                raise ConnectionResetError
            time.sleep(TRY_SECONDS)
        yield


def _try_lock(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
