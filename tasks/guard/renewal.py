"""The way out where a key store is lost for good: a person begins a new one, and the log says so.

Nothing is deleted: what is left of the old store is set aside. Its sealed data stays unreadable and
its list of erasures is lost, so that whoever was erased has to be erased again when they are
delivered again; every release says so from then on.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.errors import ConfigError, PortcullisError
from tasks.guard.seen import read_known_stores, record_state
from tasks.keystore.key_tables import (
    KeyTables,
    SqliteKeyTables,
    hold_erasure_lock,
    open_key_tables,
)
from tasks.keystore.keys import KeyStore, open_keys
from tasks.keystore.known_stores import (
    KnownStores,
    is_log_older,
    note_log,
    open_known_keys,
    read_noted_log,
)
from tasks.keystore.state import SECRETS, STORE_ID, read_state
from tasks.notary.audit import PeopleAction, audit
from tasks.system.installation import Installation

SET_ASIDE = "set-aside"
STORE_FILES = ("keys.db", "keys.db-wal", "keys.db-shm", "root.key", "root.next.key")


@dataclass(frozen=True)
class RenewedStore:
    """A key store that was begun, or kept as it lies; `str()` is the line for people.

    Attributes:
        store_id: Of the store that the log knows now.
        lost_erasures: How many the log knows that went with the old store; None of one that was
            kept.
        set_aside: The folder with what was left of the old store; likewise.
    """

    store_id: str
    lost_erasures: int | None = None
    set_aside: Path | None = None

    def __str__(self) -> str:
        if self.set_aside is None:
            return f"recorded key store {self.store_id[:12]}… as it lies here"
        return (
            f"began key store {self.store_id[:12]}…; {self.lost_erasures} erasures are lost with "
            "the old one, and what was sealed before stays unreadable; what was left of it lies in "
            f"{self.set_aside}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "keyStore": self.store_id,
            "isNew": self.set_aside is not None,
            "lostErasures": self.lost_erasures,
            "setAside": None if self.set_aside is None else str(self.set_aside),
        }


def renew_store(reason: str, installation: Installation, *, keep: bool = False) -> RenewedStore:
    """Begin a new key store, or record one that the log does not know; return what was done.

    Args:
        reason: Why, in a person's words; it stays in the log, and every release shows it.
        installation: Whose key store.
        keep: Record the store as it lies: that of an installation which begins to share a log, or
            whose log was lost. One that the log knows is never kept: it is an older copy.

    Raises:
        ConfigError: No reason is given; or nothing is lost; or what lies here cannot be kept, or
            not be set aside.
    """
    if not reason.strip():
        raise _unfit("--reason", "a reason", "none", "Say what became of the key store.")
    # An erasure that is under way is done first: it works by the secrets that would be set aside,
    # and only after it can be said whether anything is lost.
    with hold_erasure_lock(installation):
        known = read_known_stores(installation)
        _require_loss(installation, known)
        return _keep(reason, installation, known) if keep else _begin(reason, installation, known)


def set_aside(names: Iterable[str], installation: Installation) -> Path:
    """Move what is left of these files out of the way; nothing is deleted. Return where to."""
    # To the microsecond: a second renewal within a second must not meet the folder of the first,
    # and `mkdir` refuses if it does.
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = installation.home / SET_ASIDE / now
    folder.mkdir(mode=0o700, parents=True)
    for name in names:
        # `lexists`, because a link whose target is gone would be followed when the new file is
        # made.
        if os.path.lexists(installation.home / name):
            shutil.move(installation.home / name, folder / name)
    return folder


def _require_loss(installation: Installation, known: KnownStores) -> None:
    """Refuse where the key store that lies here is in order."""
    try:
        # Whatever refuses every command is a loss; where nothing refuses, renewing would throw away
        # a list of erasures that is in order.
        open_known_keys(installation, known)
    except PortcullisError:
        return

    raise _unfit(
        "key store",
        "one that is lost, older than the log, or another",
        "the one that the log knows, or a log that knows none",
        "Nothing is to be renewed.",
    )


def _keep(reason: str, installation: Installation, known: KnownStores) -> RenewedStore:
    if not (installation.settings.keys_url or (installation.home / "keys.db").is_file()):
        raise _unfit("--keep", "a key store that lies here", "none", "Leave --keep out.")
    # Before the store is opened, which makes the secrets that it misses: then a lost pepper would
    # be recorded as if it had always been another.
    if missing := [name for name in SECRETS if installation.existing_secret(name) is None]:
        raise _unfit("--keep", "every secret", f"no {missing[0]}.key", "Restore it.")

    store = open_keys(installation)
    is_older = is_log_older(read_noted_log(store.tables), known)
    if store.fact(STORE_ID) in known.states and not is_older:
        raise _unfit(
            "--keep",
            "a store that the log does not know",
            "an older copy of one that it knows, or one with other secrets",
            "Restore a newer backup, or leave --keep out.",
        )
    _audit(reason, installation)
    _record(store, reason, installation, ())
    return RenewedStore(_id_of(store))


def _begin(reason: str, installation: Installation, known: KnownStores) -> RenewedStore:
    if installation.settings.keys_url:
        # Its tables alone: opening the store would make the secrets that are missing.
        _require_empty(open_key_tables(installation))
    # A log of this installation alone has no store but its own. In a shared one others have theirs,
    # and what lies here says which is its.
    replaced = tuple(known.states)
    if installation.settings.ledger_url:
        replaced = _own_id(installation, known)

    _audit(reason, installation)
    secrets = (f"{secret}.key" for secret in SECRETS)
    # The database with its -wal file, and all secrets with it: a new store under an old tombstone
    # secret would recognise nobody by the old list, which is gone.
    folder = set_aside((*STORE_FILES, *secrets), installation)
    store = open_keys(installation)
    installation.secret("pseudonym")
    # Counted from the log, for the store that could say it is what was lost.
    lost = sum(known.states[store_id].events for store_id in replaced)
    _record(store, f"{reason.strip()} ({lost} erasures lost)", installation, replaced)
    return RenewedStore(_id_of(store), lost, folder)


def _record(
    store: KeyStore, reason: str, installation: Installation, replaced: tuple[str, ...]
) -> None:
    state = read_state(store, installation)
    record_state(state, installation, renewed=reason.strip(), replaces=replaced)
    note_log(store, read_known_stores(installation), is_renewed=True)


def _audit(reason: str, installation: Installation) -> None:
    # Signed before anything is set aside: what cannot be recorded is not done.
    audit(PeopleAction.RENEW_STORE, what="key store", why=reason.strip(), installation=installation)


def _require_empty(tables: KeyTables) -> None:
    names = ("keys", "restricted_keys", "tombstones")
    if any(tables.rows(f"SELECT 1 FROM {name} LIMIT 1") for name in names):
        raise _unfit(
            "$PORTCULLIS_KEYS_URL",
            "an empty database for the new key store",
            "one with keys or erasures",
            "Name another database; keep the old one until nobody needs it.",
        )


def _own_id(installation: Installation, known: KnownStores) -> tuple[str, ...]:
    """Return the id of the store that lies here, if the log knows it."""
    if not (installation.home / "keys.db").is_file():
        return ()
    rows = SqliteKeyTables(installation.home / "keys.db").rows(
        "SELECT value FROM facts WHERE name = ?", STORE_ID
    )
    return tuple(str(row[0]) for row in rows if row[0] in known.states)


def _id_of(store: KeyStore) -> str:
    return store.fact(STORE_ID) or ""


def _unfit(where: str, expected: str, found: str, remedy: str) -> ConfigError:
    return ConfigError(where, expected=expected, found=found, remedy=remedy)
