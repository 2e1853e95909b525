"""The ledger: an append-only log with a signed head, which grows only where it derives.

Order is by index, never by time. An append is one transaction: bodies, tiles and the new
checkpoint, or nothing.
"""

from collections.abc import Callable, Iterator, Sequence

from tasks.attestation.signing_keys import PublicKey, Signer
from tasks.errors import EvidenceError
from tasks.ledger import merkle
from tasks.ledger.checkpoint import Checkpoint, read_checkpoint, sign_checkpoint, verify_note
from tasks.ledger.pin import Pin, rolled_back
from tasks.ledger.store import LedgerStore
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


class Ledger:
    """A log in a store. `pin` is what a local installation remembers of it."""

    def __init__(self, store: LedgerStore, pin: Pin | None = None) -> None:
        self.store = store
        self.pin = pin
        self.tiles = Tiles(store)

    def head(self) -> Checkpoint | None:
        """Return the head as it is written, unverified; None where the log is empty."""
        note = self.store.head()
        return None if note is None else read_checkpoint(note)[0]

    def root_hash(self, size: int) -> bytes:
        """Return the root hash over the first `size` entries, from the tiles."""
        return merkle.root_hash(self.tiles, size)

    def append(
        self,
        entries: Sequence[tuple[Record, bytes]],
        signer: Signer,
        origin: str,
        *,
        signed_before: PublicKey | None = None,
        check: Callable[[], None] | None = None,
    ) -> int:
        """Append records with their bodies and sign the new head; return the first one's index.

        Args:
            entries: At least one; of an empty body none is stored.
            signer: The log's key.
            origin: The log's name; an existing log has this name already.
            signed_before: The key that signed the present head, where that is not the signer's (a
                rotation).
            check: Is asked before anything is written, while nobody else appends; it raises to
                refuse.

        Raises:
            EvidenceError: The log as it lies there does not derive, is not this installation's, or
                was rolled back; or it has begun, and its pin is missing.
        """
        new_note = ""

        def move_pin() -> None:
            self.move_pin(new_note)

        # The pin moves after the commit. If we die in between, it lags, which the next append
        # accepts; the other way round it would name a head that was never stored.
        with self.store.appending(then=move_pin):
            if check is not None:
                check()

            # 1. Verify what is there: signature, right edge, pin. Nothing is signed on top of a
            #    log that somebody edited.
            note = self.store.head()
            head = verify_note(note, signed_before or signer.public, origin) if note else None
            edge = self._derived_edge(head)
            if self.pin:
                self.pin.check(self, head)
                if head is None:
                    self.pin.begin(sign_checkpoint(Checkpoint(origin, 0, merkle.EMPTY), signer))

            # 2. Write the tiles that change, and the bodies.
            # From the edge, which was derived, and not from the head's number alone.
            start = edge.size
            edge.grow(self.store, [record for record, _ in entries])
            for record, body in entries:
                if body:
                    self.store.put_body(record.envelope_sha256, body)

            # 3. Sign the new head.
            new_head = Checkpoint(origin, edge.size, edge.root_hash())
            new_note = sign_checkpoint(new_head, signer)
            self.store.put_head(new_note)
        return start

    def move_pin(self, note: str) -> None:
        """Remember a head that the caller has verified; the pin never moves back.

        Raises:
            EvidenceError: It does not continue what was remembered meanwhile.
        """
        if self.pin:
            self.pin.advance(self, note)

    def audit(self) -> Checkpoint:
        """Derive every tile and the root hash again from the records.

        Returns:
            The head, whose signature is not checked here.

        Raises:
            EvidenceError: Names the first tile, or the head, that is not what it has to be.
        """
        with self.store.reading():
            head = self.head()
            if head is None:
                raise rolled_back("a signed checkpoint", "none")
            if self.pin:
                self.pin.check(self, head)

            # The root hash first: what the records come to is what was signed.
            leaves = [leaf for hashes in self._level_hashes(0, head.size) for leaf in hashes]
            tree = merkle.Leaves(leaves)
            if merkle.root_hash(tree, head.size) != head.root_hash:
                self._name_the_fault(head)

            # Then the tiles above, from which proofs are made.
            self._compare_upper_tiles(tree, head.size)
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
        """Yield index, record and body of each entry in log order; None for a pruned body."""
        if end is None:
            head = self.head()
            end = head.size if head else 0

        # A tile at a time: one query for its records, one for their bodies.
        for first in range(start, end, WIDTH):
            records = list(self.tiles.records(first, min(end, first + WIDTH)))
            bodies = self.store.bodies({record.envelope_sha256 for record in records})
            for offset, record in enumerate(records):
                yield first + offset, record, bodies.get(record.envelope_sha256)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def _derived_edge(self, head: Checkpoint | None) -> Edge:
        """Return the right edge, which must come to the signed root hash."""
        if head is None:
            # A head can be deleted; the entries below it stay, and tell.
            if self.store.tile(0, 0):
                raise rolled_back(
                    "a signed checkpoint over the entries that lie there", "none: it was deleted"
                )
            return Edge(0, [])

        edge = Edge.read(self.store, head.size)
        if edge.root_hash() != head.root_hash:
            self._name_the_fault(head)
        return edge

    def _compare_upper_tiles(self, tree: merkle.Leaves, size: int) -> None:
        """Compare every stored hash above the leaves with the tree over the records."""
        level = 0
        while size >= WIDTH:
            level += 1
            size >>= WIDTH_BITS
            for tile, hashes in enumerate(self._level_hashes(level, size)):
                for offset, stored in enumerate(hashes):
                    index = tile * WIDTH + offset
                    if tree.node(level * WIDTH_BITS, index) != stored:
                        raise missing_tile(
                            level, tile, f"entry {offset} to be the root of what it covers", "not"
                        )

    def _name_the_fault(self, head: Checkpoint) -> None:
        """Raise about the first tile that contradicts the one above it, else about the root hash.

        Raises:
            EvidenceError: Always.
        """
        size = head.size
        # From the bottom up, to the first tile that contradicts the one above it. Which of the two
        # was edited cannot be told.
        for level in range(-(-size.bit_length() // WIDTH_BITS) - 1):
            size_above = size >> WIDTH_BITS * (level + 1)
            above = [
                stored for hashes in self._level_hashes(level + 1, size_above) for stored in hashes
            ]
            for tile, stored in enumerate(above):
                hashes = tile_hashes(level, self.store.tile(level, tile))
                if len(hashes) < WIDTH:
                    raise missing_tile(level, tile, f"{WIDTH} entries", f"{len(hashes)}")
                computed = merkle.levels(hashes)[-1][0]
                if computed != stored:
                    raise missing_tile(
                        level, tile, f"root {stored.hex()[:16]}…", f"{computed.hex()[:16]}…"
                    )

        raise EvidenceError(
            f"ledger, {size} entries",
            expected=f"the signed root {head.root_hash.hex()[:16]}…",
            found="entries that come to another",
            remedy="Somebody edited the log: restore it from its mirror, and find out who.",
        )

    def _level_hashes(self, level: int, size: int) -> Iterator[list[bytes]]:
        """Yield the hashes of each tile of a level that holds `size` of them."""
        entry_bytes = merkle.HASH_BYTES if level else RECORD_BYTES
        for tile in range(-(-size // WIDTH)):
            width = min(WIDTH, size - tile * WIDTH)
            data = self.store.tile(level, tile)
            if len(data) < width * entry_bytes:
                stored = f"{len(data) // entry_bytes}"
                raise missing_tile(level, tile, f"{width} entries", stored)
            # A tile may have grown since the head was read; what is beyond it does not count.
            yield tile_hashes(level, data[: width * entry_bytes])
