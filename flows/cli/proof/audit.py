"""`./portcullis audit`: compare the pipeline's audit log with the batches in the ledger."""

import argparse

from tasks.attestation.predicates.records import AuditBatch
from tasks.audit_log.events import verify
from tasks.audit_log.shipping import ship
from tasks.errors import ServiceError
from tasks.notary.notary import open_ledger, trusted_root
from tasks.plain_text import one_line
from tasks.system.installation import Installation
from tasks.verifier.log_reader import Selection, read_log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--ship", action="store_true", help="send what is due to syslog and Splunk, as configured"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Verify every batch; 0 if every signed line is there, unchanged, and all that is due was sent.

    Raises:
        EvidenceError: A signed line is missing or was changed.
    """
    ledger = open_ledger(installation)
    try:
        log = read_log(ledger, trusted_root(installation), Selection.of_type(AuditBatch.TYPE))
    finally:
        ledger.close()

    signed = log.required_statements(AuditBatch)
    unsigned_events = verify(installation.home / "audit", signed)
    events = sum(batch.predicate.events for batch in signed)
    print(
        f"{events} events in {len(signed)} signed batches are as they were written; "
        f"{unsigned_events} are not signed for yet"
    )

    problems = ship(installation) if options.ship else ()
    for line in problems:
        print(one_line(line))
    return ServiceError.exit_code if problems else 0
