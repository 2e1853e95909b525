"""Tombstones: who has been erased, and when, as keyed marks that only this installation can tell.

They keep an erased person out when an old source file is delivered again, and they are what a release depends on:
no file changes when a key is destroyed.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Any

from tasks.keystore.shelf import Shelf

ERASED, LIFTED, RETURNED = "erased", "lifted", "returned"


@dataclass(frozen=True)
class Checkpoint:
    """How far the list of erasures has grown, and its digest. Says nothing about anybody."""

    count: int
    sha256: str


@dataclass(frozen=True)
class Tombstones:
    """Everybody's last event, by keyed mark. `days` holds the erased ones; those in `back` may be sealed again."""

    mark_key: bytes
    days: Mapping[bytes, date]
    back: frozenset[bytes]
    checkpoint: Checkpoint

    @classmethod
    def read(cls, shelf: Shelf, mark_key: bytes) -> "Tombstones":
        """Read the list as it stands."""
        digest, count = hashlib.sha256(b"portcullis erasures v1"), 0
        days: dict[bytes, date] = {}
        back: set[bytes] = set()
        for mark, day, event in shelf.rows("SELECT mark, day, event FROM tombstones ORDER BY seq"):
            mark = bytes(mark)
            if event == RETURNED:  # no reason to ingest again: that is where it was found
                back.add(mark)
                continue
            back.discard(mark)
            if event == ERASED:
                days[mark] = date.fromisoformat(day)
            else:
                days.pop(mark, None)
            count += 1
            digest.update(mark + f"{day} {event}\n".encode())
        return cls(mark_key, days, frozenset(back), Checkpoint(count, digest.hexdigest()))

    def __len__(self) -> int:
        return len(self.days)

    def get(self, subject: str) -> date | None:
        """Return the day on which a subject (a pseudonym) was last erased; None: never, or it was lifted."""
        return self.days.get(mark_of(self.mark_key, subject))

    def is_out(self, subject: str) -> bool:
        """Say whether no key may be made for a subject: erased, and not back as a new customer since."""
        mark = mark_of(self.mark_key, subject)
        return mark in self.days and mark not in self.back


def mark_of(mark_key: bytes, subject: str) -> bytes:
    """Return a subject's mark: BLAKE2b (RFC 7693) under a key of its own, so that no key store lookup equals it."""
    return blake2b(subject.encode(), key=mark_key, digest_size=16, person=b"tombstone").digest()


def append_events(
    shelf: Shelf, mark_key: bytes, subjects: Collection[str], event: str, day: date
) -> int:
    """Append one event for each subject, within the caller's transaction; return the place of the last."""
    (last,) = shelf.rows("SELECT coalesce(max(seq), 0) FROM tombstones")[0]
    marks = [mark_of(mark_key, subject) for subject in subjects]
    rows: Iterable[tuple[Any, ...]] = [
        (last + place, mark, day.isoformat(), event) for place, mark in enumerate(marks, 1)
    ]
    shelf.run("INSERT INTO tombstones VALUES (?,?,?,?)", rows)
    return int(last) + len(marks)
