"""`./portcullis anchor`: put the ledger's checkpoint where this machine cannot change it."""

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from tasks.anchoring.publishing import publish
from tasks.errors import EvidenceError
from tasks.notary.notary import open_ledger

EXAMPLES = """\
From a timer, so that a lost machine loses little:
  ./portcullis anchor
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(context: typer.Context, *, is_json: Json = False) -> int:
    """Mirror, cosign and time-stamp the checkpoint; 0 if every configured service took it."""
    installation = installation_of(context)
    ledger = open_ledger(installation)
    try:
        size = publish(ledger, installation)
    finally:
        ledger.close()

    # No entry, no checkpoint: that would be reported as held by everybody, and nothing is.
    if not size:
        raise EvidenceError(
            "ledger", expected="entries", found="none", remedy="Run a release first."
        )

    line = f"the checkpoint over {size} entries is where it is configured to be"
    print_result((line,), {"entries": size}, is_json=is_json)
    return 0
