"""Composites are nobody's: no row of anybody, no value of fewer than `k`, and no way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.adverse_action import composing
from tasks.adverse_action.composing import compose, group_alike
from tasks.model import Input
from tasks.model.families import Matrix
from tasks.model.scorer import single_precision

K = 5
INPUTS = (Input("income"), Input("children"), Input("late"), Input("town", "A"), Input("town", "B"))


def people(count: int = 60, seed: int = 0) -> Matrix:
    """Make a figure, a small whole number, a flag that few have, and a town of two, or none."""
    rng = np.random.default_rng(seed)
    town = rng.choice(3, count, p=[0.5, 0.4, 0.1])
    return single_precision(
        np.column_stack(
            [
                rng.lognormal(3, 1, count),
                rng.integers(0, 5, count),
                rng.random(count) < 0.2,
                town == 0,
                town == 1,
            ]
        ).astype(float)
    )


def test_no_row_is_anybody_s_and_no_figure_either() -> None:
    matrix = people()
    rows = compose(matrix, INPUTS, K, seed=1)
    assert rows.shape == matrix.shape
    assert not set(map(tuple, rows)) & set(map(tuple, matrix))
    assert not set(rows[:, 0]) & set(matrix[:, 0])


def test_each_value_is_shared_by_at_least_k() -> None:
    rows = compose(people(), INPUTS, K, seed=1)
    for column in rows.T:
        _, counts = np.unique(column, return_counts=True)
        assert counts.min() >= K


def test_a_figure_is_the_mean_of_k_neighbours_in_rank() -> None:
    matrix = people()
    rows = compose(matrix, INPUTS, K, seed=1)
    means = np.sort(matrix[:, 0]).reshape(-1, K).mean(axis=1)  # all figures differ
    assert sorted(set(rows[:, 0])) == pytest.approx(means.tolist(), rel=1e-6)


def test_whole_numbers_stay_whole_and_flags_flags() -> None:
    rows = compose(people(), INPUTS, K, seed=1)
    assert (rows[:, 1] == np.round(rows[:, 1])).all()
    assert set(rows[:, 2]) <= {0.0, 1.0}


def test_what_fewer_than_k_have_is_not_there() -> None:
    matrix = people()
    matrix[:, 2] = 0
    matrix[:2, 2] = 1  # two people with a late payment
    matrix[:, 4] = 0
    matrix[:3, 3] = 0
    matrix[:3, 4] = 1  # three people in town B
    rows = compose(matrix, INPUTS, K, seed=1)
    assert (rows[:, 2] == 0).all()
    assert (rows[:, 4] == 0).all()


def test_what_many_have_is_not_blurred_by_the_few_who_differ() -> None:
    matrix = people()
    matrix[:, 0] = 0
    matrix[:3, 0] = [7.5, 80.0, 12.0]  # three people with other financing
    assert (compose(matrix, INPUTS, K, seed=1)[:, 0] == 0).all()
    matrix[:8, 0] = np.linspace(10, 80, 8)
    rows = compose(matrix, INPUTS, K, seed=1)
    assert np.unique(rows[:, 0], return_counts=True)[1].tolist() == [52, 8]
    assert rows[:, 0].max() == 45.0


def test_a_row_has_one_category_at_most() -> None:
    rows = compose(people(), INPUTS, K, seed=1)
    assert rows[:, 3:].sum(axis=1).max() == 1


def test_each_feature_s_spread_stays() -> None:
    matrix = people(200)
    rows = compose(matrix, INPUTS, K, seed=1)
    np.testing.assert_allclose(rows[:, 0].mean(), matrix[:, 0].mean(), rtol=1e-5)
    assert rows[:, 0].std() > 0.9 * matrix[:, 0].std()
    np.testing.assert_array_equal(rows[:, 3:].sum(axis=0), matrix[:, 3:].sum(axis=0))


def test_whose_values_they_were_is_lost_even_to_those_who_know_the_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same values in the same groups give the same rows, whoever had them."""
    matrix = people()
    groups = group_alike(matrix, K)
    rng = np.random.default_rng(7)
    shuffled = matrix.copy()
    for group in groups:
        for columns in ([0], [1], [2], [3, 4]):
            cells = np.ix_(group, np.array(columns))
            shuffled[cells] = shuffled[cells][rng.permutation(len(group))]
    assert not np.array_equal(shuffled, matrix)

    monkeypatch.setattr(composing, "group_alike", lambda *_: groups)
    np.testing.assert_array_equal(
        compose(shuffled, INPUTS, K, seed=1), compose(matrix, INPUTS, K, seed=1)
    )


def test_rows_stand_in_an_order_of_their_own() -> None:
    matrix = people()
    first = compose(matrix, INPUTS, K, seed=1)
    np.testing.assert_array_equal(first, first[np.lexsort(first.T)])
    np.testing.assert_array_equal(first, compose(matrix, INPUTS, K, seed=1))


@given(st.integers(5, 80), st.integers(2, 12))
def test_groups_hold_everybody_once_and_none_is_small(count: int, k: int) -> None:
    groups = group_alike(people(count), min(k, count))
    assert sorted(np.concatenate(groups).tolist()) == list(range(count))
    assert all(min(k, count) <= len(group) < 2 * max(k, 1) or len(groups) == 1 for group in groups)


def test_people_who_are_alike_are_in_one_group() -> None:
    clusters = np.repeat(np.array([[0.0], [100.0], [200.0]]), K, axis=0)
    matrix = clusters + np.random.default_rng(0).normal(size=clusters.shape)
    groups = group_alike(matrix, K)
    assert {frozenset(group // K) for group in groups} == {frozenset({i}) for i in range(3)}


def test_fewer_people_than_a_group_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than 5"):
        compose(people(4), INPUTS, K, seed=1)
