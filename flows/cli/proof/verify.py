"""`./portcullis verify`: follow a model to its sources in the ledger, and print every link."""

import argparse
from pathlib import Path

from flows.steps.evidence import open_chain
from tasks.clearance.check import facts_of
from tasks.clearance.policy import refusals
from tasks.config.cases import load_case
from tasks.errors import RefusedError
from tasks.system.installation import Installation
from tasks.verifier.__main__ import report_on
from tasks.verifier.lineage import latest_decision
from tasks.verifier.text_report import lines_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "what", metavar="use-case-or-FILE.zip", help="a use case, or a bundle that somebody sent"
    )
    parser.add_argument(
        "--root", default="", metavar="KEYID", help="with a bundle: the root key that you trust"
    )
    parser.add_argument(
        "--model", metavar="SHA256", help="the model (default: the one that lies in data/)"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Verify a model or a bundle; 0 if every link holds and the model was cleared, else 3."""
    if options.what.endswith(".zip"):
        return report_on(Path(options.what), options.root.lower())

    case = options.what
    load_case(case, installation.workspace)
    with open_chain(case, options.model, installation) as (_, log, chain):
        for line in lines_of(log, chain):
            print(line)

        # A chain that held when it was made may have lost an approval, or its agreement, since.
        facts = facts_of("register", log, chain, installation)
        for refusal in refusals(facts, installation):
            if refusal not in chain.broken:
                print(f"  today   it would be refused: {refusal.text}")

    registered = latest_decision(chain, "register")
    has_passed = registered is not None and registered.predicate.has_passed
    if chain.broken or not has_passed:
        print(f"{case}: DOES NOT VERIFY")
        return RefusedError.exit_code
    print(f"{case}: every link holds, and it was cleared for registration")
    return 0
