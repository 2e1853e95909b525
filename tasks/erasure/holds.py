"""What is kept although somebody asked to be erased: by a court (a hold) or by a law (a term).

GDPR Art. 17(3)(b) and (e): no erasure where a legal obligation, or the establishment, exercise or
defence of legal claims, needs the data. Only decision records fall under it here; training data
goes at once either way. What is kept is restricted (Art. 18): sealed to custodians, so that no
pipeline reads it.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b
from pathlib import Path

from tasks.attestation.predicates.erasure import ErasureCompletion
from tasks.config.cases import section
from tasks.erasure.journal import Hold, Journal
from tasks.erasure.policy import ErasureParams, add_months
from tasks.erasure.request import ErasureRequest, RequestState
from tasks.erasure.statements import LedgerStatementLog, RequestStatement
from tasks.errors import ConfigError, DataError
from tasks.guard.opening import record_key_store
from tasks.keystore.custodians import Restriction, load_custodians
from tasks.keystore.keys import KeyStore, Retention
from tasks.keystore.shredding import rotate_root, shred_restricted
from tasks.notary.audit import PeopleAction, audit
from tasks.system.installation import Installation

# The person is told the basis (Art. 12(4)): it has to be words, not "yes" or a file number.
SHORTEST_BASIS_CHARACTERS = 10
MARK_BYTES = 16


@dataclass(frozen=True)
class KeepingReason:
    """A law or a court that keeps decision records, and until when at the least."""

    basis: str
    review: date


def place_hold(
    journal: Journal,
    subject: str,
    case: str,
    basis: str,
    since: date,
    review: date,
    installation: Installation,
) -> Hold:
    """Write down a hold on a subject's decision records, before or after a request for erasure.

    Raises:
        ConfigError: It has no basis, or no day after today on which somebody looks at it again.
    """
    basis = basis.strip()
    if len(basis) < SHORTEST_BASIS_CHARACTERS or review <= since:
        raise ConfigError(
            "hold",
            expected="a legal basis in words, and a day of review to come",
            found=f"{len(basis)} characters, review on {review}",
            remedy="Say which court, case or law, and when somebody looks at it again.",
        )

    hold = Hold(
        hold_id=f"H{since:%Y%m%d}-{secrets.token_hex(4)}",
        mark=_mark_of(subject, installation),
        use_case=case,
        basis=basis,
        since=since,
        review=review,
    )
    journal.put_hold(hold)
    return hold


def active_holds(journal: Journal, subject: str, installation: Installation) -> list[Hold]:
    """Return the holds on a subject that nobody has released."""
    mark = _mark_of(subject, installation)
    return [hold for hold in journal.holds() if hold.mark == mark and hold.released is None]


def release_holds(
    journal: Journal, subject: str, day: date, installation: Installation
) -> list[Hold]:
    """Release every hold on a subject; return them as they were.

    Raises:
        DataError: There is none.
    """
    holds = active_holds(journal, subject, installation)
    if not holds:
        raise DataError(
            "hold", expected="one on this person", found="none", remedy="Check the identifier."
        )

    for hold in holds:
        journal.put_hold(replace(hold, released=day))

    return holds


def find_restrictions(
    keys: KeyStore,
    journal: Journal,
    requests: Collection[ErasureRequest],
    cases: Mapping[str, Collection[str]],
    installation: Installation,
) -> dict[str, Restriction]:
    """Return for which subjects the decision-record key is kept, why, and until when at the least.

    Args:
        keys: The key store, whose root says whether custodians must be people.
        journal: Where holds stand.
        requests: Those under way.
        cases: Key id (hex) -> use cases in whose versions it has rows.
        installation: The checkout, its keys and its settings.
    """
    restrictions: dict[str, Restriction] = {}
    for request in requests:
        key_ids = request.key_ids.get(Retention.DECISION_RECORD, ())
        if not key_ids:
            continue

        # All identifiers of a person are one person: what is kept of one is kept of all.
        holds = [
            hold
            for subject in request.subjects
            for hold in active_holds(journal, subject, installation)
        ]
        reasons = [KeepingReason(hold.basis, hold.review) for hold in holds]
        for case in sorted({case for key_id in key_ids for case in cases.get(key_id, ())}):
            if term := legal_term(case, request.day, installation.workspace):
                reasons.append(term)
        if not reasons:
            continue

        # One key seals the records of all use cases: the longest of several reasons counts.
        restriction = Restriction(
            basis="; ".join(dict.fromkeys(reason.basis for reason in reasons)),
            review=max(reason.review for reason in reasons),
            custodians=load_custodians(installation, allow_local=keys.root_key.is_local),
            held=bool(holds),
        )
        restrictions |= dict.fromkeys(request.subjects, restriction)
    return restrictions


def requests_waiting_for(journal: Journal, key_ids: Collection[bytes]) -> list[ErasureRequest]:
    """Return the deferred requests that wait for the end of those keys."""
    wanted_ids = {key_id.hex() for key_id in key_ids}
    return [
        request
        for request in journal.requests(state=RequestState.DEFERRED)
        if request.deferral is not None and request.deferral.key_ids & wanted_ids
    ]


def complete_deferred(
    keys: KeyStore,
    journal: Journal,
    key_ids: Collection[bytes],
    day: date,
    installation: Installation,
) -> list[ErasureRequest]:
    """Destroy keys whose hold or term has ended, and state it under the same commitment.

    Killed at any point it is ended by the next call: a deferred request whose keys are destroyed
    already is one that was interrupted, and is stated then.
    """
    deferred = journal.requests(state=RequestState.DEFERRED)
    kept_ids = {
        bytes.fromhex(key_id)
        for request in deferred
        if request.deferral is not None
        for key_id in request.deferral.key_ids
    }
    interrupted_ids = keys.is_shredded(kept_ids).keys()
    requests = requests_waiting_for(journal, {*key_ids, *interrupted_ids})
    if not key_ids and not requests:
        return []

    shred_restricted(keys, key_ids, day)
    # Or a backup of the key store would open what was kept.
    rotate_root(keys)
    record_key_store(keys, installation)

    statements = [RequestStatement.of(_completion_of(request, day)) for request in requests]
    for request in requests:
        audit(
            PeopleAction.COMPLETE_ERASURE,
            what=request.request_id,
            why="hold or term ended",
            installation=installation,
        )

    # Recorded before the journal forgets what they waited for.
    LedgerStatementLog(installation).record(statements)
    for request in requests:
        request.state = RequestState.ERASED
        request.closed = day
        request.deferral = None
    journal.put_requests(requests)
    return requests


def _completion_of(request: ErasureRequest, day: date) -> ErasureCompletion:
    retention = request.deferral.retention.value if request.deferral else ""
    return ErasureCompletion(
        request=request.request_id,
        commitment=request.commitment,
        received=request.received.isoformat(),
        day=day.isoformat(),
        state=RequestState.ERASED.value,
        keys_destroyed=(retention,),
        completes=request.day.isoformat(),
    )


def legal_term(case: str, day: date, workspace: Path) -> KeepingReason | None:
    """Return the law that keeps a use case's decision records, and until when.

    Counted from a request's day: the decision was made before it, so that the law's own term cannot
    end later.
    """
    law = section(case, "erasure", ErasureParams, workspace).decision_records
    return KeepingReason(law.basis, add_months(day, law.months)) if law else None


def _mark_of(subject: str, installation: Installation) -> bytes:
    """Return a subject's mark: keyed BLAKE2b (RFC 7693), told apart from tombstones by `person`."""
    secret = installation.secret("tombstone")
    return blake2b(subject.encode(), key=secret, digest_size=MARK_BYTES, person=b"hold").digest()
