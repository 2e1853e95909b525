"""`./portcullis test`: lint, types and tests; what CI runs, and nothing else."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.declaring import declare, installation_of, new_app
from tasks.errors import ConfigError
from tasks.system.installation import Installation

# As many workers as tests/conftest.py says, a file on one of them, the longest files first; then
# the slowest tests by name.
PYTEST = (
    "pytest",
    *("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"),
    *("--durations", "15"),
)
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

For the threats of a dossier, with a signed result:
  ./portcullis test --record

Which lines and branches no test reaches:
  ./portcullis test --coverage

Exit codes: 0 everything passed; 1 something failed.
"""
app = new_app()


@declare(app, examples=EXAMPLES, reports_progress=True)
def main(
    context: typer.Context,
    *,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Leave out what starts servers or the whole path."),
    ] = False,
    coverage: Annotated[
        bool,
        typer.Option("--coverage", help="Measure lines and branches, and ask for the floors."),
    ] = False,
    record: Annotated[
        bool,
        typer.Option("--record", help="Sign which tests ran and how each ended, in the ledger."),
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
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "tests.xml"
        # `xunit1`, for it names the file of each test; pytest's own default has left that out since
        # version 6.
        options = ("-o", "junit_family=xunit1", f"--junitxml={report}") if record else ()
        failed = run_steps((*CHECKS, *steps), options)
        # Also where something failed: a threat whose test failed has to show that (ADR 116).
        if record:
            print(record_run(report, installation_of(context)))

    print("failed: " + ", ".join(failed) if failed else "all passed", flush=True)
    return 1 if failed else 0


def run_steps(steps: Sequence[tuple[str, tuple[str, ...]]], options: tuple[str, ...]) -> list[str]:
    """Run every step, the tests with `options`; return those that failed, each once."""
    failed: list[str] = []
    for name, command in steps:
        more = options if name == "tests" else ()
        # By this environment's programs, whatever lies on PATH; and on after a failure, so that one
        # run names all.
        done = subprocess.run([sys.executable, "-m", *command, *more], check=False)
        if done.returncode and name not in failed:
            failed.append(name)
    return failed


def record_run(report: Path, installation: Installation) -> str:
    """Sign how the tests ended, on the code that lies here; return a line that says where.

    Raises:
        DataError: pytest left no report, or no test ran.
    """
    # A run that records nothing needs no notary, whose libraries take their time.
    from tasks.code_identity.environment import identity
    from tasks.code_identity.tree import read_tree
    from tasks.notary.notary import open_notary
    from tasks.notary.suite_runs import read_results, suite_sha256_of, suite_statement

    results = read_results(report)
    code = identity(installation, read_tree(installation.workspace))
    tests_sha256 = suite_sha256_of(installation.workspace / "tests")
    with open_notary(installation) as notary:
        recorded = notary.record(suite_statement(results, code, tests_sha256))
    return f"{len(results):,} tests recorded as entry {recorded.index} of {recorded.origin}"
