"""`./portcullis anchor`: put the ledger's checkpoint where this machine cannot change it."""

import argparse

from tasks.anchoring.publishing import publish
from tasks.errors import EvidenceError
from tasks.notary.notary import open_ledger
from tasks.system.installation import Installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: none."""


def main(options: argparse.Namespace, installation: Installation) -> int:  # noqa: ARG001
    """Mirror, cosign and time-stamp the checkpoint; 0 if every configured service took it."""
    ledger = open_ledger(installation)
    try:
        size = publish(ledger, installation)
    finally:
        ledger.close()
    if not size:
        raise EvidenceError(
            "ledger", expected="entries", found="none", remedy="Run a release first."
        )
    print(f"the checkpoint over {size} entries is where it is configured to be")
    return 0
