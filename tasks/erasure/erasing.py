"""What commands and flows call: erase people, resume what was interrupted, end holds and terms."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tasks.attestation.predicates.erasure import ErasureCompletion
from tasks.config.cases import load_case
from tasks.erasure.batch import ErasureBatch, SayProgress, open_batch, pseudonymise
from tasks.erasure.holds import legal_term, release_holds
from tasks.erasure.journal import Journal, open_journal
from tasks.erasure.receipt import PersonalReceipt, write_receipt
from tasks.erasure.request import ErasureRequest, RequestState
from tasks.erasure.saga import ErasureSaga, total_purged
from tasks.erasure.searching.places import version_places
from tasks.erasure.sinks import PurgeReport
from tasks.erasure.sinks.installed import list_sinks
from tasks.erasure.statements import LedgerStatementLog, RequestStatement
from tasks.guard.opening import open_guarded_keys, record_key_store
from tasks.keystore.keys import KeyStore
from tasks.keystore.pseudonyms import pseudonym
from tasks.keystore.shredding import (
    end_hold,
    restricted_of,
    restricted_until,
    rotate_root,
    shred_restricted,
)
from tasks.notary.audit import PeopleAction, audit
from tasks.system.installation import Installation

logger = logging.getLogger("portcullis.erasure")


@dataclass(frozen=True)
class ErasureOutcome:
    """How it ended: the requests, what the sinks did, and where the receipts lie."""

    requests: tuple[ErasureRequest, ...] = ()
    purged: PurgeReport = field(default_factory=PurgeReport)
    already_erased: int = 0  # people of whom nothing is held since their erasure
    receipts: tuple[Path, ...] = ()

    def __add__(self, other: "ErasureOutcome") -> "ErasureOutcome":
        return ErasureOutcome(
            requests=self.requests + other.requests,
            purged=self.purged + other.purged,
            already_erased=self.already_erased + other.already_erased,
            receipts=self.receipts + other.receipts,
        )


@dataclass(frozen=True)
class ErasureStores:
    """What every call opens: the key store, the journal, and where progress is said."""

    installation: Installation
    keys: KeyStore
    journal: Journal
    say: SayProgress

    @classmethod
    def open(cls, installation: Installation, say: SayProgress) -> "ErasureStores":
        """Open the stores of an installation."""
        return cls(installation, open_guarded_keys(installation), open_journal(installation), say)


def erase(
    case: str,
    identifiers: Sequence[str],
    *,
    received: date,
    day: date,
    later: bool = False,
    installation: Installation,
    say: SayProgress = logger.info,
) -> ErasureOutcome:
    """Erase people from everything that this installation holds, in whichever use case.

    Whatever an earlier call left unfinished is finished first. Somebody who was erased and of whom
    nothing is held since is passed over.

    Args:
        case: The use case in whose name the request came; it must exist.
        identifiers: Their identifiers, as in the subject column.
        received: The day on which the requests came in.
        day: Today.
        later: Only write the requests down; the next call of `resume` carries them out.
        installation: The checkout, its keys and its settings.
        say: Is given each line of progress; none holds a value.
    """
    load_case(case, installation.workspace)
    stores = ErasureStores.open(installation, say)
    people = pseudonymise(identifiers, installation.secret("pseudonym"))

    # One erasure at a time, however many processes and hosts there are: two would each rotate the
    # root that the other has just made.
    with stores.keys.tables.erasure_lock():
        if later:
            return _write_down(stores, case, people, received, day)

        # Unfinished batches first: a person who is in one is not erased twice.
        outcome = _finish_batches(stores, people)
        in_finished = {request.subject for request in outcome.requests}
        tombstones = stores.keys.tombstones()
        new = {
            subject: identifier
            for subject, identifier in people.items()
            if subject not in in_finished
            # An erased person who came back has keys again.
            and not (tombstones.is_out(subject) and not stores.keys.ids_of(subject))
        }
        already_erased = len(people) - len(new) - len(in_finished & set(people))
        outcome += ErasureOutcome(already_erased=already_erased)

        if new:
            batch = open_batch(stores.journal, case, new, received, day)
            # Signed before anything is destroyed: what cannot be recorded is not done.
            audit(
                PeopleAction.BEGIN_ERASURE,
                what=batch,
                why=f"{len(new)} requests",
                installation=installation,
                use_case=case,
            )
            outcome += _run_batch(stores, batch, new)
    return outcome


def resume(
    *, installation: Installation, day: date, say: SayProgress = logger.info
) -> ErasureOutcome:
    """Finish what was interrupted, and destroy what a law has kept until today.

    Nobody has to name anybody: the journal has what is needed.
    """
    stores = ErasureStores.open(installation, say)
    with stores.keys.tables.erasure_lock():
        outcome = _finish_batches(stores, {})
        due_ids = restricted_until(stores.keys, day)
        completed = _complete_deferred(stores, due_ids, day) if due_ids else []
    return outcome + ErasureOutcome(requests=tuple(completed))


def release_hold(
    identifier: str, *, installation: Installation, day: date
) -> tuple[int, list[ErasureRequest]]:
    """Release every hold on a person; an erasure that waited for it goes on by itself.

    Unless a law still keeps the records: then it waits for the end of that term.

    Returns:
        How many holds there were, and the requests that are complete now.

    Raises:
        DataError: There is no hold on this person.
    """
    stores = ErasureStores.open(installation, logger.info)
    subject = pseudonym(installation.secret("pseudonym"), identifier)
    with stores.keys.tables.erasure_lock():
        holds = release_holds(stores.journal, subject, day, installation)
        audit(
            PeopleAction.RELEASE_HOLD,
            what=", ".join(hold.hold_id for hold in holds),
            why="released",
            installation=installation,
        )

        kept_ids = restricted_of(stores.keys, subject)
        terms = [
            legal_term(request.use_case, request.day, installation.workspace)
            for request in _requests_waiting_for(stores.journal, kept_ids)
        ]
        last_day = max((term.review for term in terms if term), default=day)
        end_hold(stores.keys, kept_ids, last_day)

        due_ids = kept_ids & restricted_until(stores.keys, day)
        completed = _complete_deferred(stores, due_ids, day)
    return len(holds), completed


def receipt_folder(installation: Installation) -> Path:
    """Return where receipts wait to be handed to their people, and then deleted."""
    return installation.home / "receipts"


def _write_down(
    stores: ErasureStores, case: str, people: dict[str, str], received: date, day: date
) -> ErasureOutcome:
    """Write requests down for `resume`; whoever has one that waits gets no second one."""
    running = stores.journal.requests(state=RequestState.RUNNING)
    waiting = {request.subject for request in running}
    new = {subject: identifier for subject, identifier in people.items() if subject not in waiting}
    batch = open_batch(stores.journal, case, new, received, day) if new else ""
    return ErasureOutcome(requests=tuple(stores.journal.requests(batch=batch)))


def _finish_batches(stores: ErasureStores, people: dict[str, str]) -> ErasureOutcome:
    """Finish every batch that was begun.

    `people` (identifiers by pseudonym) are whom the caller names: those of them who are in an
    unfinished batch can be searched for by their identifiers again, which no journal holds.
    """
    outcome = ErasureOutcome()
    for batch in stores.journal.unfinished_batches():
        stores.say("going on with an erasure that was interrupted")
        subjects = {request.subject for request in stores.journal.requests(batch=batch)}
        named = {
            subject: identifier for subject, identifier in people.items() if subject in subjects
        }
        outcome += _run_batch(stores, batch, named)
    return outcome


def _run_batch(stores: ErasureStores, name: str, identifiers: dict[str, str]) -> ErasureOutcome:
    installation = stores.installation
    receipts: list[Path] = []

    def deliver(receipt: PersonalReceipt) -> None:
        receipts.append(write_receipt(receipt, receipt_folder(installation)))

    places = version_places(installation.workspace)
    batch = ErasureBatch(
        name=name,
        installation=installation,
        keys=stores.keys,
        journal=stores.journal,
        log=LedgerStatementLog(installation),
        places=places,
        sinks=list_sinks(installation, places),
        deliver=deliver,
        say=stores.say,
        identifiers=identifiers,
    )

    subjects = {request.request_id: request.subject for request in batch.requests}
    requests = ErasureSaga(batch).run()
    # In memory, for the caller, who has named them: the journal has forgotten.
    for request in requests:
        request.subject = subjects[request.request_id]

    audit(
        PeopleAction.COMPLETE_ERASURE,
        what=name,
        why=f"{len(requests)} requests",
        installation=installation,
        use_case=requests[0].use_case,
    )
    purged = total_purged(stores.journal.completed_steps(name))
    return ErasureOutcome(requests=tuple(requests), purged=purged, receipts=tuple(receipts))


def _complete_deferred(
    stores: ErasureStores, key_ids: Collection[bytes], day: date
) -> list[ErasureRequest]:
    """Destroy keys whose hold or term has ended, and state it under the same commitment."""
    requests = _requests_waiting_for(stores.journal, key_ids)
    shred_restricted(stores.keys, key_ids, day)
    if not key_ids:
        return []
    # Or a backup of the key store would open what was kept.
    rotate_root(stores.keys)
    record_key_store(stores.keys, stores.installation)

    statements = []
    for request in requests:
        if request.deferral is None:
            continue
        predicate = ErasureCompletion(
            request=request.request_id,
            commitment=request.commitment,
            received=request.received.isoformat(),
            day=day.isoformat(),
            state=RequestState.ERASED.value,
            keys_destroyed=(request.deferral.retention.value,),
            completes=request.day.isoformat(),
        )
        statements.append(RequestStatement.of(predicate))

        request.state = RequestState.ERASED
        request.closed = day
        request.deferral = None
        audit(
            PeopleAction.COMPLETE_ERASURE,
            what=request.request_id,
            why="hold or term ended",
            installation=stores.installation,
        )

    LedgerStatementLog(stores.installation).record(statements)
    stores.journal.put_requests(requests)
    return requests


def _requests_waiting_for(journal: Journal, key_ids: Collection[bytes]) -> list[ErasureRequest]:
    """Return the deferred requests that wait for the end of those keys."""
    wanted_ids = {key_id.hex() for key_id in key_ids}
    return [
        request
        for request in journal.requests(state=RequestState.DEFERRED)
        if request.deferral is not None and request.deferral.key_id in wanted_ids
    ]
