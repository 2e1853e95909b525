"""Numbers as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.gates import format_number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1, "1"), (1989.0, "1,989"), (0.9154321, "0.9154"), (2e-6, "0.0000"),
        (-0.12923, "-0.1292"), (1.00712, "1.007"), (34.5678, "34.57"), (12345.6, "12,346"),
        (math.inf, "not finite"), (math.nan, "not finite"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_read_them(value: float, text: str) -> None:
    assert format_number(value) == text


@given(st.floats(-1e9, 1e9))
def test_a_number_never_has_an_exponent_and_is_off_by_little(value: float) -> None:
    text = format_number(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=1e-3, abs=5e-5)
