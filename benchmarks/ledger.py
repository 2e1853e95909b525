"""Measure the ledger, and what all evidence costs a release.

    python benchmarks/ledger.py log                  # appends, bulk, proofs, verifications, bytes
    python benchmarks/ledger.py explanations           # one tree over a million explanations
    python benchmarks/ledger.py release --rows 100000  # CPU seconds of the stages and of the worker

Rates are by CPU seconds and by the clock; the machine's own durable write and signature are
measured in the same run, so that ratios can be compared between machines. Prints Markdown for
docs/benchmarks.md.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.workspace import Bench
from tasks.attestation.signing_keys import LocalSigner
from tasks.ledger.ledger import Ledger
from tasks.ledger.merkle import verify_consistency, verify_inclusion
from tasks.ledger.pin import Pin
from tasks.ledger.sqlite_store import SqliteStore
from tasks.ledger.tiles import Record
from tasks.path import PATH
from tasks.verifier.explanation_commitments import (
    Explanation,
    ToldReason,
    commitment,
    head_of,
    prove,
    salt_of,
)

LEAVES = 1_000_000
WORKER = """
import json, os, resource, sys, time
from tasks import __main__ as door
children = []
ended = door._ended
def wait(child):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = ended(child)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    children.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return code
door._ended = wait
code = door.main(sys.argv[1:])
whole = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
used = sum(each.ru_utime + each.ru_stime for each in whole)
print(json.dumps({"stage": children[0], "worker": used - children[0]}))
sys.exit(code)
"""
CLEARING = """
import json, os, sys, time
before = time.process_time()
from tasks.clearance.check import clear_model
from tasks.formats.digests import sha256_of
from tasks.system.installation import Installation
from pathlib import Path
model = sha256_of(Path("data") / sys.argv[1] / "train" / "model")
found = clear_model(sys.argv[1], model, Installation.open(Path(), os.environ))
print(json.dumps({"seconds": time.process_time() - before, "refusals": len(found.refusals)}))
"""


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("log")
    commands.add_parser("explanations").add_argument("--count", type=int, default=1_000_000)
    release = commands.add_parser("release")
    release.add_argument("--rows", type=int, default=1989)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as folder:
        if options.command == "log":
            measure_log(Path(folder))
        elif options.command == "explanations":
            measure_explanations(options.count)
        else:
            measure_release(Bench.clone(Path(folder) / "clone"), options.rows)


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
    _told(
        "peer: sign and verify, Ed25519",
        2000,
        lambda n: signer.public.verifies(signer.sign(b"%d" % n), b"%d" % n),
    )
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
        if not verify_inclusion(leaves[number % 2000], index, head.size, path, head.root_hash):
            raise SystemExit("a proof does not verify")

    _told("verification of an inclusion proof", 50_000, verify, "25,000")

    def consist(_: int) -> None:
        old = random.randrange(1, head.size)
        if not verify_consistency(
            old,
            head.size,
            ledger.root_hash(old),
            head.root_hash,
            ledger.consistency(old, head.size),
        ):
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
        told = (("L07", -1.7), ("L08", -0.3), ("L11", -0.1), ("L12", -0.1))
        reasons = tuple(
            ToldReason(code, log_odds, (("en", "What the person is told of it"),))
            for code, log_odds in told
        )
        said = Explanation(row, reasons, "a" * 64, "1")
        leaves.append(commitment(salt_of(b"k" * 32, "run", row), said))
    _line("commitments, with their explanations as JSON", count, start, clock, "")
    start, clock = time.process_time(), time.perf_counter()
    head_of(leaves)
    _line("leaves into the tree's head", count, start, clock, "")
    start, clock = time.process_time(), time.perf_counter()
    prove(leaves, leaves[count // 2])
    print(
        f"\nOne proof out of {count:,}, tree built anew: "
        f"{time.process_time() - start:.2f} CPU seconds."
    )


def measure_release(bench: Bench, rows: int) -> None:
    """Print the CPU seconds of the stages' own code and of the worker around it, in one release."""
    bench.scale("loan", rows)
    print(f"| stage, {rows:,} rows | its own CPU s | the worker's CPU s | s |\n|---|---|---|---|")
    whole = {"stage": 0.0, "worker": 0.0}
    for stage in (row.name for row in PATH if row.name != "register"):
        clock = time.perf_counter()
        seconds = json.loads(bench.run("-c", WORKER, stage, "loan").stdout.splitlines()[-1])
        for kind in whole:
            whole[kind] += seconds[kind]
        print(
            f"| {stage} | {seconds['stage']:.2f} | {seconds['worker']:.2f} "
            f"| {time.perf_counter() - clock:.1f} |",
            flush=True,
        )
    cleared = json.loads(bench.run("-c", CLEARING, "loan").stdout.splitlines()[-1])
    evidence = whole["worker"] + 2 * cleared["seconds"]
    print(
        f"\nThe worker: {whole['worker']:.2f} CPU s. "
        f"Clearance (`train`, `register`): {cleared['seconds']:.2f}."
    )
    print(
        f"All evidence: {100 * evidence / whole['stage']:.1f} % "
        f"of the stages' own {whole['stage']:.1f} CPU s."
    )


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
