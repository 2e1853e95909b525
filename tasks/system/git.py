"""Ask git about the checkout, and about nothing else.

The answer depends neither on who owns the checkout nor on what the caller's shell has set.
"""

import os
import subprocess
from pathlib import Path


def git_command(workspace: Path, *arguments: str) -> list[str]:
    """Return the command line that asks git about `workspace`.

    Git refuses a checkout of another owner ("dubious ownership"), so that looking at a stranger's
    folder runs none of the programs that its configuration names. Whoever runs a release there
    runs that folder's code already, and evidence without a commit would be the worse for it. The
    one such program that `status` would start, a file-system monitor, stays off.
    """
    return [
        "git",
        "-c",
        f"safe.directory={workspace.resolve()}",
        "-c",
        "core.fsmonitor=false",
        *arguments,
    ]


def git_environment() -> dict[str, str]:
    """Return the environment without git's own variables.

    `GIT_DIR`, which git sets for every hook, may name another repository. Without optional locks
    `git status` writes nothing into a repository that others may be using.
    """
    # All of them, not a list of known ones: git has dozens, and each version may bring another that
    # moves the repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return environment | {"GIT_OPTIONAL_LOCKS": "0"}


def ask_git(workspace: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes] | None":
    """Run git in `workspace`, and return how it ended; None where this machine has no git.

    Output stays bytes: a path in it need not be UTF-8. No exit code is an error here.
    """
    try:
        return subprocess.run(
            git_command(workspace, *arguments),
            cwd=workspace,
            env=git_environment(),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return None


def plumbing_command(*arguments: str) -> list[str]:
    """Return the command line of a git that believes no workspace: with `plumbing_environment`.

    What a repository's own configuration could make git run or fetch is switched off, though the
    plumbing that is started asks for little of it: what is not asked for today may be in the next
    version.
    """
    return [
        "git",
        "--no-pager",
        "--no-replace-objects",
        *_options(
            "core.fsmonitor=false",
            f"core.hooksPath={os.devnull}",
            f"core.attributesFile={os.devnull}",
        ),
        *arguments,
    ]


def plumbing_environment(git_folder: Path, protocols: str = "none") -> dict[str, str]:
    """Return an environment in which git asks the repository in `git_folder` and nobody else.

    An allow-list: of the caller's variables it has PATH alone. No variable of git's own, no
    configuration of the user or the system, no replaced object, and no network for objects that a
    partial clone lacks.

    Args:
        git_folder: The repository itself, where `HEAD` lies.
        protocols: By which git may fetch, with `:` between them.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        # Where git and the programs that it starts look for a user's settings.
        "HOME": os.devnull,
        "GIT_DIR": str(git_folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        # The plumbing is asked about a repository that may be anybody's: what the folder's owner
        # could make git run is switched off above.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",  # from git 2.45 on; before, no protocol is allowed to be used
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _options(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("-c", setting)]
