"""Open the key store for work: every command that reads or changes keys comes through here."""

from tasks.errors import EvidenceError
from tasks.guard.seen import read_known_stores, record_state
from tasks.keystore.keys import KeyStore
from tasks.keystore.known_stores import note_log, open_known_keys
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
            read_before, known = known.size, read_known_stores(installation)
            if known.size == read_before:
                raise
    record_key_store(store, installation)
    return store


def record_key_store(store: KeyStore, installation: Installation) -> None:
    """Record in the log what the store has come to; called after every change of keys."""
    record_state(read_state(store, installation), installation)
    note_log(store, read_known_stores(installation))
