"""Outcomes, comparisons and verdicts: nothing that is missing, NaN or unknown ever passes."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import RefusalKind
from tasks.gates import (
    About,
    Check,
    Outcome,
    Verdict,
    at_least,
    at_most,
    digest_of,
    holds,
    not_measured,
)
from tests.tasks.gates.test_check import ToyCheck

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
GOOD = at_least(ToyCheck.RATIO, "ratio", 1.0, 0.5)
BAD = at_least(ToyCheck.OTHER, "other", 0.4, 0.5)


def verdict(*checks: Check, **change: Any) -> Verdict:
    values: dict[str, Any] = {
        "gate": "toy",
        "use_case": "loan",
        "checks": checks or (GOOD,),
        "limits_sha256": "0" * 64,
        "about": {"train/model": "1" * 64},
    }
    return Verdict(**(values | change))


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_was_not_measured_is_undecided_and_never_a_pass(value: float | None) -> None:
    for check in (
        at_least(ToyCheck.RATIO, "ratio", value, 0.8),
        at_most(ToyCheck.RATIO, "ratio", value, 0.8),
    ):
        assert check.outcome is Outcome.UNDECIDED
        assert check.value is None
        assert "not measured" in check.line("fairness")


@pytest.mark.parametrize("limit", [math.nan, math.inf])
def test_a_limit_that_is_not_a_number_is_an_error_not_a_pass(limit: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        at_least(ToyCheck.RATIO, "ratio", 1.0, limit)
    with pytest.raises(ValueError, match="finite"):
        at_most(ToyCheck.RATIO, "ratio", 1.0, limit)


@given(value=numbers, limit=numbers)
def test_a_comparison_passes_exactly_when_the_value_is_on_the_right_side(
    value: float, limit: float
) -> None:
    at_least_it = at_least(ToyCheck.RATIO, "m", value, limit)
    at_most_it = at_most(ToyCheck.RATIO, "m", value, limit)
    assert (at_least_it.outcome is Outcome.PASS) == (value >= limit)
    assert (at_most_it.outcome is Outcome.PASS) == (value <= limit)


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [(True, Outcome.PASS), (False, Outcome.FAIL), (None, Outcome.UNDECIDED)],
)
def test_a_condition_that_could_not_be_established_is_undecided(
    condition: bool | None, outcome: Outcome
) -> None:
    check = holds(ToyCheck.RATIO, "additivity", condition, expected="every row adds up")
    assert check.outcome is outcome


def test_what_is_not_measured_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="no reason"):
        not_measured(ToyCheck.RATIO, "ratio", expected="measured", reason=" ")


@given(st.lists(st.sampled_from(list(Outcome))))
def test_the_worst_outcome_counts_and_without_a_pass_there_is_none(
    outcomes: list[Outcome],
) -> None:
    worst = Outcome.worst(outcomes)
    if Outcome.FAIL in outcomes:
        assert worst is Outcome.FAIL
    elif Outcome.UNDECIDED in outcomes or Outcome.PASS not in outcomes:
        assert worst is Outcome.UNDECIDED
    else:
        assert worst is Outcome.PASS


def test_only_a_pass_and_what_is_declared_not_to_be_measured_do_not_block() -> None:
    blocking = {outcome for outcome in Outcome if outcome.is_blocking}
    assert blocking == {Outcome.FAIL, Outcome.UNDECIDED}


def test_a_verdict_refuses_by_kind_with_a_line_for_each_check_that_blocks() -> None:
    undecided = at_least(ToyCheck.RATIO, "ratio", None, 0.5)
    refusals = verdict(undecided, BAD).refusals()
    assert [refusal.kind for refusal in refusals] == [
        RefusalKind.CHECK_UNDECIDED,
        RefusalKind.CHECK_FAILED,
    ]
    assert refusals[1].text == BAD.line("toy")


def test_what_was_not_measured_does_not_refuse() -> None:
    nothing = not_measured(ToyCheck.OTHER, "other", expected="measured", reason="declared")
    passed = verdict(GOOD, nothing)
    assert passed.outcome is Outcome.PASS
    assert passed.refusals() == ()


@pytest.mark.parametrize("change", [{"gate": ""}, {"use_case": ""}, {"checks": ()}])
def test_a_verdict_without_gate_use_case_or_checks_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least one check"):
        verdict(**change)


def test_a_gate_makes_no_check_of_another_gate() -> None:
    with pytest.raises(ValueError, match=r"gate `fairness` makes no check `toy\.ratio`"):
        verdict(gate="fairness")


def test_two_checks_of_one_key_cannot_be_told_apart_and_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 checks are `toy\.ratio`"):
        verdict(GOOD, GOOD)
    about = at_least(ToyCheck.RATIO, "ratio", 1.0, 0.5, about=About(group="b"))
    assert len(verdict(GOOD, about).checks) == 2


def test_what_is_written_is_read_again() -> None:
    written = verdict(GOOD, BAD)
    assert Verdict.from_dict(written.to_dict()) == written


@pytest.mark.parametrize(
    "change",
    [
        {"gate": None},
        {"checks": {}},
        {"checks": [{"measure": "ratio", "outcome": "pass", "value": 1, "limit": "≥ 0.5"}]},
        {"limits_sha256": 3},
        {"about": None},
        {"about": {"train/model": 3}},
        {"outcome": "pass"},
    ],
)
def test_what_is_no_verdict_is_not_read(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"verdict|without an id"):
        Verdict.from_dict(verdict().to_dict() | change)


@pytest.mark.parametrize("values", [None, [], "pass", {}])
def test_what_is_no_object_is_no_verdict(values: Any) -> None:
    with pytest.raises(ValueError, match="not a verdict"):
        Verdict.from_dict(values)


def test_a_digest_depends_on_content_not_on_order_and_refuses_nan() -> None:
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
    with pytest.raises(ValueError, match="JSON"):
        digest_of({"a": math.nan})
