"""From decisions about people to the verdict: what the number of people allows the gate to say."""

from typing import Any

import pytest

from tasks.gates import Check, Outcome
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.params import FairnessLimits
from tests.tasks.stages.fairness.portfolio import LIMITS, Rates, fairness_params, measured


def judged(rates: Rates, **changes: Any) -> tuple[Check, ...]:
    return judge_fairness(measured(rates, **changes), fairness_params(**changes), LIMITS)


def impact(rates: Rates, **changes: Any) -> Check:
    """Return the check of group b's disparate impact ratio."""
    return next(
        check
        for check in judged(rates, **changes)
        if check.id == FairnessCheck.DISPARATE_IMPACT_RATIO and check.about.group == "b"
    )


@pytest.mark.parametrize(("rate", "outcome"), [(0.88, Outcome.PASS), (0.5, Outcome.FAIL)])
def test_an_interval_on_one_side_of_the_limit_decides(rate: float, outcome: Outcome) -> None:
    assert impact({"a": (5000, 0.9), "b": (5000, rate)}).outcome is outcome


def test_an_interval_that_holds_the_limit_says_how_many_rows_would_decide() -> None:
    check = impact({"a": (500, 0.9), "b": (60, 0.75)})
    assert check.outcome is Outcome.UNDECIDED
    assert "rows of this group would decide" in check.would_decide


@pytest.mark.parametrize(
    ("rates", "outcome"),
    [
        ({"a": (500, 0.9), "b": (60, 0.75)}, Outcome.PASS),
        ({"a": (500, 0.9), "b": (60, 0.6)}, Outcome.FAIL),
        ({"a": (60, 0.9), "b": (40, 0.7)}, Outcome.UNDECIDED),
    ],
)
def test_a_small_portfolio_passes_on_its_point_and_fails_only_significantly(
    rates: Rates, outcome: Outcome
) -> None:
    assert impact(rates, decision_rule="small_portfolio").outcome is outcome


def test_a_group_that_is_too_small_is_undecided_whatever_it_shows() -> None:
    check = impact({"a": (500, 0.9), "b": (20, 0.8)}, decision_rule="small_portfolio")
    assert check.outcome is Outcome.UNDECIDED
    assert "too few" in check.reason


@pytest.mark.parametrize("rates", [{"b": (100, 0.9)}, {"a": (100, 0.9)}])
def test_an_absent_group_is_undecided_never_a_pass(rates: Rates) -> None:
    assert any(
        check.outcome is Outcome.UNDECIDED and "nothing can be said" in check.reason
        for check in judged(rates)
    )


def test_a_portfolio_without_approvals_is_undecided_though_aif360_says_nan() -> None:
    assert impact({"a": (500, 0.0), "b": (500, 0.0)}).outcome is Outcome.UNDECIDED


@pytest.mark.parametrize("limit", list(FairnessLimits.model_fields))
def test_no_limit_has_a_default(limit: str) -> None:
    values = LIMITS.model_dump()
    del values[limit]
    with pytest.raises(ValueError, match=limit):
        FairnessLimits.model_validate(values)
