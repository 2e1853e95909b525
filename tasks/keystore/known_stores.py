"""Refuse a key store that is not what the log has seen: missing, older, or another.

Whoever opens a key store for work comes through here. What a lost secret or an old backup would do
otherwise: it is made anew, or taken as it is, and everybody who was erased comes back with the next
delivery.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tasks.errors import EvidenceError, SealError
from tasks.keystore.key_tables import KEY_FILE, KeyTables
from tasks.keystore.keys import KeyStore, context_of, open_keys
from tasks.keystore.state import (
    SECRETS,
    STORE_ID,
    KeyStoreState,
    count_events,
    digest_events,
    identify_secrets,
    read_state,
)
from tasks.keystore.tombstones import Tombstones
from tasks.system.installation import Installation

# In a run folder, from the worker to the stage.
KNOWN = "key-store.json"
OPENED_WITH = ("pepper", "seal", "tombstone")  # made by `open_keys`
# Names of facts in the database: which log has recorded the store, and how long it was by then.
RECORDED_IN = "recorded in"
RECORDED_AT = "recorded at"
RENEW = "./portcullis keys renew-store --reason …"
TOGETHER = "keys.db, its -wal file, root.key and the secrets (*.key) belong to each other"


@dataclass(frozen=True)
class KnownStores:
    """What the log says of key stores, and the workspace of sealed files.

    Attributes:
        states: The newest state of every store that the log knows, by its id.
        has_sealed: Whether sealed files lie in the workspace.
        receipts: How many erasures the newest signed receipt counted, and their digest: of a time
            before stores were recorded. None where there is no receipt.
        renewed: Why a person began a store, or took it over, by its id; the first one has none.
        origin: The name of the log; empty where it has no entry yet.
        size: How many entries the log had when it was read.
        is_compared: Whether the log was found to be no older than the store's note of it. Whoever
            opens the store later does not ask again: the log may have grown meanwhile, and the
            store noted that.
    """

    states: Mapping[str, KeyStoreState] = field(default_factory=dict)
    has_sealed: bool = False
    receipts: tuple[int, str] | None = None
    renewed: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
    size: int = 0
    is_compared: bool = False

    def describe_renewal(self, store_id: str) -> tuple[str, ...]:
        """Return the line that a release shows of a store that followed a lost one."""
        if not (why := self.renewed.get(store_id)):
            return ()
        return (f"key store: it followed one that is lost, by a person's word: {why}",)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "states": [state.to_dict() for state in self.states.values()],
            "has_sealed": self.has_sealed,
            "receipts": list(self.receipts) if self.receipts else None,
            "renewed": dict(self.renewed),
            "origin": self.origin,
            "size": self.size,
            "is_compared": self.is_compared,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        states = [KeyStoreState.from_dict(state) for state in values["states"]]
        receipts = values["receipts"]

        return cls(
            states={state.store_id: state for state in states},
            has_sealed=bool(values["has_sealed"]),
            receipts=(int(receipts[0]), str(receipts[1])) if receipts else None,
            renewed={str(name): str(why) for name, why in values["renewed"].items()},
            origin=str(values["origin"]),
            size=int(values["size"]),
            is_compared=bool(values["is_compared"]),
        )


def open_known_keys(installation: Installation, known: KnownStores | None) -> KeyStore:
    """Return the key store of an installation if it is what the log has seen, or further.

    Args:
        installation: Whose.
        known: What the log has seen; None where nobody asked it, as for a stage that was started by
            hand. Then only a store whose secrets are gone is refused.

    Raises:
        EvidenceError: It is missing, older, or another; or a secret or the root key is. It says
            which, what to restore, and what that would undo. Nothing was made.
    """
    # In two parts. Before opening: what opening would make anew in silence. After it: what only the
    # open store can say of itself.
    require_known_files(installation, known or KnownStores())
    store = open_keys(installation)
    if known is not None:
        require_known_state(store, installation, known)
    return store


def require_known_files(installation: Installation, known: KnownStores) -> None:
    """Refuse before anything is opened, since opening makes what is not there.

    Raises:
        EvidenceError: See `open_known_keys`.
    """
    present = identify_secrets(installation)
    has_store = has_tables(installation)
    if not known.states:
        _require_nothing_lost(installation, known, present, has_store=has_store)
        return

    if not has_store:
        raise _lost(f"key store {KEY_FILE}", _describe(known), "none")
    # Of several stores in one log it is enough that each secret is that of one of them: which one
    # this is can only be asked once it is open.
    for name in SECRETS:
        identities = {
            state.secrets[name] for state in known.states.values() if name in state.secrets
        }
        if identities and name not in present:
            raise _lost(f"secret {name}.key", f"the one of identity {_shown(identities)}", "none")
        if identities and present[name] not in identities:
            found = f"another, of identity {_shown({present[name]})}"
            raise _lost(f"secret {name}.key", f"the one of identity {_shown(identities)}", found)
    # Also before opening: a local root key is made on first use, too.
    if not installation.has_root_key:
        identities = {state.root_key for state in known.states.values()}
        raise _lost("root key root.key", f"the one of identity {_shown(identities)}", "none")


def require_known_state(store: KeyStore, installation: Installation, known: KnownStores) -> None:
    """Refuse a store that is open and is older than the log, or another.

    Raises:
        EvidenceError: See `open_known_keys`.
    """
    if not known.states:
        if origin := store.fact(RECORDED_IN):
            raise _without_log(store, origin)
        _require_receipts(store, known)
        if count_events(store.tables) and "pseudonym" not in identify_secrets(installation):
            # Tombstones are of pseudonyms: under another secret nobody would be recognised.
            expected = "the one of those who were erased"
            raise _lost("secret pseudonym.key", expected, "none", is_logged=False)
        return

    # 1. Which store it is: one that the log does not know is another, however good it looks.
    store_id = store.fact(STORE_ID)
    recorded = known.states.get(store_id or "")
    if recorded is None:
        found = "one that the log does not know" if store_id else "one that the log never saw"
        raise _lost(store.tables.name, _describe(known), found)

    state = read_state(store, installation)
    # 2. Its secrets, now that it is known which store's they have to be.
    _require_secrets_of(recorded, state)
    # 3. Its list of erasures: no shorter than the log has seen it, and the same as far as that
    # goes. Longer is right: a process may have been killed before it recorded what it did.
    missing = recorded.events - count_events(store.tables)
    if missing > 0:
        raise _older(store, recorded, f"{missing} people erased or readmitted since")
    if digest_events(store.tables, recorded.events) != recorded.events_sha256:
        raise _lost(store.tables.name, "the list of erasures that the log has seen", "another list")
    # 4. Its keys: erasures set tombstones first, so that a copy from between the two has the whole
    # list, and still the keys that were destroyed since.
    if state.generation < recorded.generation:
        behind = recorded.generation - state.generation
        raise _older(store, recorded, f"whoever was erased in the {behind} changes of keys since")
    # Ahead of the log a rotation may have ended, and was not recorded: then the root key has to
    # prove that it is this store's, which every use of a key does.
    if state.generation == recorded.generation and (
        recorded.root_key not in store.root_key.identities()
    ):
        found = f"another, of identity {_shown({state.root_key})}"
        raise _lost("root key", f"the one of identity {_shown({recorded.root_key})}", found)

    _require_root_of(store)
    if not known.is_compared:
        require_newest_log(read_noted_log(store.tables), known)

    note_origin(store, known.origin)


def _require_root_of(store: KeyStore) -> None:
    """Refuse a root key that does not open what this store holds: a name alone proves nothing.

    Transit makes a key that it is asked to wrap by and does not have: a lost one would be made anew
    in silence. And another process may be rotating: then the key is looked for once more.
    """
    for is_last in (False, True):
        rows = store.tables.rows("SELECT bucket, wrapped FROM buckets LIMIT 1")
        try:
            store.root_key.unwrap(
                [(bytes(wrapped), context_of(bucket)) for bucket, wrapped in rows]
            )
            return
        except SealError as error:
            if is_last:
                found = "another, or none"
                raise _lost("root key", "the one that wrapped this store's keys", found) from error
            store.root_key.refresh()


@dataclass(frozen=True)
class NotedLog:
    """What a store has noted of the log that records it.

    Attributes:
        store: The name of the store's tables, for messages.
        origin: The name of the log; empty where none has recorded the store.
        size: How many entries it had.
    """

    store: str
    origin: str
    size: int


def read_noted_log(tables: KeyTables) -> NotedLog:
    """Return what a store has noted; read *before* the log, which may grow at any moment."""
    query = "SELECT name, value FROM facts WHERE name IN (?,?)"
    facts = {str(name): str(value) for name, value in tables.rows(query, RECORDED_IN, RECORDED_AT)}
    return NotedLog(tables.name, facts.get(RECORDED_IN, ""), int(facts.get(RECORDED_AT, 0)))


def is_log_older(noted: NotedLog, known: KnownStores) -> bool:
    """Say whether the store was recorded by more of this log than there is."""
    return noted.origin == known.origin and noted.size > known.size


def require_newest_log(noted: NotedLog, known: KnownStores) -> None:
    """Refuse an older copy of the log.

    Raises:
        EvidenceError: The store was recorded by more of this log than there is.
    """
    if is_log_older(noted, known):
        raise EvidenceError(
            "ledger",
            expected=f"at least {noted.size} entries, which have recorded {noted.store}",
            found=f"an older copy of {known.size}, with its pin",
            remedy=(
                "Restore the newest ledger.db and ledger.pin: what was signed since is missing. If "
                f"they are lost for good: `{RENEW} --keep` goes on with this log."
            ),
        )


def note_log(store: KeyStore, known: KnownStores, *, is_renewed: bool = False) -> None:
    """Note in the store which log knows it, and how long that is.

    Who loses the log and its pin at once would begin both anew in silence, and who restores both
    from one day has a log that forgot what was signed since: the store tells.

    Args:
        store: The store.
        known: What was read of the log.
        is_renewed: Whether a person goes on with a shorter log. Else more of the same log, which
            another process has noted meanwhile, stays.
    """
    may_fall = is_renewed or store.fact(RECORDED_IN) != known.origin
    note_origin(store, known.origin)
    if store.fact(RECORDED_AT) != str(known.size):
        with store.tables.writing():
            noted = 0 if may_fall else int(store.fact(RECORDED_AT) or 0)
            store.put_fact(RECORDED_AT, str(max(known.size, noted)))


def note_origin(store: KeyStore, origin: str) -> None:
    """Note which log it is, as whoever opens the store for work does, too."""
    if store.fact(RECORDED_IN) != origin:
        with store.tables.writing():
            store.put_fact(RECORDED_IN, origin)


def has_tables(installation: Installation) -> bool:
    """Say whether there is a key store; of one on a server only its own facts can tell."""
    path: Path = installation.home / KEY_FILE
    return bool(installation.settings.keys_url) or (path.is_file() and path.stat().st_size > 0)


def _require_nothing_lost(
    installation: Installation, known: KnownStores, present: Mapping[str, str], *, has_store: bool
) -> None:
    """Refuse a beginning where something was there before."""
    if not has_store and known.receipts is not None:
        raise _lost(f"key store {KEY_FILE}", f"one with {known.receipts[0]} erasures", "none")
    if not has_store and known.has_sealed:
        expected = "the one that sealed the files in data/"
        raise _lost(f"key store {KEY_FILE}", expected, "none", is_logged=False)

    # A store of a time before stores were recorded: it was never opened without these.
    # Of one on a server that nobody opened yet, only what lies here tells whether it was.
    is_begun = not installation.settings.keys_url or known.has_sealed or known.receipts is not None
    if has_store and is_begun:
        for name in OPENED_WITH:
            if name not in present:
                expected = "the one that this key store began with"
                raise _lost(f"secret {name}.key", expected, "none", is_logged=False)


def _require_receipts(store: KeyStore, known: KnownStores) -> None:
    if known.receipts is None:
        return

    count, sha256 = known.receipts
    checkpoint = Tombstones.read(store.tables, store.mark_key).checkpoint
    if checkpoint.count < count:
        raise _lost(
            store.tables.name,
            f"at least {count} erasures, which a signed receipt counts",
            f"{checkpoint.count}",
        )

    if checkpoint.count == count and checkpoint.sha256 != sha256:
        raise _lost(store.tables.name, "the list of erasures of a signed receipt", "another list")


def _require_secrets_of(recorded: KeyStoreState, state: KeyStoreState) -> None:
    for name, identity in recorded.secrets.items():
        if state.secrets.get(name) != identity:
            raise _lost(
                f"secret {name}.key",
                f"the one of identity {_shown({identity})}, which belongs to this key store",
                "another",
            )


def _describe(known: KnownStores) -> str:
    """Return which stores the log knows, and how far each was."""
    return " or ".join(
        f"{state.store_id[:12]}… at generation {state.generation} with {state.events} erasures"
        for state in known.states.values()
    )


def _shown(identities: set[str]) -> str:
    return " or ".join(f"{identity[:12]}…" for identity in sorted(identities))


def _lost(where: str, expected: str, found: str, *, is_logged: bool = True) -> EvidenceError:
    return EvidenceError(
        where,
        expected=f"{expected}, as the signed log has seen it" if is_logged else expected,
        found=found,
        remedy=(
            f"Restore the newest backup ({TOGETHER}), not an older one: that would bring back "
            "whoever was erased since, and is refused. Nothing was made anew. If it is lost for "
            f"good: `{RENEW}`."
        ),
    )


def _without_log(store: KeyStore, origin: str) -> EvidenceError:
    return EvidenceError(
        "ledger",
        expected=f"the log {origin[:40]}…, which has recorded {store.tables.name}",
        found="one that has seen no key store",
        remedy=(
            "Restore ledger.db and ledger.pin: they say who was erased, and what was signed. If "
            f"they are lost for good: `{RENEW} --keep` records this store in the new log."
        ),
    )


def _older(store: KeyStore, recorded: KeyStoreState, undone: str) -> EvidenceError:
    return EvidenceError(
        store.tables.name,
        expected=(
            f"generation {recorded.generation} with {recorded.events} erasures or later, as the "
            "signed log has seen it"
        ),
        found=f"an older copy, which would bring back {undone}",
        remedy=(
            f"Restore a newer backup ({TOGETHER}). If there is none: `{RENEW}`; it begins a new "
            "store, and what was sealed stays unreadable."
        ),
    )
