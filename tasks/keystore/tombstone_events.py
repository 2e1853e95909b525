"""Set tombstones and lift them: the only places where the list of erasures grows."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from tasks.keystore.keys import KeyStore
from tasks.keystore.tombstones import ERASED, LIFTED, RETURNED, mark_of


def set_tombstones(store: KeyStore, subjects: Collection[str], day: date) -> int:
    """Set a tombstone for each subject: from now on nobody makes a key for them.

    Subjects who have one of that day or later, and have not returned since, are passed over.

    Returns:
        The place of the last event in the list of erasures.
    """
    with store.tables.writing():
        tombstones = store.tombstones()
        without = [
            subject
            for subject in dict.fromkeys(subjects)
            # An earlier tombstone is set anew with the later day: a delivery dated between the two
            # would else be taken for a return.
            if not tombstones.is_out(subject) or (tombstones.get(subject) or date.min) < day
        ]
        return _append_events(store, without, ERASED, day)


def lift_tombstones(store: KeyStore, subjects: Collection[str], day: date) -> int:
    """Lift tombstones, because a person says so: the subjects may be processed again.

    Returns:
        How many had one.
    """
    with store.tables.writing():
        tombstones = store.tombstones()
        erased = [
            subject for subject in dict.fromkeys(subjects) if tombstones.get(subject) is not None
        ]
        _append_events(store, erased, LIFTED, day)

    return len(erased)


def readmit_subjects(store: KeyStore, subjects: Collection[str], day: date) -> int:
    """Allow keys again for subjects who returned as customers; their old rows stay out.

    Returns:
        How many of them were out until now.
    """
    with store.tables.writing():
        tombstones = store.tombstones()
        returned = [subject for subject in dict.fromkeys(subjects) if tombstones.is_out(subject)]
        _append_events(store, returned, RETURNED, day)
    return len(returned)


def _append_events(store: KeyStore, subjects: Collection[str], event: str, day: date) -> int:
    """Append one event for each subject, in the caller's transaction; return the last's place."""
    # Numbered in the transaction that is alone in writing, so that places have no gaps: the list is
    # recorded by its length.
    (last,) = store.tables.rows("SELECT coalesce(max(seq), 0) FROM tombstones")[0]
    marks = [mark_of(store.mark_key, subject) for subject in subjects]
    rows: Iterable[tuple[Any, ...]] = [
        (last + place, mark, day.isoformat(), event) for place, mark in enumerate(marks, 1)
    ]

    store.tables.run("INSERT INTO tombstones VALUES (?,?,?,?)", rows)
    return int(last) + len(marks)
