"""Each rule is compared with trying every cut-off, one row at a time."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from tasks.learning.cutoffs import choose_cutoff
from tasks.learning.params import ApprovalRate, BalancedAccuracy, Cost

# (score, label) of each row; both labels occur, and scores tie often.
SCORED = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=4, max_size=60).filter(
    lambda rows: len({label for _, label in rows}) == 2
)
BALANCED = BalancedAccuracy(rule="balanced_accuracy")


def arrays(scored: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    scores, labels = zip(*scored, strict=True)
    return np.array(scores, float) / 20, np.array(labels, float)


def best_cutoffs(scores: np.ndarray, loss: Callable[[float], float]) -> list[float]:
    """Return all scores with the least loss, lowest first."""
    losses = {float(cutoff): loss(cutoff) for cutoff in np.unique(scores)}
    least = min(losses.values())
    return [cutoff for cutoff, value in losses.items() if value == pytest.approx(least, abs=1e-12)]


@given(SCORED, st.floats(0.01, 0.99))
def test_at_least_the_declared_share_is_approved(
    scored: list[tuple[int, bool]], rate: float
) -> None:
    scores, labels = arrays(scored)
    cutoff = choose_cutoff(scores, labels, ApprovalRate(rule="approval_rate", rate=rate))
    assert cutoff in scores
    assert (scores >= cutoff).mean() >= rate - 1e-12


def test_without_ties_no_more_than_the_declared_share_is_approved() -> None:
    scores = np.arange(100) / 100
    rule = ApprovalRate(rule="approval_rate", rate=0.3)
    cutoff = choose_cutoff(scores, np.ones(100), rule)
    assert (scores >= cutoff).sum() == pytest.approx(30, abs=1)


@settings(deadline=None)
@given(SCORED, st.floats(0.1, 10), st.floats(0.1, 10))
def test_no_other_cutoff_costs_less(
    scored: list[tuple[int, bool]], false_approval: float, false_decline: float
) -> None:
    scores, labels = arrays(scored)

    def cost(cutoff: float) -> float:
        false_approvals = ((scores >= cutoff) & (labels == 0)).sum()
        false_declines = ((scores < cutoff) & (labels == 1)).sum()
        return float(false_approval * false_approvals + false_decline * false_declines)

    rule = Cost(rule="cost", false_approval=false_approval, false_decline=false_decline)
    assert choose_cutoff(scores, labels, rule) in best_cutoffs(scores, cost)


@settings(deadline=None)
@given(SCORED)
def test_no_other_cutoff_has_a_better_balanced_accuracy(scored: list[tuple[int, bool]]) -> None:
    scores, labels = arrays(scored)

    def error(cutoff: float) -> float:
        return 1 - float(balanced_accuracy_score(labels, scores >= cutoff))

    assert choose_cutoff(scores, labels, BALANCED) in best_cutoffs(scores, error)


def test_of_equally_good_cutoffs_the_lowest_is_taken_which_approves_most() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.4])
    labels = np.array([1.0, 0.0, 1.0, 0.0])
    equal_costs = Cost(rule="cost", false_approval=1, false_decline=1)
    assert choose_cutoff(scores, labels, equal_costs) == 0.1


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_with_one_label_only_a_rule_still_gives_a_cutoff(label: float) -> None:
    scores = np.array([0.2, 0.4])
    assert choose_cutoff(scores, np.full(2, label), BALANCED) in scores


def test_dear_errors_move_the_cutoff_away_from_themselves() -> None:
    rng = np.random.default_rng(4)
    labels = (rng.random(500) < 0.7).astype(float)
    scores = np.clip(0.3 * labels + 0.5 * rng.random(500), 0, 1)
    strict = choose_cutoff(scores, labels, Cost(rule="cost", false_approval=9, false_decline=1))
    generous = choose_cutoff(scores, labels, Cost(rule="cost", false_approval=1, false_decline=9))
    assert generous < strict
