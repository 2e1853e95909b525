"""What a key store is and how far it has come, in words that say nothing about anybody.

Secrets and root keys are told apart by identities: keyed digests of fixed words, from which no
secret can be computed. The ledger keeps the newest state (`tasks.guard`), and a store that is older
than that, or another, is refused (`tasks.keystore.known_stores`).
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from tasks.keystore.key_tables import KeyTables
from tasks.keystore.keys import GENERATION, KeyStore
from tasks.system.installation import Installation

# The secrets that a key store cannot be replaced without: pseudonyms, lookups, file codes, marks.
SECRETS = ("pepper", "pseudonym", "seal", "tombstone")
STORE_ID = "store id"  # the name of a fact in the database
ID_BYTES = 16
IDENTITY_LENGTH = 32  # hex digits: 128 bits


@dataclass(frozen=True)
class KeyStoreState:
    """One state of one store.

    Attributes:
        store_id: Random, made with the store; kept among its facts.
        generation: Moves whenever keys are destroyed, restricted or wrapped anew; never back.
        events: How many events its list of erasures has; the list only grows.
        events_sha256: The digest over them.
        secrets: The identity of each secret that is there, by its name.
        root_key: The identity of the newest root key.
    """

    store_id: str
    generation: int
    events: int
    events_sha256: str
    secrets: Mapping[str, str]
    root_key: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: It is no state.
        """
        match values:
            case {
                "store_id": str(store_id),
                "generation": int(generation),
                "events": int(events),
                "events_sha256": str(events_sha256),
                "secrets": {**identities},
                "root_key": str(root_key),
            } if len(values) == 6 and all(isinstance(text, str) for text in identities.values()):
                named = {str(name): str(text) for name, text in identities.items()}
                return cls(store_id, generation, events, events_sha256, named, root_key)
            case _:
                raise ValueError("no state of a key store")


def identify(secret: bytes, name: str) -> str:
    """Return a secret's identity: HMAC-SHA256 of its name under it, the first 128 bits in hex."""
    words = b"portcullis secret identity v1\x00" + name.encode()
    return hmac.digest(secret, words, "sha256").hex()[:IDENTITY_LENGTH]


def identify_secrets(installation: Installation) -> dict[str, str]:
    """Return the identities of those secrets that are there; none is made."""
    present = {name: installation.existing_secret(name) for name in SECRETS}
    return {name: identify(secret, name) for name, secret in present.items() if secret is not None}


def read_state(store: KeyStore, installation: Installation) -> KeyStoreState:
    """Return the state of a store; one that has no id yet is given one."""
    # One that is new has none, nor one that is older than records of stores.
    if store.fact(STORE_ID) is None:
        with store.tables.writing():
            # Inside the transaction: another process may have been first, and its id counts.
            store.tables.run(
                "INSERT INTO facts VALUES (?,?) ON CONFLICT (name) DO NOTHING",
                [(STORE_ID, secrets.token_hex(ID_BYTES))],
            )

    # Another process may have rotated: the identity has to be that of the key as it is.
    store.root_key.refresh()
    events = count_events(store.tables)
    return KeyStoreState(
        store_id=store.fact(STORE_ID) or "",
        generation=int(store.fact(GENERATION) or 0),
        events=events,
        events_sha256=digest_events(store.tables, events),
        secrets=identify_secrets(installation),
        root_key=store.root_key.identities()[0],
    )


def count_events(tables: KeyTables) -> int:
    """Return how many events the list of erasures has."""
    return int(tables.rows("SELECT count(*) FROM tombstones")[0][0])


def digest_events(tables: KeyTables, count: int) -> str:
    """Return the digest over the first `count` events of the list of erasures."""
    digest = hashlib.sha256(b"portcullis erasure events v1")
    query = "SELECT seq, mark, day, event FROM tombstones ORDER BY seq LIMIT ?"
    for place, mark, day, event in tables.rows(query, count):
        # All columns, and the place: the digest of a list from which an event was taken, and
        # another put in its place, is another one. Unlike that of `Tombstones`, it counts returns,
        # too.
        digest.update(f"{place} ".encode() + bytes(mark) + f"{day} {event}\n".encode())
    return digest.hexdigest()
