"""What an engine takes of the stage itself, and what of its workers; a whole release on a cluster.

    python benchmarks/engines.py sizes 50000 200000
    python benchmarks/engines.py shares 20000
    python benchmarks/engines.py release

`sizes`: CPU seconds of this process, the least of three: unsealing a file here; handing its
partitions out, which is all that is left to a stage whose workers unseal; and taking the answers.
What a worker does is counted here, too, by its own function. The ratio says how many workers one
stage can feed.

`shares`: CPU seconds of `ingest`, `validate` and `fairness`: what workers would do of them, and
what the stage does, imports included.

`release`: the reference case at its own size, all stages until `decide`, in one process and then on
a cluster of two worker processes under TLS, by the same keys. What DVC recorded of each output is
compared; it ends with an error where one differs.
"""

import argparse
import json
import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.release import BY_STAGE
from benchmarks.workspace import Bench
from tasks.keystore.keys import KeyStore, open_keys
from tasks.sealed import read_rows, write_rows
from tasks.sealed.partitions import iter_partitions, open_partition
from tasks.system.installation import Installation
from tests.dask_cluster import dask_cluster

CASE = "loan"
COLUMNS = 30
ROUNDS = 3
SHARES = """
import importlib, json, os, sys, time
from pathlib import Path
from tasks.path import STAGES
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation

class Counting:
    seconds = 0.0
    def map(self, function, shared, partitions):
        for partition in partitions:
            start = time.process_time()
            answer = function(shared, partition)
            self.seconds += time.process_time() - start
            yield answer
    def describe(self):
        return {}

for stage in ("admit", "ingest", "redact", "validate", "train", "fairness"):
    stage_run = StageRun(stage, sys.argv[1], Installation.open(Path(), os.environ))
    counting = Counting()
    start = time.process_time()
    if stage in ("ingest", "validate", "fairness"):
        stage_run.case_values["engine"] = {"kind": "dask", "address": "tls://none:1"}
        stage_run.__dict__["engine"] = counting
    importlib.import_module(f"tasks.stages.{stage}.stage").run(stage_run)
    spent = time.process_time() - start
    if counting.seconds:
        row = {"stage": stage, "engine": counting.seconds, "own": spent - counting.seconds}
        print(json.dumps(row))
"""


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sizes = commands.add_parser("sizes")
    sizes.add_argument("rows", type=int, nargs="+", help="sizes, the smallest first")
    commands.add_parser("shares").add_argument("rows", type=int)
    commands.add_parser("release")
    options = parser.parse_args()
    if options.command == "sizes":
        print_sizes(options.rows)
    elif options.command == "shares":
        print_shares(options.rows)
    else:
        print_release()


def print_shares(rows: int) -> None:
    """Print what of each stage an engine's workers do."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.clone(Path(folder) / "checkout")
        bench.scale(CASE, rows)
        lines = bench.run("-c", SHARES, CASE).stdout.splitlines()

    print(f"| CPU s at {rows:,} rows | on the engine | in the stage | share of the engine |")
    print("|---|---|---|---|")
    for line in lines:
        row = json.loads(line)
        share = row["engine"] / (row["engine"] + row["own"])
        print(f"| {row['stage']} | {row['engine']:.1f} | {row['own']:.1f} | {share:.0%} |")


def print_release() -> None:
    """Print seconds by stage of both ways; end with an error where an output differs."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.clone(Path(folder) / "checkout")
        (Path(folder) / "cluster").mkdir()
        with dask_cluster(Path(folder) / "cluster", workers=2, threads=2) as cluster:
            assert cluster.certificates
            outputs = []
            seconds = []
            for engine in ({"kind": "one_process"}, {"kind": "dask", "address": cluster.address}):
                path = bench.root / "configs" / CASE / "case.yaml"
                values = yaml.safe_load(path.read_text())
                path.write_text(yaml.safe_dump({**values, "engine": engine}, sort_keys=False))
                bench.run("-m", "flows", "sync")
                bench.forget(CASE)
                lines = bench.run("-c", BY_STAGE, CASE, **cluster.certificates.environment)
                rows = map(json.loads, lines.stdout.splitlines())
                seconds.append({row["stage"]: row["seconds"] for row in rows})
                outputs.append(outputs_of(bench.root / "dvc.lock"))

    here, there = outputs
    print("| stage | one process, s | cluster, s | outputs |")
    print("|---|---|---|---|")
    for stage in seconds[0]:
        name = f"{stage}@{CASE}"
        is_same = here.get(name) and here.get(name) == there.get(name)
        print(
            f"| {stage} | {seconds[0][stage]:.1f} | {seconds[1][stage]:.1f} "
            f"| {'the same' if is_same else 'DIFFERENT'} |"
        )
    if here != there or not here:
        raise SystemExit("A release on a cluster wrote other bytes than one process.")


def outputs_of(lock: Path) -> dict[str, dict[str, str]]:
    """Return the digest of every output by stage, as `dvc.lock` has it."""
    stages = yaml.safe_load(lock.read_text())["stages"]
    return {
        name: {out["path"]: out["md5"] for out in stage["outs"]} for name, stage in stages.items()
    }


def print_sizes(sizes: list[int]) -> None:
    """Print what unsealing takes, by number of rows."""
    names = ("unsealed here", "handed out", "opened by workers", "answers taken")
    seconds = {rows: measure(rows) for rows in sizes}
    print("| CPU s | " + " | ".join(f"{rows:,} rows" for rows in sizes) + " | exponent |")
    print("|---|" + "---|" * (len(sizes) + 1))
    for position, name in enumerate(names):
        figures = [seconds[rows][position] for rows in sizes]
        slope = log(figures[-1] / figures[0]) / log(sizes[-1] / sizes[0])
        print(
            f"| {name} | " + " | ".join(f"{figure:.2f}" for figure in figures) + f" | {slope:.2f} |"
        )

    _, handed, opened, taken = seconds[sizes[-1]]
    print(
        f"\nWorkers that one stage keeps busy with unsealing alone: {opened / (handed + taken):.1f}"
    )


def measure(rows: int) -> tuple[float, float, float, float]:
    """Return CPU seconds: unsealed here, handed out, opened by workers, answers taken."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        keys = open_keys(Installation.open(Path(folder), {"PORTCULLIS_HOME": str(home)}))
        path = Path(folder) / "rows.parquet"
        write_rows(people(rows), path, dataset="d", keys=keys)

        whole = least(lambda: read_rows(path, dataset="d", keys=keys))
        handed = least(lambda: [len(part) for part in parcels(path, keys)])
        parts = parcels(path, keys)
        opened = least(lambda: [answer(part) for part in parts])
        answers = [answer(part) for part in parts]
        taken = least(lambda: [len(pickle.loads(part)) for part in answers])
        return whole, handed, opened, taken


def parcels(path: Path, keys: KeyStore) -> list[bytes]:
    """Return a file's partitions as they are sent."""
    return [
        pickle.dumps(part, protocol=5) for part in iter_partitions(path, dataset="d", keys=keys)
    ]


def answer(parcel: bytes) -> bytes:
    """Return what a worker sends back."""
    return pickle.dumps(open_partition(None, pickle.loads(parcel)), protocol=5)


def people(rows: int) -> pd.DataFrame:
    """Return as many people with a row each, of thirty figures and a short text."""
    rng = np.random.default_rng(1)
    figures = {f"figure_{number}": rng.normal(size=rows) for number in range(COLUMNS)}
    return pd.DataFrame(
        {
            "subject": [f"{number:032x}" for number in range(rows)],
            **figures,
            "town": pd.array(rng.choice(["Springfield", "Shelbyville"], rows), dtype="str"),
        }
    )


def least(work: Callable[[], Any]) -> float:
    """Return the least CPU seconds of several rounds."""
    spent = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


if __name__ == "__main__":
    main()
