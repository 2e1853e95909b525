"""Read a ledger as somebody who trusts nothing but a root key: derive the tree, replay the keys, check bodies."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tasks.attestation.dsse import Envelope, read_envelope
from tasks.attestation.keyring import KeyEntry, KeyRing
from tasks.attestation.roles import KEY, LOG, PRUNE, RECORDS, role_for
from tasks.attestation.statement import Statement, read_statement
from tasks.errors import EvidenceError
from tasks.ledger.checkpoint import Checkpoint, verify_note
from tasks.ledger.tiles import Record

if TYPE_CHECKING:
    from tasks.ledger.ledger import Ledger

ALWAYS = (f'"{KEY}"'.encode(), f'"{PRUNE}"'.encode())


@dataclass(frozen=True)
class Entry:
    """One entry whose body was found to be what its record says; its signature is not yet verified."""

    index: int
    envelope: Envelope
    envelope_sha256: str


@dataclass(frozen=True)
class Signed:
    """A statement, where it stands, and whose key signed it in the right role."""

    index: int
    statement: Statement
    key: KeyEntry = field(repr=False)
    envelope_sha256: str


@dataclass(frozen=True)
class Log:
    """What a reader knows of a log: its head, its keys, and the entries that were asked for, in log order."""

    head: Checkpoint
    note: str
    keys: KeyRing = field(repr=False)
    entries: tuple[Entry, ...] = field(repr=False)
    pruned_below: int


def verified(entry: Entry, keys: KeyRing) -> Signed:
    """Return an entry's statement, its signature verified before its content is believed."""
    where = f"ledger entry {entry.index}"
    claimed = read_statement(
        entry.envelope.payload, where
    )  # only to learn which role has to have signed it
    key = keys.signed(
        entry.index, entry.envelope, role_for(claimed.predicate_type, claimed.predicate)
    )
    return Signed(entry.index, claimed, key, entry.envelope_sha256)


def read_log(ledger: "Ledger", trusted: str, wanted: Callable[[bytes], bool]) -> Log:
    """Read and verify a whole log; keep the entries whose payload is `wanted`, besides keys and prunes.

    Args:
        ledger: Where it lies.
        trusted: The root key's id, from somewhere else than the log.
        wanted: Is given each payload.

    Raises:
        EvidenceError: The tree does not derive, the head is not signed, a body is not what its record says, or one
            is missing that was never pruned.
    """
    with ledger.store.reading():
        head = ledger.audit()
        keys, kept, missing, pruned_below = KeyRing(trusted), [], [], 0
        for index, record, body in ledger.entries(0, head.size):
            if body is None:
                missing.append(index)
                continue
            entry = checked(index, record, body)
            payload = entry.envelope.payload
            if any(mark in payload for mark in ALWAYS):
                pruned_below = max(pruned_below, replayed(entry, keys))
                kept.append(entry)
            elif wanted(payload):
                kept.append(entry)
        note = ledger.store.head() or ""
    if lost := [index for index in missing if index >= pruned_below]:
        raise EvidenceError(
            f"ledger entry {lost[0]}", expected="its envelope", found="none, and no prune that took it away",
            remedy=f"Somebody deleted {len(lost)} envelope(s): restore them from the mirror.",
        )  # fmt: skip
    check_head(note, head, keys)
    return Log(head, note, keys, tuple(kept), pruned_below)


def checked(index: int, record: Record, body: bytes) -> Entry:
    """Return an entry if its body is what its record says."""
    where = f"ledger entry {index}"
    digest = sha256(body).digest()
    envelope = read_envelope(body, where) if digest == record.envelope_sha256 else None
    if envelope is None or sha256(envelope.payload).digest() != record.payload_sha256:
        raise EvidenceError(
            where, expected=f"the envelope {record.envelope_sha256.hex()[:16]}…", found=f"{digest.hex()[:16]}…",
            remedy="Somebody edited the envelope: restore it from the mirror.",
        )  # fmt: skip
    return Entry(index, envelope, digest.hex())


def replayed(entry: Entry, keys: KeyRing) -> int:
    """Take a key or a prune into account; return below which index the latter allows bodies to be missing."""
    statement = read_statement(entry.envelope.payload, f"ledger entry {entry.index}")
    if statement.predicate_type == KEY:
        keys.replay(entry.index, entry.envelope)
    if statement.predicate_type != PRUNE:
        return 0
    keys.signed(entry.index, entry.envelope, RECORDS)
    below: Any = statement.predicate.get("belowIndex")
    return below if isinstance(below, int) and below <= entry.index else 0


def check_head(note: str, head: Checkpoint, keys: KeyRing) -> None:
    """Refuse a head that the log's own key did not sign, or that is of another log than its root key's."""
    if not keys.entries or head.origin != keys.origin:
        raise EvidenceError(
            "checkpoint",
            expected="the log of its own root key",
            found=head.origin,
            remedy="Do not trust this copy.",
        )
    holders = keys.holders(LOG, head.size - 1)
    for holder in holders:
        try:
            verify_note(note, holder.public, head.origin)
        except EvidenceError:
            continue
        return
    raise EvidenceError(
        f"checkpoint, size {head.size}", expected="a signature by the log's key", found="none that verifies",
        remedy="Do not trust this copy; compare it with the mirror.",
    )  # fmt: skip
