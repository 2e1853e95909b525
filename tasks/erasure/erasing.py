"""What commands and flows call: erase people, resume what was interrupted, end holds and terms."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import Enum

from tasks.config.cases import section
from tasks.erasure.batch import SayProgress, open_batch
from tasks.erasure.holds import (
    active_holds,
    begin_noted_holds,
    complete_deferred,
    release_holds,
    require_holds,
)
from tasks.erasure.journal import ErasureStep, open_journal
from tasks.erasure.policy import ErasureParams, IdentifierRule, untagged
from tasks.erasure.queue import (
    ErasureOutcome,
    ErasureStores,
    describe_failure,
    note_failure,
    receipt_folder,
    run_batches,
)
from tasks.erasure.request import (
    ErasureRequest,
    Identifiers,
    Person,
    RequestOptions,
    RequestState,
    StepFailure,
    identify_people,
    identify_person,
)
from tasks.erasure.saga import take_first_step
from tasks.errors import ConfigError, DataError, ServiceError
from tasks.guard.clock import not_before_the_log
from tasks.keystore.pseudonyms import pseudonym
from tasks.keystore.shredding import restricted_of, restricted_until
from tasks.keystore.tombstones import Tombstones
from tasks.notary.audit import PeopleAction, audit
from tasks.system.installation import Installation

logger = logging.getLogger("portcullis.erasure")

__all__ = [
    "ErasureOutcome",
    "ErasureStores",
    "erase",
    "find_unheld",
    "forget_block",
    "held_blocks",
    "receipt_folder",
    "release_hold",
    "resume",
    "retry",
]


class Standing(Enum):
    """What this installation has of somebody who asks to be erased."""

    HELD = "something is held"
    ERASED = "erased before, and nothing held since"
    UNKNOWN = "nothing is held under any identifier of theirs"


def erase(
    case: str,
    identifiers: Sequence[Identifiers],
    *,
    received: date,
    day: date,
    later: bool = False,
    searches_unknown: bool = False,
    options: RequestOptions | None = None,
    installation: Installation,
    say: SayProgress = logger.info,
) -> ErasureOutcome:
    """Erase people from everything that this installation holds, in whichever use case.

    Their requests are written down and tombstones are set before anything else is tried, so that
    whatever fails later the person is not taken in again, and the term of Art. 12(3) runs. Then
    every request that waits is carried out; one that was set aside only if its person is named
    here. Somebody who was erased and of whom nothing is held since is passed over, unless every
    place is to be searched all the same: a backup of some place may have brought them back.

    Args:
        case: The use case in whose name the request came; it must exist.
        identifiers: As in the subject column; several of one person as a tuple, the main one first.
        received: The day on which the requests came in.
        day: Today.
        later: Only write the requests down and set the tombstones; the next call of `resume`
            carries them out.
        searches_unknown: Whether places are searched for an identifier under which nothing is held,
            erased before or never known, and a tombstone is set for it. Else nothing is done.
        options: What may be done to carry the requests out.
        installation: The checkout, its keys and its settings.
        say: Is given each line of progress; none holds a value.

    Raises:
        ConfigError: A day of receipt to come.
    """
    # The day of tombstones, from which on rows bring somebody back, and of the terms of laws.
    written_on = not_before_the_log(day, installation)
    if written_on != day:
        say(f"the clock is behind the log, signed on {written_on}: that day is taken for today")

    # The term of Art. 12(3) is counted from it: a day to come would hide a request that is late.
    if received > written_on:
        raise ConfigError(
            "the day of receipt",
            expected="a day until today",
            found=str(received),
            remedy="Mend the date. Nothing was done.",
        )

    rule = section(case, "erasure", ErasureParams, installation.workspace).identifiers
    stores = ErasureStores.open(installation, say)
    secret = installation.secret("pseudonym")
    people = identify_people(identifiers, rule, secret)

    with stores.locked():
        waiting = stores.journal.waiting_requests()
        new, outcome = _whom_to_erase(
            _judge_people(stores, people, waiting), identifiers, searches_unknown, secret
        )
        outcome += ErasureOutcome(unheld=_unheld_beside_others(stores, identifiers, rule, secret))

        # Written down under the lock: a request that two processes find missing would be there
        # twice.
        batch = _write_down(stores, case, new, received, written_on, options)
        written = tuple(stores.journal.requests(batch=batch))
        if later:
            return outcome + ErasureOutcome(requests=written)
        # Set aside already: its tombstones could not be set.
        aside = tuple(request for request in written if request.state is RequestState.SET_ASIDE)
        outcome += ErasureOutcome(requests=aside)

        named: dict[str, str] = {}
        for person in people:
            named |= person.by_subject
        batches = [
            *stores.journal.unfinished_batches(),
            *_batches_named(waiting, named),
        ]
        outcome += run_batches(stores, batches, named, day)
    return outcome


def resume(
    *,
    installation: Installation,
    day: date,
    identifiers: Sequence[str] = (),
    say: SayProgress = logger.info,
) -> ErasureOutcome:
    """Finish what was interrupted, try again what was set aside, and end what a law has kept.

    Nobody has to name anybody: the journal has what is needed.

    Args:
        installation: The checkout, its keys and its settings.
        day: Today.
        identifiers: Of whoever is known by them: they are searched for, too.
        say: Is given each line of progress; none holds a value.
    """
    stores = ErasureStores.open(installation, say)
    journal = stores.journal
    with stores.locked():
        # What was set aside comes last: what failed yesterday may well fail again.
        batches = [
            *journal.unfinished_batches(),
            *journal.unfinished_batches(RequestState.SET_ASIDE),
        ]
        if batches:
            say("going on with requests that wait")

        secret = installation.secret("pseudonym")
        # Without their tags, too: a batch takes of these the spellings that it was written down by.
        spellings = (*identifiers, *untagged(identifiers))
        named = {pseudonym(secret, spelling): spelling for spelling in spellings}
        outcome = run_batches(stores, batches, named, day)
        return outcome + _end_terms(stores, day)


def retry(
    request_id: str, *, installation: Installation, day: date, say: SayProgress = logger.info
) -> ErasureOutcome:
    """Try one request again that waits, with all of its batch.

    Raises:
        DataError: No request of this id waits.
    """
    stores = ErasureStores.open(installation, say)
    with stores.locked():
        batches = [
            request.batch
            for request in stores.journal.waiting_requests()
            if request.request_id == request_id
        ]
        if not batches:
            is_known = any(
                request.request_id == request_id for request in stores.journal.requests()
            )
            raise DataError(
                "erase --retry",
                expected="a request that waits or was set aside",
                found="one that is done" if is_known else "none of this id",
                remedy="`./portcullis requests` lists them.",
            )

        return run_batches(stores, batches, {}, day)


def release_hold(
    case: str, identifier: str, *, installation: Installation, day: date
) -> tuple[int, list[ErasureRequest]]:
    """Release every hold on a person; an erasure that waited for it goes on by itself.

    Unless a law still keeps the records: then it waits for the end of that term.

    Args:
        case: The use case whose rule says which spellings are one person.
        identifier: As in the subject column.
        installation: The checkout, its keys and its settings.
        day: Today.

    Returns:
        How many holds there were, and the requests that are complete now.

    Raises:
        DataError: There is no hold on this person.
    """
    stores = ErasureStores.open(installation, logger.info)
    subjects = identify_person(identifier, case, installation).subjects
    with stores.locked():
        holds = require_holds(stores.journal, subjects, installation)
        # Signed before anything changes: what cannot be recorded is not done, and can be repeated.
        audit(
            PeopleAction.RELEASE_HOLD,
            what=", ".join(hold.hold_id for hold in holds),
            why="released",
            installation=installation,
        )
        freed_ids = release_holds(
            stores.keys, stores.journal, subjects, holds, day, installation.workspace
        )

        # What a law keeps longer stays, and ends by its own day.
        due_ids = freed_ids & restricted_until(stores.keys, day)
        completed = complete_deferred(stores.keys, stores.journal, due_ids, day, installation)
    return len({hold.placed_as for hold in holds}), completed


def held_blocks(installation: Installation) -> dict[str, bool]:
    """Return the Prefect blocks that hold identifiers of requests, and whether one still waits."""
    blocks: dict[str, bool] = {}
    for request in open_journal(installation).requests():
        if block := request.options.block:
            blocks[block] = blocks.get(block, False) or request.state.is_waiting
    return blocks


def forget_block(block: str, installation: Installation) -> None:
    """Write down that a block is deleted."""
    journal = open_journal(installation)
    requests = [request for request in journal.requests() if request.options.block == block]
    for request in requests:
        request.options = replace(request.options, block="")
    journal.put_requests(requests)


def find_unheld(
    stores: ErasureStores,
    identifiers: Sequence[Identifiers],
    rule: IdentifierRule,
    secret: bytes,
) -> list[tuple[int, int]]:
    """Return under which identifiers nothing is held: the entry and its place in it, from 1.

    Under an identifier is held what is held under any spelling that the rule says is the same.
    """
    tombstones = stores.keys.tombstones()
    unheld = []
    for number, entry in enumerate(identifiers, 1):
        for place, identifier in enumerate((entry,) if isinstance(entry, str) else entry, 1):
            (person,) = identify_people([identifier], rule, secret)
            if _standing_of(person, stores, tombstones) is Standing.UNKNOWN:
                unheld.append((number, place))

    return unheld


def _unheld_beside_others(
    stores: ErasureStores,
    identifiers: Sequence[Identifiers],
    rule: IdentifierRule,
    secret: bytes,
) -> tuple[tuple[int, int], ...]:
    """Return them where something is held under another one of the person: perhaps misspelt ones.

    Nobody is kept waiting by that: the request is carried out.
    """
    several = [
        (number, entry)
        for number, entry in enumerate(identifiers, 1)
        if not isinstance(entry, str) and len(entry) > 1
    ]
    if not several:
        return ()

    try:
        unheld = find_unheld(stores, [entry for _, entry in several], rule, secret)
    except Exception as error:
        stores.say(f"the key store could not be asked: {describe_failure(error)}")
        return ()

    counts = Counter(position for position, _ in unheld)

    return tuple(
        (several[position - 1][0], place)
        for position, place in unheld
        if counts[position] < len(several[position - 1][1])
    )


def _judge_people(
    stores: ErasureStores, people: Sequence[Person], waiting: Sequence[ErasureRequest]
) -> list[tuple[Person, Standing]]:
    """Return what is held of everybody, by those of their identifiers that no request waits for."""
    waiting_subjects = {subject for request in waiting for subject in request.subjects}
    others = [person.without(waiting_subjects) for person in people]
    try:
        tombstones = stores.keys.tombstones()
        return [(person, _standing_of(person, stores, tombstones)) for person in others if person]
    except Exception as error:
        # Nobody's request is lost because the store could not be asked: written down first, and
        # whatever is wrong is met again, by name, when it is carried out.
        stores.say(f"the key store could not be asked: {describe_failure(error)}")
        return [(person, Standing.HELD) for person in others if person]


def _whom_to_erase(
    standings: Sequence[tuple[Person, Standing]],
    identifiers: Sequence[Identifiers],
    searches_unknown: bool,
    secret: bytes,
) -> tuple[list[Person], ErasureOutcome]:
    """Return for whom a request is written down, and what is said of all others."""
    if searches_unknown:
        return [person for person, _ in standings], ErasureOutcome()

    unknown_subjects = {
        subject
        for person, standing in standings
        if standing is Standing.UNKNOWN
        for subject in person.subjects
    }
    passed_over = ErasureOutcome(
        already_erased=sum(standing is Standing.ERASED for _, standing in standings),
        unknown=_entries_of(identifiers, unknown_subjects, secret),
    )
    return [person for person, standing in standings if standing is Standing.HELD], passed_over


def _standing_of(person: Person, stores: ErasureStores, tombstones: Tombstones) -> Standing:
    subjects = person.subjects
    # An erased person who came back has keys again.
    if any(stores.keys.ids_of(subject) for subject in subjects):
        return Standing.HELD
    if any(
        tombstones.is_out(subject) or restricted_of(stores.keys, subject) for subject in subjects
    ):
        return Standing.ERASED

    holds = (active_holds(stores.journal, subject, stores.installation) for subject in subjects)
    return Standing.HELD if any(holds) else Standing.UNKNOWN


def _entries_of(
    identifiers: Sequence[Identifiers], subjects: set[str], secret: bytes
) -> tuple[int, ...]:
    """Return which of the entries that a caller gave have one of those pseudonyms."""
    return tuple(
        number
        for number, entry in enumerate(identifiers, 1)
        for given in [(entry,) if isinstance(entry, str) else entry]
        if subjects & {pseudonym(secret, identifier) for identifier in given}
    )


def _write_down(
    stores: ErasureStores,
    case: str,
    people: Sequence[Person],
    received: date,
    day: date,
    options: RequestOptions | None,
) -> str:
    """Write requests down and set their tombstones; return the batch, or nothing for nobody."""
    if not people:
        return ""

    batch = open_batch(stores.journal, case, people, received, day, options)
    stores.say(ErasureStep.TOMBSTONE)
    try:
        take_first_step(stores.keys, stores.journal, batch, stores.installation)
    except Exception as error:
        # A store that does not answer may do so tomorrow, by itself; anything else needs a person.
        state = RequestState.RUNNING if isinstance(error, ServiceError) else RequestState.SET_ASIDE
        failure = StepFailure(ErasureStep.TOMBSTONE, describe_failure(error), day)
        note_failure(stores.journal, batch, failure, state)
        stores.say(f"{failure.step}: {failure.reason}")

    stores.note_journal()
    return batch


def _batches_named(waiting: Sequence[ErasureRequest], named: Mapping[str, str]) -> list[str]:
    """Return the batches that were set aside and have somebody whom the caller names."""
    batches = (
        request.batch
        for request in waiting
        if request.state is RequestState.SET_ASIDE and named.keys() & set(request.subjects)
    )
    return list(dict.fromkeys(batches))


def _end_terms(stores: ErasureStores, day: date) -> ErasureOutcome:
    """Destroy what a law has kept until today, and overwrite what earlier runs have forgotten."""
    keys = stores.keys
    journal = stores.journal
    try:
        begin_noted_holds(keys, journal)
        due_ids = restricted_until(keys, day)
        completed = complete_deferred(keys, journal, due_ids, day, stores.installation)
        # A run that was killed in its last step has left pages in both logs.
        journal.empty_log()
        keys.tables.scrub()
    except Exception as error:
        # The batches of this run are done, and are told of; this is tried again by the next.
        return ErasureOutcome(faults=(f"terms that ended: {describe_failure(error)}",))

    return ErasureOutcome(requests=tuple(completed))
