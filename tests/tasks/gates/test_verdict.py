import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.gates import Check, Outcome, Verdict, at_least, at_most, digest_of, holds

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.mark.parametrize("compare", [at_least, at_most])
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_was_not_measured_is_undecided_and_never_a_pass(
    compare: Callable[..., Any], value: float | None
) -> None:
    check = compare("ratio", value, 0.8)
    assert check.outcome is Outcome.UNDECIDED
    assert check.value is None
    assert "not measured" in check.line("fairness")


@pytest.mark.parametrize("compare", [at_least, at_most])
def test_a_limit_that_is_not_a_number_is_an_error_not_a_pass(compare: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="finite"):
        compare("ratio", 1.0, math.nan)


@given(value=numbers, limit=numbers)
def test_a_comparison_passes_exactly_when_the_value_is_on_the_right_side(
    value: float, limit: float
) -> None:
    assert (at_least("m", value, limit).outcome is Outcome.PASS) == (value >= limit)
    assert (at_most("m", value, limit).outcome is Outcome.PASS) == (value <= limit)


def test_a_line_names_gate_measure_value_limit_and_by_how_much() -> None:
    line = at_least("disparate impact", 0.71, 0.8, interval=(0.6, 0.82), reason="black").line(
        "fairness"
    )
    assert (
        line
        == "fairness: disparate impact = 0.71 [0.6, 0.82], limit ≥ 0.8, missed by 0.09: fail (black)"
    )


@pytest.mark.parametrize(
    ("condition", "outcome"), [(True, "pass"), (False, "fail"), (None, "undecided")]
)
def test_a_condition_that_could_not_be_established_is_undecided(
    condition: bool | None, outcome: str
) -> None:
    assert holds("additivity", condition, expected="every row adds up").outcome.value == outcome


def test_a_verdict_without_checks_cannot_be_made() -> None:
    with pytest.raises(ValidationError):
        Verdict(gate="fairness", use_case="loan", checks=(), limits_sha256="0")


@given(st.lists(st.sampled_from(list(Outcome))))
def test_the_worst_outcome_counts_and_nothing_at_all_is_undecided(outcomes: list[Outcome]) -> None:
    worst = Outcome.worst(tuple(outcomes))
    if not outcomes:
        assert worst is Outcome.UNDECIDED
    elif Outcome.FAIL in outcomes:
        assert worst is Outcome.FAIL
    else:
        assert (worst is Outcome.PASS) == (set(outcomes) == {Outcome.PASS})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_check_cannot_carry_a_number_that_json_cannot(value: float) -> None:
    with pytest.raises(ValidationError):
        Check(measure="m", outcome=Outcome.PASS, value=value, limit="≥ 0")


def test_a_digest_depends_on_content_not_on_order_and_refuses_nan() -> None:
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
    with pytest.raises(ValueError, match="JSON"):
        digest_of({"a": math.nan})
