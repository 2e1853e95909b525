"""`./portcullis anchor`: bring the ledger's present checkpoint out of this machine's reach, as configured."""

import argparse

from tasks.anchoring.publishing import publish
from tasks.errors import EvidenceError
from tasks.notary.notary import open_ledger
from tasks.system.secrets import home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: none."""


def main(options: argparse.Namespace) -> int:  # noqa: ARG001 - every command has it
    """Mirror, cosign and stamp; 0 when all that is configured took it."""
    ledger = open_ledger()
    try:
        size = publish(ledger, home())
    finally:
        ledger.close()
    if not size:
        raise EvidenceError(
            "ledger", expected="entries", found="none", remedy="Run a release first."
        )
    print(f"the checkpoint over {size} entries is where it is configured to be")
    return 0
