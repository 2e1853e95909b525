"""The saga of an erasure: its steps, their order, and why nothing is lost when it is killed."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tasks.attestation.predicates.erasure import ErasureReceipt, ErasureSearch, PurgeCounts
from tasks.erasure.batch import ErasureBatch
from tasks.erasure.holds import active_holds, find_restrictions
from tasks.erasure.journal import ErasureStep, FlaggedModel, Journal
from tasks.erasure.receipt import PersonalReceipt, derive_nonce
from tasks.erasure.request import Custody, Deferral, ErasureRequest, RequestState
from tasks.erasure.searching.discovery import Discovery
from tasks.erasure.sinks import PurgeReport, Sink, SinkId
from tasks.erasure.sinks.catalogue import name_unsearched_places
from tasks.erasure.sinks.tracking import database_url, versions_trained_on
from tasks.erasure.statements import Horizon, RequestStatement
from tasks.errors import EvidenceError
from tasks.guard.opening import record_key_store
from tasks.keystore.custodians import Restriction
from tasks.keystore.keys import KeyStore, Retention
from tasks.keystore.shredding import rotate_root, shred
from tasks.keystore.tombstone_events import set_tombstones
from tasks.registry.client import TRAINED_ON_TAG
from tasks.system.installation import Installation

Figures = dict[str, Any]  # what a step found and did, as JSON: the journal and the receipt have it
TakeStep = Callable[[ErasureBatch], Figures]
# The dataset that models are trained on, of any use case.
TRAINING_DATASET = "/redact/rows"
# Somebody's address in the name of a file or folder, with what belongs to that name.
ADDRESS = re.compile(r"[^\s/:]+@[^\s/:]+")


class ErasureSaga:
    """Erase the people of one batch: a journalled series of steps, under the key store's one lock.

    Each step can be taken again, and is written down when it is done. Killed anywhere, the next
    call goes on with the first step that is not written down; ADR 21 has the decision.

    1. `tombstone`: nobody makes a key for them from now on. First, because a stage that runs
       meanwhile would make one after step 2 had looked, and bring them back. It is taken as soon as
       the request is written down (`take_first_step`), whatever else waits.
    2. `find keys`: the ids of their keys go into the journal. After step 1, so that no other key
       can follow; before step 11, after which nothing tells which rows were theirs.
    3. to 10. `purge …`: each sink takes them out of plain text. What names them is read from their
       own sealed rows into memory, so that this has to come while their keys live. A sink that does
       not answer stops the saga here, with nothing destroyed yet. The last one looks at other
       people's sealed texts, and reports.
    11. `destroy keys`: their rows become unreadable in every version, copy and backup. What a law
        or a hold keeps (Art. 17(3)) is sealed to custodians in the same transaction.
    12. `rotate root`: the old root key goes, and with it what backups of the key store could open.
        After step 11, or the new root would wrap the keys that are to be destroyed.
    13. `flag models`: registered models that learnt from them are noted for retraining. It reads
        the registry by digests and names nobody: any place between steps 2 and 15 would do.
    14. `verify`: a key store opened anew has no key of theirs and would make none. After all that
        changes keys, or it would prove too little.
    15. `receipt`: a statement is signed for each person, and each receives the half that only they
        get. After step 14: what is signed was verified.
    16. `scrub`: the journal forgets whose requests they were. Last, because every step before it
        needs the pseudonym or the key ids to be resumed.

    Killed during step 5, say, the journal holds steps 1 to 4 and the pseudonym. The next call reads
    their values again, for their keys still live, and goes on with step 5.
    """

    def __init__(self, batch: ErasureBatch) -> None:
        self.batch = batch
        self.step: ErasureStep | None = None  # the one under way: where it failed, if it did

    def run(self) -> list[ErasureRequest]:
        """Take every step that is not done yet; return the requests as they ended."""
        batch = self.batch
        completed = batch.journal.completed_steps(batch.name)
        for step, take in self.steps():
            # Recorded after it was taken: a step that was taken and not recorded is taken once
            # more.
            if step in completed:
                continue
            batch.say(step)
            self.step = step
            figures = take(batch)
            batch.journal.record_step(batch.name, step, figures)

        return batch.requests

    def steps(self) -> list[tuple[ErasureStep, TakeStep]]:
        """Return the steps in their order."""
        purges = [(ErasureStep.of_sink(sink.sink_id), _purging(sink)) for sink in self.batch.sinks]
        return [
            (ErasureStep.TOMBSTONE, _set_tombstones),
            (ErasureStep.FIND_KEYS, find_keys),
            *purges,
            (ErasureStep.DESTROY_KEYS, _destroy_keys),
            (ErasureStep.ROTATE_ROOT, _rotate_root),
            (ErasureStep.FLAG_MODELS, _flag_models),
            (ErasureStep.VERIFY, _verify),
            (ErasureStep.RECEIPT, _issue_receipts),
            (ErasureStep.SCRUB, _scrub),
        ]


def purge_reports(completed: Mapping[ErasureStep, Figures]) -> dict[SinkId, PurgeReport]:
    """Return what each sink of a batch did."""
    return {
        step.sink_id: PurgeReport.from_dict(figures)
        for step, figures in completed.items()
        if step.sink_id is not None
    }


def total_purged(completed: Mapping[ErasureStep, Figures]) -> PurgeReport:
    """Return what all sinks of a batch did together."""
    return sum(purge_reports(completed).values(), PurgeReport())


def take_first_step(
    keys: KeyStore, journal: Journal, batch: str, installation: Installation
) -> None:
    """Set the tombstones of a batch as soon as it is written down, whenever the rest is done.

    What is erased tonight must not be delivered again this afternoon, and whatever fails later,
    this was done.
    """
    figures = _tombstone(keys, journal.requests(batch=batch), installation)
    journal.record_step(batch, ErasureStep.TOMBSTONE, figures)


def _set_tombstones(batch: ErasureBatch) -> Figures:
    return _tombstone(batch.keys, batch.requests, batch.installation)


def _tombstone(
    keys: KeyStore, requests: Sequence[ErasureRequest], installation: Installation
) -> Figures:
    subjects = [subject for request in requests for subject in request.subjects]
    set_tombstones(keys, subjects, requests[0].day)
    # From here on the log knows of them: a store without these tombstones is refused.
    record_key_store(keys, installation)
    return {"people": len(requests)}


def find_keys(batch: ErasureBatch) -> Figures:
    """Write down which keys the people have."""
    requests = batch.requests
    for request in requests:
        found: dict[Retention, tuple[str, ...]] = {}
        for subject in request.subjects:
            for retention, key_id in batch.keys.ids_of(subject).items():
                found[retention] = (*found.get(retention, ()), key_id.hex())
        request.key_ids = found
    batch.journal.put_requests(requests)

    # While their rows can be read: how many of their values no sink looks for stands on the
    # receipt.
    return {"keys": len(batch.key_ids), "too_short": batch.terms.too_short}


def _purging(sink: Sink) -> TakeStep:
    """Return the step that purges one sink."""

    def purge(batch: ErasureBatch) -> Figures:
        report = sink.purge(batch.terms, batch.options) + _unnamed(batch)
        for line in (*report.left, *report.unseen):
            batch.say(line)
        return report.to_dict()

    return purge


def cases_of_keys(discovery: Discovery) -> dict[str, set[str]]:
    """Return in which use cases' versions each key (hex) has rows.

    A use case's law keeps the records of that use case only.
    """
    cases: dict[str, set[str]] = {}
    for copy in discovery.versions():
        for key_id in copy.rows:
            cases.setdefault(key_id.hex(), set()).add(copy.dataset.partition("/")[0])
    return cases


def _unnamed(batch: ErasureBatch) -> PurgeReport:
    """Report identifiers that nobody knows any more, so that no sink was searched for them.

    Of an identifier without a row nothing else says what it is: a request that was interrupted and
    is resumed by nobody's name has only the pseudonym.
    """
    unnamed = [
        subject
        for request in batch.requests
        if not request.key_ids or request.aliases
        for subject in request.subjects
        if subject not in batch.identifiers and not batch.keys.ids_of(subject)
    ]
    if not unnamed:
        return PurgeReport()

    line = (
        f"{len(unnamed)} of their identifiers, under which no row is held: not given again when "
        "the erasure was resumed; erase by them with --search-anyway"
    )
    return PurgeReport(unseen=(line,))


def _destroy_keys(batch: ErasureBatch) -> Figures:
    requests = batch.requests

    cases = cases_of_keys(batch.discovery)
    restrictions = find_restrictions(batch.keys, batch.journal, requests, cases, batch.installation)

    # By pseudonym, not by the ids that step 2 noted: a key that was made since, which tombstones
    # exclude, would go as well.
    shredded = shred(batch.keys, batch.subjects, requests[0].day, restrictions)
    _note_deferrals(batch, requests, restrictions)
    return {"destroyed": len(shredded.destroyed), "restricted": len(shredded.restricted)}


def _note_deferrals(
    batch: ErasureBatch,
    requests: Sequence[ErasureRequest],
    restrictions: Mapping[str, Restriction],
) -> None:
    """Write down what is kept of whom: the receipt names it, and its end is found by it."""
    for request in requests:
        key_ids = request.key_ids.get(Retention.DECISION_RECORD, ())
        restriction = restrictions.get(request.subject or "")
        if restriction is None or not key_ids:
            continue

        is_local = restriction.custodians.are_local
        request.deferral = Deferral(
            retention=Retention.DECISION_RECORD,
            basis=restriction.basis,
            review=restriction.review,
            is_held=restriction.held,
            custody=Custody.LOCAL_KEYS if is_local else Custody.CUSTODIANS,
            key_id=key_ids[0],
            more_key_ids=key_ids[1:],
            hold_ids=tuple(
                hold.hold_id
                for subject in request.subjects
                for hold in active_holds(batch.journal, subject, batch.installation)
            ),
        )
    batch.journal.put_requests(requests)


def _rotate_root(batch: ErasureBatch) -> Figures:
    buckets = rotate_root(batch.keys)
    record_key_store(batch.keys, batch.installation)
    return {"buckets": buckets, "local": batch.keys.root_key.is_local}


def _flag_models(batch: ErasureBatch) -> Figures:
    """Write down which registered models learnt from these people: they have to be retrained."""
    url = database_url(batch.installation)
    if url is None:
        return {"models": 0, "unseen": "the registry's database is not named"}

    # A model version carries the authentication code of the rows that it was trained on (ADR 23).
    people_of_code = {
        copy.code: len(copy.rows)
        for copy in batch.discovery.versions()
        if copy.dataset.endswith(TRAINING_DATASET)
    }
    day = batch.requests[0].day
    flagged = [
        FlaggedModel(name, version, code, people_of_code[code], day)
        for name, version, code in versions_trained_on(url, TRAINED_ON_TAG)
        if code in people_of_code
    ]

    for model in flagged:
        batch.journal.flag_model(batch.name, model)
    return {"models": len(flagged)}


def _verify(batch: ErasureBatch) -> Figures:
    """Look again, with a key store opened anew: what is remembered in memory proves nothing.

    Raises:
        EvidenceError: It has a key of theirs, or somebody has no tombstone.
    """
    from tasks.keystore.keys import open_keys

    fresh = open_keys(batch.installation)
    tombstones = fresh.tombstones()
    live_keys = fresh.by_id(batch.key_ids)
    with_keys = [subject for subject in batch.subjects if fresh.ids_of(subject)]
    without_tombstone = [subject for subject in batch.subjects if not tombstones.is_out(subject)]

    # By ids and by pseudonyms: the first finds a key that came back with a backup, the second one
    # that was made anew.
    if live_keys or with_keys or without_tombstone:
        raise EvidenceError(
            "erasure",
            expected="no key of theirs in the store, and a tombstone for each",
            found=f"{len(live_keys) + len(with_keys)} keys, "
            f"{len(without_tombstone)} people without a tombstone",
            remedy="Somebody lifted a tombstone or restored a backup meanwhile: find out who, "
            "then erase again.",
        )

    versions = batch.discovery.versions()
    search = ErasureSearch(
        sealed_files=batch.discovery.sealed_files,
        copies=len(batch.discovery.copies),
        versions=len(versions),
        rows=sum(len(places) for copy in versions for places in copy.rows.values()),
        tombstones=tombstones.checkpoint.count,
        tombstones_sha256=tombstones.checkpoint.sha256,
    )
    return search.to_dict()


def _issue_receipts(batch: ErasureBatch) -> Figures:
    """Record a statement for each person, and hand each the half that only they get."""
    requests = batch.requests
    completed = batch.journal.completed_steps(batch.name)
    statements = [RequestStatement.of(_predicate_of(request, completed)) for request in requests]

    # Recorded before it is delivered: a receipt whose statement is in no ledger proves nothing.
    batch.log.record(statements)
    for request, statement in zip(requests, statements, strict=True):
        # From the seed, not drawn: a saga that is killed between two deliveries hands out the same
        # receipt again.
        nonce = derive_nonce(request.seed or b"", request.request_id)
        batch.deliver(
            PersonalReceipt(
                request=request.request_id,
                nonce=nonce.hex(),
                day=request.day,
                statement=statement.predicate.to_dict(),
            )
        )
    return {"receipts": len(requests)}


def _predicate_of(
    request: ErasureRequest, completed: Mapping[ErasureStep, Figures]
) -> ErasureReceipt:
    """Return what is said about one request: figures of its batch, and what is kept of theirs."""
    deferral = request.deferral
    restricted = {deferral.retention} if deferral else set()
    destroyed = set(request.key_ids) - restricted
    reports = purge_reports(completed)
    is_local = bool(completed[ErasureStep.ROTATE_ROOT]["local"])

    unseen = dict.fromkeys(line for report in reports.values() for line in report.unseen)
    if reason := completed[ErasureStep.FLAG_MODELS].get("unseen"):
        unseen[f"registered models: {reason}"] = None
    # The receipt says no more than was done: what no sink ever searches stands on it, too.
    unseen |= dict.fromkeys(name_unsearched_places())

    return ErasureReceipt(
        request=request.request_id,
        commitment=request.commitment,
        received=request.received.isoformat(),
        day=request.day.isoformat(),
        state=_end_of(request).value,
        keys_destroyed=tuple(sorted(retention.value for retention in destroyed)),
        deferred=deferral.to_predicate() if deferral else None,
        people=completed[ErasureStep.TOMBSTONE]["people"],
        verified=ErasureSearch.from_dict(completed[ErasureStep.VERIFY]),
        models_to_retrain=completed[ErasureStep.FLAG_MODELS]["models"],
        purged={
            sink_id.value: PurgeCounts(report.searched, report.rewritten, report.removed)
            for sink_id, report in reports.items()
        },
        remaining=tuple(
            _without_addresses(line) for report in reports.values() for line in report.left
        ),
        unseen=tuple(_without_addresses(line) for line in unseen),
        too_short=completed[ErasureStep.FIND_KEYS].get("too_short"),
        failed=tuple(f"{failure.day}: {failure.step}" for failure in request.failures),
        horizon=(Horizon.LOCAL_ROOT if is_local else Horizon.TRANSIT).value,
    )


def _without_addresses(line: str) -> str:
    """Return a line about a place as one person may read it.

    The command's own output shows the names of files, for the officer has to open them. A receipt
    goes to one person, and a file may be named after another.
    """
    return ADDRESS.sub("[an address]", line)


def _end_of(request: ErasureRequest) -> RequestState:
    """Return how a request ends: nobody is told of an erasure where there was nothing to erase."""
    if request.deferral is not None:
        return RequestState.DEFERRED
    return RequestState.ERASED if request.key_ids else RequestState.NOTHING_HELD


def _scrub(batch: ErasureBatch) -> Figures:
    """Forget whose requests they were. Once this is done nobody here can tell any more."""
    requests = batch.requests
    for request in requests:
        request.state = _end_of(request)
        request.closed = None if request.state is RequestState.DEFERRED else request.day
        request.subject = None
        request.aliases = ()
        request.seed = None
        request.key_ids = {}
    batch.journal.put_requests(requests)

    # Both logs hold the old pages still.
    batch.journal.empty_log()
    batch.keys.tables.scrub()
    return {}
