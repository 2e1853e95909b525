"""The tree that a store's tiles make up: subtrees from tiles, records from level 0, and growth.

The layout is that of C2SP tlog-tiles: a tile is 256 entries wide, and an entry of level n is the
root hash of a complete tile of level n-1. Level 0 holds records (64 bytes) in place of hashes, so
that a leaf's hash is computed and never believed.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import EvidenceError
from tasks.ledger.merkle import HASH_BYTES, LEAF_PREFIX, fold_peaks, levels, peaks

if TYPE_CHECKING:
    from tasks.ledger.store import LedgerStore

WIDTH_BITS = 8
WIDTH = 1 << WIDTH_BITS
# A domain of our own: no other log's leaf can be read as one of ours.
TAG = b"portcullis/leaf/v1\n"
RECORD_BYTES = 2 * HASH_BYTES
KEPT_TILES = 512  # complete tiles in memory, with the 511 hashes inside each


class Record(NamedTuple):
    """A leaf: the digests of a payload, and of the envelope in which it was signed."""

    payload_sha256: bytes
    envelope_sha256: bytes

    @classmethod
    def of(cls, payload: bytes, envelope: bytes) -> "Record":
        """Return the record of an envelope and its payload."""
        return cls(sha256(payload).digest(), sha256(envelope).digest())

    def leaf(self) -> bytes:
        """Return the leaf's hash: SHA-256(0x00 ‖ tag ‖ payload's sha256 ‖ envelope's sha256)."""
        return sha256(LEAF_PREFIX + TAG + self.payload_sha256 + self.envelope_sha256).digest()


def tile_hashes(level: int, data: bytes) -> list[bytes]:
    """Return the hashes that a tile holds; those of level 0 are computed from its records."""
    if level:
        return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]

    # The prefix is hashed once and its state copied: `Record.leaf` for a million records.
    prefix = sha256(LEAF_PREFIX + TAG)
    hashes = []
    for at in range(0, len(data), RECORD_BYTES):
        leaf = prefix.copy()
        leaf.update(data[at : at + RECORD_BYTES])
        hashes.append(leaf.digest())
    return hashes


class Tiles:
    """A store's tree, as `merkle.Nodes`; complete tiles stay in memory, for they never change."""

    def __init__(self, store: "LedgerStore") -> None:
        self._store = store
        self._complete: dict[tuple[int, int], list[list[bytes]]] = {}
        # By level, the tile at the right edge: its index, its bytes, the hashes inside it.
        self._partial: dict[int, tuple[int, bytes, list[list[bytes]]]] = {}

    def node(self, height: int, index: int) -> bytes:
        """Return a complete subtree's hash.

        Raises:
            EvidenceError: The tile it lies in is not there, or not as far filled as it has to be.
        """
        level, height_inside = divmod(height, WIDTH_BITS)
        tile, offset = divmod(index, WIDTH >> height_inside)
        try:
            return self._hashes_inside(level, tile)[height_inside][offset]
        except IndexError:
            entries = (offset + 1) << height_inside
            raise missing_tile(level, tile, f"{entries} entries or more") from None

    def record(self, index: int) -> Record:
        """Return a leaf's record."""
        (record,) = self.records(index, index + 1)
        return record

    def records(self, start: int, end: int) -> Iterable[Record]:
        """Yield the records of the leaves [start, end).

        Raises:
            EvidenceError: One of them is not there.
        """
        for tile in range(start // WIDTH, -(-end // WIDTH)):
            data = self._store.tile(0, tile)
            first = tile * WIDTH
            for index in range(max(start, first), min(end, first + WIDTH)):
                at = (index - first) * RECORD_BYTES
                record = data[at : at + RECORD_BYTES]
                if len(record) != RECORD_BYTES:
                    raise missing_tile(0, tile, f"entry {index}")
                yield Record(record[:HASH_BYTES], record[HASH_BYTES:])

    def _hashes_inside(self, level: int, tile: int) -> list[list[bytes]]:
        """Return a tile's hashes by height: its own entries first, at most one root hash last."""
        complete = self._complete.get((level, tile))
        if complete is not None:
            return complete

        # A partial tile grows: what was computed of it holds for exactly these bytes.
        data = self._store.tile(level, tile)
        last = self._partial.get(level)
        if last is not None and last[:2] == (tile, data):
            return last[2]

        hashes = levels(tile_hashes(level, data))
        self._partial[level] = (tile, data, hashes)
        if len(hashes[0]) == WIDTH:
            if len(self._complete) >= KEPT_TILES:
                self._complete.pop(next(iter(self._complete)))  # the one that was read first
            self._complete[level, tile] = hashes
        return hashes


class Edge:
    """The right edge of a tree of some size: all that an append and the root hash need.

    Attributes:
        size: How many entries the tree has.
    """

    def __init__(self, size: int, partial: list[bytes]) -> None:
        self.size = size
        # By level: the bytes of the tile that is not full yet, and its hashes.
        self._partial = partial
        self._hashes = [tile_hashes(level, data) for level, data in enumerate(partial)]

    @classmethod
    def read(cls, store: "LedgerStore", size: int) -> "Edge":
        """Read the edge, each tile exactly as far filled as `size` says.

        Raises:
            EvidenceError: A tile is filled less or, because an append was undone, more than that.
        """
        partial = []
        for level in range(-(-size.bit_length() // WIDTH_BITS)):
            tile, width = divmod(size >> level * WIDTH_BITS, WIDTH)
            data = store.tile(level, tile)
            entry_bytes = _entry_bytes(level)
            # Neither less nor more: an append writes tiles and head in one transaction, so that a
            # fuller tile was written by something else.
            if len(data) != width * entry_bytes:
                stored = f"{len(data) // entry_bytes}"
                raise missing_tile(level, tile, f"{width} entries", stored)
            partial.append(data)

        return cls(size, partial)

    def root_hash(self) -> bytes:
        """Return the root hash over everything up to the edge."""
        # The peaks from left to right are those of the top level first: a peak inside the partial
        # tile of level n covers more leaves than everything below level n.
        hashes_of_peaks = []
        for level_hashes in reversed(self._hashes):
            subtrees = levels(level_hashes)
            hashes_of_peaks += [
                subtrees[height][index] for height, index in peaks(len(level_hashes))
            ]
        return fold_peaks(hashes_of_peaks)

    def grow(self, store: "LedgerStore", records: list[Record]) -> None:
        """Append records: write every tile that changes, and move the edge."""
        data = b"".join(b"".join(record) for record in records)
        level = 0
        while data:
            data = self._grow_level(store, level, data)
            level += 1
        self.size += len(records)

    def _grow_level(self, store: "LedgerStore", level: int, data: bytes) -> bytes:
        """Append entries to one level; return the entries that the level above gets for it."""
        if level == len(self._partial):
            self._partial.append(b"")
            self._hashes.append([])

        tile_bytes = WIDTH * _entry_bytes(level)
        first_tile = (self.size >> level * WIDTH_BITS) // WIDTH
        # Of full tiles nothing is read or written again: an append costs one tile a level, whatever
        # the log's size.
        whole = self._partial[level] + data
        hashes = self._hashes[level] + tile_hashes(level, data)

        # Write the tile that was partial and those after it; each that is full now has a root hash.
        roots: list[bytes] = []
        for at in range(0, len(whole), tile_bytes):
            chunk = whole[at : at + tile_bytes]
            store.put_tile(level, first_tile + len(roots), chunk)
            if len(chunk) == tile_bytes:
                start = len(roots) * WIDTH
                roots.append(levels(hashes[start : start + WIDTH])[-1][0])

        # Keep what the new partial tile holds.
        self._partial[level] = whole[len(roots) * tile_bytes :]
        self._hashes[level] = hashes[len(roots) * WIDTH :]
        return b"".join(roots)


def missing_tile(level: int, tile: int, expected: str, found: str = "less") -> EvidenceError:
    """Return the error about a tile that is not as it has to be."""
    return EvidenceError(
        f"ledger, tile {level}/{tile}",
        expected=expected,
        found=found,
        remedy="Something deleted from the log: restore it from its mirror, and find out who.",
    )


def _entry_bytes(level: int) -> int:
    return HASH_BYTES if level else RECORD_BYTES
