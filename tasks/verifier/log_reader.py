"""Read a ledger as somebody who trusts nothing but a root key.

The tree is derived again, keys are replayed, and bodies are held against their records.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from tasks.attestation.dsse import read_envelope
from tasks.attestation.keyring import KeyRing
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.reading import read_predicate
from tasks.attestation.predicates.records import Prune
from tasks.attestation.roles import IN_FORCE, KEY, LOG, PRUNE, RECORDS
from tasks.attestation.statement import read_statement
from tasks.errors import EvidenceError
from tasks.ledger.checkpoint import Checkpoint, verify_note
from tasks.ledger.tiles import Record
from tasks.path import PATH
from tasks.under_way import under_way
from tasks.verifier.expiry import epoch
from tasks.verifier.statement_index import (
    Entry,
    Signed,
    StatementIndex,
    Void,
    place_of,
)

if TYPE_CHECKING:
    from tasks.ledger.ledger import Ledger

P = TypeVar("P", bound=Predicate)

# How the fields begin that hold when a run, a decision or a consent was signed. Erasures and audit
# batches are not among them: their days are not the signer's present.
TIMES = (b'"finishedOn":"', b'"timeVerified":"', b'"givenOn":"')
TIME_BYTES = len("2026-01-01T00:00:00Z")


@dataclass(frozen=True)
class Selection:
    """Which entries a reader keeps besides `ALWAYS_KEPT`: those with one of `marks` as bytes.

    It keeps too many rather than too few: what an entry is about is decided by its statement.
    `marks` that are None keep everything.
    """

    marks: tuple[bytes, ...] | None

    @classmethod
    def of_case(cls, case: str) -> "Selection":
        """Keep what mentions an artefact of a use case."""
        return cls.of_names(f"{case}/")

    @classmethod
    def of_case_and_lineages(cls, case: str) -> "Selection":
        """Keep that, and of other use cases what their models go back to, and what became of them.

        By the names of artefacts that a lineage goes through, which end alike in every use case.
        """
        lineage = (f'/{stage.product}"'.encode() for stage in PATH if stage.product)
        return cls((*(cls.of_case(case).marks or ()), *lineage))

    @classmethod
    def of_names(cls, prefix: str) -> "Selection":
        """Keep what has a text that begins so, as the name of a subject does."""
        return cls((f'"{prefix}'.encode(),))

    @classmethod
    def of_type(cls, predicate_type: str) -> "Selection":
        """Keep statements of one type."""
        return cls((f'"{predicate_type}"'.encode(),))

    def and_type(self, predicate_type: str) -> "Selection":
        """Keep statements of one type as well."""
        more = Selection.of_type(predicate_type).marks or ()
        return self if self.marks is None else Selection((*self.marks, *more))

    def is_matched_by(self, payload: bytes) -> bool:
        """Say whether a payload is kept."""
        if self.marks is None:
            return True
        # A plain loop: this runs twice for every entry of a log, and a generator costs as much
        # again.
        for mark in self.marks:  # noqa: SIM110
            if mark in payload:
                return True
        return False


EVERYTHING = Selection(None)
KEYS_ALONE = Selection(())
REPLAYED = Selection((f'"{KEY}"'.encode(), f'"{PRUNE}"'.encode()))
SAYING_IN_FORCE = Selection.of_type(IN_FORCE)
# Kept whatever a caller selects. Of what is in force, to have read nothing would be to say that
# there is nothing: whoever forgets to select it would clear what it forbids.
ALWAYS_KEPT = Selection((*(REPLAYED.marks or ()), *(SAYING_IN_FORCE.marks or ())))


@dataclass(frozen=True)
class Log:
    """What a reader knows of a log: its head, its keys, and the entries asked for, in log order."""

    head: Checkpoint
    note: str
    keys: KeyRing = field(repr=False)
    entries: tuple[Entry, ...] = field(repr=False)
    pruned_below: int

    def statements(self, kind: type[P], name: str = "", sha256: str = "") -> tuple[Signed[P], ...]:
        """Return the statements of a kind whose signature holds, in log order.

        Args:
            kind: The class of the predicate.
            name: Of a subject; empty for any.
            sha256: Of that subject; empty for any.
        """
        return self._index.valid(kind, name, sha256)

    def required_statements(self, kind: type[P], name: str = "") -> tuple[Signed[P], ...]:
        """Return the statements of a kind, in log order.

        Raises:
            EvidenceError: The signature of one does not hold.
        """
        return self._index.required(kind, name)

    def every_void_statement(self, kind: type[Predicate]) -> tuple[Void, ...]:
        """Return the statements of a kind that count for nothing, whatever they are about."""
        return self._index.void(kind)

    def void_statements(
        self, kind: type[Predicate], name: str, sha256: str | None
    ) -> tuple[Void, ...]:
        """Return the statements about a subject that count for nothing."""
        return self._index.void(kind, name, sha256) if sha256 else ()

    def statements_with(self, sha256: str) -> tuple[Signed[Predicate], ...]:
        """Return the valid statements of any kind with a subject of these bytes."""
        return self._index.having(sha256)

    def about_case(self, case: str) -> "Log":
        """Return the log with its entries about a use case, and about what is in force, alone."""
        marks = (*(Selection.of_case(case).marks or ()), *(SAYING_IN_FORCE.marks or ()))
        selection = Selection(marks)
        entries = tuple(
            entry for entry in self.entries if selection.is_matched_by(entry.envelope.payload)
        )
        return replace(self, entries=entries)

    def before(self, index: int) -> "Log":
        """Return the log with those of its entries alone that come before an index.

        Head and keys stay those of the whole log: a key that was voided since is void here too.
        """
        return replace(self, entries=tuple(item for item in self.entries if item.index < index))

    @cached_property
    def latest_time(self) -> int:
        """The latest time, in epoch seconds, at which any entry says that it was signed; else 0.

        Entries count whose signature does not hold, and those about other use cases: a later time
        can only make something expire. There may be very many, so they are not read as JSON.
        """
        times = [
            epoch(text) for entry in self.entries for text in signing_times(entry.envelope.payload)
        ]
        return max(times, default=0)

    @cached_property
    def _index(self) -> StatementIndex:
        return StatementIndex(self.entries, self.keys)


def read_log(ledger: "Ledger", trusted: str, selection: Selection) -> Log:
    """Read and verify a whole log; keep the entries that are selected, and those always kept.

    Args:
        ledger: Where it lies.
        trusted: The root key's id, from somewhere else than the log.
        selection: What the caller will ask for.

    Raises:
        EvidenceError: The tree does not derive, the head is not signed, a body is not what its
            record says, or one is missing that was never pruned.
    """
    keys = KeyRing(trusted)
    kept: list[Entry] = []
    missing: list[int] = []
    pruned_below = 0

    # One snapshot for the tree, the entries and the head: a worker may append meanwhile.
    with ledger.store.reading():
        head = ledger.audit()
        with under_way("reading the log", head.size) as work:
            for index, record, body in ledger.entries(0, head.size):
                work.done = index
                # A body that is missing stays an entry of the tree: whether its absence is in order
                # is known only when all prunes were replayed, of which the latest may be the last
                # entry.
                if body is None:
                    missing.append(index)
                    continue
                entry = checked(index, record, body)
                # In log order, as they stand: a key counts from its own entry on.
                if ALWAYS_KEPT.is_matched_by(entry.envelope.payload):
                    pruned_below = max(pruned_below, replayed(entry, keys))
                    kept.append(entry)
                elif selection.is_matched_by(entry.envelope.payload):
                    kept.append(entry)
        note = ledger.store.head() or ""

    if lost := [index for index in missing if index >= pruned_below]:
        raise EvidenceError(
            f"ledger entry {lost[0]}",
            expected="its envelope",
            found="none, and no prune that took it away",
            remedy=f"Somebody deleted {len(lost)} envelope(s): restore them from the mirror.",
        )

    # Last, because the keys that may sign the head are known only when all entries were replayed.
    check_head(note, head, keys)
    # What was verified must not be taken away again: readers remember it, as appends do. An account
    # that may only read remembers nothing; the pin then lags, which is no harm to what it pins.
    with suppress(OSError):
        ledger.move_pin(note)
    return Log(head, note, keys, tuple(kept), pruned_below)


def checked(index: int, record: Record, body: bytes) -> Entry:
    """Return an entry if its body is what its record says.

    Raises:
        EvidenceError: It is another, or its payload is.
    """
    place = f"ledger entry {index}"
    # The tree was derived from the records: what has the record's digests is what the head was
    # signed over. The digest of the envelope is compared before it is parsed, so that of a log
    # nothing is parsed that nobody appended.
    digest = sha256(body).digest()
    envelope = read_envelope(body, place) if digest == record.envelope_sha256 else None
    if envelope is None or sha256(envelope.payload).digest() != record.payload_sha256:
        raise EvidenceError(
            place,
            expected=f"the envelope {record.envelope_sha256.hex()[:16]}…",
            found=f"{digest.hex()[:16]}…",
            remedy="Somebody edited the envelope: restore it from the mirror.",
        )

    return Entry(index, envelope, digest.hex())


def replayed(entry: Entry, keys: KeyRing) -> int:
    """Take a key or a prune into account, and nothing else.

    Returns:
        Below which index envelopes may be missing, by a prune; 0 by anything else.

    Raises:
        EvidenceError: It is a key or a prune, and its signature does not hold.
    """
    # The mark is looked for in the bytes, which is enough to pass by and never to believe: a
    # payload that holds it by chance is read, and its own field decides.
    if not REPLAYED.is_matched_by(entry.envelope.payload):
        return 0

    statement = read_statement(entry.envelope.payload, place_of(entry))
    if statement.predicate_type == KEY:
        keys.replay(entry.index, entry.envelope)
    if statement.predicate_type != PRUNE:
        return 0

    # Refused and not passed over, as other void statements are: a prune that nobody may sign would
    # explain away envelopes that somebody deleted.
    keys.signed(entry.index, entry.envelope, RECORDS)
    prune = read_predicate(statement, place_of(entry))
    # A prune is about what was there before it: it cannot excuse what goes missing after it.
    return prune.below if isinstance(prune, Prune) and prune.below <= entry.index else 0


def check_head(note: str, head: Checkpoint, keys: KeyRing) -> None:
    """Refuse a head that the log's own key did not sign, or that is of another log.

    Raises:
        EvidenceError: Its name is not its root key's, or none of the log's keys signed it.
    """
    if not keys.entries or head.origin != keys.origin:
        raise EvidenceError(
            "checkpoint",
            expected="the log of its own root key",
            found=head.origin,
            remedy="Do not trust this copy.",
        )

    # While a key of the log is rotated two of them are valid, and either may have signed.
    for holder in keys.holders(LOG, head.size - 1):
        try:
            verify_note(note, holder.public, head.origin)
        except EvidenceError:
            continue
        return

    raise EvidenceError(
        f"checkpoint, size {head.size}",
        expected="a signature by the log's key",
        found="none that verifies",
        remedy="Do not trust this copy; compare it with the mirror.",
    )


def signing_times(payload: bytes, marks: Iterable[bytes] = TIMES) -> Iterable[str]:
    """Yield when a payload says that it was signed, by the fields that begin with those marks."""
    for mark in marks:
        # A quotation mark within a JSON text is escaped, so that no text can hold such a mark: what
        # is found is a field.
        start = payload.find(mark)
        if start >= 0:
            start += len(mark)
            yield payload[start : start + TIME_BYTES].decode("ascii", "replace")
