"""Erase people: a journalled series of steps under one lock. Killed anywhere, the next call goes on where it stopped.

The order is the point. What names the person is gathered while it can be read, and kept in memory only. The tombstone
comes first, so that nobody makes a new key meanwhile. Sinks are purged before keys are destroyed, because afterwards
nobody could tell what to look for. Then keys, then the root; the receipt says what was found true afterwards.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from tasks.attestation.predicates.erasure import (
    DeferredKey,
    ErasureReceipt,
    ErasureSearch,
    PurgeCounts,
)
from tasks.erasure.holds import restrictions
from tasks.erasure.journal import DEFERRED, ERASED, Flagged, Journal, Request
from tasks.erasure.notary import Notary, Said
from tasks.erasure.receipt import Receipt, commitment, nonce_of, subject_of
from tasks.erasure.searching.places import Place
from tasks.erasure.searching.traces import Traces, Value
from tasks.erasure.sinks import Purged, Sink
from tasks.erasure.sinks.tracking import database_url, versions_trained_on
from tasks.erasure.survey import Survey, naming_values, survey
from tasks.errors import EvidenceError
from tasks.keystore.burying import bury
from tasks.keystore.custody import Restriction
from tasks.keystore.keys import KeyStore, Retention
from tasks.keystore.pseudonyms import pseudonym
from tasks.keystore.shredding import rotate_root, shred
from tasks.registry.client import TRAINED_ON_TAG
from tasks.system.installation import Installation

COUNTS = ("searched", "rewritten", "removed")
Deliver = Callable[[Receipt], None]
Step = Callable[["Erasure"], dict[str, Any]]


@dataclass
class Erasure:
    """One batch under way, and what it stands on. `identifiers` (pseudonym -> identifier) is empty on a resumption."""

    batch: str
    installation: Installation
    keys: KeyStore
    journal: Journal
    notary: Notary
    places: Sequence[Place]
    sinks: Sequence[Sink]
    deliver: Deliver
    say: Callable[[str], None]
    identifiers: dict[str, str] = field(default_factory=dict)

    @property
    def requests(self) -> list[Request]:
        """The batch's requests, as the journal has them."""
        return self.journal.requests(batch=self.batch)

    @property
    def subjects(self) -> list[str]:
        """Their pseudonyms."""
        return [request.subject for request in self.requests if request.subject]

    @cached_property
    def survey(self) -> Survey:
        """Where their rows stand. What stands there does not change: keys are destroyed, not bytes."""
        key_ids = [
            bytes.fromhex(key_id)
            for request in self.requests
            for key_id in request.key_ids.values()
        ]
        found = survey(self.places, key_ids)
        self.say(
            f"{found.sealed_files:,} sealed files of {found.files:,} looked at, {found.sealed_rows:,} rows"
        )
        return found

    @cached_property
    def traces(self) -> Traces:
        """What to look for in plain text: in memory only, as much as is readable when it is first asked for."""
        key_ids = [
            bytes.fromhex(key_id)
            for request in self.requests
            for key_id in request.key_ids.values()
        ]
        readable = self.keys.by_id(key_ids)
        values = (
            naming_values(self.survey.versions(), readable, self.installation.workspace)
            if readable
            else set()
        )
        values |= {Value("pseudonym", subject) for subject in self.subjects}
        values |= {
            Value("email" if "@" in one else "identifier", one) for one in self.identifiers.values()
        }
        values |= {Value("key id", key_id.hex()) for key_id in key_ids}
        return Traces.of(values)


def open_batch(
    journal: Journal, case: str, identifiers: dict[str, str], received: date, day: date
) -> str:
    """Write down a new batch, one request for each person; return its name. From here on it will be finished."""
    batch = secrets.token_hex(6)
    requests = []
    for number, (subject, identifier) in enumerate(identifiers.items(), 1):
        request, seed = f"E{day:%Y%m%d}-{batch}-{number}", secrets.token_bytes(32)
        figures = {"commitment": commitment(nonce_of(seed, request), identifier)}
        requests.append(
            Request(
                request, batch, case, received, day, subject=subject, seed=seed, figures=figures
            )
        )
    journal.put(requests)
    return batch


def subjects_of(identifiers: Iterable[str], secret: bytes) -> dict[str, str]:
    """Return the people by pseudonym; two spellings of one identifier are one person."""
    return {pseudonym(secret, identifier): identifier for identifier in identifiers}


def run(erasure: Erasure) -> list[Request]:
    """Take every step of a batch that is not done yet; return its requests as they ended."""
    done = erasure.journal.done(erasure.batch)
    for name, step in steps(erasure):
        if name not in done:
            erasure.say(name)
            erasure.journal.mark_done(erasure.batch, name, step(erasure))
    return erasure.requests


def steps(erasure: Erasure) -> list[tuple[str, Step]]:
    """Return the steps in their order."""
    purges = [(f"purge {sink.name}", _purging(sink)) for sink in erasure.sinks]
    return [
        ("tombstone", _tombstone),
        ("find keys", _find_keys),
        *purges,
        ("destroy keys", _destroy_keys),
        ("rotate root", _rotate_root),
        ("flag models", _flag_models),
        ("verify", _verify),
        ("receipt", _receipt),
        ("scrub", _scrub),
    ]


def _tombstone(erasure: Erasure) -> dict[str, Any]:
    bury(erasure.keys, erasure.subjects, erasure.requests[0].day)
    return {"people": len(erasure.subjects)}


def _find_keys(erasure: Erasure) -> dict[str, Any]:
    """Note which keys there are: after this nobody can make another, and after they are gone nobody could tell."""
    requests = erasure.requests
    for request in requests:
        ids = erasure.keys.ids_of(request.subject or "")
        request.key_ids = {retention.value: key_id.hex() for retention, key_id in ids.items()}
    erasure.journal.put(requests)
    return {"keys": sum(len(request.key_ids) for request in requests)}


def _purging(sink: Sink) -> Step:
    def purge(erasure: Erasure) -> dict[str, Any]:
        done = sink.purge(erasure.traces)
        for line in (*done.left, *done.unseen):
            erasure.say(line)
        return done.to_dict()

    return purge


def _destroy_keys(erasure: Erasure) -> dict[str, Any]:
    requests = erasure.requests
    cases: dict[str, set[str]] = {}
    for holding in erasure.survey.versions():
        for key_id in holding.rows:
            cases.setdefault(key_id.hex(), set()).add(holding.dataset.partition("/")[0])
    kept = restrictions(erasure.keys, erasure.journal, requests, cases, erasure.installation)
    gone = shred(erasure.keys, erasure.subjects, requests[0].day, kept)
    _note_deferred(erasure, requests, kept)
    return {"destroyed": len(gone.destroyed), "restricted": len(gone.restricted)}


def _note_deferred(
    erasure: Erasure, requests: list[Request], kept: Mapping[str, Restriction]
) -> None:
    for request in requests:
        key_id = request.key_ids.get(Retention.DECISION_RECORD.value)
        how = kept.get(request.subject or "")
        if how is not None and key_id is not None:
            request.figures["deferred"] = {
                "retention": Retention.DECISION_RECORD.value,
                "basis": how.basis,
                "review": how.review.isoformat(),
                "held": how.held,
                "custody": "two keys of this installation"
                if how.custodians.are_local
                else "two custodians",
                "key_id": key_id,
            }
    erasure.journal.put(requests)


def _rotate_root(erasure: Erasure) -> dict[str, Any]:
    return {"buckets": rotate_root(erasure.keys), "local": erasure.keys.root.is_local}


def _flag_models(erasure: Erasure) -> dict[str, Any]:
    """Write down which registered models learnt from these people: they have to be trained again."""
    url = database_url(erasure.installation)
    if url is None:
        return {"models": 0, "unseen": "the registry's database is not named"}
    learnt = [one for one in erasure.survey.versions() if one.dataset.endswith("/redact/rows")]
    people = {holding.code: len(holding.rows) for holding in learnt}
    day, versions = erasure.requests[0].day, versions_trained_on(url, TRAINED_ON_TAG)
    flagged = [
        Flagged(name, version, code, people[code], day)
        for name, version, code in versions
        if code in people
    ]
    for model in flagged:
        erasure.journal.flag(erasure.batch, model)
    return {"models": len(flagged)}


def _verify(erasure: Erasure) -> dict[str, Any]:
    """Look again with other eyes: a key store opened anew has none of their keys, and would make none.

    Raises:
        EvidenceError: It has.
    """
    from tasks.keystore.keys import open_keys

    fresh = open_keys(erasure.installation)
    key_ids = [
        bytes.fromhex(key_id) for request in erasure.requests for key_id in request.key_ids.values()
    ]
    alive = fresh.by_id(key_ids)
    named = [subject for subject in erasure.subjects if fresh.ids_of(subject)]
    tombstones = fresh.tombstones()
    open_ended = [subject for subject in erasure.subjects if not tombstones.is_out(subject)]
    if alive or named or open_ended:
        raise EvidenceError(
            "erasure",
            expected="no key of theirs in the store, and a tombstone for each",
            found=f"{len(alive) + len(named)} keys, {len(open_ended)} people without a tombstone",
            remedy="Somebody lifted a tombstone or restored a backup meanwhile: find out who, then erase again.",
        )
    versions = erasure.survey.versions()
    rows = sum(len(places) for holding in versions for places in holding.rows.values())
    return {
        "sealed_files": erasure.survey.sealed_files,
        "copies": len(erasure.survey.holdings),
        "versions": len(versions),
        "rows": rows,
        "checkpoint": {
            "count": tombstones.checkpoint.count,
            "sha256": tombstones.checkpoint.sha256,
        },
    }


def _receipt(erasure: Erasure) -> dict[str, Any]:
    """Record a statement for each person, and hand each the half that only they get."""
    done = erasure.journal.done(erasure.batch)
    requests = erasure.requests
    said = [
        Said(*subject_of(one.request, str(one.figures["commitment"])), _statement(one, done))
        for one in requests
    ]
    erasure.notary.record(said)
    for request, one in zip(requests, said, strict=True):
        nonce = nonce_of(request.seed or b"", request.request).hex()
        erasure.deliver(
            Receipt(
                request=request.request,
                nonce=nonce,
                day=request.day,
                statement=one.predicate.to_dict(),
            )
        )
    return {"receipts": len(requests)}


def _statement(request: Request, done: dict[str, dict[str, Any]]) -> ErasureReceipt:
    """Return what is said about one request: figures of its batch, and what is kept of this person."""
    purged = {
        name.removeprefix("purge "): figures
        for name, figures in done.items()
        if name.startswith("purge ")
    }
    deferred = {
        key: value for key, value in request.figures.get("deferred", {}).items() if key != "key_id"
    }
    rotated = done["rotate root"]
    return ErasureReceipt(
        request=request.request,
        commitment=request.figures["commitment"],
        received=request.received.isoformat(),
        day=request.day.isoformat(),
        state=DEFERRED if deferred else ERASED,
        keys_destroyed=tuple(sorted(set(request.key_ids) - {deferred.get("retention")})),
        deferred=DeferredKey.from_dict(deferred) if deferred else None,
        people=done["tombstone"]["people"],
        verified=ErasureSearch.from_dict(done["verify"]),
        models_to_retrain=done["flag models"]["models"],
        purged={
            name: PurgeCounts(**{key: figures[key] for key in COUNTS})
            for name, figures in purged.items()
        },
        remaining=tuple(line for figures in purged.values() for line in figures["left"]),
        unseen=tuple(line for figures in purged.values() for line in figures["unseen"]),
        horizon=_horizon(bool(rotated["local"])),
    )


def _horizon(is_local: bool) -> str:
    """Return how far the proof reaches."""
    if is_local:
        return "the root key is a file of this machine: a backup of it together with one of the key store undoes this"
    return "old root keys are trimmed in Transit: snapshots of its storage, while they are kept, could undo this"


def _scrub(erasure: Erasure) -> dict[str, Any]:
    """Forget whose requests they were. Once this is done nobody here can tell any more."""
    requests = erasure.requests
    for request in requests:
        request.state = DEFERRED if request.figures.get("deferred") else ERASED
        request.closed = request.day if request.state == ERASED else None
        request.subject, request.seed, request.key_ids = None, None, {}
    erasure.journal.put(requests)
    erasure.journal.scrub()
    erasure.keys.shelf.scrub()
    return {}


def purged_of(done: dict[str, dict[str, Any]]) -> Purged:
    """Return what all sinks of a batch did together."""
    total = Purged()
    for name, figures in done.items():
        if name.startswith("purge "):
            total += Purged(
                **{**figures, "left": tuple(figures["left"]), "unseen": tuple(figures["unseen"])}
            )
    return total
