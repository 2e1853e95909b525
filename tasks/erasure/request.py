"""Requests for erasure: whose, since when, in which state, and what of theirs waits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from tasks.attestation.predicates.erasure import DeferredKey
from tasks.config.cases import section
from tasks.erasure.policy import ErasureParams, IdentifierRule
from tasks.keystore.keys import Retention
from tasks.keystore.pseudonyms import pseudonym
from tasks.system.installation import Installation

Identifiers = str | tuple[str, ...]  # of one person, the main one first


class RequestState(StrEnum):
    """How far a request is. The journal stores these values, and receipts show them."""

    RUNNING = "running"  # written down; some step is not done yet
    ERASED = "erased"  # done, and nothing of the person is kept
    DEFERRED = "deferred"  # done, but for decision records that a law or a hold keeps
    SET_ASIDE = "set aside"  # a step failed: a person has to look, and nobody else waits for that
    NOTHING_HELD = "nothing was held"  # done: nothing was there to erase under the identifier

    @property
    def is_waiting(self) -> bool:
        """Whether something is to be done yet: the term of Art. 12(3) runs on."""
        return self in (RequestState.RUNNING, RequestState.SET_ASIDE)


class Custody(StrEnum):
    """Who can open what is kept, as receipts show it."""

    LOCAL_KEYS = "two keys of this installation"
    CUSTODIANS = "two custodians"


@dataclass(frozen=True)
class Person:
    """Who asks: every identifier that is known of them, and the pseudonyms of all, main first."""

    identifiers: tuple[str, ...]
    subjects: tuple[str, ...]

    @property
    def by_subject(self) -> dict[str, str]:
        """Their identifiers by pseudonym."""
        return dict(zip(self.subjects, self.identifiers, strict=True))

    def without(self, subjects: Iterable[str]) -> "Person | None":
        """Return the person by their other identifiers alone; nothing where there is none."""
        left_out = set(subjects)
        pairs = [
            (subject, identifier)
            for subject, identifier in self.by_subject.items()
            if subject not in left_out
        ]
        if not pairs:
            return None

        return Person(
            identifiers=tuple(identifier for _, identifier in pairs),
            subjects=tuple(subject for subject, _ in pairs),
        )


def identify_people(
    people: Sequence[Identifiers], rule: IdentifierRule, secret: bytes
) -> list[Person]:
    """Return each person once, with every identifier that the use case's rule says is theirs.

    Two entries that share an identifier, however it is spelt, are one person: the earlier entry's
    main identifier stays the main one. Nothing here changes how a pseudonym is made: what was
    stored under one is found under it.
    """
    merged: list[dict[str, str]] = []
    for entry in people:
        identifiers = (entry,) if isinstance(entry, str) else entry
        known: dict[str, str] = {}
        for identifier in (*identifiers, *rule.also(identifiers)):
            known.setdefault(pseudonym(secret, identifier), identifier)

        # All earlier entries that share one with this are one person, and so is this.
        same = [person for person in merged if person.keys() & known.keys()]
        for person in same[1:]:
            merged.remove(person)
            same[0].update(person)
        # The earlier entry's own spelling stays: the commitment on the receipt is to its main
        # identifier.
        if same:
            same[0].update({key: value for key, value in known.items() if key not in same[0]})
        else:
            merged.append(known)
    return [Person(tuple(person.values()), tuple(person)) for person in merged]


def identify_person(identifier: str, case: str, installation: Installation) -> Person:
    """Return whom an identifier names by a use case's rule: the person that an erasure would take.

    What gives access, holds, or lets somebody come back asks here, too. Else a court's hold would
    be on another spelling than the erasure that it has to stop.
    """
    rule = section(case, "erasure", ErasureParams, installation.workspace).identifiers
    (person,) = identify_people([identifier], rule, installation.secret("pseudonym"))
    return person


@dataclass(frozen=True)
class StepFailure:
    """Why a request was not carried out: the step, the day, and a reason in words of ours."""

    step: str
    reason: str
    day: date

    def to_dict(self) -> dict[str, str]:
        """Return it for the journal."""
        return {"step": self.step, "reason": self.reason, "day": self.day.isoformat()}

    @classmethod
    def from_dict(cls, values: dict[str, str]) -> "StepFailure":
        """Read it from the journal."""
        return cls(values["step"], values["reason"], date.fromisoformat(values["day"]))


@dataclass(frozen=True)
class RequestOptions:
    """What whoever asked allowed: the same for every try, and so written down with the request."""

    removes_files: bool = False  # a file that cannot be masked in place goes as a whole
    searches_texts: bool = False  # other people's texts are searched, too
    block: str = ""  # the id of the Prefect block that holds the identifier, until all is done

    def to_dict(self) -> dict[str, Any]:
        """Return it for the journal: what is not asked for is not there."""
        return {name: value for name, value in vars(self).items() if value}


@dataclass(frozen=True)
class Deferral:
    """A key that outlives the request: why, until when at the least, and who can open it."""

    retention: Retention
    basis: str
    review: date
    is_held: bool  # by a court: `review` is when somebody looks at it again, not its end
    custody: Custody
    key_id: str  # hex
    more_key_ids: tuple[str, ...] = ()  # of the person's further identifiers
    hold_ids: tuple[str, ...] = ()  # of the holds that keep it; earlier versions wrote none

    @property
    def key_ids(self) -> frozenset[str]:
        """All keys that wait, of all their identifiers."""
        return frozenset((self.key_id, *self.more_key_ids))

    def to_dict(self) -> dict[str, Any]:
        """Return it for the journal."""
        values = {**self.to_predicate().to_dict(), "key_id": self.key_id}
        # What is not there is not written: an earlier version reads the rest.
        further = {"more_key_ids": self.more_key_ids, "hold_ids": self.hold_ids}
        return {**values, **{name: list(ids) for name, ids in further.items() if ids}}

    def to_predicate(self) -> DeferredKey:
        """Return it for the signed statement, which names no key: a key id would link two files."""
        return DeferredKey(
            retention=self.retention.value,
            basis=self.basis,
            review=self.review.isoformat(),
            held=self.is_held,
            custody=self.custody.value,
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Deferral":
        """Read it from the journal."""
        return cls(
            retention=Retention(values["retention"]),
            basis=values["basis"],
            review=date.fromisoformat(values["review"]),
            is_held=values["held"],
            custody=Custody(values["custody"]),
            key_id=values["key_id"],
            more_key_ids=tuple(values.get("more_key_ids", ())),
            hold_ids=tuple(values.get("hold_ids", ())),
        )


@dataclass
class ErasureRequest:
    """One person's request.

    `subject`, `aliases`, `seed` and `key_ids` are there only until it is done.
    """

    request_id: str
    batch: str
    use_case: str
    received: date  # GDPR Art. 12(3) counts from here
    day: date  # on which it was carried out, or written down for later
    state: RequestState = RequestState.RUNNING
    subject: str | None = None  # the pseudonym; never the identifier
    seed: bytes | None = None  # of the receipt's nonce
    key_ids: dict[Retention, tuple[str, ...]] = field(default_factory=dict)  # hex
    closed: date | None = None
    commitment: str = ""  # binds the receipt to its person (`receipt.py`)
    deferral: Deferral | None = None
    aliases: tuple[str, ...] = ()  # pseudonyms of the person's further identifiers
    options: RequestOptions = RequestOptions()
    failures: tuple[StepFailure, ...] = ()  # every try that failed, the last one last

    @property
    def subjects(self) -> tuple[str, ...]:
        """All pseudonyms of the person; none once the request is done."""
        return (self.subject, *self.aliases) if self.subject else ()

    @property
    def failure(self) -> StepFailure | None:
        """Why it waits, where it waits because something failed."""
        return self.failures[-1] if self.state.is_waiting and self.failures else None
