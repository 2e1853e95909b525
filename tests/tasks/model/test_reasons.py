import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.model.reasons import group_contributions, top_reasons
from tests.models import REASONS

grids = st.lists(st.lists(st.integers(-5, 5), min_size=6, max_size=6), min_size=1, max_size=8)


@given(grids)
def test_reasons_are_adverse_ordered_and_at_most_four(grid: list[list[int]]) -> None:
    grouped = np.array(grid, float)
    for row, top in zip(grouped, top_reasons(grouped), strict=True):
        named = top[top >= 0]
        assert len(named) == min(4, (row < 0).sum())
        assert (row[named] < 0).all()
        assert list(row[named]) == sorted(row[row < 0])[: len(named)]


@given(grids)
def test_summing_into_groups_loses_nothing(grid: list[list[int]]) -> None:
    contributions = np.array(grid, float)[:, :3]
    grouped = group_contributions(contributions, ("income", "debt", "town"), REASONS.reasons)
    np.testing.assert_allclose(grouped.sum(axis=1), contributions.sum(axis=1))


def test_features_of_one_reason_are_summed() -> None:
    contributions = np.array([[1.0, -2.0, 4.0]])
    grouped = group_contributions(contributions, ("town", "income", "town"), REASONS.reasons)
    assert grouped.tolist() == [[-2.0, 0.0, 5.0]]


def test_ties_go_to_the_reason_that_the_map_names_first() -> None:
    assert top_reasons(np.array([[-1.0, -1.0, 0.0]])).tolist() == [[0, 1, -1, -1]]
