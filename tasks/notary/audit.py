"""Who looked at or changed what about people, when and why: an event in the audit log, signed into the ledger."""

from typing import Any

from tasks.attestation.run_context import started_by
from tasks.audit_log.events import CREATE, DATASTORE, DELETE, OTHER, READ, UPDATE, auditing, event
from tasks.notary.notary import open_notary
from tasks.system.installation import Installation

ACTIVITIES = {
    "read rows": READ,
    "export": READ,
    "erase": DELETE,
    "erased": DELETE,
    "hold": CREATE,
    "release hold": UPDATE,
    "lift tombstone": UPDATE,
}


def audit(action: str, *, what: str, why: str, installation: Installation, **figures: Any) -> None:
    """Write an event down and sign for it before the caller goes on: what cannot be recorded is not done.

    Args:
        action: What was done, as `read rows` or `export`.
        what: What it was done to: a dataset, a request's id; never a value about a person.
        why: The reason that a person gave, or the work it belongs to.
        installation: Whose audit log and ledger.
        figures: Counts and digests.
    """
    said = event(
        f"people:{action}",
        actor=started_by(installation.settings),
        activity=ACTIVITIES.get(action, OTHER),
        resources=[(what, "data about people", figures)],
        detail=why,
        kind=DATASTORE,
    )
    with auditing(installation.home, [said]) as batches, open_notary(installation) as notary:
        notary.record_all(batches)
