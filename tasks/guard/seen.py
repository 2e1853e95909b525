"""What the ledger has seen of key stores: read it fast, and add to it.

A log may be long, and every stage asks. So an installation remembers what it has read, and up to
which head: next time it reads only what was appended since, and all of it again where one of those
entries is about a key store, or where the log does not continue that head.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.attestation.predicates.erasure import ErasureReceipt
from tasks.attestation.predicates.records import KeyStoreRecord
from tasks.attestation.roles import ERASURE, KEY_STORE
from tasks.attestation.statement import Artefact
from tasks.errors import EvidenceError
from tasks.formats.strict_json import parse_json
from tasks.formats.whole_file import write_whole
from tasks.keystore.known_stores import KnownStores
from tasks.keystore.state import KeyStoreState
from tasks.ledger.checkpoint import Checkpoint
from tasks.ledger.ledger import Ledger
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import Log, Selection, checked, read_log

MEMORY = "key-store.seen"
# Below `data/`: use case, stage, dataset. In the folder of a run (`.run-…`) sources may be Parquet.
SEALED_FILES = "[!.]*/*/*.parquet"
ABOUT_STORES = Selection.of_type(KEY_STORE)
ABOUT_STORES_OR_ERASURES = ABOUT_STORES.and_type(ERASURE)


@dataclass(frozen=True)
class Memory:
    """What was read of a log up to a head that verified."""

    origin: str
    size: int
    root_hash: str  # hex
    known: KnownStores

    def continues_to(self, head: Checkpoint, ledger: Ledger) -> bool:
        """Say whether the log still begins with all that was read."""
        return (
            self.origin == head.origin
            and self.size <= head.size
            and ledger.root_hash(self.size).hex() == self.root_hash
        )


def read_known_stores(installation: Installation) -> KnownStores:
    """Return what the log says of key stores, and whether sealed files lie in the workspace.

    Raises:
        EvidenceError: The log does not verify, was rolled back, or is gone although it was pinned.
    """
    ledger = open_ledger(installation)
    try:
        known = _read(ledger, installation)
    finally:
        ledger.close()

    data = installation.workspace / "data"
    return replace(known, has_sealed=any(data.glob(SEALED_FILES)))


def record_state(
    state: KeyStoreState,
    installation: Installation,
    *,
    renewed: str = "",
    replaces: tuple[str, ...] = (),
) -> bool:
    """Append what a key store has come to, unless the log has it already; return whether it did.

    A state that is older than the log's is passed over: another process was faster.

    Args:
        state: As it was read from the store.
        installation: Whose ledger.
        renewed: Why a person lets this store follow another, where one does.
        replaces: The ids of the stores that end with it.

    Raises:
        EvidenceError: The log knows other stores and not this one, or other secrets of it.
    """
    known = read_known_stores(installation)
    recorded = known.states.get(state.store_id)
    # A store that the log does not know is recorded without a person's word only as the first: else
    # whoever exchanges it has the log vouch for it.
    if recorded is None and known.states and not renewed:
        raise _unknown("one of the key stores that the log knows", "another")
    if recorded is not None:
        names = recorded.secrets.keys() & state.secrets.keys()
        if any(recorded.secrets[name] != state.secrets[name] for name in names):
            raise _unknown("the secrets that the log has seen of this key store", "others")
        if not renewed and not _is_ahead(state, recorded):
            return False

    record = KeyStoreRecord(
        store_id=state.store_id,
        generation=state.generation,
        events=state.events,
        events_sha256=state.events_sha256,
        # Those that were seen stay, also if one is not here now: what is missing has to be missed
        # the next time.
        secrets={**(recorded.secrets if recorded else {}), **state.secrets},
        root_key=state.root_key,
        # What a person decided stays visible in every later record of this store.
        renewed=renewed or known.renewed.get(state.store_id, ""),
        replaces=replaces,
        recorded_on=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    digest = hashlib.sha256(state.store_id.encode()).hexdigest()
    with open_notary(installation) as notary:
        notary.record(record.about(Artefact(record.subject_name, digest)))
    return True


def _is_ahead(state: KeyStoreState, recorded: KeyStoreState) -> bool:
    """Say whether a state is later than the recorded one; a secret that is new counts."""
    return (
        state.generation > recorded.generation
        or (state.generation == recorded.generation and state.events > recorded.events)
        or bool(state.secrets.keys() - recorded.secrets.keys())
    )


def _read(ledger: Ledger, installation: Installation) -> KnownStores:
    head = ledger.head()
    # First of all, and also for an empty log: without the pin a log that was emptied would know no
    # store, and any would do.
    if ledger.pin is not None:
        ledger.pin.check(ledger, head)
    if head is None:
        return KnownStores()

    path = installation.home / MEMORY
    memory = _remembered(path)
    # The head is checked against the memory by its root: only what was appended since is read, and
    # a log of another history is read whole.
    if memory is not None and memory.continues_to(head, ledger):
        known = replace(memory.known, size=head.size)
        if memory.size == head.size:
            return known
        if not _has_entry_about_stores(ledger, memory.size, head.size):
            _remember(path, head, known)
            return known

    log = read_log(ledger, trusted_root(installation), ABOUT_STORES_OR_ERASURES)
    known = replace(_known_from(log), origin=log.head.origin, size=log.head.size)
    _remember(path, log.head, known)
    return known


def _known_from(log: Log) -> KnownStores:
    """Return the newest record of every store, and what the newest receipt counts.

    A signature that does not hold is an error and no gap: who broke it may have meant to.
    """
    states: dict[str, KeyStoreState] = {}
    renewed: dict[str, str] = {}
    for record in _records_in(log):
        for store_id in record.replaces:
            states.pop(store_id, None)
        renewed[record.store_id] = record.renewed
        states[record.store_id] = KeyStoreState(
            store_id=record.store_id,
            generation=record.generation,
            events=record.events,
            events_sha256=record.events_sha256,
            secrets=dict(record.secrets),
            root_key=record.root_key,
        )

    receipts = [signed.predicate.verified for signed in log.required_statements(ErasureReceipt)]
    # By count and not by order: two receipts that are signed at once may stand either way round.
    newest = max(receipts, key=lambda search: search.tombstones, default=None)
    counted = None if newest is None else (newest.tombstones, newest.tombstones_sha256)
    return KnownStores(states=states, receipts=counted, renewed=renewed)


def _records_in(log: Log) -> tuple[KeyStoreRecord, ...]:
    return tuple(signed.predicate for signed in log.required_statements(KeyStoreRecord))


def _has_entry_about_stores(ledger: Ledger, start: int, end: int) -> bool:
    for index, record, body in ledger.entries(start, end):
        # A body that is missing may have been about a store: that is for the whole reading to
        # judge.
        if body is None or ABOUT_STORES.is_matched_by(
            checked(index, record, body).envelope.payload
        ):
            return True
    return False


def _remembered(path: Path) -> Memory | None:
    """Return what was remembered; None where that is not readable, and all is read again."""
    try:
        values: Any = parse_json(path.read_bytes())
        return Memory(
            str(values["origin"]),
            int(values["size"]),
            str(values["root_hash"]),
            KnownStores.from_dict(values["known"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _remember(path: Path, head: Checkpoint, known: KnownStores) -> None:
    values = {
        "origin": head.origin,
        "size": head.size,
        "root_hash": head.root_hash.hex(),
        "known": known.to_dict(),
    }
    # It only spares reading: an account that may not write reads all of the log each time.
    with suppress(OSError):
        write_whole(path, json.dumps(values).encode(), must_last=False)


def _unknown(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        "key store",
        expected=expected,
        found=found,
        remedy=(
            "Restore the one that belongs here. If this one is to be used from now on: "
            "`./portcullis keys renew-store --reason …`."
        ),
    )
