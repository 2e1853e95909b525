"""What is said before training: sizes, the plan's rate, who cannot be certified, what would do."""

import pandas as pd
import pytest

from tasks.stages.fairness.foretelling import base_rate_of, count_group_rows, describe_power
from tasks.stages.fairness.power import rows_that_certify
from tests.tasks.stages.fairness.portfolio import LIMITS, fairness_params
from tests.tasks.stages.train.portfolio import train_params

SIZES = {"race": {"a": 2500, "b": 2500, "c": 60}}


def test_groups_that_cannot_be_certified_come_first_with_the_rows_that_would_do() -> None:
    headline, first, second = describe_power(SIZES, 0.8, fairness_params(), LIMITS)
    assert headline.startswith("fairness, before training: at an approval rate of 80% the gate")
    assert first.startswith("  c (race), 60 rows: cannot be certified, since ")
    assert first.endswith(" would do")
    assert second.startswith("  b (race), 2,500 rows: ")
    assert "cannot" not in second


def test_a_group_needs_more_rows_than_it_has_where_it_is_not_certified() -> None:
    needed = rows_that_certify(SIZES, 0.8, fairness_params(), LIMITS, 0.05)
    assert 60 < needed["race", "c"] <= 60 * 32


def test_what_no_number_of_rows_certifies_has_none() -> None:
    impossible = LIMITS.model_copy(update={"disparate_impact": 1.0})
    assert ("race", "c") not in rows_that_certify(SIZES, 0.8, fairness_params(), impossible, 0.05)


def test_combinations_are_counted_and_groups_too_small_to_show_are_not() -> None:
    params = fairness_params(privileged={"race": "a", "sex": "m"}, intersections=(("race", "sex"),))
    rows = pd.DataFrame(
        {
            "race": ["a"] * 100 + ["b"] * 60 + ["Ann Onymous"] * 3,
            "sex": ["m"] * 60 + ["f"] * 40 + ["m"] * 30 + ["f"] * 33,
        }
    )
    counted = count_group_rows(rows, params)
    assert counted["race"] == {"a": 100, "b": 60}
    assert counted["race and sex"]["a / m"] == 60
    assert "Ann" not in str(counted)


@pytest.mark.parametrize(
    ("cutoff", "expected"),
    [({"rule": "approval_rate", "rate": 0.9}, 0.9), ({"rule": "balanced_accuracy"}, 0.7)],
)
def test_the_rate_is_the_plan_s_or_that_of_the_labels(
    cutoff: dict[str, object], expected: float
) -> None:
    assert base_rate_of(train_params(cutoff=cutoff), 0.7) == expected
