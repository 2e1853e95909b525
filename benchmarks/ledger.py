"""Measure the ledger, and what all evidence costs a release.

    python benchmarks/ledger.py log                    # appends, bulk, proofs, verifications, bytes a leaf
    python benchmarks/ledger.py explanations           # one tree over a million explanations
    python benchmarks/ledger.py release --rows 100000  # CPU seconds of a release with and without the worker's signing

Rates are given by CPU seconds and by the clock; the machine's own durable write and signature are measured
in the same run, so that ratios can be compared between machines. Prints Markdown for docs/benchmarks.md.
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.workspace import Bench
from tasks.evidence.explanations import commitment, explanation, head_of, prove, salt_of
from tasks.evidence.keys import LocalSigner
from tasks.evidence.ledger import Ledger, Pin
from tasks.evidence.merkle import verify_consistency, verify_inclusion
from tasks.evidence.store import SqliteStore
from tasks.evidence.tree import Record

LEAVES = 1_000_000
WITHOUT = """
import sys
from tasks import running
sys.exit(running.main(sys.argv[1:]))
"""


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("log")
    commands.add_parser("explanations").add_argument("--count", type=int, default=1_000_000)
    release = commands.add_parser("release")
    release.add_argument("--rows", type=int, default=1989)
    release.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as folder:
        if options.command == "log":
            measure_log(Path(folder))
        elif options.command == "explanations":
            measure_explanations(options.count)
        else:
            measure_release(Bench.clone(Path(folder) / "clone"), options.rows, options.runs)


def measure_log(folder: Path) -> None:
    """Print rates of the ledger over a million leaves."""
    signer = LocalSigner.make(folder / "log.pem")
    ledger = Ledger(SqliteStore(folder / "ledger.db"), Pin(folder / "ledger.pin"))
    print("| what | a CPU second | a second | asked for |\n|---|---|---|---|")
    descriptor = os.open(folder / "raw", os.O_RDWR | os.O_CREAT)
    _told(
        "peer: write 4 KiB and fsync",
        300,
        lambda n: (os.pwrite(descriptor, b"x" * 4096, n * 4096), os.fsync(descriptor)),
    )
    _told("peer: sign and verify, Ed25519", 2000, lambda n: signer.public.verifies(signer.sign(b"%d" % n), b"%d" % n))
    body = os.urandom(3000)

    def append(number: int) -> None:
        whole = b"%d" % number + body
        ledger.append([(Record.of(whole, whole), whole)], signer, "portcullis/bench")

    _told("durable append with signature and self-check, 3 kB envelope", 1000, append, "250")
    size = (folder / "ledger.db").stat().st_size
    records = [(Record(os.urandom(32), os.urandom(32)), b"") for _ in range(LEAVES)]
    start, clock = time.process_time(), time.perf_counter()
    ledger.append(records, signer, "portcullis/bench")
    _line("bulk append, leaves", LEAVES, start, clock, "130,000")
    ledger.store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined] # the SQLite store's own
    grown = ((folder / "ledger.db").stat().st_size - size) / LEAVES
    _told("durable append at a million leaves", 500, append, "250")
    head = ledger.head()
    assert head is not None
    proofs = {}

    def include(number: int) -> None:
        index = random.randrange(head.size)
        proofs[number] = (index, ledger.inclusion(index, head.size))

    _told("inclusion proof at a million leaves", 2000, include, "500")
    leaves = {number: ledger.tiles.record(index).leaf() for number, (index, _) in proofs.items()}

    def verify(number: int) -> None:
        index, path = proofs[number % 2000]
        if not verify_inclusion(leaves[number % 2000], index, head.size, path, head.root):
            raise SystemExit("a proof does not verify")

    _told("verification of an inclusion proof", 50_000, verify, "25,000")

    def consist(_: int) -> None:
        old = random.randrange(1, head.size)
        if not verify_consistency(old, head.size, ledger.root(old), head.root, ledger.consistency(old, head.size)):
            raise SystemExit("a consistency proof does not verify")

    _told("consistency proof and its verification", 500, consist, "500")
    start, clock = time.process_time(), time.perf_counter()
    ledger.audit()
    _line("whole log derived again, leaves", head.size, start, clock, "")
    print(f"\n{grown:.1f} bytes a leaf in the database (asked for: 80).")


def measure_explanations(count: int) -> None:
    """Print rates of the explanations' tree."""
    print("| what | a CPU second | a second | asked for |\n|---|---|---|---|")
    start, clock = time.process_time(), time.perf_counter()
    leaves = []
    for row in range(count):
        said = explanation(row, [("L07", -1.7), ("L08", -0.3), ("L11", -0.1), ("L12", -0.1)], "a" * 64, "1")
        leaves.append(commitment(salt_of(b"k" * 32, "run", row), said))
    _line("commitments, with their explanations as JSON", count, start, clock, "")
    start, clock = time.process_time(), time.perf_counter()
    head_of(leaves)
    _line("leaves into the tree's head", count, start, clock, "")
    start, clock = time.process_time(), time.perf_counter()
    prove(leaves, leaves[count // 2])
    print(f"\nOne proof out of {count:,}, tree built anew: {time.process_time() - start:.2f} CPU seconds.")


def measure_release(bench: Bench, rows: int, runs: int) -> None:
    """Print CPU and wall seconds of the whole path as it is, and of the same stages without the worker around them."""
    bench.scale("loan", rows)
    found: dict[str, list[tuple[float, float]]] = {"signed for": [], "not signed for": []}
    stages = ("admit", "ingest", "redact", "validate", "train", "explain", "fairness", "decide")
    for _ in range(runs):
        for name, figures in found.items():
            bench.forget("loan")
            (bench.root / ".portcullis" / "ledger.db").unlink(missing_ok=True)
            for extra in ("ledger.pin", "ledger.db-wal", "ledger.db-shm"):
                (bench.root / ".portcullis" / extra).unlink(missing_ok=True)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            clock = time.perf_counter()
            for stage in stages:
                without = ("-c", WITHOUT) if name == "not signed for" and stage != "train" else ("-m", "tasks")
                bench.run(*(_bypassed(stage) if name == "not signed for" else without), stage, "loan")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
            figures.append((cpu, time.perf_counter() - clock))
            print(f"{name}: {cpu:.1f} CPU s, {figures[-1][1]:.1f} s", file=sys.stderr)
    print(f"| {rows:,} rows, without registration | CPU s | s |\n|---|---|---|")
    for name, figures in found.items():
        print(f"| {name} | {min(cpu for cpu, _ in figures):.1f} | {min(clock for _, clock in figures):.1f} |")
    with_, without_ = (min(cpu for cpu, _ in figures) for figures in found.values())
    print(f"\nEvidence costs {100 * (with_ / without_ - 1):.1f} % of the CPU time.")


def _bypassed(stage: str) -> tuple[str, ...]:
    """Run a stage's own code alone; `train` looks into the ledger, which is left out here, as no evidence is made."""
    if stage != "train":
        return ("-c", WITHOUT)
    return ("-c", "import tasks.train.stage as s\ns._refuse_behind_a_shut_gate = lambda work: None\n" + WITHOUT)


def _told(what: str, count: int, work: Callable[[int], object], asked: str = "") -> None:
    start, clock = time.process_time(), time.perf_counter()
    for number in range(count):
        work(number)
    _line(what, count, start, clock, asked)


def _line(what: str, count: int, start: float, clock: float, asked: str) -> None:
    cpu, wall = time.process_time() - start, time.perf_counter() - clock
    print(f"| {what} | {count / cpu:,.0f} | {count / wall:,.0f} | {asked} |", flush=True)


if __name__ == "__main__":
    main()
