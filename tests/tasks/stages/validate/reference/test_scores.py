"""A value has one score, whatever the delivery; what is unknown says nothing."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.stages.validate.reference.cells import cell_codes, profile_column
from tasks.stages.validate.reference.scores import Component, components_of, score_rows


def scored(accepted: list[Any], delivered: list[Any]) -> dict[str, list[float]]:
    cells = {"x": profile_column(pd.Series(accepted))}
    components = components_of(cells)
    scores = score_rows(components, {"x": cell_codes(pd.Series(delivered), cells["x"])})
    return {component.name: scores[:, place].tolist() for place, component in enumerate(components)}


def components(values: list[Any]) -> tuple[Component, ...]:
    return components_of({"x": profile_column(pd.Series(values))})


def test_categories_of_numbers_have_the_middle_of_their_cumulated_share() -> None:
    scores = scored([1.0] * 50 + [2.0] * 30 + [3.0] * 20, [1, 2, 3])
    assert scores["x"] == pytest.approx([0.25, 0.65, 0.9])


def test_an_unknown_category_and_a_gap_are_in_the_middle() -> None:
    assert scored([1.0] * 50 + [2.0] * 50, [7, np.nan])["x"] == [0.5, 0.5]


def test_an_outlier_weighs_no_more_than_its_rank() -> None:
    scores = scored(list(range(1000)), [950, 1e9])
    assert scores["x"][0] == scores["x"][1]


def test_text_has_an_indicator_a_category_and_of_two_only_one() -> None:
    assert list(scored(["a"] * 20 + ["b"] * 20 + ["c"] * 20, ["a"])) == ["x=a", "x=b", "x=c"]
    assert list(scored(["a"] * 20 + ["b"] * 20, ["a"])) == ["x=a"]


def test_gaps_have_a_score_of_their_own() -> None:
    accepted = [1.0] * 50 + [2.0] * 40 + [np.nan] * 10
    assert scored(accepted, [1, np.nan])["x is missing"] == [0, 1]


@pytest.mark.parametrize("values", [["same"] * 50, [1.0] * 50, [np.nan] * 50])
def test_a_column_that_cannot_vary_has_no_score(values: list[Any]) -> None:
    assert components(values) == ()


def test_what_tells_yes_from_no_is_binary() -> None:
    assert [c.is_binary for c in components([0.0] * 50 + [1.0] * 50)] == [True]
    assert [c.is_binary for c in components(["a"] * 20 + ["b"] * 20)] == [True]
    assert [c.is_binary for c in components([0.0] * 50 + [1.0] * 50 + [2.0] * 50)] == [False]
