"""Time the honest path: a release by the service of other accounts against `dvc repro` by one.

    python benchmarks/enforced.py --runs 3

As root, on a quiet machine, from inside .venv. Prints Markdown for docs/benchmarks.md. Both release
the suite's small use case, cold, in turns: the service in a workspace of its own that is emptied in
between, `dvc repro` in a fresh checkout. Processor seconds are those of all processes of a release,
by getrusage of the children that were waited for; of the service, wall time alone can be had.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.attacks.conftest import govern_as_usual
from tests.attacks.enforced import SCIENTIST, Enforced, enforced_mode, why_not
from tests.flows.workspace import CASE, make


def main() -> None:
    """Run both in turns, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if reason := why_not():
        sys.exit(reason)

    local: list[float] = []
    enforced: list[float] = []
    processor: list[float] = []
    with enforced_mode() as service:
        service.enrol("ann", "developer", SCIENTIST, email="t@example.org")
        govern_as_usual(service)
        for _ in range(options.runs):
            seconds, used = release_here()
            local.append(seconds)
            processor.append(used)
            enforced.append(release_there(service))

    here = statistics.median(local)
    print("| way | cold, s | to `dvc repro` |")
    print("|---|---|---|")
    print(f"| `dvc repro register@{CASE}`, one account | {here:.1f} | 1.00 |")
    there = statistics.median(enforced)
    print(f"| the worker's service, four accounts | {there:.1f} | {there / here:.2f} |")
    print(f"\nProcessor seconds of `dvc repro`: {statistics.median(processor):.1f}.")


def release_here() -> tuple[float, float]:
    """Return seconds, and processor seconds, of a release by one account."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = make(Path(folder) / "checkout", Path(folder) / "home")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        workspace.dvc("repro", f"register@{CASE}")
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def release_there(service: Enforced) -> float:
    """Return the seconds of a release by the service, with nothing left of the one before."""
    shutil.rmtree(service.workspace, ignore_errors=True)
    start = time.perf_counter()
    done = service.release()
    seconds = time.perf_counter() - start
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, "release", done.stdout, done.stderr)
    return seconds


if __name__ == "__main__":
    os.environ.setdefault("GIT_CONFIG_GLOBAL", os.devnull)
    main()
