"""Measures are those of scikit-learn and of their authors."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    roc_auc_score,
    roc_curve,
)

from tasks.learning.performance import (
    auc_delong,
    auc_difference,
    measure_performance,
    reliability,
    roc_points,
)

# (score, label) of each row; both labels occur, and scores tie often.
SCORED = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=4, max_size=60).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


def arrays(scored: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    scores, labels = zip(*scored, strict=True)
    return np.array(scores, float) / 20, np.array(labels, float)


def scored_sample(rows: int = 600, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.8).astype(float)
    return 1 / (1 + np.exp(-(labels + rng.normal(size=rows)))), labels


@given(SCORED)
def test_auc_is_that_of_scikit_learn(scored: list[tuple[int, bool]]) -> None:
    scores, labels = arrays(scored)
    assert auc_delong(scores, labels)[0] == pytest.approx(roc_auc_score(labels, scores))


@given(SCORED)
def test_auc_is_the_mann_whitney_statistic(scored: list[tuple[int, bool]]) -> None:
    scores, labels = arrays(scored)
    good, bad = scores[labels == 1], scores[labels == 0]
    expected = mannwhitneyu(good, bad).statistic / (len(good) * len(bad))
    assert auc_delong(scores, labels)[0] == pytest.approx(expected)


@given(SCORED)
def test_the_opposite_scores_have_the_opposite_auc_and_the_same_deviation(
    scored: list[tuple[int, bool]],
) -> None:
    scores, labels = arrays(scored)
    auc, deviation = auc_delong(scores, labels)
    opposite, opposite_deviation = auc_delong(1 - scores, labels)
    assert opposite == pytest.approx(1 - auc)
    assert opposite_deviation == pytest.approx(deviation, nan_ok=True)


def test_delong_s_deviation_is_that_of_its_definition() -> None:
    """By comparing every good row with every bad one, as DeLong et al. (1988) write it."""
    scores, labels = scored_sample(200)
    good, bad = scores[labels == 1], scores[labels == 0]
    wins = (good[:, None] > bad[None, :]) + 0.5 * (good[:, None] == bad[None, :])
    variance = wins.mean(axis=1).var(ddof=1) / len(good) + wins.mean(axis=0).var(ddof=1) / len(bad)
    assert auc_delong(scores, labels)[1] == pytest.approx(math.sqrt(variance))


def test_delong_s_deviation_is_that_of_the_bootstrap() -> None:
    scores, labels = scored_sample()
    rng = np.random.default_rng(2)
    resamples = (rng.integers(0, 600, 600) for _ in range(800))
    aucs = [roc_auc_score(labels[chosen], scores[chosen]) for chosen in resamples]
    assert auc_delong(scores, labels)[1] == pytest.approx(np.std(aucs), rel=0.15)


def test_rows_of_one_person_repeat_each_other() -> None:
    scores, labels = scored_sample(200)
    people = np.arange(200)
    assert auc_delong(scores, labels, people) == auc_delong(scores, labels)

    auc, deviation = auc_delong(*(np.repeat(of, 10) for of in (scores, labels, people)))
    assert auc == pytest.approx(auc_delong(scores, labels)[0])
    # Ten equal rows a person are ten times nothing new.
    assert deviation == pytest.approx(auc_delong(scores, labels)[1], rel=1e-9)


def test_the_deviation_with_several_rows_a_person_is_that_of_the_bootstrap_of_people() -> None:
    rng = np.random.default_rng(3)
    merit = np.repeat(rng.normal(size=150), 4)
    scores = merit + rng.normal(size=600)
    labels = (merit + rng.normal(size=600) > 0).astype(float)
    people = np.repeat(np.arange(150), 4)
    rows = np.arange(600).reshape(150, 4)

    resamples = (rows[rng.integers(0, 150, 150)].ravel() for _ in range(800))
    aucs = [roc_auc_score(labels[chosen], scores[chosen]) for chosen in resamples]
    deviation = auc_delong(scores, labels, people)[1]
    assert deviation == pytest.approx(np.std(aucs), rel=0.1)
    assert deviation > 1.1 * auc_delong(scores, labels)[1]

    noisy = scores + rng.normal(size=600)
    difference, (low, high) = auc_difference(scores, noisy, labels, people)
    assert difference == pytest.approx(roc_auc_score(labels, scores) - roc_auc_score(labels, noisy))
    resamples = (rows[rng.integers(0, 150, 150)].ravel() for _ in range(800))
    differences = [
        roc_auc_score(labels[chosen], scores[chosen]) - roc_auc_score(labels[chosen], noisy[chosen])
        for chosen in resamples
    ]
    assert (high - low) / 2 == pytest.approx(1.96 * np.std(differences), rel=0.1)


def test_one_person_s_rows_of_a_label_give_no_deviation() -> None:
    scores, labels = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])
    assert math.isnan(auc_delong(scores, labels, np.array([1, 1, 2, 3]))[1])


def test_midranks_are_those_of_scipy() -> None:
    from tasks.learning.performance import _midranks

    values = np.random.default_rng(1).integers(0, 9, 50).astype(float)
    np.testing.assert_array_equal(_midranks(values), rankdata(values))


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_without_one_of_the_labels_auc_is_nan_which_passes_no_limit(label: float) -> None:
    assert all(math.isnan(value) for value in auc_delong(np.array([0.1, 0.9]), np.full(2, label)))


@settings(deadline=None)
@given(SCORED, st.floats(0, 1))
def test_measures_are_those_of_scikit_learn(scored: list[tuple[int, bool]], cutoff: float) -> None:
    scores, labels = arrays(scored)
    approved = scores >= cutoff
    performance = measure_performance(scores, approved, labels)
    assert performance.accuracy == pytest.approx(accuracy_score(labels, approved))
    assert performance.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, approved))
    assert performance.brier == pytest.approx(brier_score_loss(labels, scores))
    matrix = confusion_matrix(labels, approved, labels=[0, 1])
    counts = performance.confusion
    assert matrix.tolist() == [
        [counts["declined_bad"], counts["approved_bad"]],
        [counts["declined_good"], counts["approved_good"]],
    ]
    assert performance.majority_accuracy == max(labels.mean(), 1 - labels.mean())
    assert performance.approval_rate == pytest.approx(approved.mean())


@given(SCORED)
def test_the_interval_holds_the_auc_and_lies_in_0_to_1(scored: list[tuple[int, bool]]) -> None:
    scores, labels = arrays(scored)
    performance = measure_performance(scores, scores > 0.5, labels)
    low, high = performance.auc_interval
    if not math.isnan(low):
        assert 0 <= low <= performance.auc <= high <= 1


@given(SCORED)
def test_the_reliability_table_counts_every_row_once_in_order_of_score(
    scored: list[tuple[int, bool]],
) -> None:
    scores, labels = arrays(scored)
    table = reliability(scores, labels)
    assert 1 <= len(table) <= min(10, len(scored))
    assert sum(row.rows for row in table) == len(scored)
    # No bin has part of those who score alike, so that the order of rows changes nothing.
    turned = reliability(scores[::-1], labels[::-1])
    assert [row.rows for row in turned] == [row.rows for row in table]
    assert [row.observed for row in turned] == pytest.approx([row.observed for row in table])
    predicted = [row.predicted for row in table]
    assert predicted == pytest.approx(sorted(predicted))
    observed_good = sum(row.rows * row.observed for row in table)
    assert observed_good == pytest.approx(labels.sum())


@given(st.integers(1, 60))
def test_bins_of_different_scores_have_equally_many_rows(rows: int) -> None:
    table = reliability(np.random.default_rng(rows).permutation(rows) / rows, np.zeros(rows))
    assert [row.rows for row in table] == [
        len(part) for part in np.array_split(np.arange(rows), 10) if len(part)
    ]


def test_a_file_that_is_sorted_by_its_outcome_is_no_worse_calibrated() -> None:
    rng = np.random.default_rng(1)
    scores = rng.choice([0.5, 0.57, 0.63, 0.7], 2000)
    labels = (rng.random(2000) < scores).astype(float)
    table = reliability(scores, labels)
    assert [row.predicted for row in table] == pytest.approx([0.5, 0.57, 0.63, 0.7])
    by_outcome = np.argsort(-labels, kind="stable")
    error = measure_performance(scores, scores > 0.6, labels).calibration_error
    ordered = measure_performance(scores[by_outcome], scores[by_outcome] > 0.6, labels[by_outcome])
    assert ordered.calibration_error == pytest.approx(error)
    assert error < 0.03


def test_calibration_error_is_the_mean_distance_of_bins_by_hand() -> None:
    scores = np.repeat([0.2, 0.9], 50)
    labels = np.concatenate([np.arange(50) % 2 == 0, np.ones(50)]).astype(float)
    performance = measure_performance(scores, scores > 0.5, labels)
    assert performance.calibration_error == pytest.approx(0.5 * abs(0.2 - 0.5) + 0.5 * 0.1)


def test_a_calibrated_model_has_hardly_any_calibration_error() -> None:
    rng = np.random.default_rng(8)
    scores = rng.random(50_000)
    labels = (rng.random(50_000) < scores).astype(float)
    assert measure_performance(scores, scores > 0.5, labels).calibration_error < 0.01


@given(SCORED)
def test_the_roc_curve_rises_from_0_to_1(scored: list[tuple[int, bool]]) -> None:
    points = roc_points(*arrays(scored))
    assert points == sorted(points)
    assert (points[0], points[-1]) == ((0.0, 0.0), (1.0, 1.0))


def test_the_points_lie_on_the_roc_curve_of_scikit_learn() -> None:
    scores, labels = scored_sample()
    false_rates, true_rates, _ = roc_curve(labels, scores, drop_intermediate=False)
    curve = {
        (round(false_rate, 9), round(true_rate, 9))
        for false_rate, true_rate in zip(false_rates, true_rates, strict=True)
    }
    points = {(round(x, 9), round(y, 9)) for x, y in roc_points(scores, labels)}
    assert points <= curve


def test_the_roc_curve_has_no_point_for_every_row() -> None:
    assert len(roc_points(*scored_sample(2000))) == 103
