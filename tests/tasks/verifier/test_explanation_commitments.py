"""Explanations in one tree: each provable alone, none readable without its salt or guessable."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import EvidenceError
from tasks.ledger.merkle import leaf_hash, root_hash_of, verify_inclusion
from tasks.verifier.explanation_commitments import (
    Explanation,
    ToldReason,
    commitment,
    commitments_of,
    head_of,
    prove,
    run_id,
    salt_of,
    tree_bytes,
    tree_head,
)

RUN = run_id("a" * 64, "b" * 64)


def made(rows: int) -> tuple[list[Explanation], list[bytes], list[bytes]]:
    keys = [bytes([row % 251]) * 32 for row in range(rows)]
    told = [
        Explanation(row, (ToldReason("L01", -0.5 - row),), "a" * 64, "1") for row in range(rows)
    ]
    salts = [salt_of(key, RUN, row) for row, key in enumerate(keys)]
    return told, salts, [commitment(salt, said) for salt, said in zip(salts, told, strict=True)]


@given(st.integers(1, 200), st.data())
@settings(max_examples=50, deadline=None)
def test_any_one_is_proven_by_its_salt_and_hashes_alone(rows: int, data: Any) -> None:
    told, salts, leaves = made(rows)
    row = data.draw(st.integers(0, rows - 1))
    index, path = prove(leaves, commitment(salts[row], told[row]))
    whole = root_hash_of([leaf_hash(leaf) for leaf in leaves])
    assert verify_inclusion(leaf_hash(commitment(salts[row], told[row])), index, rows, path, whole)
    other = replace(told[row], reasons=(ToldReason("L02", -0.5),))
    assert not verify_inclusion(leaf_hash(commitment(salts[row], other)), index, rows, path, whole)
    assert not verify_inclusion(
        leaf_hash(commitment(bytes(32), told[row])), index, rows, path, whole
    )


def test_the_salt_hangs_on_the_subject_s_key_the_run_and_the_row() -> None:
    salts = {
        salt_of(b"k" * 32, RUN, 1), salt_of(b"j" * 32, RUN, 1), salt_of(b"k" * 32, RUN, 2),
        salt_of(b"k" * 32, run_id("a" * 64, "c" * 64), 1),
    }  # fmt: skip
    assert len(salts) == 4


def test_the_same_explanation_of_two_people_looks_different() -> None:
    said = Explanation(1, (ToldReason("L01", -0.5),), "a" * 64, "1")
    assert commitment(salt_of(b"k" * 32, RUN, 1), said) != commitment(
        salt_of(b"j" * 32, RUN, 1), said
    )


def test_after_an_erasure_the_leaf_says_nothing_and_all_others_hold() -> None:
    told, salts, leaves = made(9)
    salts[4] = b""  # what destroying the key comes to: nothing can compute it any more
    whole = root_hash_of([leaf_hash(leaf) for leaf in leaves])
    for row in set(range(9)) - {4}:
        index, path = prove(leaves, commitment(salts[row], told[row]))
        assert verify_inclusion(leaf_hash(leaves[index]), index, 9, path, whole)
    guesses = [
        commitment(salt_of(bytes([key]) * 32, RUN, 4), told[4]) for key in range(251) if key != 4
    ]
    assert leaves[4] not in guesses


def test_the_tree_s_file(tmp_path: Path) -> None:
    _, _, leaves = made(5)
    path = tmp_path / "decisions.tree"
    path.write_bytes(tree_bytes(leaves))
    assert commitments_of(path.read_bytes()) == leaves
    assert head_of(leaves) == tree_head(root_hash_of([leaf_hash(leaf) for leaf in leaves]), 5)
    assert head_of(leaves) != tree_head(root_hash_of([leaf_hash(leaf) for leaf in leaves]), 6)
    assert head_of([]) == tree_head(root_hash_of([]), 0)
    with pytest.raises(EvidenceError, match="multiple of 32"):
        commitments_of(b"x" * 33)


def test_what_was_never_committed_has_no_proof() -> None:
    _, _, leaves = made(3)
    with pytest.raises(EvidenceError, match="none like it"):
        prove(leaves, bytes(32))
