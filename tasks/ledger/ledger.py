"""The ledger: an append-only log whose head is signed, and that refuses to grow where it does not re-derive.

Order is by index, never by time. An append is one transaction: bodies, tiles and the new checkpoint, or nothing.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.attestation.signing_keys import PublicKey, Signer
from tasks.errors import EvidenceError
from tasks.ledger import merkle
from tasks.ledger.checkpoint import Checkpoint, read_checkpoint, sign_checkpoint, verify_note
from tasks.ledger.sqlite_store import Store
from tasks.ledger.tiles import (
    RECORD_BYTES,
    WIDTH,
    WIDTH_BITS,
    Edge,
    Record,
    Tiles,
    missing_tile,
    tile_hashes,
)


@dataclass(frozen=True)
class Pin:
    """The newest head that this installation has seen, kept outside the log: an older log is a rolled-back one."""

    path: Path

    def check(self, ledger: "Ledger", head: Checkpoint | None) -> None:
        """Refuse a log that is not a continuation of what was seen."""
        try:
            seen, _ = read_checkpoint(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        if head is None or head.size < seen.size:
            found = "no log at all" if head is None else f"{head.size}"
            raise _rolled_back(f"at least {seen.size} entries, which were seen before", found)
        if head.origin != seen.origin:
            raise _rolled_back(f"the log {seen.origin}", f"the log {head.origin}")
        now = head.root if head.size == seen.size else ledger.root(seen.size)
        if now != seen.root:
            raise _rolled_back(
                f"root {seen.root.hex()[:16]}… over the first {seen.size} entries",
                "another: a fork",
            )

    def move(self, note: str) -> None:
        """Remember a head."""
        draft = self.path.with_suffix(f".{os.getpid()}")
        draft.write_text(note, encoding="utf-8")
        draft.replace(self.path)


class Ledger:
    """A log in a store. `pin` is what a local installation remembers of it."""

    def __init__(self, store: Store, pin: Pin | None = None) -> None:
        self.store, self.pin = store, pin
        self.tiles = Tiles(store)

    def head(self) -> Checkpoint | None:
        """Return the head as it is written, unverified; None where the log is empty."""
        note = self.store.head()
        return None if note is None else read_checkpoint(note)[0]

    def root(self, size: int) -> bytes:
        """Return the root over the first `size` entries, from the tiles."""
        return merkle.root(self.tiles, size)

    def append(
        self,
        entries: Sequence[tuple[Record, bytes]],
        signer: Signer,
        origin: str,
        *,
        signed_before: PublicKey | None = None,
    ) -> int:
        """Append records with their bodies (empty: none is stored) and sign the new head; return the first's index.

        Args:
            entries: At least one.
            signer: The log's key.
            origin: The log's name; an existing log has this name already.
            signed_before: The key that signed the present head, where that is not the signer's (a rotation).

        Raises:
            EvidenceError: The log as it lies there does not re-derive, is not this installation's, or was rolled back.
        """
        new = ""
        with self.store.appending(lambda: self.pin.move(new) if self.pin else None):
            note = self.store.head()
            head = verify_note(note, signed_before or signer.public, origin) if note else None
            edge = self._derived(head)
            if self.pin:
                self.pin.check(self, head)
            start = edge.size
            edge.grow(self.store, [record for record, _ in entries])
            for record, body in entries:
                if body:
                    self.store.put_body(record.envelope_sha256, body)
            new = sign_checkpoint(Checkpoint(origin, edge.size, edge.root()), signer)
            self.store.put_head(new)
        return start

    def audit(self) -> Checkpoint:
        """Derive every tile and the root again from the records; return the head, whose signature is not checked here.

        Raises:
            EvidenceError: Names the first tile, or the head, that is not what it has to be.
        """
        with self.store.reading():
            head = self.head()
            if head is None:
                raise _rolled_back("a signed checkpoint", "none")
            if self.pin:
                self.pin.check(self, head)
            below = [hash_ for hashes in self._level_hashes(0, head.size) for hash_ in hashes]
            level, size = 0, head.size
            roots = merkle.Leaves(below)
            if merkle.root(roots, size) != head.root:
                self._name_the_fault(head)
            while size >= WIDTH:
                level, size = level + 1, size >> WIDTH_BITS
                for tile, found in enumerate(self._level_hashes(level, size)):
                    for offset, stored in enumerate(found):
                        index = tile * WIDTH + offset
                        if roots.node(level * WIDTH_BITS, index) != stored:
                            raise missing_tile(
                                level,
                                tile,
                                f"entry {offset} to be the root of what it covers",
                                "not",
                            )
            return head

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the proof that entry `index` is in the log of `size` entries."""
        return merkle.inclusion_proof(self.tiles, index, size)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the proof that the log of `new` entries continues that of `old`."""
        return merkle.consistency_proof(self.tiles, old, new)

    def entries(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, Record, bytes | None]]:
        """Yield index, record and body of each entry in log order; a body that is not there is None."""
        if end is None:
            head = self.head()
            end = head.size if head else 0
        for first in range(start, end, WIDTH):
            records = list(self.tiles.records(first, min(end, first + WIDTH)))
            bodies = self.store.bodies({record.envelope_sha256 for record in records})
            for offset, record in enumerate(records):
                yield first + offset, record, bodies.get(record.envelope_sha256)

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def _derived(self, head: Checkpoint | None) -> Edge:
        """Return the right edge, which must come to the signed root."""
        if head is None:
            if self.store.tile(0, 0):
                raise _rolled_back(
                    "a signed checkpoint over the entries that lie there", "none: it was deleted"
                )
            return Edge(0, [])
        edge = Edge.read(self.store, head.size)
        if edge.root() != head.root:
            self._name_the_fault(head)
        return edge

    def _name_the_fault(self, head: Checkpoint) -> None:
        """Say which tile is wrong, as far as tiles contradict each other; else that records differ from the root."""
        size = head.size
        for level in range(-(-size.bit_length() // WIDTH_BITS) - 1):
            above = [
                stored
                for found in self._level_hashes(level + 1, size >> WIDTH_BITS * (level + 1))
                for stored in found
            ]
            for tile, stored in enumerate(above):
                computed = merkle.levels(tile_hashes(level, self.store.tile(level, tile)))[-1][0]
                if computed != stored:
                    raise missing_tile(
                        level, tile, f"root {stored.hex()[:16]}…", f"{computed.hex()[:16]}…"
                    )
        raise EvidenceError(
            f"ledger, {size} entries",
            expected=f"the signed root {head.root.hex()[:16]}…",
            found="entries that come to another",
            remedy="Somebody edited the log: restore it from its mirror, and find out who.",
        )

    def _level_hashes(self, level: int, size: int) -> Iterator[list[bytes]]:
        unit = merkle.HASH_BYTES if level else RECORD_BYTES
        for tile in range(-(-size // WIDTH)):
            width = min(WIDTH, size - tile * WIDTH)
            data = self.store.tile(level, tile)
            if len(data) < width * unit:
                raise missing_tile(level, tile, f"{width} entries", f"{len(data) // unit}")
            yield tile_hashes(level, data[: width * unit])


def _rolled_back(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        "ledger",
        expected=expected,
        found=found,
        remedy="It was truncated, restored from an old copy or exchanged: restore the newest one, and find out who.",
    )
