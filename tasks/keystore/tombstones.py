"""Tombstones: who was erased, and when, as keyed marks that only this installation can match.

They keep an erased person out when an old source file is delivered again. A release depends on
them, because no file changes when a key is destroyed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

from tasks.keystore.key_tables import KeyTables

# What a row of the list says happened; written into databases, so the words stay.
ERASED = "erased"
LIFTED = "lifted"
RETURNED = "returned"
MARK_BYTES = 16


@dataclass(frozen=True)
class TombstoneDigest:
    """How far the list of erasures has grown, and its digest. Says nothing about anybody."""

    count: int
    sha256: str


@dataclass(frozen=True)
class Tombstones:
    """The state that all events come to, by keyed mark.

    Attributes:
        mark_key: The key of the marks.
        days: Of everybody who is erased: since when.
        returned: Those of them who are customers again, so that new keys may be made.
        checkpoint: The list's length and digest.
    """

    mark_key: bytes
    days: Mapping[bytes, date]
    returned: frozenset[bytes]
    checkpoint: TombstoneDigest

    @classmethod
    def read(cls, tables: KeyTables, mark_key: bytes) -> "Tombstones":
        """Read the list as it stands: events in their order, the later one counts."""
        digest = hashlib.sha256(b"portcullis erasures v1")
        count = 0
        days: dict[bytes, date] = {}
        returned: set[bytes] = set()

        events = tables.rows("SELECT mark, day, event FROM tombstones ORDER BY seq")
        for stored_mark, day, event in events:
            mark = bytes(stored_mark)
            # Not digested: the digest is what a release depends on, and it was a release that
            # noticed the return. With it, that release would be out of date as soon as it ends.
            if event == RETURNED:
                returned.add(mark)
                continue

            returned.discard(mark)
            if event == ERASED:
                days[mark] = date.fromisoformat(day)
            else:
                days.pop(mark, None)
            count += 1
            digest.update(mark + f"{day} {event}\n".encode())

        state = TombstoneDigest(count, digest.hexdigest())
        return cls(mark_key, days, frozenset(returned), state)

    def __len__(self) -> int:
        return len(self.days)

    def get(self, subject: str) -> date | None:
        """Return the day on which a subject (a pseudonym) was last erased.

        None means never, or that the tombstone was lifted.
        """
        return self.days.get(mark_of(self.mark_key, subject))

    def is_out(self, subject: str) -> bool:
        """Return whether no key may be made: erased, and no new customer since."""
        mark = mark_of(self.mark_key, subject)
        return mark in self.days and mark not in self.returned


def mark_of(mark_key: bytes, subject: str) -> bytes:
    """Return a subject's mark: keyed BLAKE2b (RFC 7693), 128 bits.

    Key and personalisation are its own, so that a mark never equals a lookup of the key table:
    whoever has both tables cannot join them.
    """
    return blake2b(
        subject.encode(), key=mark_key, digest_size=MARK_BYTES, person=b"tombstone"
    ).digest()
