"""The Merkle tree of RFC 6962 (section 2.1) and RFC 9162: hashing, proofs, and their verification.

Pure. A proof is a tuple of 32-byte hashes, in the order of the RFC. Generation works on any
`Nodes`, so that a tree in a database, in a folder of tiles and in memory are one code.

Verification follows the iterative algorithms of RFC 9162, which need no tree; generation follows
the recursive definitions of RFC 6962, so that one checks the other.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol

HASH_BYTES = 32
EMPTY = sha256(b"").digest()  # the root hash of a tree without leaves (RFC 6962, 2.1)
# Leaves and nodes are hashed under different prefixes, so that no node can be shown as a leaf:
# that is what makes second preimages hard (RFC 6962, 2.1).
LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"


class Nodes(Protocol):
    """A tree whose complete subtrees can be asked for."""

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree.

        It covers the leaves [index * 2**height, (index + 1) * 2**height).
        """


class Leaves:
    """A tree in memory, over leaf hashes."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self._levels = levels(hashes)

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree."""
        return self._levels[height][index]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 ‖ data)."""
    return sha256(LEAF_PREFIX + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(NODE_PREFIX + left + right).digest()


def levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Return all complete subtrees over `hashes`: the leaves first, then each height above."""
    by_height = [list(hashes)]
    while len(by_height[-1]) > 1:
        below = by_height[-1]
        # An odd one at the right edge has no complete subtree above it.
        pairs = zip(below[::2], below[1::2], strict=False)
        # `node_hash` in place: most of an append's and an audit's time is spent on this line.
        by_height.append([sha256(b"\x01" + left + right).digest() for left, right in pairs])
    return by_height


def root_hash_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root hash over leaf hashes; of none, the hash of nothing."""
    return root_hash(Leaves(hashes), len(hashes))


def root_hash(tree: Nodes, size: int) -> bytes:
    """Return the root hash over the first `size` leaves (RFC 6962, 2.1: MTH)."""
    return fold_peaks(tree.node(height, index) for height, index in peaks(size))


def fold_peaks(hashes: Iterable[bytes]) -> bytes:
    """Fold the hashes of a tree's peaks (left to right) into its root hash, from the right."""
    remaining = list(hashes)
    if not remaining:
        return EMPTY

    result = remaining.pop()
    while remaining:
        result = node_hash(remaining.pop(), result)
    return result


def peaks(size: int) -> list[tuple[int, int]]:
    """Return (height, index) of the complete subtrees that make up `size` leaves, left to right.

    There is one for each bit that is set: 6 leaves are a subtree of 4 and one of 2.

    >>> peaks(6)
    [(2, 0), (1, 2)]
    """
    subtrees: list[tuple[int, int]] = []
    start = 0
    for height in reversed(range(size.bit_length())):
        if size >> height & 1:
            subtrees.append((height, start >> height))
            start += 1 << height

    return subtrees


def inclusion_proof(tree: Nodes, index: int, size: int) -> tuple[bytes, ...]:
    """Return the proof that leaf `index` is in the tree of `size` leaves (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    return _path(tree, index, 0, size)


def consistency_proof(tree: Nodes, old: int, new: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of `old` leaves is a prefix of that of `new`.

    RFC 6962, 2.1.2. There is none from an empty tree, of which every tree is a continuation.
    """
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    return _subproof(tree, old, 0, new, is_whole=True)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Return whether `proof` leads from a leaf's hash to the root hash `expected`.

    The steps are those of RFC 9162, 2.1.3.2, under its numbers and, in comments, its names.
    """
    # 1. The leaf has to lie in the tree.
    if not 0 <= index < size:
        return False

    # 2. and 3. Begin at the leaf.
    position = index  # fn
    last = size - 1  # sn
    computed = leaf  # r

    # 4. For each hash of the proof:
    for sibling in proof:
        # a. A proof that goes on above the root is too long.
        if last == 0 or len(sibling) != HASH_BYTES:
            return False
        # b. A right child, or the last node of its level: the sibling stands to the left.
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            # A last node without a sibling moves up unchanged, to where it is a right child.
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        # c. One level up.
        position >>= 1
        last >>= 1

    # 5. The proof ends at the root, neither before nor beyond it.
    return last == 0 and computed == expected


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether `proof` shows that one root hash's tree continues the other's.

    The steps are those of RFC 9162, 2.1.4.2, under its numbers and, in comments, its names.
    """
    # Before the RFC's steps: a tree continues itself, which takes no proof.
    if old == new:
        return not proof and old_root == new_root
    # 1. An empty proof proves nothing.
    if not 0 < old < new or not proof or any(len(step) != HASH_BYTES for step in proof):
        return False

    # 2. A complete old tree is a node of the new one, and its hash is not sent.
    is_complete = old & (old - 1) == 0
    steps = [old_root, *proof] if is_complete else list(proof)

    # 3. and 4. Begin at the last node that the two trees share.
    position = old - 1  # fn
    last = new - 1  # sn
    while position & 1:
        position >>= 1
        last >>= 1

    # 5. Both roots are computed from the same hashes.
    old_computed = steps[0]  # fr
    new_computed = steps[0]  # sr

    # 6. For each further hash of the proof:
    for step in steps[1:]:
        # a. A proof that goes on above the root is too long.
        if last == 0:
            return False
        # b. What stands to the left is part of both trees, what stands to the right of the new one.
        if position & 1 or position == last:
            old_computed = node_hash(step, old_computed)
            new_computed = node_hash(step, new_computed)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new_computed = node_hash(new_computed, step)
        # c. One level up.
        position >>= 1
        last >>= 1

    # 7. Both computed roots are the given ones, and the proof ends at the new root.
    return last == 0 and old_computed == old_root and new_computed == new_root


def _range_hash(tree: Nodes, start: int, end: int) -> bytes:
    """Return the root hash over leaves [start, end).

    `start` is a multiple of the largest power of two that is not above the length, so that the
    peaks of the range are nodes of the tree.
    """
    return fold_peaks(
        tree.node(height, (start >> height) + index) for height, index in peaks(end - start)
    )


def _split(length: int) -> int:
    """Return the largest power of two smaller than `length` (RFC 6962, 2.1: k)."""
    return 1 << (length - 1).bit_length() - 1


def _path(tree: Nodes, index: int, start: int, end: int) -> tuple[bytes, ...]:
    """Return PATH(index, D[start:end]) of RFC 6962, 2.1.1."""
    if end - start == 1:
        return ()

    # The larger half is a complete subtree, on the left: so an older log is a prefix of a newer
    # one's tree.
    middle = start + _split(end - start)
    if index < middle:
        return (*_path(tree, index, start, middle), _range_hash(tree, middle, end))
    return (*_path(tree, index, middle, end), _range_hash(tree, start, middle))


def _subproof(tree: Nodes, old: int, start: int, end: int, *, is_whole: bool) -> tuple[bytes, ...]:
    """Return SUBPROOF(old, D[start:end], is_whole) of RFC 6962, 2.1.2."""
    if old == end:
        # The whole old tree: whoever verifies has its root hash.
        return () if is_whole else (_range_hash(tree, start, end),)

    middle = start + _split(end - start)
    if old <= middle:
        left = _subproof(tree, old, start, middle, is_whole=is_whole)
        return (*left, _range_hash(tree, middle, end))
    right = _subproof(tree, old, middle, end, is_whole=False)
    return (*right, _range_hash(tree, start, middle))
