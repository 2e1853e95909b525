"""The Merkle tree of RFC 6962 (section 2.1) and RFC 9162: hashing, proofs, and their verification. Pure.

A proof is a tuple of 32-byte hashes, in the order of the RFC. Generation works on any `Nodes`, so that a tree in a
database, in a folder of tiles and in memory are one code.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol

HASH_BYTES = 32
EMPTY = sha256(b"").digest()


class Nodes(Protocol):
    """A tree whose complete subtrees can be asked for."""

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of the complete subtree over the leaves [index * 2**height, (index + 1) * 2**height)."""


class Leaves:
    """A tree in memory, over leaf hashes."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self._levels = levels(hashes)

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree."""
        return self._levels[height][index]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 ‖ data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Return all complete subtrees over `hashes`: the leaves first, then each height above."""
    found = [list(hashes)]
    while len(found[-1]) > 1:
        below = found[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        found.append([sha256(b"\x01" + left + right).digest() for left, right in pairs])
    return found


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes; of none, the hash of nothing."""
    return root(Leaves(hashes), len(hashes))


def root(tree: Nodes, size: int) -> bytes:
    """Return the root over the first `size` leaves: the peaks folded from the right."""
    return folded(tree.node(height, index) for height, index in peaks(size))


def folded(hashes: Iterable[bytes]) -> bytes:
    """Fold the hashes of a tree's peaks (left to right) into its root."""
    found = list(hashes)
    if not found:
        return EMPTY
    result = found.pop()
    while found:
        result = node_hash(found.pop(), result)
    return result


def peaks(size: int) -> list[tuple[int, int]]:
    """Return (height, index) of the complete subtrees that make up `size` leaves, left to right."""
    found, start = [], 0
    for height in reversed(range(size.bit_length())):
        if size >> height & 1:
            found.append((height, start >> height))
            start += 1 << height
    return found


def inclusion_proof(tree: Nodes, index: int, size: int) -> tuple[bytes, ...]:
    """Return the proof that leaf `index` is in the tree of `size` leaves (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    return _path(tree, index, 0, size)


def consistency_proof(tree: Nodes, old: int, new: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of `old` leaves is a prefix of that of `new` (RFC 6962, 2.1.2)."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    return _subproof(tree, old, 0, new, is_whole=True)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Say whether `proof` leads from a leaf's hash to the root `expected` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_BYTES:
            return False
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and found == expected


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Say whether `proof` shows that one root's tree continues the other's (RFC 9162, 2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new or not proof or any(len(step) != HASH_BYTES for step in proof):
        return False
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, step)
        position, last = position >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _range(tree: Nodes, start: int, end: int) -> bytes:
    """Return the root over leaves [start, end); `start` is a multiple of the largest power of two below the length."""
    return folded(
        tree.node(height, (start >> height) + index) for height, index in peaks(end - start)
    )


def _split(length: int) -> int:
    return 1 << (length - 1).bit_length() - 1


def _path(tree: Nodes, index: int, start: int, end: int) -> tuple[bytes, ...]:
    if end - start == 1:
        return ()
    middle = start + _split(end - start)
    if index < middle:
        return (*_path(tree, index, start, middle), _range(tree, middle, end))
    return (*_path(tree, index, middle, end), _range(tree, start, middle))


def _subproof(tree: Nodes, old: int, start: int, end: int, *, is_whole: bool) -> tuple[bytes, ...]:
    if old == end:
        return () if is_whole else (_range(tree, start, end),)
    middle = start + _split(end - start)
    if old <= middle:
        return (*_subproof(tree, old, start, middle, is_whole=is_whole), _range(tree, middle, end))
    return (*_subproof(tree, old, middle, end, is_whole=False), _range(tree, start, middle))
