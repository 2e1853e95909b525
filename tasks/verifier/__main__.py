"""The verifier for outsiders: `python -m tasks.verifier FILE.zip [--root KEYID]`, or the same as one zipapp."""

import argparse
import sys
from pathlib import Path

from tasks.errors import PortcullisError
from tasks.verifier.bundle import verify_bundle
from tasks.verifier.lineage import latest_decision
from tasks.verifier.text_report import lines_of


def main(arguments: list[str]) -> int:
    """Verify one bundle; 0 where everything holds and it was cleared, 3 where not."""
    parser = argparse.ArgumentParser(prog="portcullis-verify", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument(
        "--root", default="", help="the id of the root key you trust, from somewhere else"
    )
    options = parser.parse_args(arguments)
    try:
        return told(options.bundle, options.root.lower())
    except PortcullisError as error:
        print(f"DOES NOT VERIFY: {error}", file=sys.stderr)
        return 3


def told(path: Path, root_keyid: str) -> int:
    """Verify a bundle and print what it says."""
    found = verify_bundle(path, root_keyid)
    for line in lines_of(found.log, found.chain):
        print(line)
    if found.decision:
        reasons = ", ".join(
            f"{code} ({log_odds:+.3f})" for code, log_odds in found.decision.explanation.reasons
        )
        row = found.decision.explanation.row
        print(
            f"  decision about row {row}: declined; reasons, most adverse first: {reasons or 'none'}"
        )
    size = found.log.head.size
    whole = len(found.log.entries) == size
    print(
        f"  {'the whole log' if whole else 'a part of the log'}: {len(found.log.entries)} of {size} entries"
    )
    if not root_keyid:
        print(
            f"  root key {found.root}: compare it with what the bank publishes, or give it with --root"
        )
    registered = latest_decision(found.chain, "register")
    passed = registered is not None and registered.predicate.has_passed
    good = passed and not found.chain.broken
    verdict = (
        "every byte verifies, and the model was cleared for registration"
        if good
        else "DOES NOT VERIFY"
    )
    print(f"{path.name}: {verdict}")
    return 0 if good else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
