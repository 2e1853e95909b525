"""A comparison hands on all that it was given: no part of a check is lost on the way."""

from collections.abc import Callable

import pytest

from tasks.gates import About, Check, Outcome, at_least, at_most, holds, not_measured
from tests.tasks.gates.test_check import ToyCheck

WOMEN = About(attribute="sex", group="female")
Comparison = Callable[..., Check]
COMPARISONS = pytest.mark.parametrize(("compare", "sign"), [(at_least, "≥"), (at_most, "≤")])


@COMPARISONS
def test_a_comparison_says_which_way_round_its_limit_is(compare: Comparison, sign: str) -> None:
    assert compare(ToyCheck.RATIO, "ratio", 0.5, 0.5).limit == f"{sign} 0.5"


@COMPARISONS
def test_a_value_on_its_limit_passes(compare: Comparison, sign: str) -> None:
    assert compare(ToyCheck.RATIO, "ratio", 0.5, 0.5).outcome is Outcome.PASS


@COMPARISONS
def test_a_comparison_keeps_what_it_is_about(compare: Comparison, sign: str) -> None:
    assert compare(ToyCheck.RATIO, "ratio", 0.5, 0.5, about=WOMEN).about == WOMEN


@COMPARISONS
def test_a_comparison_keeps_its_interval(compare: Comparison, sign: str) -> None:
    check = compare(ToyCheck.RATIO, "ratio", 0.5, 0.5, interval=(0.4, 0.6))
    assert check.interval == (0.4, 0.6)


@COMPARISONS
def test_a_comparison_keeps_its_reason(compare: Comparison, sign: str) -> None:
    assert compare(ToyCheck.RATIO, "ratio", 0.5, 0.5, reason="few rows").reason == "few rows"


@COMPARISONS
def test_a_comparison_without_a_reason_invents_none(compare: Comparison, sign: str) -> None:
    assert compare(ToyCheck.RATIO, "ratio", 0.5, 0.5).reason == ""


@pytest.mark.parametrize(("compare", "margin"), [(at_least, 0.25), (at_most, -0.25)])
def test_a_margin_is_positive_on_the_right_side(compare: Comparison, margin: float) -> None:
    assert compare(ToyCheck.RATIO, "ratio", 0.75, 0.5).margin == margin


@COMPARISONS
def test_what_was_not_measured_keeps_its_limit(compare: Comparison, sign: str) -> None:
    assert compare(ToyCheck.RATIO, "ratio", None, 0.5).limit == f"{sign} 0.5"


@COMPARISONS
def test_what_was_not_measured_keeps_what_it_is_about(compare: Comparison, sign: str) -> None:
    assert compare(ToyCheck.RATIO, "ratio", None, 0.5, about=WOMEN).about == WOMEN


@COMPARISONS
@pytest.mark.parametrize(("reason", "kept"), [("", "not measured"), ("few rows", "few rows")])
def test_what_was_not_measured_has_a_reason(
    compare: Comparison, sign: str, reason: str, kept: str
) -> None:
    assert compare(ToyCheck.RATIO, "ratio", None, 0.5, reason=reason).reason == kept


@pytest.mark.parametrize(("condition", "value"), [(True, 1.0), (False, 0.0), (None, None)])
def test_a_condition_has_one_or_zero_as_its_value(
    condition: bool | None, value: float | None
) -> None:
    assert holds(ToyCheck.RATIO, "additivity", condition, expected="all").value == value


@pytest.mark.parametrize("condition", [True, False, None])
def test_a_condition_keeps_what_was_expected(condition: bool | None) -> None:
    assert holds(ToyCheck.RATIO, "additivity", condition, expected="all").limit == "all"


@pytest.mark.parametrize("condition", [True, False, None])
def test_a_condition_keeps_what_it_is_about(condition: bool | None) -> None:
    check = holds(ToyCheck.RATIO, "additivity", condition, expected="all", about=WOMEN)
    assert check.about == WOMEN


@pytest.mark.parametrize("condition", [True, False, None])
def test_a_condition_keeps_its_reason(condition: bool | None) -> None:
    check = holds(ToyCheck.RATIO, "additivity", condition, expected="all", reason="row 3")
    assert check.reason == "row 3"


@pytest.mark.parametrize(("condition", "reason"), [(True, ""), (False, ""), (None, "not measured")])
def test_only_a_condition_that_is_unknown_gets_a_reason(
    condition: bool | None, reason: str
) -> None:
    assert holds(ToyCheck.RATIO, "additivity", condition, expected="all").reason == reason


def test_what_is_declared_not_to_be_measured_keeps_what_it_is_about() -> None:
    check = not_measured(ToyCheck.RATIO, "ratio", expected="≤ 1", reason="declared", about=WOMEN)
    assert (check.outcome, check.about) == (Outcome.NOT_MEASURED, WOMEN)
