"""Carry out batches one after another: what fails is set aside, and never in front of others."""

import errno
import logging
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from tasks.erasure.batch import DeliverReceipt, ErasureBatch, SayProgress, new_batch_name
from tasks.erasure.journal import ErasureStep, Journal, open_known_journal
from tasks.erasure.receipt import PersonalReceipt, write_receipt
from tasks.erasure.request import ErasureRequest, RequestState, StepFailure
from tasks.erasure.saga import ErasureSaga, total_purged
from tasks.erasure.searching.places import version_places
from tasks.erasure.sinks import PurgeOptions, PurgeReport
from tasks.erasure.sinks.installed import list_sinks
from tasks.erasure.statements import LedgerStatementLog
from tasks.errors import PortcullisError, ServiceError
from tasks.formats.shown import kind_of_error
from tasks.formats.whole_file import drafts_in
from tasks.guard.journals import note_journal
from tasks.guard.opening import open_guarded_keys
from tasks.keystore.keys import KeyStore
from tasks.notary.audit import PeopleAction, audit
from tasks.system.installation import Installation
from tasks.system.sqlite_file import explain_sqlite

logger = logging.getLogger("portcullis.erasure")

FailureKind = tuple[ErasureStep | None, str]  # the step, and the reason as the journal has it
# It may be one of ours, or MLflow's or Prefect's: an error of SQLite does not say which.
DATABASE = "a database"
LOOK = "`./portcullis doctor` says whether it is one of ours, and what to restore."
BEFORE_FIRST_STEP = "begin"  # what failed is no step: the audit of the beginning, or a setting
# What these do is done for several people by one transaction or one after another, and stays done:
# the parts of a batch go on from here. From any step before them the parts begin anew, which costs
# another search; the three that are not named here do nothing for one person alone.
STEPS_THAT_PARTS_GO_ON_FROM = (
    ErasureStep.DESTROY_KEYS,
    ErasureStep.VERIFY,
    ErasureStep.RECEIPT,
)
# A step that fails for everybody alike, as a bug does, is not asked of each of a thousand people:
# after so many who failed alone by one reason, and nobody between them who did not, the parts that
# are left are tried as they are.
MOST_FAILED_ALONE = 5
STEPS_FOR_ALL = (ErasureStep.ROTATE_ROOT, ErasureStep.FLAG_MODELS, ErasureStep.SCRUB)


@dataclass(frozen=True)
class ErasureOutcome:
    """How it ended: the requests, what the sinks did, and where the receipts lie."""

    requests: tuple[ErasureRequest, ...] = ()
    purged: PurgeReport = field(default_factory=PurgeReport)
    already_erased: int = 0  # people of whom nothing is held since their erasure
    receipts: tuple[Path, ...] = ()
    # Which of the identifiers that were given nothing is held under, counted from 1: nothing was
    # done about them.
    unknown: tuple[int, ...] = ()
    # Likewise of people with several, of whom something is held: the entry, and which identifier.
    unheld: tuple[tuple[int, int], ...] = ()
    faults: tuple[str, ...] = ()  # what could not be ended although the requests are done

    def __add__(self, other: "ErasureOutcome") -> "ErasureOutcome":
        return ErasureOutcome(
            requests=self.requests + other.requests,
            purged=self.purged + other.purged,
            already_erased=self.already_erased + other.already_erased,
            receipts=self.receipts + other.receipts,
            unknown=self.unknown + other.unknown,
            unheld=self.unheld + other.unheld,
            faults=self.faults + other.faults,
        )

    @property
    def set_aside(self) -> tuple[ErasureRequest, ...]:
        """Requests that a person has to look at."""
        return tuple(
            request for request in self.requests if request.state is RequestState.SET_ASIDE
        )

    @property
    def held_up(self) -> tuple[ErasureRequest, ...]:
        """Requests that wait for a store to answer."""
        return tuple(
            request
            for request in self.requests
            if request.state is RequestState.RUNNING and request.failure is not None
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
        keys = open_guarded_keys(installation)
        return cls(installation, keys, open_known_journal(installation, keys.tables), say)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only erasure, however many processes and hosts there are.

        Two at once would each rotate the root that the other has just made.
        """
        with self.keys.tables.erasure_lock():
            self._remove_drafts()
            try:
                yield
            finally:
                self.note_journal()

    def _remove_drafts(self) -> None:
        """Remove what a process left that was killed while it wrote a receipt.

        It holds a nonce, by which the signed statement is somebody's, and nobody would send it and
        then delete it. Under the lock nobody else writes receipts.
        """
        for draft in drafts_in(receipt_folder(self.installation)):
            # One that cannot be removed now keeps nobody waiting.
            with suppress(OSError):
                draft.unlink()

    def note_journal(self) -> None:
        """Let the key store know how far the journal has come, so that an older one is refused."""
        try:
            note_journal(self.keys, self.journal.extent())
        except Exception as error:
            # What was done stands in the journal, and the next opening notes it.
            self.say(f"the journal's extent could not be noted: {describe_failure(error)}")


def run_batches(
    stores: ErasureStores, names: Sequence[str], identifiers: Mapping[str, str], day: date
) -> ErasureOutcome:
    """Carry out batches, each whatever became of the one before it.

    A batch of several people that fails is divided in two, and each part is tried, until whoever
    it fails for stands alone, or it is plain that it fails for everybody. A request whose step
    fails is set aside with its reason. One that waits for a store that does not answer goes on
    waiting: the next call tries it again.

    Args:
        stores: The stores.
        names: The batches, in the order in which they are tried.
        identifiers: By pseudonym, of whom the caller names: nobody else's is known.
        day: Today, for what is written down about a failure.
    """
    outcome = ErasureOutcome()
    waiting = [(name, _Division()) for name in names]
    while waiting:
        name, division = waiting.pop(0)
        attempt = _BatchAttempt(stores, name, identifiers)
        try:
            outcome += attempt.run()
            division.note_success()
        except ServiceError as error:
            outcome += attempt.note_failure(error, RequestState.RUNNING, day)
        # Whatever it is: a bug that one person's data meets must not keep the others waiting.
        except Exception as error:
            kind = (attempt.step, describe_failure(error))
            is_in_vain = _is_disk_full(error) or division.is_of_everybody(kind)
            parts = () if is_in_vain else attempt.divide()
            if parts:
                # In front: the parts are tried before the batches that came later.
                waiting[:0] = [(part, division) for part in parts]
            else:
                division.note_failure(kind)
                outcome += attempt.note_failure(error, RequestState.SET_ASIDE, day)

    return outcome


def assemble_batch(
    stores: ErasureStores, name: str, identifiers: Mapping[str, str], deliver: DeliverReceipt
) -> ErasureBatch:
    """Return a batch of the journal with all that its steps need, as those who asked allowed it."""
    installation = stores.installation
    requests = stores.journal.requests(batch=name)
    options = requests[0].options
    subjects = {subject for request in requests for subject in request.subjects}
    places = version_places(installation.workspace)

    batch = ErasureBatch(
        name=name,
        installation=installation,
        keys=stores.keys,
        journal=stores.journal,
        log=LedgerStatementLog(installation),
        places=places,
        # They ask the batch where other people's rows lie, once its keys are found.
        sinks=list_sinks(installation, places, lambda: batch.find_other_rows()),
        deliver=deliver,
        say=stores.say,
        identifiers={
            subject: identifier
            for subject, identifier in identifiers.items()
            if subject in subjects
        },
        options=PurgeOptions(
            removes_files=options.removes_files, searches_texts=options.searches_texts
        ),
    )
    return batch


def receipt_folder(installation: Installation) -> Path:
    """Return where receipts wait to be handed to their people, and then deleted."""
    return installation.home / "receipts"


def note_failure(
    journal: Journal, batch: str, failure: StepFailure, state: RequestState
) -> list[ErasureRequest]:
    """Write down why a batch was not carried out; return those of its requests that wait for it."""
    requests = [request for request in journal.requests(batch=batch) if request.state.is_waiting]
    for request in requests:
        # Of one reason that comes again every night the last time is enough.
        others = (
            other
            for other in request.failures
            if (other.step, other.reason) != (failure.step, failure.reason)
        )
        request.failures = (*others, failure)
        request.state = state

    journal.put_requests(requests)
    return requests


def describe_failure(error: BaseException) -> str:
    """Return why something failed: in our own words, or the class of a foreign error alone."""
    # Before the store's own words: whatever it says of itself, what is wrong is the disk.
    if _is_disk_full(error):
        return "the disk is full: free some space on it"
    if isinstance(error, PortcullisError):
        return str(error)

    for link in _chain_of(error):
        if isinstance(link, sqlite3.Error) and (
            cause := explain_sqlite(link, DATABASE, restore=LOOK)
        ):
            return str(cause)

    return kind_of_error(error)


class _Division:
    """What became of the parts of one batch that were not divided any further."""

    def __init__(self) -> None:
        self._failures: Counter[FailureKind] = Counter()

    def note_success(self) -> None:
        """Take it that what failed before did not fail because of everybody."""
        self._failures.clear()

    def note_failure(self, kind: FailureKind) -> None:
        """Count one that failed and was not divided."""
        self._failures[kind] += 1

    def is_of_everybody(self, kind: FailureKind) -> bool:
        """Say whether so many have failed by this that dividing would find no one who does not."""
        return self._failures[kind] >= MOST_FAILED_ALONE


class _BatchAttempt:
    """One try to carry out one batch."""

    def __init__(self, stores: ErasureStores, name: str, identifiers: Mapping[str, str]) -> None:
        self.stores = stores
        self.name = name
        self._identifiers = identifiers
        self._saga: ErasureSaga | None = None
        self._receipts: list[Path] = []
        self._subjects: dict[str, str | None] = {}

    @property
    def step(self) -> ErasureStep | None:
        """The step that was under way; none where it had not come so far."""
        return self._saga.step if self._saga else None

    def run(self) -> ErasureOutcome:
        """Carry it out."""
        batch = assemble_batch(self.stores, self.name, self._identifiers, self._deliver)
        requests = batch.requests
        self._subjects = {request.request_id: request.subject for request in requests}
        journal = self.stores.journal

        # Signed before anything is destroyed: what cannot be recorded is not done.
        if ErasureStep.FIND_KEYS not in journal.completed_steps(self.name):
            self._audit(PeopleAction.BEGIN_ERASURE, requests)

        self._saga = ErasureSaga(batch)
        ended = self._with_subjects(self._saga.run())
        purged = total_purged(journal.completed_steps(self.name))
        outcome = ErasureOutcome(tuple(ended), purged, receipts=tuple(self._receipts))
        try:
            self._audit(PeopleAction.COMPLETE_ERASURE, ended)
        except Exception as error:
            # They are erased, and their receipts are signed: nothing is left to be tried again.
            fault = f"{self.name}: done, and not in the audit log: {describe_failure(error)}"
            return outcome + ErasureOutcome(faults=(fault,))
        return outcome

    def note_failure(self, error: Exception, state: RequestState, day: date) -> ErasureOutcome:
        """Write down why it was not carried out."""
        reason = describe_failure(error)
        failure = StepFailure(self.step or BEFORE_FIRST_STEP, reason, day)
        self.stores.say(f"{failure.step}: {state}: {reason}")
        journal = self.stores.journal
        outcome = ErasureOutcome(receipts=tuple(self._receipts))
        try:
            requests = note_failure(journal, self.name, failure, state)
        except Exception as second:
            # It is unfinished, as the journal has it: the next call tries it again.
            fault = f"{self.name}: {failure.step}: {reason}; and the journal could not be written: "
            outcome += ErasureOutcome(faults=(fault + describe_failure(second),))
            return outcome

        if not requests:
            # The last step failed after it had forgotten whose requests they were.
            fault = f"{self.name}: done, but `{failure.step}`: {reason}"
            return outcome + ErasureOutcome(faults=(fault,))
        return outcome + ErasureOutcome(requests=tuple(self._with_subjects(requests)))

    def divide(self) -> tuple[str, ...]:
        """Make two batches of it, where it is of several people and its step can be taken apart.

        Returns:
            Their names; none where it stays one.
        """
        step = self.step
        # Before the first step what failed is of the whole installation: a setting, or the audit.
        if step is None or step in STEPS_FOR_ALL:
            return ()

        try:
            return self._divide(step)
        except Exception as error:
            self.stores.say(f"the batch stays one: {describe_failure(error)}")
            return ()

    def _divide(self, step: ErasureStep) -> tuple[str, ...]:
        journal = self.stores.journal
        request_ids = [
            request.request_id
            for request in journal.requests(batch=self.name)
            if request.state.is_waiting
        ]
        # Of one it is 0: whoever it fails for stands alone.
        half = len(request_ids) // 2
        if not half:
            return ()

        parts = {
            new_batch_name(): request_ids[:half],
            new_batch_name(): request_ids[half:],
        }
        go_on = step in STEPS_THAT_PARTS_GO_ON_FROM
        completed = journal.completed_steps(self.name) if go_on else {}
        # Their tombstones stand, and are counted anew for each part.
        journal.divide_batch(self.name, parts, tuple(completed))
        return tuple(parts)

    def _deliver(self, receipt: PersonalReceipt) -> None:
        folder = receipt_folder(self.stores.installation)
        self._receipts.append(write_receipt(receipt, folder))

    def _audit(self, action: PeopleAction, requests: Sequence[ErasureRequest]) -> None:
        audit(
            action,
            what=self.name,
            why=f"{len(requests)} requests",
            installation=self.stores.installation,
            use_case=requests[0].use_case,
        )

    def _with_subjects(self, requests: Sequence[ErasureRequest]) -> list[ErasureRequest]:
        """Return requests with their pseudonyms, in memory, for the caller, who has named them."""
        return [
            replace(request, subject=self._subjects.get(request.request_id, request.subject))
            for request in requests
        ]


def _is_disk_full(error: BaseException) -> bool:
    """Say whether no space was left, wherever in the chain of errors that was noticed."""
    return any(
        getattr(link, "errno", None) == errno.ENOSPC
        or getattr(link, "sqlite_errorname", "") == "SQLITE_FULL"
        for link in _chain_of(error)
    )


def _chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it."""
    link: BaseException | None = error
    while link is not None:
        yield link
        # SQLAlchemy keeps the driver's error in `orig`.
        link = link.__cause__ or getattr(link, "orig", None)
