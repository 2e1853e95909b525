"""Time the main job: the flow against `dvc repro` and bare functions; then by number of rows.

    python benchmarks/release.py ways --runs 3       # each way, cold and with nothing changed
    python benchmarks/release.py sizes 10000 100000  # seconds, peak memory and exponent by stage

Run it on a quiet machine, from inside .venv. Prints Markdown for docs/benchmarks.md. Ways are
interleaved, so that a noisy neighbour hits all of them. Processor time is of all processes of a
way, Prefect's server included, and the least of its runs; seconds by the clock are medians.
"""

import argparse
import contextlib
import json
import math
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.workspace import Bench

CASE = "loan"  # by number of rows: its sources are composed, so there can be more of them
REGISTERED_CASE = "claims"  # each way to its end: only a registered case has one
BARE = """
import importlib, os, sys
from pathlib import Path
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tasks.path import STAGES
for stage in tuple(STAGES)[:-1]:
    stage_run = StageRun(stage, sys.argv[1], Installation.open(Path(), os.environ))
    importlib.import_module(f"tasks.stages.{stage}.stage").run(stage_run)
"""
BY_STAGE = """
import json, sys
from tasks.path import MEASURING
from tasks.pipeline.runner import reproduce
for stage in (stage.name for stage in MEASURING):
    done = reproduce(stage, sys.argv[1], on_line=lambda line: None)
    row = {"stage": stage, "seconds": done.seconds, "peak_mib": done.peak_mib}
    print(json.dumps(row), flush=True)
"""


@dataclass
class Cost:
    """What the runs of one way took."""

    cpu_seconds: list[float] = field(default_factory=list)
    clock_seconds: list[float] = field(default_factory=list)

    def cells(self, peer: "Cost") -> str:
        """Return it beside a peer, as cells of a table."""
        cpu, clock = min(self.cpu_seconds), statistics.median(self.clock_seconds)
        to_cpu = cpu / min(peer.cpu_seconds)
        to_clock = clock / statistics.median(peer.clock_seconds)
        return f"{cpu:.1f} | {to_cpu:.2f} | {clock:.1f} | {to_clock:.2f}"


def main() -> None:
    """Run one of the two benchmarks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ways").add_argument("--runs", type=int, default=3)
    sizes = commands.add_parser("sizes")
    sizes.add_argument("rows", type=int, nargs="+")
    sizes.add_argument("--workers", type=int, default=1, help="processes that redact")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as folder:
        bench = Bench.clone(Path(folder) / "clone")
        if options.command == "ways":
            compare_ways(bench, options.runs)
        else:
            measure_sizes(bench, options.rows, options.workers)


def compare_ways(bench: Bench, runs: int) -> None:
    """Print what each way takes, cold and with nothing changed, and its ratios to `dvc repro`."""
    with _server(bench) as (address, server):
        environment = {"PREFECT_API_URL": f"{address}/api"}
        release = ("-m", "flows", "release", REGISTERED_CASE)
        ways: dict[str, Callable[[], object]] = {
            "`dvc repro register@claims`": lambda: bench.run(
                "-m", "dvc", "repro", f"register@{REGISTERED_CASE}"
            ),
            "the flow, Prefect server running": lambda: bench.run(*release, **environment),
            "`./portcullis release`, temporary API": lambda: bench.run(*release),
        }
        # The first run digests every installed file, whichever way it is.
        bench.run("-m", "dvc", "repro", f"admit@{REGISTERED_CASE}")
        cold = {name: Cost() for name in ways}
        again = {name: Cost() for name in ways}
        bare = Cost()
        for _ in range(runs):
            for name, way in ways.items():
                bench.forget(REGISTERED_CASE)
                _measure(way, server, cold[name])
                _measure(way, server, again[name])
            bench.forget(REGISTERED_CASE)
            _measure(lambda: bench.run("-c", BARE, REGISTERED_CASE), server, bare)

    peer, *_ = ways
    heads = "CPU s | to `dvc repro` | s | to `dvc repro`"
    print(f"| way | cold: {heads} | nothing changed: {heads} |\n|---|{'---|' * 8}")
    for name in ways:
        print(f"| {name} | {cold[name].cells(cold[peer])} | {again[name].cells(again[peer])} |")
    text = "the same functions in one process, without registration"
    print(f"| {text} | {bare.cells(cold[peer])} | | | | |")


def measure_sizes(bench: Bench, sizes: list[int], workers: int) -> None:
    """Print seconds and peak memory by stage and size, and the exponent of growth between sizes."""
    found: dict[str, list[tuple[float, float]]] = {}
    for rows in sizes:
        bench.forget(CASE)
        bench.scale(CASE, rows, workers)
        for line in bench.run("-c", BY_STAGE, CASE).stdout.splitlines():
            values = json.loads(line)
            found.setdefault(values["stage"], []).append((values["seconds"], values["peak_mib"]))
            print(rows, line, file=sys.stderr)
    heads = " | ".join(f"{rows:,} rows, s | MiB" for rows in sizes)
    print(f"| stage | {heads} | exponent |\n|---|{'---|---|' * len(sizes)}---|")
    for stage, figures in found.items():
        cells = " | ".join(f"{seconds:.1f} | {peak:,.0f}" for seconds, peak in figures)
        print(f"| {stage} | {cells} | {_exponent(sizes, [seconds for seconds, _ in figures])} |")
    totals = [sum(figures[index][0] for figures in found.values()) for index in range(len(sizes))]
    peaks = [max(figures[index][1] for figures in found.values()) for index in range(len(sizes))]
    cells = " | ".join(
        f"{total:.1f} | {peak:,.0f}" for total, peak in zip(totals, peaks, strict=True)
    )
    print(f"| all | {cells} | {_exponent(sizes, totals)} |")


def _exponent(sizes: list[int], seconds: list[float]) -> str:
    if len(sizes) < 2:
        return "not measured"
    return f"{math.log(seconds[-1] / seconds[-2]) / math.log(sizes[-1] / sizes[-2]):.2f}"


def _measure(way: Callable[[], object], server: int, cost: Cost) -> None:
    """Run a way, and note what it took."""
    clock, cpu = time.perf_counter(), _cpu_seconds(server)
    way()
    cost.clock_seconds.append(time.perf_counter() - clock)
    cost.cpu_seconds.append(_cpu_seconds(server) - cpu)


def _cpu_seconds(server: int) -> float:
    """Return what all ended children have taken, and a running server with its own (proc(5))."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    stat = Path(f"/proc/{server}/stat").read_text(encoding="ascii")
    ticks = sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return ended.ru_utime + ended.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _server(bench: Bench) -> Iterator[tuple[str, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ],
        env={
            **os.environ,
            **bench.environment,
            "PREFECT_HOME": str(bench.root / ".portcullis" / "server"),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(400):
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{address}/api/health", timeout=2),
            ):
                break
            time.sleep(0.3)
        else:
            raise SystemExit("the Prefect server did not start")
        yield address, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


if __name__ == "__main__":
    main()
