"""What a ledger needs of the place where it is stored.

Tiles are those of C2SP tlog-tiles: 256 entries wide; level 0 holds the records themselves, level n
the roots of complete tiles of level n-1. Bodies (envelopes) lie beside the tree, by their sha256:
they can be pruned or held without a change to the tree.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

# A tile's place is one integer, its level above its index: 56 bits of index are more entries than
# anybody writes, and the sign bit of a 64-bit column stays free.
LEVEL_BITS = 56


def place_of(level: int, index: int) -> int:
    """Return the integer under which a tile is stored."""
    return level << LEVEL_BITS | index


def do_nothing() -> None:
    """Do nothing."""


class LedgerStore(Protocol):
    """Keeps tiles, bodies and the head. It checks nothing: `Ledger` does."""

    def appending(self, then: Callable[[], None] = do_nothing) -> AbstractContextManager[None]:
        """Be the only appender; what the block puts is stored whole, or not at all if it raises.

        `then` is called after that, while nobody else can append.
        """

    def reading(self) -> AbstractContextManager[None]:
        """See one state of the log throughout the block."""

    def head(self) -> str | None:
        """Return the latest signed checkpoint."""

    def put_head(self, note: str) -> None:
        """Replace it."""

    def tile(self, level: int, index: int) -> bytes:
        """Return a tile as far as it is filled; empty where there is none."""

    def put_tile(self, level: int, index: int, data: bytes) -> None:
        """Store a tile."""

    def bodies(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the bodies that are there, by digest."""

    def put_body(self, digest: bytes, body: bytes) -> None:
        """Store a body."""

    def drop_body(self, digest: bytes) -> None:
        """Delete a body; its record, and every proof, stays."""

    def mark(self, name: str) -> str | None:
        """Return what was noted under a name: a hint where to look, never evidence."""

    def put_mark(self, name: str, value: str) -> None:
        """Note something."""

    def close(self) -> None:
        """Close it."""
