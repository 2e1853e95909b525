"""What commands and flows call: erase people, resume what was interrupted, end holds and terms."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tasks.attestation.predicates.erasure import ErasureCompletion
from tasks.config.cases import load_case
from tasks.erasure.holds import legal_term, release_holds
from tasks.erasure.journal import DEFERRED, ERASED, RUNNING, Journal, Request, open_journal
from tasks.erasure.notary import LedgerNotary, Said
from tasks.erasure.receipt import Receipt, subject_of, write_receipt
from tasks.erasure.saga import Erasure, open_batch, purged_of, run, subjects_of
from tasks.erasure.searching.places_here import sinks, versions
from tasks.erasure.sinks import Purged
from tasks.keystore.keys import KeyStore, open_keys
from tasks.keystore.pseudonyms import pseudonym
from tasks.keystore.shredding import (
    end_hold,
    restricted_of,
    restricted_until,
    rotate_root,
    shred_restricted,
)
from tasks.notary.audit import audit
from tasks.system.installation import Installation

Say = Callable[[str], None]
logger = logging.getLogger("portcullis.erasure")


@dataclass(frozen=True)
class Erased:
    """How it ended: the requests, what the sinks did, and who had been erased before and has nothing new."""

    requests: tuple[Request, ...]
    purged: Purged
    already: int
    receipts: tuple[Path, ...]


def erase(
    case: str,
    identifiers: Sequence[str],
    *,
    received: date,
    day: date,
    later: bool = False,
    installation: Installation,
    say: Say = logger.info,
) -> Erased:
    """Erase people from everything that this installation holds, in whichever use case.

    Whatever an earlier call left unfinished is finished first. Somebody who was erased and of whom nothing is held
    since is passed over.

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
    keys, journal = open_keys(installation), open_journal(installation)
    people = subjects_of(identifiers, installation.secret("pseudonym"))
    with keys.shelf.alone():
        if later:
            waiting = {one.subject for one in journal.requests(state=RUNNING)}
            people = {
                subject: identifier
                for subject, identifier in people.items()
                if subject not in waiting
            }
            batch = open_batch(journal, case, people, received, day) if people else ""
            return Erased(tuple(journal.requests(batch=batch)), Purged(), 0, ())
        ended, receipts, purged = _finish(keys, journal, installation, say, people)
        tombstones = keys.tombstones()
        known = {request.subject for request in ended}
        new = {
            subject: identifier
            for subject, identifier in people.items()
            if subject not in known
            and not (tombstones.is_out(subject) and not keys.ids_of(subject))
        }
        already = len(people) - len(new) - len(known & set(people))
        if new:
            batch = open_batch(journal, case, new, received, day)
            audit(
                "erase",
                what=batch,
                why=f"{len(new)} requests",
                installation=installation,
                use_case=case,
            )
            requests, paths, did = _run(batch, keys, journal, installation, say, new)
            ended, receipts, purged = [*ended, *requests], [*receipts, *paths], purged + did
    return Erased(tuple(ended), purged, already, tuple(receipts))


def resume(*, installation: Installation, day: date, say: Say = logger.info) -> Erased:
    """Finish what was interrupted, and destroy what a law has kept until today: nobody has to name anybody."""
    keys, journal = open_keys(installation), open_journal(installation)
    with keys.shelf.alone():
        ended, receipts, purged = _finish(keys, journal, installation, say, {})
        due = restricted_until(keys, day)
        completed = _complete(keys, journal, due, day, installation) if due else []
    return Erased((*ended, *completed), purged, 0, tuple(receipts))


def release_hold(
    identifier: str, *, installation: Installation, day: date
) -> tuple[int, list[Request]]:
    """Release every hold on a person; an erasure that waited for it goes on by itself, unless a law still keeps.

    Returns:
        How many holds there were, and the requests that are complete now.
    """
    subject = pseudonym(installation.secret("pseudonym"), identifier)
    keys, journal = open_keys(installation), open_journal(installation)
    with keys.shelf.alone():
        holds = release_holds(journal, subject, day, installation)
        audit(
            "release hold",
            what=", ".join(hold.hold for hold in holds),
            why="released",
            installation=installation,
        )
        waiting = restricted_of(keys, subject)
        requests = _of_keys(journal, waiting)
        terms = [
            term[1]
            for one in requests
            if (term := legal_term(one.use_case, one.day, installation.workspace))
        ]
        end_hold(keys, waiting, max(terms, default=day))
        completed = _complete(
            keys, journal, waiting & restricted_until(keys, day), day, installation
        )
    return len(holds), completed


def _finish(
    keys: KeyStore, journal: Journal, installation: Installation, say: Say, people: dict[str, str]
) -> tuple[list[Request], list[Path], Purged]:
    """Finish every batch that was begun; those of `people` who are in one are known by their identifiers again."""
    ended: list[Request] = []
    receipts: list[Path] = []
    purged = Purged()
    for batch in journal.unfinished():
        say("going on with an erasure that was interrupted")
        subjects = {request.subject for request in journal.requests(batch=batch)}
        mine = {
            subject: identifier for subject, identifier in people.items() if subject in subjects
        }
        requests, paths, did = _run(batch, keys, journal, installation, say, mine)
        ended, receipts, purged = [*ended, *requests], [*receipts, *paths], purged + did
    return ended, receipts, purged


def _run(
    batch: str,
    keys: KeyStore,
    journal: Journal,
    installation: Installation,
    say: Say,
    people: dict[str, str],
) -> tuple[list[Request], list[Path], Purged]:
    receipts: list[Path] = []
    places = versions(installation.workspace)
    erasure = Erasure(
        batch=batch,
        installation=installation,
        keys=keys,
        journal=journal,
        notary=LedgerNotary(installation),
        places=places,
        sinks=sinks(installation, places),
        deliver=lambda receipt: receipts.append(
            write_receipt(receipt, receipt_folder(installation))
        ),
        say=say,
        identifiers=people,
    )
    subjects = {request.request: request.subject for request in erasure.requests}
    requests = run(erasure)
    for request in requests:
        request.subject = subjects[request.request]  # in memory, for the caller
    audit(
        "erased",
        what=batch,
        why=f"{len(requests)} requests",
        installation=installation,
        use_case=requests[0].use_case,
    )
    return requests, receipts, purged_of(journal.done(batch))


def _complete(
    keys: KeyStore, journal: Journal, key_ids: set[bytes], day: date, installation: Installation
) -> list[Request]:
    """Destroy keys whose hold or term has ended, and say so in the ledger under the same commitment."""
    requests = _of_keys(journal, key_ids)
    shred_restricted(keys, key_ids, day)
    if not key_ids:
        return []
    rotate_root(keys)
    said = []
    for request in requests:
        deferred = request.figures["deferred"]
        bound = str(request.figures["commitment"])
        statement = ErasureCompletion(
            request=request.request,
            commitment=bound,
            received=request.received.isoformat(),
            day=day.isoformat(),
            state=ERASED,
            keys_destroyed=(deferred["retention"],),
            completes=request.day.isoformat(),
        )
        said.append(Said(*subject_of(request.request, bound), statement))
        request.state, request.closed = ERASED, day
        request.figures = {
            key: value for key, value in request.figures.items() if key != "deferred"
        }
        audit("erased", what=request.request, why="hold or term ended", installation=installation)
    LedgerNotary(installation).record(said)
    journal.put(requests)
    return requests


def _of_keys(journal: Journal, key_ids: set[bytes]) -> list[Request]:
    """Return the deferred requests that wait for those keys."""
    wanted = {key_id.hex() for key_id in key_ids}
    return [
        request
        for request in journal.requests(state=DEFERRED)
        if request.figures.get("deferred", {}).get("key_id") in wanted
    ]


def receipt_folder(installation: Installation) -> Path:
    """Return where receipts wait to be handed to their people, and then deleted."""
    return installation.home / "receipts"


__all__ = ["RUNNING", "Erased", "Receipt", "erase", "receipt_folder", "release_hold", "resume"]
