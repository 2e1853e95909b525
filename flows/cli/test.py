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
# What erases is promised to be tried by nearly every branch.
ERASURE = "tasks/erasure/*"
ERASURE_FLOOR = "98"
CHECKS = (
    ("lint", ("ruff", "check", ".")),
    ("format", ("ruff", "format", "--check", ".")),
    ("types", ("mypy",)),
    ("dependencies", ("deptry", ".")),
    ("dead code", ("vulture",)),
)
WHOLE = (("tests", PYTEST),)
# Every line takes longer when it is counted: the tests a fifth to two thirds, so this is asked for.
MEASURED = (
    ("coverage", ("coverage", "erase")),
    ("tests", ("coverage", "run", "-m", *PYTEST)),
    ("coverage", ("coverage", "combine", "--quiet")),
    ("coverage", ("coverage", "report")),  # fails below the floor that pyproject.toml names
    ("coverage", ("coverage", "report", "--include", ERASURE, "--fail-under", ERASURE_FLOOR)),
)
FAST = (("tests", (*PYTEST, "-m", "not integration")),)


EXAMPLES = """\
Before a commit, and before a push:
  ./portcullis test --fast
  ./portcullis test

Which lines and branches no test reaches:
  ./portcullis test --coverage

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
    coverage: Annotated[
        bool,
        typer.Option("--coverage", help="Measure lines and branches, and ask for the floors."),
    ] = False,
) -> int:
    """Run every step, even after one failed; 0 when all passed.

    Raises:
        ConfigError: This is no checkout of Portcullis, or --fast and --coverage are both given.
    """
    if fast and coverage:
        raise ConfigError(
            "test",
            expected="--fast or --coverage",
            found="both",
            remedy="Leave one out: without what --fast leaves out, the floors say nothing.",
        )
    if not Path("tests").is_dir():
        raise ConfigError(
            "tests",
            expected="a checkout of Portcullis, whose own tests this command runs",
            found="a repository of use cases",
            remedy="Check yours by `./portcullis sync`.",
        )
    steps = FAST if fast else MEASURED if coverage else WHOLE
    failed = []
    for name, command in (*CHECKS, *steps):
        done = subprocess.run([sys.executable, "-m", *command], check=False)
        if done.returncode and name not in failed:
            failed.append(name)
    print("failed: " + ", ".join(failed) if failed else "all passed", flush=True)
    return 1 if failed else 0
