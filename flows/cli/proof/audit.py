"""`./portcullis audit`: compare the audit log with the batches in the ledger, and send it on."""

import signal
import threading
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from tasks.attestation.predicates.records import AuditBatch
from tasks.audit_log.events import verify
from tasks.audit_log.shipping import follow, senders_of, ship
from tasks.errors import ConfigError, ServiceError
from tasks.notary.notary import open_ledger, trusted_root
from tasks.plain_text import one_line
from tasks.system.installation import Installation
from tasks.verifier.log_reader import Selection, read_log

EXAMPLES = """\
Each night, and what is due to syslog and Splunk:
  ./portcullis audit --ship
As a service, each event as it is written:
  ./portcullis audit --follow

Exit codes: 0 every signed line is there and unchanged; 2 one is not;
4 something could not be sent.
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    *,
    is_shipping: Annotated[
        bool,
        typer.Option("--ship", help="Send what is due to syslog and Splunk, as configured."),
    ] = False,
    is_following: Annotated[
        bool,
        typer.Option("--follow", help="Verify nothing; send what is written, until it is ended."),
    ] = False,
    is_json: Json = False,
) -> int:
    """Verify every batch; 0 if every signed line is there, unchanged, and all that is due was sent.

    Raises:
        EvidenceError: A signed line is missing or was changed.
    """
    installation = installation_of(context)
    if is_following:
        _follow(installation)
        return 0

    ledger = open_ledger(installation)
    try:
        log = read_log(ledger, trusted_root(installation), Selection.of_type(AuditBatch.TYPE))
    finally:
        ledger.close()

    signed = log.required_statements(AuditBatch)
    # Before anything is sent on: a receiver should not get what somebody has altered here.
    unsigned_events = verify(installation.home / "audit", signed)
    events = sum(batch.predicate.events for batch in signed)
    problems = ship(installation) if is_shipping else ()
    line = (
        f"{events} events in {len(signed)} signed batches are as they were written; "
        f"{unsigned_events} are not signed for yet"
    )
    values = {
        "events": events,
        "signedBatches": len(signed),
        "unsignedEvents": unsigned_events,
        "problems": [one_line(problem) for problem in problems],
    }
    print_result((line, *map(one_line, problems)), values, is_json=is_json)
    return ServiceError.exit_code if problems else 0


def _follow(installation: Installation) -> None:
    """Send events until a signal ends it; between two batches, so that none is cut off."""
    if not senders_of(installation.settings):
        raise ConfigError(
            "--follow",
            expected="$PORTCULLIS_SYSLOG or $PORTCULLIS_HEC_URL",
            found="neither",
            remedy="Set where the audit log is to be sent.",
        )

    ended = threading.Event()
    # Not by an exception: it could fall between the receiver's answer and the note of what was
    # sent, and the next start would send that again.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())

    follow(installation, lambda line: print(one_line(line), flush=True), ended.wait)
