"""Every family fits the same way twice, and heeds weights, constraints and parameters."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tasks.learning.fitting import fit, single_precision
from tasks.model.families import LightGbm, Logistic, Matrix
from tests.tasks.stages.train.portfolio import train_params

FAMILIES = ("lightgbm", "xgboost", "logistic")
NAMES = ["income", "debt"]
ROUNDS = {"lightgbm": 30, "xgboost": 30, "logistic": 500}


def training_data(rows: int = 600, seed: int = 5) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, 2))
    labels = (matrix[:, 0] - matrix[:, 1] + rng.normal(size=rows) > 0).astype(float)
    return matrix, labels


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_rows_give_the_same_margins(family: str) -> None:
    matrix, labels = training_data()
    params = train_params(family=family, rounds=ROUNDS[family])
    first, second = (
        fit(matrix, labels, np.ones(600), NAMES, params).margin(matrix) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("family", FAMILIES)
def test_margins_rise_with_the_probability_of_the_favourable_label(family: str) -> None:
    matrix, labels = training_data()
    params = train_params(family=family, rounds=ROUNDS[family])
    margins = fit(matrix, labels, np.ones(600), NAMES, params).margin(matrix)
    assert roc_auc_score(labels, margins) > 0.8


@pytest.mark.parametrize("family", FAMILIES)
def test_heavier_good_rows_raise_the_scores(family: str) -> None:
    matrix, labels = training_data()
    params = train_params(family=family, rounds=ROUNDS[family])
    plain = fit(matrix, labels, np.ones(600), NAMES, params).margin(matrix)
    weights = np.where(labels == 1, 5.0, 1.0)
    assert fit(matrix, labels, weights, NAMES, params).margin(matrix).mean() > plain.mean()


@pytest.mark.parametrize("family", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("direction", [-1, 1])
def test_a_constrained_input_moves_the_score_one_way_only(family: str, direction: int) -> None:
    matrix, labels = training_data()
    params = train_params(family=family, rounds=30, monotone={"income": direction})
    model = fit(matrix, labels, np.ones(600), NAMES, params)
    grid = np.column_stack([np.linspace(-3, 3, 200), np.zeros(200)])
    assert (direction * np.diff(model.margin(grid)) >= -1e-9).all()


def test_parameters_of_the_use_case_win_over_the_settings_of_the_family() -> None:
    matrix, labels = training_data()
    stump = fit(
        matrix, labels, np.ones(600), NAMES, train_params(rounds=1, parameters={"num_leaves": 2})
    )
    assert len(np.unique(stump.margin(matrix))) == 2


def test_logistic_regression_is_that_of_scikit_learn_on_standardised_inputs() -> None:
    matrix, labels = training_data()
    matrix = matrix * [1000.0, 0.01]
    params = train_params(family="logistic", rounds=500)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, random_state=1))
    expected = pipeline.fit(matrix, labels).decision_function(matrix)
    margins = fit(matrix, labels, np.ones(600), NAMES, params).margin(matrix)
    np.testing.assert_allclose(margins, expected, rtol=1e-6, atol=1e-9)


def test_a_constant_input_takes_no_part_in_a_logistic_regression() -> None:
    matrix, labels = training_data()
    matrix[:, 1] = 7.0
    model = fit(matrix, labels, np.ones(600), NAMES, train_params(family="logistic", rounds=500))
    assert isinstance(model, Logistic)
    assert model.weights[1] == 0
    assert np.isfinite(model.margin(matrix)).all()


def test_every_threshold_of_lightgbm_is_a_single_precision_number() -> None:
    """SHAP keeps thresholds as floats; see docs/adr/0005-single-precision.md."""
    matrix, labels = training_data()
    model = fit(matrix, labels, np.ones(600), NAMES, train_params(rounds=5))
    assert isinstance(model, LightGbm)
    lines = re.findall(r"^threshold=(.+)$", model.native.model_to_string(), flags=re.MULTILINE)
    thresholds = [float(number) for line in lines for number in line.split()]
    assert thresholds
    assert all(float(np.float32(threshold)) == threshold for threshold in thresholds)


def test_rounding_thresholds_twice_changes_nothing_more() -> None:
    once = single_precision("tree_sizes=10 20\nthreshold=0.1 2.0\nleaf_value=0.1\n")
    assert once == f"threshold={float(np.float32(0.1))!r} 2.0\nleaf_value=0.1\n"
    assert single_precision(once) == once


@pytest.mark.parametrize("family", FAMILIES)
def test_inputs_of_half_the_memory_give_the_same_bytes(family: str, tmp_path: Path) -> None:
    matrix, labels = training_data()
    compact = matrix.astype(np.float32)
    params = train_params(family=family, rounds=ROUNDS[family])

    files = []
    margins = []
    for name, inputs in (("compact", compact), ("wide", compact.astype(np.float64))):
        folder = tmp_path / name
        folder.mkdir()
        model = fit(inputs, labels, np.ones(600), NAMES, params)
        model.save(folder)
        files.append([path.read_bytes() for path in sorted(folder.iterdir())])
        margins.append(model.margin(inputs))

    assert files[0] == files[1]
    np.testing.assert_array_equal(margins[0], margins[1])
