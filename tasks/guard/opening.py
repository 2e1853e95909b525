"""Open the key store for work: every command that reads or changes keys comes through here."""

from dataclasses import replace

from tasks.errors import EvidenceError
from tasks.guard.seen import read_known_stores, record_state
from tasks.keystore.key_tables import open_key_tables
from tasks.keystore.keys import KeyStore
from tasks.keystore.known_stores import (
    KnownStores,
    has_tables,
    note_log,
    open_known_keys,
    read_noted_log,
    require_newest_log,
)
from tasks.keystore.state import read_state
from tasks.system.installation import Installation


def open_guarded_keys(installation: Installation) -> KeyStore:
    """Return the key store if it is what the log has seen, or further.

    A store that is further was changed by a process that was killed before it could record that:
    it is recorded now. One that the log does not know is recorded if it is the first.

    Raises:
        EvidenceError: It is missing, older, or another; or a secret or the root key is. Nothing was
            made.
    """
    known = read_known_stores(installation)
    while True:
        try:
            store = open_known_keys(installation, known)
            break
        except EvidenceError:
            # Another process may have changed keys, and recorded that, after the log was read: then
            # the log is longer by now, and speaks of the store as it is.
            # Only while the log grows: a store that is refused by the same log twice is refused.
            read_before, known = known.size, read_known_stores(installation)
            if known.size == read_before:
                raise

    record_key_store(store, installation)
    return store


def read_compared_stores(installation: Installation) -> KnownStores:
    """Return what the log says of key stores, for a process that opens one later.

    The store's note of the log is compared here and now. By the time that a stage opens the store,
    an erasure may have recorded what it did: then the store has noted more than was read here, and
    that is no sign of an older copy.

    Raises:
        EvidenceError: The log does not verify, was rolled back, is gone, or is an older copy.
    """
    # The note before the log: what is recorded between the two makes the log longer, not shorter.
    noted = read_noted_log(open_key_tables(installation)) if has_tables(installation) else None
    known = read_known_stores(installation)
    if noted is not None:
        require_newest_log(noted, known)
    return replace(known, is_compared=True)


def record_key_store(store: KeyStore, installation: Installation) -> None:
    """Record in the log what the store has come to; called after every change of keys."""
    # The log first, and then the store's note of how long the log is: killed between the two, the
    # store has noted less than there is, which refuses nothing.
    record_state(read_state(store, installation), installation)
    note_log(store, read_known_stores(installation))
