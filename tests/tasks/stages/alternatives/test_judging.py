"""A confirmed reduction fails, too few rows are undecided, and the alternative is named."""

import pytest

from tasks.gates import Check, Outcome
from tasks.stages.alternatives.choosing import AlternativesReport, ChosenAlternative
from tasks.stages.alternatives.judging import judge_alternatives
from tests.tasks.stages.alternatives.portfolio import LIMITS

CHOSEN = ChosenAlternative(
    name="linear / reweighing / all",
    auc=0.80,
    shipped_auc=0.805,
    decline_ratio=1.5,
    shipped_decline_ratio=2.0,
    reduction=0.25,
    least_reduction=0.15,
)
GOOD = AlternativesReport(
    rows=8000,
    fits=300,
    seeds=3,
    folds=3,
    approval_rate=0.88,
    groups=("b (race)",),
    uncompared=(),
    configurations=(),
    chosen=CHOSEN,
    confirmed_reduction=0.05,
    reduction_deviation=0.02,
    possible_reduction=0.6,
)


def judged(**changes: object) -> tuple[Check, Check]:
    reduction, detectable = judge_alternatives(GOOD.model_copy(update=changes), LIMITS)
    return reduction, detectable


def test_a_reduction_within_the_limit_passes() -> None:
    assert [check.outcome for check in judged()] == [Outcome.PASS, Outcome.PASS]


def test_a_confirmed_reduction_fails_and_names_the_alternative() -> None:
    reduction, _ = judged(confirmed_reduction=0.15)
    assert reduction.outcome is Outcome.FAIL
    assert "`linear / reweighing / all`: decline ratio 1.5 instead of 2" in reduction.reason
    assert "AUC 0.800 instead of 0.805" in reduction.reason


def test_no_alternative_within_the_loss_passes_and_says_so() -> None:
    reduction, _ = judged(chosen=None, confirmed_reduction=0.0)
    assert reduction.outcome is Outcome.PASS
    assert reduction.reason == "no alternative is within the loss of AUC"


def test_what_cannot_be_measured_is_undecided() -> None:
    checks = judged(
        chosen=None, confirmed_reduction=None, reduction_deviation=None, possible_reduction=None
    )
    assert [check.outcome for check in checks] == [Outcome.UNDECIDED, Outcome.UNDECIDED]


def test_rows_that_could_hide_a_reduction_are_undecided_and_never_a_failure() -> None:
    _, detectable = judged(reduction_deviation=0.2)
    assert detectable.outcome is Outcome.UNDECIDED
    assert detectable.would_decide
    assert "300 fits" in detectable.reason


def test_near_parity_nothing_large_can_be_missed_however_few_the_rows() -> None:
    _, detectable = judged(reduction_deviation=0.5, possible_reduction=0.1)
    assert detectable.outcome is Outcome.PASS
    assert detectable.value == pytest.approx(0.1)


def test_an_attribute_of_which_no_group_was_compared_makes_no_pass() -> None:
    reduction, detectable = judged(uncompared=("sex",))
    assert (reduction.outcome, reduction.value) == (Outcome.UNDECIDED, 0.05)
    assert reduction.reason.endswith("no group is large enough, or none known, of sex")
    assert detectable.outcome is Outcome.PASS


def test_a_confirmed_reduction_fails_beside_an_attribute_that_was_not_compared() -> None:
    reduction, _ = judged(confirmed_reduction=0.15, uncompared=("sex",))
    assert reduction.outcome is Outcome.FAIL
    assert "of sex" in reduction.reason
