"""SHAP values against the package shap, against Shapley's definition, and one row at a time."""

from itertools import permutations

import numpy as np
import pytest

from tasks.learning.fitting import fit
from tasks.model import BrokenModelError
from tasks.model.families import Booster, LightGbm, Matrix, XgBoost
from tasks.model.scorer import single_precision
from tasks.model.shapley import Explainer
from tests.models import FAMILIES, params

COLUMNS = 4


def rows(count: int, seed: int) -> Matrix:
    """Make a number with few values, one that is 0 or 1, and two that are any."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, COLUMNS))
    matrix[:, 0] = np.round(matrix[:, 0] * 2)
    matrix[:, 1] = matrix[:, 1] > 0
    return single_precision(matrix)


def fitted(family: str, **parameters: float | str) -> Booster:
    matrix = rows(400, seed=0)
    noise = np.random.default_rng(1).normal(size=400)
    labels = (matrix[:, 2] * (1 + matrix[:, 1]) - matrix[:, 0] + noise > 0).astype(float)
    chosen = params(family).model_copy(update={"parameters": parameters})
    return fit(matrix, labels, np.ones(400), [f"x{i}" for i in range(COLUMNS)], chosen)


@pytest.mark.parametrize("family", FAMILIES)
def test_contributions_add_up_to_the_log_odds(family: str) -> None:
    booster = fitted(family)
    explainer = Explainer(booster, rows(30, seed=2))
    matrix = rows(100, seed=3)
    sums = explainer.base + explainer.contributions(matrix).sum(axis=1)
    # XGBoost adds its trees up in single precision.
    np.testing.assert_allclose(sums, booster.margin(matrix), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_they_are_shapley_s_values_by_his_own_definition(family: str) -> None:
    booster = fitted(family)
    background = rows(8, seed=2)
    matrix = rows(5, seed=3)

    expected = np.zeros_like(matrix)
    orders = list(permutations(range(COLUMNS)))
    for position, row in enumerate(matrix):
        for order in orders:
            mixed = background.copy()
            before = booster.margin(mixed).mean()
            for column in order:
                mixed[:, column] = row[column]
                after = booster.margin(mixed).mean()
                expected[position, column] += (after - before) / len(orders)
                before = after

    contributions = Explainer(booster, background).contributions(matrix)
    np.testing.assert_allclose(contributions, expected, atol=1e-5)


@pytest.mark.parametrize("family", ["lightgbm", "xgboost"])
def test_they_are_those_of_the_package_shap(family: str) -> None:
    import shap

    booster = fitted(family)
    assert isinstance(booster, LightGbm | XgBoost)
    background = rows(30, seed=2)
    matrix = rows(100, seed=3)
    oracle = shap.TreeExplainer(
        booster.native, data=background, feature_perturbation="interventional", model_output="raw"
    )
    expected = oracle.shap_values(matrix, check_additivity=False)
    # The package adds up in single precision.
    contributions = Explainer(booster, background).contributions(matrix)
    np.testing.assert_allclose(contributions, expected, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_s_values_do_not_depend_on_the_rows_beside_it(family: str) -> None:
    booster = fitted(family)
    explainer = Explainer(booster, rows(30, seed=2))
    matrix = rows(40, seed=3)
    together = explainer.contributions(matrix)
    alone = np.concatenate([explainer.contributions(row[None, :]) for row in matrix])
    np.testing.assert_array_equal(alone, together)
    margins = np.concatenate([booster.margin(row[None, :]) for row in matrix])
    np.testing.assert_array_equal(margins, booster.margin(matrix))


@pytest.mark.parametrize("family", FAMILIES)
def test_no_rows_have_no_contributions(family: str) -> None:
    booster = fitted(family)
    nothing = np.zeros((0, COLUMNS))
    assert Explainer(booster, rows(30, seed=2)).contributions(nothing).shape == (0, COLUMNS)
    assert booster.margin(nothing).shape == (0,)


def test_a_value_on_a_threshold_goes_where_the_library_sends_it() -> None:
    for family in ("lightgbm", "xgboost"):
        booster = fitted(family)
        background = rows(30, seed=2)
        grid = np.repeat(np.arange(-6.0, 7.0)[:, None], COLUMNS, axis=1)  # column 0 splits there
        explainer = Explainer(booster, background)
        sums = explainer.base + explainer.contributions(grid).sum(axis=1)
        np.testing.assert_allclose(sums, booster.margin(grid), atol=1e-5)


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("lightgbm", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}),
        ("lightgbm", {"linear_tree": True}),
        ("xgboost", {"booster": "dart"}),
        ("xgboost", {"booster": "gblinear"}),
    ],
)
def test_a_kind_that_it_cannot_explain_is_refused(
    family: str, parameters: dict[str, float | str]
) -> None:
    with pytest.raises(BrokenModelError, match="explanations"):
        Explainer(fitted(family, **parameters), rows(30, seed=2))


@pytest.mark.parametrize("family", ["lightgbm", "xgboost"])
def test_deep_leaves_whose_patterns_are_not_all_tabled_get_the_same(
    monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    booster = fitted(family)
    background = rows(30, seed=2)
    matrix = rows(40, seed=3)
    groups = np.array([0, 1, 1, 0])

    tabled = Explainer(booster, background)
    expected = tabled.contributions(matrix)
    expected_raised = tabled.raised(matrix, groups, 2)
    monkeypatch.setattr("tasks.model.shapley.MOST_TABLED", 0)
    # And those with more conditions than an integer has bits, as well.
    for most_bits in (62, 0):
        monkeypatch.setattr("tasks.model.shapley.MOST_BITS", most_bits)
        deep = Explainer(booster, background)
        np.testing.assert_allclose(deep.contributions(matrix), expected, atol=1e-12)
        np.testing.assert_allclose(deep.raised(matrix, groups, 2), expected_raised, atol=1e-12)
        alone = np.concatenate([deep.contributions(row[None, :]) for row in matrix])
        np.testing.assert_array_equal(alone, deep.contributions(matrix))
