"""What no proof may do: bytes that move between two hashes, trees that shrink, steps too many."""

from hashlib import sha256

import pytest

from tasks.ledger.merkle import (
    EMPTY,
    HASH_BYTES,
    Leaves,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    levels,
    node_hash,
    root_hash,
    root_hash_of,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(b"%d" % number) for number in range(8)]
LEFT, RIGHT = LEAVES[:2]
TWO = node_hash(LEFT, RIGHT)


def test_leaves_and_nodes_are_hashed_apart_by_the_first_byte_of_rfc_6962() -> None:
    assert leaf_hash(b"data") == sha256(b"\x00data").digest()
    assert node_hash(LEFT, RIGHT) == sha256(b"\x01" + LEFT + RIGHT).digest()


def test_a_byte_that_moves_from_a_leaf_to_its_left_neighbour_is_refused() -> None:
    assert verify_inclusion(RIGHT, 1, 2, (LEFT,), TWO)
    assert not verify_inclusion(RIGHT[1:], 1, 2, (LEFT + RIGHT[:1],), TWO)


def test_a_byte_that_moves_from_a_leaf_to_its_right_neighbour_is_refused() -> None:
    assert verify_inclusion(LEFT, 0, 2, (RIGHT,), TWO)
    assert not verify_inclusion(LEFT[:-1], 0, 2, (LEFT[-1:] + RIGHT,), TWO)


def test_a_byte_that_moves_from_an_old_root_into_the_proof_is_refused() -> None:
    assert verify_consistency(1, 2, LEFT, TWO, (RIGHT,))
    assert not verify_consistency(1, 2, LEFT[:-1], TWO, (LEFT[-1:] + RIGHT,))


def test_a_step_behind_the_root_of_one_leaf_is_refused() -> None:
    assert not verify_inclusion(LEFT, 0, 1, (RIGHT,), TWO)


@pytest.mark.parametrize("index", [-1, 2, 3])
def test_an_index_outside_the_tree_is_refused_with_any_proof(index: int) -> None:
    assert not verify_inclusion(RIGHT, index, 2, (LEFT,), TWO)


def test_a_tree_is_consistent_with_itself() -> None:
    assert verify_consistency(2, 2, TWO, TWO, ())


def test_a_tree_of_the_same_size_and_another_root_is_refused() -> None:
    assert not verify_consistency(2, 2, TWO, LEFT, ())


def test_a_proof_between_a_tree_and_itself_is_refused() -> None:
    assert not verify_consistency(2, 2, TWO, TWO, (RIGHT,))


def test_a_tree_that_shrinks_is_refused() -> None:
    assert not verify_consistency(2, 1, LEFT, TWO, (RIGHT,))


def test_a_tree_that_grows_from_nothing_is_refused_with_any_proof() -> None:
    assert not verify_consistency(0, 2, LEFT, TWO, (RIGHT,))


def test_a_tree_that_grows_without_a_proof_is_refused() -> None:
    assert not verify_consistency(1, 2, LEFT, LEFT, ())


def test_a_tree_grows_from_one_leaf() -> None:
    proof = consistency_proof(Leaves(LEAVES), 1, 8)
    assert verify_consistency(1, 8, LEFT, root_hash_of(LEAVES), proof)


@pytest.mark.parametrize("old", range(1, 8))
def test_an_old_root_of_another_size_is_refused(old: int) -> None:
    proof = consistency_proof(Leaves(LEAVES), old, 8)
    other = root_hash_of(LEAVES[: old - 1])
    assert not verify_consistency(old, 8, other, root_hash_of(LEAVES), proof)


@pytest.mark.parametrize("size", range(9))
def test_the_root_of_a_prefix_is_that_of_its_leaves_alone(size: int) -> None:
    assert root_hash(Leaves(LEAVES), size) == root_hash_of(LEAVES[:size])


@pytest.mark.parametrize(
    ("size", "widths"), [(0, [0]), (1, [1]), (2, [2, 1]), (5, [5, 2, 1]), (8, [8, 4, 2, 1])]
)
def test_levels_end_with_the_largest_complete_subtree(size: int, widths: list[int]) -> None:
    assert [len(level) for level in levels(LEAVES[:size])] == widths


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root_hash_of([]) == EMPTY
    assert len(EMPTY) == HASH_BYTES


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (4, 3)])
def test_a_leaf_that_is_not_there_is_named(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=rf"^leaf {index} is not in a tree of {size}$"):
        inclusion_proof(Leaves(LEAVES), index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (-1, 3), (4, 3)])
def test_sizes_between_which_there_is_no_proof_are_named(old: int, new: int) -> None:
    with pytest.raises(ValueError, match=rf"^no consistency proof from {old} to {new}$"):
        consistency_proof(Leaves(LEAVES), old, new)
