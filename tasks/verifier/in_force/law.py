"""Which entry of a log says what is in force: the law, as it is called here.

1. Only statements count whose signature holds, by a key that had the role `compliance` at their
   entry, or by the root key. The subject is the digest of the very terms, and the signer's name is
   the one under which the key is enrolled.
2. Terms name what they take the place of. Those that name anything but the law in force count for
   nothing, wherever they stand: an earlier law cannot be replayed, and of two who change one law at
   once, the second to be entered changes nothing.
3. They are in force as soon as enough people have signed exactly them, as the law that they
   replace asks; of the first, as the first itself asks. Until then they are a proposal.
4. Order is the log's. A key that is voided from an earlier entry on takes with it what it signed
   after that, and what was built upon it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tasks.attestation.identities import Identity
from tasks.attestation.keyring import KeyEntry
from tasks.attestation.predicates.in_force import SUBJECT, InForce, Terms
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed, Void


@dataclass(frozen=True)
class Signature:
    """One person's signature under terms, and where it stands."""

    index: int
    envelope_sha256: str
    person: str
    keyid: str
    reason: str
    signed_on: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "entry": self.index,
            "person": self.person,
            "key": self.keyid,
            "reason": self.reason,
            "signedOn": self.signed_on,
        }


@dataclass(frozen=True)
class Law:
    """What is in force, since the entry `index`.

    `number` counts from 1: how many laws the log has had up to this one.
    """

    number: int
    terms: Terms
    signatures: tuple[Signature, ...]

    @property
    def sha256(self) -> str:
        """The digest of its terms."""
        return self.terms.sha256

    @property
    def index(self) -> int:
        """The entry by which it came into force: its last signature's."""
        return self.signatures[-1].index

    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Return it as what a decision rests on: (name, sha256 of the envelope)."""
        return tuple(
            (f"{INPUT}{signature.index}", signature.envelope_sha256)
            for signature in self.signatures
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "number": self.number,
            "entry": self.index,
            "sha256": self.sha256,
            "signatures": [signature.to_dict() for signature in self.signatures],
            "terms": self.terms.to_dict(),
        }


INPUT = "law:"  # how the name of an input of a decision begins that is the law


@dataclass(frozen=True)
class Proposal:
    """Terms that would replace the law in force, and whom they still need: not in force."""

    terms: Terms
    signatures: tuple[Signature, ...]
    needed_people: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "sha256": self.terms.sha256,
            "neededPeople": self.needed_people,
            "signatures": [signature.to_dict() for signature in self.signatures],
            "terms": self.terms.to_dict(),
        }


@dataclass(frozen=True)
class LawHistory:
    """Everything that a log says about what is in force, up to one entry.

    Attributes:
        law: What is in force; None where nothing is.
        proposals: What would replace it and has not been signed by enough people, in log order.
        ignored: Entries whose signature holds and that count for nothing: (index, why).
        void: Entries that nobody who may has signed, or whose signer's key was voided.
    """

    law: Law | None
    proposals: tuple[Proposal, ...]
    ignored: tuple[tuple[int, str], ...]
    void: tuple[Void, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "inForce": self.law.to_dict() if self.law else None,
            "proposals": [proposal.to_dict() for proposal in self.proposals],
            "ignored": [{"entry": index, "reason": reason} for index, reason in self.ignored],
            "void": [{"entry": void.index, "reason": void.reason} for void in self.void],
        }


def read_history(log: Log, *, below: int | None = None) -> LawHistory:
    """Return what a log says about what is in force.

    Args:
        log: As `read_log` gives it: it has every entry that says what is in force.
        below: Only entries before this one count; None for all.
    """
    law: Law | None = None
    proposals: dict[str, list[Signed[InForce]]] = {}
    # Counted on, signature by signature: anybody with a key may sign one proposal a thousand times.
    people: dict[str, list[Identity]] = {}
    ignored: list[tuple[int, str]] = []

    for signed in log.statements(InForce):
        # The log's entries come in order, so all that follow are later, too.
        if below is not None and signed.index >= below:
            break

        terms = signed.predicate.terms
        # Against the law as it is at this entry, not at the head: order decides of two proposals
        # which one found the law that it names.
        if reason := _why_ignored(signed, law):
            ignored.append((signed.index, reason))
            continue

        signers = proposals.setdefault(terms.sha256, [])
        signers.append(signed)
        # People and not signatures or keys: one person with two keys is one.
        people[terms.sha256] = _include(people.get(terms.sha256, []), signed.key)
        if len(people[terms.sha256]) >= people_needed(terms, law):
            number = law.number + 1 if law else 1
            law = Law(number, terms, tuple(_signature(item) for item in signers))
            # All others were to replace the law that is no longer in force.
            proposals = {}
            people = {}

    open_proposals = tuple(
        Proposal(
            signers[0].predicate.terms,
            tuple(_signature(item) for item in signers),
            people_needed(signers[0].predicate.terms, law),
        )
        for signers in proposals.values()
    )
    void = tuple(
        item for item in log.every_void_statement(InForce) if below is None or item.index < below
    )
    return LawHistory(law, open_proposals, tuple(ignored), void)


def law_of(log: Log, *, below: int | None = None) -> Law | None:
    """Return what is in force at the head of a log, or was before an entry; None for nothing."""
    return read_history(log, below=below).law


def people_needed(terms: Terms, law: Law | None) -> int:
    """Return how many people have to sign terms that replace `law`.

    The law in force asks, and not what replaces it: else one person could do away with the second.
    """
    return law.terms.people if law else terms.people


def count_people(keys: Iterable[KeyEntry]) -> int:
    """Return how many people hold these keys, at the least.

    Two keys are of one person if they are the same key, or are enrolled with one name, one login or
    one address, however these are written; and so are two that are each of one with a third.
    """
    people: list[Identity] = []
    for key in keys:
        people = _include(people, key)
    return len(people)


def _include(people: list[Identity], key: KeyEntry) -> list[Identity]:
    """Return the people who hold these keys and one more, by the rule of `count_people`."""
    # The key's own id among the names: two entries of one key are one person's, even if they name
    # nobody.
    person = key.identity.joined(Identity.of((key.public.keyid,)))
    others = []
    for other in people:
        # Joined on the way, so that it goes on: two who share nothing are one person when a third
        # key shares something with each.
        if other.shares(person):
            person = person.joined(other)
        else:
            others.append(other)
    return [*others, person]


def _why_ignored(signed: Signed[InForce], law: Law | None) -> str:
    """Say why a statement counts for nothing although its signature holds; empty if it counts."""
    statement = signed.predicate
    terms = statement.terms
    if len(signed.subjects) != 1 or signed.digest_of(SUBJECT) != terms.sha256:
        return "its subject is not the digest of its terms"
    if statement.person != signed.key.holder:
        return "it is signed in another's name"
    # Compare and swap, with the log's order as the lock: see rule 2.
    if terms.replaces != (law.sha256 if law else ""):
        return "it replaces something else than what was in force there"
    return ""


def _signature(signed: Signed[InForce]) -> Signature:
    return Signature(
        index=signed.index,
        envelope_sha256=signed.envelope_sha256,
        person=signed.key.holder,
        keyid=signed.key.public.keyid,
        reason=signed.predicate.reason,
        signed_on=signed.predicate.given_on,
    )
