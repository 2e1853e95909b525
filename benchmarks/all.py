"""Run the benchmarks at their small size, one after the other, and print them with the machine.

    python benchmarks/all.py                        # all, in at most 30 minutes
    python benchmarks/all.py sealed shapley         # some
    python benchmarks/all.py --minutes 60           # a busy machine needs longer

Each runs in a process of its own by the command that stands above its table: small sizes, good for
a look and for ratios, not for the figures of docs/benchmarks.md. A benchmark that fails, or finds
no time left, stands there by name with the reason, and the exit code is 1. What is left out on
purpose is named at the end.
"""

import argparse
import contextlib
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SECONDS_TO_CLEAN_UP = 10
MOST_SHOWN_LINES = 3  # of a failure, from the end of what it said


@dataclass(frozen=True)
class SmallBenchmark:
    """A benchmark at its small size: what is run, and how long it may take."""

    name: str
    arguments: tuple[str, ...]
    minutes: float = 5.0

    @property
    def command(self) -> str:
        """The command as a person would type it."""
        return " ".join(("python", f"benchmarks/{self.name}.py", *self.arguments))


SMALL = (
    SmallBenchmark("sealed", ("rows", "20000")),
    SmallBenchmark("erasure", ("--people", "20000", "--versions", "5")),
    SmallBenchmark("ledger", ("log",)),
    SmallBenchmark("ledger", ("explanations", "--count", "50000")),
    SmallBenchmark("shapley", ("--rows", "2000", "--background", "500", "--rounds", "1")),
    SmallBenchmark("redaction", ("--rows", "200", "--rounds", "1")),
    SmallBenchmark("release", ("sizes", "500", "1000"), minutes=8.0),
    SmallBenchmark("registry", ("--small",)),
)
LEFT_OUT = {
    "release ways": "half an hour by itself: every way cold and again",
    "enforced": "as root, with three accounts of its own",
    "languages": "needs other projects' pipelines (`--peers`)",
    "attacks, bypasses, canaries, mutation": "count what is stopped, not time",
}


@dataclass(frozen=True)
class BenchmarkResult:
    """What a benchmark printed, or why there is nothing."""

    benchmark: SmallBenchmark
    table: str
    problem: str
    seconds: float


def main() -> int:
    """Run, print Markdown; 1 where one of them gave no figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = sorted({benchmark.name for benchmark in SMALL})
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(names)}")
    parser.add_argument("--minutes", type=float, default=30.0, help="for all of them")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(names)):
        parser.error(f"no such benchmark: {', '.join(unknown)}")

    print(f"# Benchmarks, small size\n\n{describe_machine()}\n", flush=True)
    end = time.monotonic() + options.minutes * 60
    problems = 0
    for benchmark in SMALL:
        if options.names and benchmark.name not in options.names:
            continue
        result = run(benchmark, end - time.monotonic())
        problems += bool(result.problem)
        print(describe_result(result), flush=True)

    print("Left out on purpose:\n")
    for name, reason in LEFT_OUT.items():
        print(f"- `{name}`: {reason}")
    return 1 if problems else 0


def run(benchmark: SmallBenchmark, seconds_left: float) -> BenchmarkResult:
    """Run one, for no longer than it may take and than is left."""
    limit = min(benchmark.minutes * 60, seconds_left)
    if limit <= 0:
        return BenchmarkResult(benchmark, "", "not run: no time was left (`--minutes`)", 0.0)

    start = time.monotonic()
    command = [sys.executable, str(FOLDER / f"{benchmark.name}.py"), *benchmark.arguments]
    # A session of its own: where the time is up, the servers that it started end with it.
    process = subprocess.Popen(
        command,
        cwd=FOLDER.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        _end(process)
        problem = f"ended after {limit:.0f} s, its limit"
        return BenchmarkResult(benchmark, "", problem, time.monotonic() - start)

    problem = ""
    if process.returncode or not output.strip():
        last = " / ".join(errors.strip().splitlines()[-MOST_SHOWN_LINES:])
        problem = f"failed with exit code {process.returncode}: {last or 'it said nothing'}"
    return BenchmarkResult(benchmark, output.strip(), problem, time.monotonic() - start)


def _end(process: "subprocess.Popen[str]") -> None:
    """End a benchmark with all that it started; first it may clean up."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=SECONDS_TO_CLEAN_UP)


def describe_result(result: BenchmarkResult) -> str:
    """Return a section of Markdown; what failed is said first, whatever it had printed by then."""
    parts = [f"## `{result.benchmark.command}`", f"{result.seconds:.0f} s by the clock."]
    if result.problem:
        parts.append(f"**No figures:** {result.problem}")
    if result.table:
        parts.append(result.table)
    return "\n\n".join(parts) + "\n"


def describe_machine() -> str:
    """Return what ran the benchmarks and how busy it was, in one line."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return (
        f"{day}, {_processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}; "
        f"load at the start {load:.1f}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
