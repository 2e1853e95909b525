"""`./portcullis test`: lint, types and tests; what CI runs, and nothing else."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.declaring import declare, new_app
from tasks.errors import ConfigError

# Two workers, a file on one of them, the longest files first; then the slowest tests by name.
PYTEST = ("pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "--durations", "15")
CHECKS = (
    ("lint", ("ruff", "check", ".")),
    ("format", ("ruff", "format", "--check", ".")),
    ("types", ("mypy",)),
    ("dependencies", ("deptry", ".")),
    ("dead code", ("vulture",)),
)
WHOLE = (
    ("coverage", ("coverage", "erase")),
    ("tests", ("coverage", "run", "-m", *PYTEST)),
    ("coverage", ("coverage", "combine", "--quiet")),
    ("coverage", ("coverage", "report")),  # fails below the floor that pyproject.toml names
)
# Without what it leaves out, the floor says nothing.
FAST = (("tests", (*PYTEST, "-m", "not integration")),)


EXAMPLES = """\
Before a commit, and before a push:
  ./portcullis test --fast
  ./portcullis test

Exit codes: 0 everything passed; 1 something failed.
"""
app = new_app()


@declare(app, examples=EXAMPLES, reports_progress=True)
def main(
    *,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Leave out what starts servers or the whole path."),
    ] = False,
) -> int:
    """Run every step, even after one failed; 0 when all passed."""
    if not Path("tests").is_dir():
        raise ConfigError(
            "tests",
            expected="a checkout of Portcullis, whose own tests this command runs",
            found="a repository of use cases",
            remedy="Check yours by `./portcullis sync`.",
        )
    failed = []
    for name, command in (*CHECKS, *(FAST if fast else WHOLE)):
        done = subprocess.run([sys.executable, "-m", *command], check=False)
        if done.returncode and name not in failed:
            failed.append(name)
    print("failed: " + ", ".join(failed) if failed else "all passed", flush=True)
    return 1 if failed else 0
