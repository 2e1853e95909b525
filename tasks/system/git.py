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
