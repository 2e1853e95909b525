"""Leaves in blocks give what Shapley's formula says of each, by the same bits in any block."""

import numpy as np
import pytest

from tasks.model.families import Matrix
from tasks.model.leaf_blocks import Cuts, LeafBlock
from tasks.model.shapley import DeepLeaf, Explainer, _of_patterns
from tasks.model.trees import Leaf
from tests.tasks.model.test_shapley import COLUMNS, fitted, rows

WIDTH = 8


def leaf_of(depth: int, seed: int) -> Leaf:
    rng = np.random.default_rng(seed)
    low = rng.normal(-1.5, 0.5, depth)
    return Leaf(
        value=float(rng.normal()),
        inputs=np.sort(rng.permutation(WIDTH)[:depth]),
        low=np.where(rng.random(depth) < 0.3, -np.inf, low),
        high=np.where(rng.random(depth) < 0.3, np.inf, low + 2.5),
    )


def values(count: int, seed: int) -> Matrix:
    return np.random.default_rng(seed).normal(size=(count, WIDTH))


@pytest.mark.parametrize("depth", range(1, WIDTH + 1))
def test_a_block_gives_what_the_formula_gives(depth: int) -> None:
    leaves = [leaf_of(depth, seed) for seed in range(5)]
    cuts = Cuts(leaves, WIDTH)
    background = cuts.ranks(values(40, seed=10))
    ranks = cuts.ranks(values(60, seed=11))
    block = LeafBlock(leaves, cuts, background)

    for leaf, table, codes in zip(leaves, block.tables, block.codes(ranks), strict=True):
        alone = DeepLeaf(leaf, cuts, background)
        patterns, positions = alone.patterns_of(ranks)
        np.testing.assert_array_equal(alone.codes(ranks), codes)
        expected = _of_patterns(alone, patterns)[positions]
        np.testing.assert_allclose(table[:, codes].T, expected, atol=1e-12)


def test_leaves_of_several_depths_share_a_block() -> None:
    leaves = [leaf_of(depth, seed=depth) for depth in (3, 1, 8, 2)]
    cuts = Cuts(leaves, WIDTH)
    background = cuts.ranks(values(40, seed=10))
    together = LeafBlock(leaves, cuts, background)
    groups = np.array([0, 1, 1, 0, 2, 2, 1, 0])

    raising = together.raising_tables(groups)
    for leaf, table, raised in zip(leaves, together.tables, raising, strict=True):
        alone = LeafBlock([leaf], cuts, background)
        np.testing.assert_array_equal(table, alone.tables[0])
        np.testing.assert_array_equal(raised[1], alone.raising_tables(groups)[0][1])
    # Another grouping is another question.
    assert together.raising_tables(np.zeros(WIDTH, dtype=int))[0][0] == [0]


def test_nothing_meets_a_condition_whose_thresholds_are_one() -> None:
    empty = Leaf(1.0, np.array([0]), low=np.array([0.5]), high=np.array([0.5]))
    wide = Leaf(1.0, np.array([0]), low=np.array([-1.0]), high=np.array([np.inf]))
    cuts = Cuts([empty, wide], WIDTH)
    ranks = cuts.ranks(np.array([[value] * WIDTH for value in (-2.0, 0.0, 0.5, 3.0)]))
    codes = LeafBlock([empty, wide], cuts, ranks).codes(ranks)
    np.testing.assert_array_equal(codes, [[0, 0, 0, 0], [0, 1, 1, 1]])
    np.testing.assert_array_equal(DeepLeaf(empty, cuts, ranks).codes(ranks), [0, 0, 0, 0])


@pytest.mark.parametrize("family", ["lightgbm", "xgboost"])
def test_bits_depend_on_no_block_and_no_slice(monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    booster = fitted(family)
    matrix = rows(100, seed=3)
    groups = np.arange(COLUMNS) % 2
    given, raised = Explainer(booster, rows(30, seed=2)).explain(matrix, groups, 2)

    monkeypatch.setattr("tasks.model.shapley.BLOCK_LEAVES", 3)
    monkeypatch.setattr("tasks.model.leaf_blocks.SLICE_ROWS", 7)
    explainer = Explainer(booster, rows(30, seed=2))
    again, raised_again = explainer.explain(matrix, groups, 2)
    np.testing.assert_array_equal(again, given)
    np.testing.assert_array_equal(raised_again, raised)
    np.testing.assert_array_equal(explainer.contributions(matrix), given)
    np.testing.assert_array_equal(explainer.raised(matrix, groups, 2), raised)
