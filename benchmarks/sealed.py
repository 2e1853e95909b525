"""How fast rows are sealed and unsealed, and what sealing costs a release.

    python benchmarks/sealed.py rows 200000      # rows per CPU second, against bare AES-GCM
    python benchmarks/sealed.py release 100000   # the share of a release's CPU time

Rows are measured with 4 columns, as of personal data, and with 23. Time is CPU seconds, not wall
time: the best of several runs, interleaved with the peer. Prints Markdown for docs/benchmarks.md.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.workspace import Bench
from tasks.path import MEASURING

RUNS = 5
SHARE = """
import json, sys, time
import tasks.sealed.rows as rows
spent = {"seal": 0.0, "unseal": 0.0}
seal, read = rows.SealedWriter._seal, rows.iter_rows

def sealing(self, frame, layout):
    start = time.process_time()
    seal(self, frame, layout)
    spent["seal"] += time.process_time() - start

def reading(*given, **named):
    parts = iter(read(*given, **named))
    while True:
        start = time.process_time()
        part = next(parts, None)
        spent["unseal"] += time.process_time() - start
        if part is None:
            return
        yield part

rows.SealedWriter._seal, rows.iter_rows = sealing, reading
from importlib import import_module
from tasks.clearance import attest_stage as attesting
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
case, stage = sys.argv[1:]
import os
from pathlib import Path
installation = Installation.open(Path(), os.environ)
seen = attesting.observe(attesting.look(stage, case, installation), "0" * 32)
begun = time.process_time()
stage_run = StageRun(stage, case, installation)
import_module(f"tasks.stages.{stage}.stage").run(stage_run)
print(json.dumps({**spent, "all": time.process_time() - begun}))
attesting.attest(seen, {})
"""
STAGES = tuple(stage.name for stage in MEASURING)


def main() -> None:
    """Run one of the two benchmarks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("rows", "release"):
        commands.add_parser(name).add_argument("count", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as folder:
        os.environ["PORTCULLIS_HOME"] = str(Path(folder) / "home")
        (measure_rows if options.command == "rows" else measure_release)(
            options.count, Path(folder)
        )


def measure_rows(count: int, folder: Path) -> None:
    """Print rows per CPU second by width and by how many rows a person has."""
    from tasks.keystore.keys import open_keys
    from tasks.sealed import read_rows, write_rows
    from tasks.system.installation import Installation

    installation = Installation.open(Path(), os.environ)

    print(
        "| columns | rows a person | sealed, rows/s | unsealed, rows/s "
        "| bare AES-256-GCM, rows/s | sealed / bare |"
    )
    print("|---|---|---|---|---|---|")
    for columns in (4, 23):
        for each in (1, 20):
            rows, path = made(count, columns, each), folder / "x.parquet"
            best: dict[str, float] = {}
            for _ in range(RUNS):
                # A new store remembers nothing: keys are looked up and unwrapped each time.
                keys = open_keys(installation)
                timed(best, "seal", lambda: write_rows(rows, path, dataset="x", keys=keys))  # noqa: B023
                keys = open_keys(installation)
                timed(best, "unseal", lambda: read_rows(path, dataset="x", keys=keys))  # noqa: B023
                timed(best, "bare", lambda: bare(count, columns * 8))  # noqa: B023
            speed = {name: count / seconds for name, seconds in best.items()}
            cells = f"{speed['seal']:,.0f} | {speed['unseal']:,.0f} | {speed['bare']:,.0f}"
            print(f"| {columns} | {each} | {cells} | {speed['seal'] / speed['bare']:.2f} |")


def measure_release(count: int, folder: Path) -> None:
    """Print the share of each stage's CPU time that sealing and unsealing take.

    Every stage runs in a process of its own, as in a release.
    """
    bench = Bench.clone(folder / "clone")
    bench.scale("loan", count)
    print("| stage | CPU, s | sealing, s | unsealing, s | share |\n|---|---|---|---|---|")
    total = {"all": 0.0, "seal": 0.0, "unseal": 0.0}
    for stage in STAGES:
        seconds = json.loads(bench.run("-c", SHARE, "loan", stage).stdout.splitlines()[-1])
        total = {name: total[name] + seconds[name] for name in total}
        row(stage, seconds)
    row("all", total)


def row(stage: str, seconds: dict[str, float]) -> None:
    """Print one row."""
    share = (seconds["seal"] + seconds["unseal"]) / seconds["all"]
    print(
        f"| {stage} | {seconds['all']:.1f} | {seconds['seal']:.2f} | {seconds['unseal']:.2f} "
        f"| {share:.1%} |",
        flush=True,
    )


def made(count: int, columns: int, each: int) -> pd.DataFrame:
    """Make rows: the subject, then a third texts and the rest numbers."""
    rng = np.random.default_rng(1)
    texts = columns // 3
    frame: dict[str, Any] = {"subject": [f"{i // each:032x}" for i in range(count)]}
    frame |= {
        f"t{n}": pd.array([f"text {i % 997}" for i in range(count)], dtype="str")
        for n in range(texts)
    }
    frame |= {f"n{n}": rng.normal(size=count) for n in range(columns - texts - 1)}
    return pd.DataFrame(frame)


def bare(count: int, size: int) -> None:
    """Seal as many rows of that size with one key in memory, as fast as Python can."""
    cipher, nonce, row = AESGCM(bytes(32)), bytes(12), bytes(size)
    for _ in range(count):
        cipher.encrypt(nonce, row, b"x")


def timed(best: dict[str, float], name: str, work: Callable[[], object]) -> None:
    """Keep the least CPU time that a piece of work has taken."""
    start = time.process_time()
    work()
    best[name] = min(best.get(name, float("inf")), time.process_time() - start)


if __name__ == "__main__":
    main()
