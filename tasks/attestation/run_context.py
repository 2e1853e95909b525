"""The circumstances of a run, as the worker finds them.

Commit, changes since, who started it, which tools.
"""

import hashlib
import os
import pwd
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tasks.path import STAGES
from tasks.settings import Settings
from tasks.system.git import ask_git

CODE = ("tasks", "flows", "configs", "dvc.yaml", "requirements.lock", "portcullis")


@dataclass(frozen=True)
class Commit:
    """Where the code stands.

    `dirty` lists files of code and configuration that differ from it, untracked ones too.
    """

    sha: str = ""  # empty outside git
    author_sha256: str = ""
    dirty: tuple[str, ...] = ()


def find_commit(workspace: Path) -> Commit:
    """Ask git. Outputs and `dvc.lock` are no code: a run always changes them."""
    head = _git(workspace, "log", "-1", "--format=%H %ae")
    if not head:
        return Commit()
    sha, _, author = head.partition(" ")
    paths = [path for path in CODE if (workspace / path).exists()]
    status = (
        _git(workspace, "status", "--porcelain", "--untracked-files=normal", "--", *paths) or ""
    )
    return Commit(
        sha,
        person_sha256(author),
        tuple(sorted(line[2:].strip() for line in status.splitlines() if line.strip())),
    )


def person_sha256(email: str) -> str:
    """Return how a person's address is written into evidence.

    Hashed, so that it can be compared and not read off.
    """
    return (
        hashlib.sha256(b"portcullis/person/v1\n" + email.strip().lower().encode()).hexdigest()
        if email.strip()
        else ""
    )


def started_by(settings: Settings) -> str:
    """Return who runs this: `$PORTCULLIS_ACTOR`, else the login name.

    The variable holds a staff id, set by what authenticated them.
    """
    if actor := settings.actor.strip():
        return actor
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def tools_of(stage: str) -> dict[str, str]:
    """Return the versions, as installed, of what a stage's result hangs on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in STAGES[stage].tools:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def timestamp() -> str:
    """Return the time in RFC 3339, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _git(workspace: Path, *arguments: str) -> str | None:
    """Return what git says, or None where there is no git or no repository."""
    done = ask_git(workspace, *arguments)
    if done is None or done.returncode:
        return None
    return done.stdout.decode("utf-8", errors="replace").rstrip("\n")
