"""What a check says to people, and what it is read from: a part of it, or something else."""

from typing import Any

import pytest

from tasks.gates import About, Check, Outcome
from tests.tasks.gates.test_check import check


@pytest.mark.parametrize("margin", [0.0, 0.1, 2.0, None])
def test_a_line_speaks_of_a_miss_only_where_there_is_one(margin: float | None) -> None:
    assert "missed" not in check(margin=margin).line("toy")


def test_a_line_without_a_reason_ends_with_the_outcome() -> None:
    assert check().line("toy") == "toy: a ratio = 0.9, limit ≥ 0.8: pass"


def test_an_occurrence_is_read_as_a_number() -> None:
    assert About.from_dict({"occurrence": 2}) == About(occurrence=2)


def test_a_check_is_read_from_the_part_that_a_statement_carries() -> None:
    part = {"id": "toy.ratio", "measure": "a ratio", "outcome": "pass", "value": 1, "limit": "all"}
    whole = Check("toy.ratio", "a ratio", Outcome.PASS, 1.0, "all")
    assert Check.from_dict(part) == whole


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"severity": "high"}, "not a check"),
        ({"id": None}, "a check without an id: it was made before checks had ids"),
        ({"measure": 3}, r"toy\.ratio: a text that is none"),
        ({"about": []}, r"toy\.ratio: `about` is no object"),
        ({"about": {"age": 3}}, "`about` has `age`, which is unknown or of another type"),
        ({"about": {"occurrence": "2"}}, "`about` has `occurrence`, which is .* of another type"),
        ({"value": "0.9"}, "not a number"),
        ({"interval": [1]}, "not an interval"),
    ],
)
def test_a_check_that_cannot_be_read_says_why(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        Check.from_dict(check().to_dict() | change)
