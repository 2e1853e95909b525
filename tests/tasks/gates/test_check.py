"""A check is named by id and about; what does not hold together can neither be made nor read."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.gates import About, Check, CheckId, Outcome, at_least, not_measured


class ToyCheck(CheckId):
    """A catalogue of the tests."""

    RATIO = "toy.ratio"
    OTHER = "toy.other"


def check(**change: Any) -> Check:
    values: dict[str, Any] = {
        "id": ToyCheck.RATIO,
        "measure": "a ratio",
        "outcome": Outcome.PASS,
        "value": 0.9,
        "limit": "≥ 0.8",
    }
    return Check(**(values | change))


@pytest.mark.parametrize("check_id", ["", "ratio", "Toy.ratio", "toy.a ratio", "toy.ratio.x", "t."])
def test_what_is_no_id_is_refused(check_id: str) -> None:
    with pytest.raises(ValueError, match="no check id"):
        check(id=check_id)


@pytest.mark.parametrize("field", ["measure", "limit"])
def test_a_check_without_words_for_people_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=r"toy\.ratio: no measure"):
        check(**{field: ""})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["value", "margin", "interval"])
def test_a_check_cannot_carry_a_number_that_json_cannot(field: str, number: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        check(**{field: (0.0, number) if field == "interval" else number})


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.FAIL])
def test_a_check_without_a_value_is_neither_a_pass_nor_a_fail(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="value None"):
        check(outcome=outcome, value=None)


def test_what_was_not_measured_has_no_value() -> None:
    with pytest.raises(ValueError, match="not measured, with value"):
        check(outcome=Outcome.NOT_MEASURED, value=1.0)


def test_the_key_is_the_id_and_what_it_is_about() -> None:
    assert check().key == "toy.ratio"
    about = About(attribute="sex", group="female")
    assert check(about=about).key == "toy.ratio[attribute=sex, group=female]"
    assert check(about=About(column="a", occurrence=2)).key == "toy.ratio[column=a, occurrence=2]"


def test_words_for_people_are_no_part_of_the_key() -> None:
    assert check(measure="another wording").key == check().key


def test_a_line_names_gate_measure_value_limit_and_by_how_much() -> None:
    missed = at_least(
        ToyCheck.RATIO, "disparate impact", 0.71, 0.8, interval=(0.6, 0.82), reason="black"
    )
    assert missed.line("fairness") == (
        "fairness: disparate impact = 0.71 [0.6, 0.82], limit ≥ 0.8, missed by 0.09: fail (black)"
    )


def test_a_line_of_what_was_not_measured_holds_no_figure() -> None:
    nothing = not_measured(ToyCheck.RATIO, "loss", expected="≤ 0.1", reason="no champion")
    assert (
        nothing.line("toy") == "toy: loss = not measured, limit ≤ 0.1: not measured (no champion)"
    )


def test_a_line_says_what_would_decide() -> None:
    undecided = check(outcome=Outcome.UNDECIDED, reason="few rows", would_decide="more rows")
    assert undecided.line("toy").endswith(": undecided (few rows; more rows)")


texts = st.text(max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    value=finite,
    margin=st.none() | finite,
    interval=st.none() | st.tuples(finite, finite),
    reason=texts,
    group=st.none() | texts,
)
def test_what_is_written_is_read_again(
    value: float,
    margin: float | None,
    interval: tuple[float, float] | None,
    reason: str,
    group: str | None,
) -> None:
    written = check(
        value=value, margin=margin, interval=interval, reason=reason, about=About(group=group)
    )
    assert Check.from_dict(written.to_dict()) == written


@pytest.mark.parametrize("values", [None, [], "toy.ratio", {}, {"measure": "a ratio"}])
def test_what_has_no_id_is_refused_and_not_guessed(values: Any) -> None:
    with pytest.raises(ValueError, match=r"without an id|not a check"):
        Check.from_dict(values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", 3),
        ("id", None),
        ("outcome", "passed"),
        ("outcome", None),
        ("value", "0.9"),
        ("value", True),
        ("margin", []),
        ("interval", [1]),
        ("interval", [None, 1]),
        ("interval", ["0.1", 1]),
        ("interval", [False, 1]),
        ("measure", 3),
        ("limit", None),
        ("about", []),
        ("about", {"person": "x"}),
        ("about", {"group": 3}),
        ("about", {"occurrence": True}),
        ("severity", "high"),
    ],
)
def test_what_is_no_check_is_not_read(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Check.from_dict(check().to_dict() | {field: value})
