"""Find the statements of a log by predicate type, subject name and digest; verify what is found.

Only this module and the log reader look at payloads as bytes, and never to believe one: the type's
URI as bytes is what makes it worth reading as JSON. Most entries of a log are of other types.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tasks.attestation.dsse import Envelope
from tasks.attestation.keyring import KeyEntry, KeyRing
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.reading import READERS, read_predicate
from tasks.attestation.statement import Artefact, Statement, read_statement
from tasks.errors import EvidenceError

P = TypeVar("P", bound=Predicate, covariant=True)
Q = TypeVar("Q", bound=Predicate)


@dataclass(frozen=True)
class Entry:
    """One entry whose body is what its record says; its signature is not yet verified."""

    index: int
    envelope: Envelope
    envelope_sha256: str


@dataclass(frozen=True)
class Signed(Generic[P]):
    """A statement, where it stands, what it says, and whose key signed it in the right role."""

    index: int
    statement: Statement
    predicate: P
    key: KeyEntry = field(repr=False)
    envelope_sha256: str

    def digest_of(self, name: str) -> str | None:
        """Return the sha256 of the subject `name`, or None."""
        return self.statement.digest_of(name)

    @property
    def subjects(self) -> tuple[Artefact, ...]:
        """What it is about."""
        return self.statement.subjects


@dataclass(frozen=True)
class Void:
    """A statement that counts for nothing, and why: shown where it would have filled a gap."""

    index: int
    statement: Statement
    error: EvidenceError

    @property
    def reason(self) -> str:
        """Why it counts for nothing."""
        return f"expected {self.error.expected}; found {self.error.found}"


@dataclass
class TypeIndex:
    """The statements of one predicate type, as they are claimed: nothing in it is verified."""

    claims: list[tuple[Entry, Statement]] = field(default_factory=list)
    by_name: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_subject: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    unreadable: EvidenceError | None = None  # the first entry with the type that is no statement

    def add(self, entry: Entry, statement: Statement) -> None:
        """Enter a statement under each of its subjects."""
        place = len(self.claims)
        self.claims.append((entry, statement))
        for subject in statement.subjects:
            self.by_name[subject.name].append(place)
            self.by_subject[subject.name, subject.sha256].append(place)

    def find(self, name: str, sha256: str) -> list[tuple[Entry, Statement]]:
        """Return the claims about a subject, in log order; an empty argument stands for any."""
        if name and sha256:
            places = self.by_subject.get((name, sha256), [])
        elif name:
            places = self.by_name.get(name, [])
        else:
            return [
                claim
                for claim in self.claims
                if not sha256 or any(subject.sha256 == sha256 for subject in claim[1].subjects)
            ]

        return [self.claims[place] for place in places]


class StatementIndex:
    """The statements of a log, found by type and subject.

    A type is read when it is first asked for. Each signature is verified once, when its statement
    is first given out.
    """

    def __init__(self, entries: Iterable[Entry], keys: KeyRing) -> None:
        self._entries = tuple(entries)
        self._keys = keys
        self._types: dict[str, TypeIndex] = {}
        self._outcomes: dict[int, Signed[Predicate] | Void] = {}

    def valid(self, kind: type[Q], name: str = "", sha256: str = "") -> tuple[Signed[Q], ...]:
        """Return the statements of a kind about a subject whose signatures hold, in log order.

        Others count for nothing here: `void` returns them.
        """
        # Two classes can have one type; the outcome's own class is what decides.
        return tuple(
            outcome  # type: ignore[misc] # what is narrowed is its predicate
            for outcome in self._outcomes_of(kind, name, sha256)
            if isinstance(outcome, Signed) and isinstance(outcome.predicate, kind)
        )

    def void(self, kind: type[Predicate], name: str = "", sha256: str = "") -> tuple[Void, ...]:
        """Return the statements of a kind about a subject that count for nothing, in log order."""
        outcomes = self._outcomes_of(kind, name, sha256)
        return tuple(outcome for outcome in outcomes if isinstance(outcome, Void))

    def required(self, kind: type[Q], name: str = "") -> tuple[Signed[Q], ...]:
        """Return the statements of a kind, all of which have to hold.

        Raises:
            EvidenceError: One does not. Where a statement forbids something, as a hold does, to
                pass over a damaged one would allow it.
        """
        if (error := self._type(kind.TYPE).unreadable) is not None:
            raise error
        if void := self.void(kind, name):
            raise void[0].error
        return self.valid(kind, name)

    def having(self, sha256: str) -> tuple[Signed[Predicate], ...]:
        """Return the valid statements of any kind with a subject of these bytes, in log order."""
        statements = [
            outcome
            for predicate_type in READERS
            for entry, statement in self._type(predicate_type).find("", sha256)
            if isinstance(outcome := self._outcome(entry, statement), Signed)
        ]
        return tuple(sorted(statements, key=lambda signed: signed.index))

    def _outcomes_of(
        self, kind: type[Predicate], name: str, sha256: str
    ) -> Iterator[Signed[Predicate] | Void]:
        for entry, statement in self._type(kind.TYPE).find(name, sha256):
            yield self._outcome(entry, statement)

    def _type(self, predicate_type: str) -> TypeIndex:
        if predicate_type in self._types:
            return self._types[predicate_type]

        index = TypeIndex()
        mark = f'"{predicate_type}"'.encode()
        for entry in self._entries:
            if mark not in entry.envelope.payload:
                continue
            try:
                statement = read_statement(entry.envelope.payload, place_of(entry))
            except EvidenceError as error:
                index.unreadable = index.unreadable or error
                continue
            # The mark may stand anywhere in the payload; the statement's own field is what counts.
            if statement.predicate_type == predicate_type:
                index.add(entry, statement)

        self._types[predicate_type] = index
        return index

    def _outcome(self, entry: Entry, statement: Statement) -> "Signed[Predicate] | Void":
        # By index: the same statement is found by name, by digest and by type, and its signature is
        # verified once.
        if entry.index not in self._outcomes:
            try:
                self._outcomes[entry.index] = verify_statement(entry, statement, self._keys)
            except EvidenceError as error:
                # Kept, and not dropped: that a later statement is void is itself something to say.
                self._outcomes[entry.index] = Void(entry.index, statement, error)
        return self._outcomes[entry.index]


def verified(entry: Entry, keys: KeyRing) -> Signed[Predicate]:
    """Return an entry's statement, its signature verified before its content is believed.

    Raises:
        EvidenceError: It is no statement, says nothing that one of its type has to say, or the key
            that signed it may not sign such a statement there.
    """
    statement = read_statement(entry.envelope.payload, place_of(entry))
    return verify_statement(entry, statement, keys)


def verify_statement(entry: Entry, statement: Statement, keys: KeyRing) -> Signed[Predicate]:
    """Return the statement that was read from an entry with its signature verified.

    Raises:
        EvidenceError: As `verified`.
    """
    # 1. Read what is claimed, only to learn which roles may have signed it.
    predicate = read_predicate(statement, place_of(entry))

    # 2. Verify the signature, by a key that had one of these roles at this entry.
    key = keys.signed(entry.index, entry.envelope, *predicate.accepted_roles)
    return Signed(entry.index, statement, predicate, key, entry.envelope_sha256)


def place_of(entry: Entry) -> str:
    """Return how errors name an entry."""
    return f"ledger entry {entry.index}"
