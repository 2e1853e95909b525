"""Who looked at or changed what about people, when and why: an audit event, signed at once."""

from enum import StrEnum
from typing import Any

from tasks.attestation.run_context import started_by
from tasks.audit_log.events import CREATE, DATASTORE, DELETE, READ, UPDATE, auditing, event
from tasks.notary.notary import open_notary
from tasks.system.installation import Installation


class PeopleAction(StrEnum):
    """What may be done to data about people. Audit logs name these; those that exist keep them."""

    READ_ROWS = "read rows"
    EXPORT = "export"
    BEGIN_ERASURE = "erase"
    COMPLETE_ERASURE = "erased"
    PLACE_HOLD = "hold"
    RELEASE_HOLD = "release hold"
    LIFT_TOMBSTONE = "lift tombstone"
    RENEW_STORE = "renew key store"
    RENEW_JOURNAL = "renew journal of erasures"


# OCSF's activities of a datastore.
ACTIVITIES = {
    PeopleAction.READ_ROWS: READ,
    PeopleAction.EXPORT: READ,
    PeopleAction.BEGIN_ERASURE: DELETE,
    PeopleAction.COMPLETE_ERASURE: DELETE,
    PeopleAction.PLACE_HOLD: CREATE,
    PeopleAction.RELEASE_HOLD: UPDATE,
    PeopleAction.LIFT_TOMBSTONE: UPDATE,
    PeopleAction.RENEW_STORE: CREATE,
    PeopleAction.RENEW_JOURNAL: CREATE,
}


def audit(
    action: PeopleAction, *, what: str, why: str, installation: Installation, **figures: Any
) -> None:
    """Write an event down and sign for it before the caller goes on.

    What cannot be recorded is not done.

    Args:
        action: What was done.
        what: What it was done to: a dataset, a request's id; never a value about a person.
        why: The reason that a person gave, or the work it belongs to.
        installation: Whose audit log and ledger.
        figures: Counts and digests.
    """
    audit_event = event(
        f"people:{action}",
        actor=started_by(installation.settings),
        activity=ACTIVITIES[action],
        resources=[(what, "data about people", figures)],
        detail=why,
        kind=DATASTORE,
    )
    # The event goes into the file and its digest into the ledger before the caller touches
    # anything: a look at people's data that failed to be recorded must not have happened.
    with auditing(installation.home, [audit_event]) as batches, open_notary(installation) as notary:
        notary.record_all(batches)
