"""`./portcullis verify`: walk a model to its sources in the ledger; print the chain, or the link that does not hold."""

import argparse
from pathlib import Path

from tasks.case import load_case
from tasks.digests import sha256_of
from tasks.errors import DataError, EvidenceError
from tasks.evidence import open_ledger, trusted_root
from tasks.evidence.chain import examine, latest_decision
from tasks.evidence.clearance import facts_of
from tasks.evidence.policy import refusals
from tasks.evidence.reading import read_log
from tasks.evidence.telling import lines_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("what", metavar="use-case", help="a use case")
    parser.add_argument("--model", metavar="SHA256", help="the model (default: the one that lies in data/)")


def main(options: argparse.Namespace) -> int:
    """Verify one model; 0 a whole chain that the policy allows, 3 not."""
    case = options.what
    load_case(case)
    model = (options.model or _model_here(case)).removeprefix("sha256:").lower()
    ledger = open_ledger()
    try:
        if ledger.head() is None:
            raise EvidenceError(
                "ledger", expected="entries", found="none", remedy=f"Run `./portcullis release {case}`."
            )
        log = read_log(ledger, trusted_root(), lambda payload: f'"{case}/'.encode() in payload)
    finally:
        ledger.close()
    chain = examine(log, case, model)
    for line in lines_of(log, chain):
        print(line)
    for line in refusals(facts_of("register", log, chain)):
        if line not in chain.broken:
            print(f"  today   it would be refused: {line}")
    registered = latest_decision(chain, "register")
    result = registered.statement.predicate["verificationResult"] if registered else "none"
    passed = not chain.broken and result == "PASSED"
    print(f"{case}: {'every link holds, and it was cleared for registration' if passed else 'DOES NOT VERIFY'}")
    return 0 if passed else 3


def _model_here(case: str) -> str:
    path = Path("data") / case / "train" / "model"
    if not path.exists():
        raise DataError(
            path.as_posix(),
            expected="a model",
            found="none",
            remedy=f"Run `./portcullis release {case}`, or give --model.",
        )
    return sha256_of(path)
