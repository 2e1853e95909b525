"""From decisions about people to the verdict: what the number of people allows the gate to say."""

from typing import Any

import numpy as np
import pytest

from tasks.disparity.counts import DecidedRows
from tasks.gates import Check, Outcome
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import measure_fairness
from tasks.stages.fairness.params import FairnessLimits
from tests.tasks.stages.fairness.portfolio import (
    LIMITS,
    Rates,
    decisions,
    fairness_params,
    measured,
)


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
    assert check.would_decide.startswith("about ")


@pytest.mark.parametrize(
    "rates",
    [
        {"a": (500, 0.9), "b": (60, 0.75)},  # passed by its point before
        {"a": (500, 0.9), "b": (60, 0.9)},
        {"a": (60, 0.9), "b": (40, 0.7)},
    ],
)
def test_nobody_passes_by_being_few(rates: Rates) -> None:
    assert any(check.outcome is not Outcome.PASS for check in judged(rates))


def test_one_more_row_turns_nothing_around() -> None:
    """Two to three hundred rows, at the same rate: once certified, certified from then on."""
    outcomes = [impact({"a": (5000, 0.5), "b": (rows, 0.5)}).outcome for rows in range(200, 320, 4)]
    assert outcomes[0] is Outcome.PASS
    assert set(outcomes) == {Outcome.PASS}


def test_a_group_that_is_too_small_is_undecided_whatever_it_shows() -> None:
    check = impact({"a": (500, 0.9), "b": (20, 0.8)})
    assert check.outcome is Outcome.UNDECIDED
    assert "20 people on one side" in check.reason


def test_a_small_privileged_group_is_no_yardstick() -> None:
    check = impact({"a": (20, 0.9), "b": (500, 0.8)})
    assert check.outcome is Outcome.UNDECIDED


def test_one_of_one_approved_certifies_nothing() -> None:
    checks = judged({"a": (1600, 0.9), "b": (1, 1.0)}, smallest_group_rows=10)
    about_one = [check for check in checks if check.about.group == "small group 1"]
    assert len(about_one) == 9
    assert {check.outcome for check in about_one} == {Outcome.UNDECIDED}


def test_approving_nearly_everybody_hides_nobody() -> None:
    """Declined five times as often, at an approval rate of 97 %: the approvals hardly differ."""
    checks = judged({"a": (5000, 0.98), "b": (1000, 0.90)})
    failed = {check.id for check in checks if check.outcome is Outcome.FAIL}
    assert FairnessCheck.DISPARATE_IMPACT_RATIO not in failed
    assert {FairnessCheck.DECLINE_RATIO, FairnessCheck.ODDS_RATIO} <= failed


@pytest.mark.parametrize("rows", [60, 200, 1000, 3000])
def test_naming_those_who_are_worse_off_as_privileged_passes_nobody(rows: int) -> None:
    """All ratios count one way: towards people who are declined five times as often all is well."""
    rates = {"a": (rows, 0.90), "b": (5000, 0.98)}
    about_a = [check for check in judged(rates) if check.about.group == "a"]
    further = FairnessCheck.DECLINE_RATIO_TO_BETTER_OFF
    decline = next(check for check in about_a if check.id == further)
    assert decline.value == pytest.approx(5)
    assert decline.outcome is (Outcome.FAIL if rows > 100 else Outcome.UNDECIDED)
    assert decline.reason.startswith("towards b ")


def test_nor_does_naming_those_in_between() -> None:
    checks = judged({"a": (5000, 0.965), "b": (5000, 0.98), "c": (5000, 0.938)})
    about_c = {check.id: check for check in checks if check.about.group == "c"}
    # A figure keeps its id and its meaning, whoever is better off.
    assert about_c[FairnessCheck.DECLINE_RATIO].value == pytest.approx(0.062 / 0.035)
    further = about_c[FairnessCheck.DECLINE_RATIO_TO_BETTER_OFF]
    assert further.outcome is Outcome.FAIL
    assert further.value == pytest.approx(0.062 / 0.02)


def test_whoever_is_fewer_and_better_off_is_no_yardstick_but_for_what_is_certain() -> None:
    """Else a few people who are approved more often by chance would leave everybody undecided."""
    by_chance = judged({"a": (900, 0.93), "b": (100, 0.97)})
    assert not any(check.id.endswith("_to_better_off") for check in by_chance)

    certain = judged({"a": (9000, 0.90), "b": (3000, 0.98)})
    failed = [check for check in certain if check.outcome is Outcome.FAIL]
    assert {check.about.group for check in failed} == {"a"}
    assert FairnessCheck.DECLINE_RATIO_TO_BETTER_OFF in {check.id for check in failed}
    undecided = {check.about.group for check in certain if check.outcome is Outcome.UNDECIDED}
    assert "a" not in undecided


def test_rows_of_few_people_are_few() -> None:
    protected, rows = decisions({"a": (2000, 0.9), "b": (120, 0.85)})
    people = np.where(protected["race"] == "b", np.arange(2120) // 6 + 10_000, np.arange(2120))
    repeated = DecidedRows.of(
        rows.is_good.astype(int), rows.is_approved, rows.scores, np.asarray(people)
    )
    checks = judge_fairness(
        measure_fairness(protected, repeated, fairness_params()), fairness_params(), LIMITS
    )
    about_b = [check for check in checks if check.about.group == "b"]
    assert {check.outcome for check in about_b} == {Outcome.UNDECIDED}
    assert all("people on one side" in check.reason for check in about_b if check.value)


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
