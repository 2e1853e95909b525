"""The tree that a store's tiles make up: complete subtrees from tiles, records from level 0, growth by appending."""

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import EvidenceError
from tasks.ledger.merkle import HASH_BYTES, folded, levels, peaks

if TYPE_CHECKING:
    from tasks.ledger.sqlite_store import Store

WIDTH_BITS = 8
WIDTH = 1 << WIDTH_BITS
TAG = b"portcullis/leaf/v1\n"  # a domain of our own: no other log's leaf can be read as one of ours
RECORD_BYTES = 2 * HASH_BYTES
KEPT_TILES = 512


class Record(NamedTuple):
    """A leaf: what was said, and the envelope it was said in."""

    payload_sha256: bytes
    envelope_sha256: bytes

    @classmethod
    def of(cls, payload: bytes, envelope: bytes) -> "Record":
        """Return the record of an envelope and its payload."""
        return cls(sha256(payload).digest(), sha256(envelope).digest())

    def leaf(self) -> bytes:
        """Return the leaf's hash: SHA-256(0x00 ‖ tag ‖ payload's sha256 ‖ envelope's sha256)."""
        return sha256(b"\x00" + TAG + self.payload_sha256 + self.envelope_sha256).digest()


def tile_hashes(level: int, data: bytes) -> list[bytes]:
    """Return the hashes that a tile holds; those of level 0 are computed from its records."""
    if level:
        return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
    head = sha256(b"\x00" + TAG)
    found = []
    for at in range(0, len(data), RECORD_BYTES):
        leaf = head.copy()
        leaf.update(data[at : at + RECORD_BYTES])
        found.append(leaf.digest())
    return found


class Tiles:
    """A store's tree, as `merkle.Nodes`; complete tiles are kept in memory, for they never change."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._kept: dict[tuple[int, int], list[list[bytes]]] = {}
        self._partial: dict[
            int, tuple[int, bytes, list[list[bytes]]]
        ] = {}  # by level: the tile at the right edge

    def node(self, height: int, index: int) -> bytes:
        """Return a complete subtree's hash.

        Raises:
            EvidenceError: The tile it lies in is not there, or not as far filled as it has to be.
        """
        level, inner = divmod(height, WIDTH_BITS)
        tile, offset = divmod(index, WIDTH >> inner)
        try:
            return self._pyramid(level, tile)[inner][offset]
        except IndexError:
            raise missing_tile(level, tile, f"{(offset + 1) << inner} entries or more") from None

    def record(self, index: int) -> Record:
        """Return a leaf's record."""
        tile, offset = divmod(index, WIDTH)
        data = self._store.tile(0, tile)[offset * RECORD_BYTES : (offset + 1) * RECORD_BYTES]
        if len(data) != RECORD_BYTES:
            raise missing_tile(0, tile, f"entry {index}")
        return Record(data[:HASH_BYTES], data[HASH_BYTES:])

    def records(self, start: int, end: int) -> Iterable[Record]:
        """Yield the records of the leaves [start, end)."""
        for tile in range(start // WIDTH, -(-end // WIDTH)):
            data, first = self._store.tile(0, tile), tile * WIDTH
            for index in range(max(start, first), min(end, first + WIDTH)):
                at = (index - first) * RECORD_BYTES
                record = data[at : at + RECORD_BYTES]
                if len(record) != RECORD_BYTES:
                    raise missing_tile(0, tile, f"entry {index}")
                yield Record(record[:HASH_BYTES], record[HASH_BYTES:])

    def _pyramid(self, level: int, tile: int) -> list[list[bytes]]:
        if (kept := self._kept.get((level, tile))) is not None:
            return kept
        data = self._store.tile(level, tile)
        last = self._partial.get(level)
        if last is not None and last[:2] == (tile, data):
            return last[2]
        made = levels(tile_hashes(level, data))
        self._partial[level] = (tile, data, made)
        if len(made[0]) == WIDTH:
            if len(self._kept) >= KEPT_TILES:
                self._kept.pop(next(iter(self._kept)))
            self._kept[level, tile] = made
        return made


class Edge:
    """The right edge of a tree of some size: what an appender needs, and what its root comes from."""

    def __init__(self, size: int, partial: list[bytes]) -> None:
        self.size, self._partial = (
            size,
            partial,
        )  # by level: the bytes of the tile that is not yet full
        self._hashes = [tile_hashes(level, data) for level, data in enumerate(partial)]

    @classmethod
    def read(cls, store: "Store", size: int) -> "Edge":
        """Read the edge, each tile exactly as far filled as `size` says."""
        partial = []
        for level in range(-(-size.bit_length() // WIDTH_BITS)):
            tile, width = divmod(size >> level * WIDTH_BITS, WIDTH)
            data, unit = store.tile(level, tile), RECORD_BYTES if level == 0 else HASH_BYTES
            if len(data) != width * unit:
                raise missing_tile(level, tile, f"{width} entries", f"{len(data) // unit}")
            partial.append(data)
        return cls(size, partial)

    def root(self) -> bytes:
        """Return the root over everything up to the edge."""
        found = []
        for level_hashes in reversed(self._hashes):
            hashes = levels(level_hashes)
            found += [hashes[height][index] for height, index in peaks(len(level_hashes))]
        return folded(found)

    def grow(self, store: "Store", records: list[Record]) -> None:
        """Append records: write every tile that changes, and move the edge."""
        data, level, size = b"".join(b"".join(record) for record in records), 0, self.size
        while data:
            if level == len(self._partial):
                self._partial.append(b"")
                self._hashes.append([])
            unit = RECORD_BYTES if level == 0 else HASH_BYTES
            tile, whole = (size >> level * WIDTH_BITS) // WIDTH, self._partial[level] + data
            hashes, tops = self._hashes[level] + tile_hashes(level, data), list[bytes]()
            for at in range(0, len(whole), WIDTH * unit):
                chunk = whole[at : at + WIDTH * unit]
                store.put_tile(level, tile + len(tops), chunk)
                if len(chunk) == WIDTH * unit:
                    tops.append(levels(hashes[len(tops) * WIDTH : (len(tops) + 1) * WIDTH])[-1][0])
            self._partial[level] = whole[len(tops) * WIDTH * unit :]
            self._hashes[level] = hashes[len(tops) * WIDTH :]
            data, level = b"".join(tops), level + 1
        self.size = size + len(records)


def missing_tile(level: int, tile: int, expected: str, found: str = "less") -> EvidenceError:
    """Return the error about a tile that is not as it has to be."""
    return EvidenceError(
        f"ledger, tile {level}/{tile}",
        expected=expected,
        found=found,
        remedy="Something deleted from the log: restore it from its mirror, and find out who.",
    )
