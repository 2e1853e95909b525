"""Set tombstones and take them away: the only places where the list of erasures grows."""

from collections.abc import Collection
from datetime import date

from tasks.keystore.keys import KeyStore
from tasks.keystore.tombstones import ERASED, LIFTED, RETURNED, append_events


def bury(store: KeyStore, subjects: Collection[str], day: date) -> int:
    """Set a tombstone for each subject: from now on nobody makes a key for them. Return its place in the list.

    Subjects who have one of that day or later, and are not back since, are passed over.
    """
    with store.shelf.writing():
        tombstones = store.tombstones()
        wanted = [
            subject
            for subject in dict.fromkeys(subjects)
            if not tombstones.is_out(subject) or (tombstones.get(subject) or date.min) < day
        ]
        return append_events(store.shelf, tombstones.mark_key, wanted, ERASED, day)


def lift(store: KeyStore, subjects: Collection[str], day: date) -> int:
    """Take tombstones away: a person says that the subject may be processed again. Return how many there were."""
    with store.shelf.writing():
        tombstones = store.tombstones()
        buried = [
            subject for subject in dict.fromkeys(subjects) if tombstones.get(subject) is not None
        ]
        append_events(store.shelf, tombstones.mark_key, buried, LIFTED, day)
    return len(buried)


def readmit(store: KeyStore, subjects: Collection[str], day: date) -> int:
    """Allow keys again for subjects who came back after they were erased; their old rows stay out."""
    with store.shelf.writing():
        tombstones = store.tombstones()
        back = [subject for subject in dict.fromkeys(subjects) if tombstones.is_out(subject)]
        append_events(store.shelf, tombstones.mark_key, back, RETURNED, day)
    return len(back)
