"""Run the benchmarks at their small size, one after the other, and print them with the machine.

    python benchmarks/all.py                        # all, in at most 30 minutes
    python benchmarks/all.py sealed shapley         # some
    python benchmarks/all.py --minutes 60           # a busy machine needs longer

Each runs in a process of its own by the command that stands above its table: small sizes, good for
a look and for ratios, not for the figures of docs/benchmarks.md. A benchmark that fails, or finds
no time left, stands there by name with the reason, the others run all the same, and the exit code
is 1. A peer that is not installed is "not measured". What is left out on purpose is named at the
end. The limits are for a machine that others use, too: together they may be longer than all that is
given, `cpu_seconds` is what each took here, and a quiet machine needs about as long as their sum.
"""

import argparse
import contextlib
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
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
    cpu_seconds: float  # of all its processes, as measured on 28 November 2026
    minutes: float = 5.0

    @property
    def command(self) -> str:
        """The command as a person would type it."""
        return " ".join(("python", f"benchmarks/{self.name}.py", *self.arguments))


SMALL = (
    SmallBenchmark("sealed", ("rows", "20000"), cpu_seconds=8),
    SmallBenchmark("erasure", ("--people", "20000", "--versions", "5"), cpu_seconds=15),
    SmallBenchmark("engines", ("sizes", "20000", "80000"), cpu_seconds=13),
    SmallBenchmark("ledger", ("log",), cpu_seconds=11),
    SmallBenchmark("ledger", ("explanations", "--count", "50000"), cpu_seconds=1),
    SmallBenchmark(
        "shapley", ("--rows", "2000", "--background", "500", "--rounds", "1"), cpu_seconds=4
    ),
    SmallBenchmark("redaction", ("--rows", "200", "--rounds", "1"), cpu_seconds=40),
    # Of fewer rows the gates before training say that they are too few, and there is no model.
    SmallBenchmark("release", ("sizes", "2000", "4000"), cpu_seconds=205, minutes=20.0),
    SmallBenchmark("registry", ("--small",), cpu_seconds=101, minutes=8.0),
)
LEFT_OUT = {
    "release ways": "half an hour by itself: every way cold and again",
    "enforced": "as root, with three accounts of its own",
    "languages": "needs other projects' pipelines (`--peers`)",
    "attacks, bypasses, canaries, characteristics, mutation": "count what is stopped, not time",
}


@dataclass(frozen=True)
class BenchmarkResult:
    """What a benchmark printed, or why there is nothing."""

    benchmark: SmallBenchmark
    table: str
    problem: str
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of its processes that have ended


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

    # A shell that starts this beside something else lets it ignore the signal by which a benchmark
    # is ended, and the benchmarks inherit that: their servers would go on for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(f"# Benchmarks, small size\n\n{describe_machine()}\n", flush=True)
    end = time.monotonic() + options.minutes * 60
    results: list[BenchmarkResult] = []
    for benchmark in SMALL:
        if options.names and benchmark.name not in options.names:
            continue
        results.append(run(benchmark, end - time.monotonic()))
        print(describe_result(results[-1]), flush=True)

    print(describe_end(results))
    return 1 if any(result.problem for result in results) else 0


def run(benchmark: SmallBenchmark, seconds_left: float) -> BenchmarkResult:
    """Run one, for no longer than it may take and than is left."""
    limit = min(benchmark.minutes * 60, seconds_left)
    if limit <= 0:
        return BenchmarkResult(benchmark, "", "not run: no time was left (`--minutes`)")

    start = time.monotonic()
    start_cpu = _cpu_seconds()
    command = [sys.executable, str(FOLDER / f"{benchmark.name}.py"), *benchmark.arguments]
    # A session of its own: where the time is up, the servers that it started end with it.
    process = subprocess.Popen(
        command,
        cwd=FOLDER.parent,
        # The code beside the benchmarks is measured, and no copy of it that is installed.
        env={**os.environ, "PYTHONPATH": str(FOLDER.parent)},
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
        seconds = time.monotonic() - start
        return BenchmarkResult(benchmark, "", problem, seconds, _cpu_seconds() - start_cpu)

    problem = ""
    if process.returncode or not output.strip():
        last = " / ".join(errors.strip().splitlines()[-MOST_SHOWN_LINES:])
        problem = f"failed with exit code {process.returncode}: {last or 'it said nothing'}"
    seconds = time.monotonic() - start
    return BenchmarkResult(benchmark, output.strip(), problem, seconds, _cpu_seconds() - start_cpu)


def _end(process: "subprocess.Popen[str]") -> None:
    """End a benchmark with all that it started; first it may clean up."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=SECONDS_TO_CLEAN_UP)


def describe_result(result: BenchmarkResult) -> str:
    """Return a section of Markdown; what failed is said first, whatever it had printed by then."""
    cost = f"{result.seconds:.0f} s by the clock, {result.cpu_seconds:.0f} s of CPU."
    parts = [f"## `{result.benchmark.command}`", cost]
    if result.problem:
        parts.append(f"**No figures:** {result.problem}")
    if result.table:
        parts.append(result.table)
    return "\n\n".join(parts) + "\n"


def describe_end(results: Sequence[BenchmarkResult]) -> str:
    """Return what all took together, which gave no figures, and what was left out on purpose."""
    seconds = sum(result.seconds for result in results)
    cpu_seconds = sum(result.cpu_seconds for result in results)
    failed = [f"`{result.benchmark.command}`" for result in results if result.problem]
    lines = [
        f"All together: {seconds / 60:.1f} min by the clock, {cpu_seconds / 60:.1f} min of CPU; "
        f"without figures: {', '.join(failed) or 'none'}.",
        "",
        "Left out on purpose:",
        "",
        *(f"- `{name}`: {reason}" for name, reason in LEFT_OUT.items()),
    ]
    return "\n".join(lines)


def _cpu_seconds() -> float:
    """Return what all processes have taken that were waited for."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


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
