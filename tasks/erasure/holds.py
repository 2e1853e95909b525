"""What is kept although somebody asked to be erased: by a court (a hold) or by a law (a term).

GDPR Art. 17(3)(b) and (e): no erasure where a legal obligation, or the establishment, exercise or
defence of legal claims, needs the data. Only decision records fall under it here; training data
goes at once either way. What is kept is restricted (Art. 18): sealed to custodians, so that no
pipeline reads it.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
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
from tasks.keystore.shredding import (
    begin_hold,
    end_hold,
    restricted_of,
    rotate_root,
    shred_restricted,
)
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
    keys: KeyStore,
    journal: Journal,
    subjects: Sequence[str],
    case: str,
    basis: str,
    since: date,
    review: date,
    installation: Installation,
) -> Hold:
    """Write down a hold on a person's decision records, before or after a request for erasure.

    What a law has kept of theirs since a request is kept by the hold as well. Called under the
    erasure lock: an erasure under way has looked for holds already. Each of `subjects`, the
    pseudonyms of one identifier however it may be spelt, has a hold of its own: a request finds it
    by whichever spelling it comes under.

    Returns:
        The first of them, whose id is the one to be named.

    Raises:
        ConfigError: It has no basis, or no day after today on which somebody looks at it again.
    """
    basis = basis.strip()
    # A review in the past would be a hold that nobody ever looks at.
    if len(basis) < SHORTEST_BASIS_CHARACTERS or review <= since:
        raise ConfigError(
            "hold",
            expected="a legal basis in words, and a day of review to come",
            found=f"{len(basis)} characters, review on {review}",
            remedy="Say which court, case or law, and when somebody looks at it again.",
        )

    # The id is printed and audited: it is random, and says nothing of whom.
    placed_as = f"H{since:%Y%m%d}-{secrets.token_hex(4)}"
    holds = [
        Hold(
            hold_id=placed_as if number == 1 else f"{placed_as}-{number}",
            mark=_mark_of(subject, installation),
            use_case=case,
            basis=basis,
            since=since,
            review=review,
        )
        for number, subject in enumerate(subjects, 1)
    ]
    kept_ids = {key_id for subject in subjects for key_id in restricted_of(keys, subject)}
    requests = requests_waiting_for(journal, kept_ids)
    for request in requests:
        if deferral := request.deferral:
            request.deferral = replace(
                deferral,
                basis="; ".join(dict.fromkeys((deferral.basis, basis))),
                review=max(deferral.review, review),
                is_held=True,
                hold_ids=(*deferral.hold_ids, *(hold.hold_id for hold in holds)),
            )
            kept_ids |= {bytes.fromhex(key_id) for key_id in deferral.key_ids}

    # Signed before anything changes: what cannot be recorded is not done.
    audit(PeopleAction.PLACE_HOLD, what=placed_as, why=basis, installation=installation)
    # The journal first, all of it at once. Killed before the key store has it, the hold stands
    # there, and `begin_noted_holds` lets the key store know before any term ends.
    journal.put_holds(holds, requests)
    begin_hold(keys, kept_ids, review)
    return holds[0]


def begin_noted_holds(keys: KeyStore, journal: Journal) -> None:
    """Let the key store know of every hold that the journal has: no term may end what is held.

    It knows, unless a process was killed between the two. So it is with a release of holds that
    was killed before the journal had it: the hold goes on, until somebody releases it again.
    """
    active_ids = {hold.hold_id for hold in journal.holds() if hold.released is None}
    for request in journal.requests(state=RequestState.DEFERRED):
        deferral = request.deferral
        if deferral is not None and active_ids & set(deferral.hold_ids):
            key_ids = {bytes.fromhex(key_id) for key_id in deferral.key_ids}
            begin_hold(keys, key_ids, deferral.review)


def active_holds(journal: Journal, subject: str, installation: Installation) -> list[Hold]:
    """Return the holds on a subject that nobody has released."""
    return journal.active_holds(_mark_of(subject, installation))


def require_holds(
    journal: Journal, subjects: Collection[str], installation: Installation
) -> list[Hold]:
    """Return every hold on a person that is to be released, by the pseudonyms of an identifier.

    Those that were placed with one of these under another spelling are among them.

    Raises:
        DataError: There is none.
    """
    placed_as = {
        hold.placed_as
        for subject in subjects
        for hold in active_holds(journal, subject, installation)
    }
    holds = [
        hold for hold in journal.holds() if hold.placed_as in placed_as and hold.released is None
    ]
    if not holds:
        raise DataError(
            "hold", expected="one on this person", found="none", remedy="Check the identifier."
        )

    return holds


def release_holds(
    keys: KeyStore,
    journal: Journal,
    subjects: Collection[str],
    holds: Collection[Hold],
    day: date,
    workspace: Path,
) -> set[bytes]:
    """Release holds on a person; return the ids of the keys that no hold keeps any more.

    What is kept of one identifier of a person is kept of all, and ends for all, unless a hold on
    another of them goes on.
    """
    released = {hold.hold_id for hold in holds}
    others = {hold.hold_id for hold in journal.holds() if hold.released is None} - released
    freed_ids = {key_id for subject in subjects for key_id in restricted_of(keys, subject)}
    last_day = day
    freed = []
    for request in requests_waiting_for(journal, freed_ids):
        if (deferral := request.deferral) is None:
            continue
        key_ids = {bytes.fromhex(key_id) for key_id in deferral.key_ids}
        if others & set(deferral.hold_ids):
            freed_ids -= key_ids
            continue

        # Of a request of an earlier version nobody knows by which holds it waits: only the key of
        # the identifier that was named is freed.
        if deferral.hold_ids:
            freed_ids |= key_ids
        term = legal_term(request.use_case, request.day, workspace)
        last_day = max(last_day, term.review if term else day)
        freed.append(request)

    # The key store first: a release that is interrupted is found again by its hold.
    end_hold(keys, freed_ids, last_day)
    for request in freed:
        if deferral := request.deferral:
            request.deferral = replace(deferral, is_held=False, review=last_day)
    journal.put_holds([replace(hold, released=day) for hold in holds], freed)

    return freed_ids


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
    # Of an earlier call that destroyed keys and was killed before it stated so.
    interrupted_ids = keys.is_shredded(kept_ids).keys()
    ended_ids = {key_id.hex() for key_id in (*key_ids, *interrupted_ids)}
    # Done when the last key is: a request of several identifiers has one of each.
    requests = [
        request
        for request in deferred
        if request.deferral is not None and request.deferral.key_ids <= ended_ids
    ]
    if not key_ids and not requests:
        return []

    # 1. destroy, 2. rotate, 3. record, 4. audit, 5. sign, 6. forget. Each can be repeated, and only
    # the last makes the request done: killed before it, the request is still deferred.
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
