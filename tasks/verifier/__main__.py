"""The verifier for outsiders: `python -m tasks.verifier FILE.zip [--root KEYID]`.

The same is packed as one zipapp (`./portcullis bundle … --verifier FILE.pyz`).
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import PortcullisError
from tasks.verifier.bundle import Verified, verify_bundle
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
        return report_on(options.bundle, options.root.lower())
    except PortcullisError as error:
        print(f"DOES NOT VERIFY: {error}", file=sys.stderr)
        return 3


def report_on(path: Path, root_keyid: str) -> int:
    """Verify a bundle and print what it says; 0 where everything holds and it was cleared."""
    verified = verify_bundle(path, root_keyid)
    for line in (*lines_of(verified.log, verified.chain), *_more_lines(verified, root_keyid)):
        print(line)

    registered = latest_decision(verified.chain, "register")
    is_cleared = registered is not None and registered.predicate.has_passed
    if is_cleared and not verified.chain.broken:
        print(f"{path.name}: every byte verifies, and the model was cleared for registration")
        return 0
    print(f"{path.name}: DOES NOT VERIFY")
    return 3


def _more_lines(verified: Verified, root_keyid: str) -> Iterator[str]:
    """Yield what is said about the bundle itself: one decision, its extent, its root key."""
    if verified.decision:
        explanation = verified.decision.explanation
        reasons = ", ".join(f"{code} ({log_odds:+.3f})" for code, log_odds in explanation.reasons)
        yield (
            f"  decision about row {explanation.row}: declined; "
            f"reasons, most adverse first: {reasons or 'none'}"
        )

    size = verified.log.head.size
    count = len(verified.log.entries)
    extent = "the whole log" if count == size else "a part of the log"
    yield f"  {extent}: {count} of {size} entries"

    # A bundle that somebody forged from end to end verifies against its own root key.
    if not root_keyid:
        yield (
            f"  root key {verified.root_key}: compare it with what the bank publishes, "
            "or give it with --root"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
