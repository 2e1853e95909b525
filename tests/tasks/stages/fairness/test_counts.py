"""Counts by group: nobody is left out, nobody is counted twice, small groups are pooled."""

from typing import cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.stages.fairness.counts import (
    POOLED,
    UNKNOWN,
    GroupCounts,
    count_groups,
    intersect,
    without_rare_names,
)

PEOPLE = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.booleans(), st.booleans(), st.floats(0, 1)),
    min_size=1,
    max_size=40,
)
JOINT_GROUPS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("mf")), min_size=1, max_size=80
)


def count(people: list[tuple[str | None, bool, bool, float]]) -> dict[str, GroupCounts]:
    groups, good, approved, scores = zip(*people, strict=True)
    return count_groups(
        pd.Series(groups, dtype="str"),
        np.array(good).astype(int),
        np.array(approved),
        np.array(scores),
    )


def test_each_group_has_its_counts_and_the_sum_of_its_scores() -> None:
    counts = count(
        [
            ("b", True, True, 0.9),
            ("a", True, False, 0.4),
            ("a", False, True, 0.6),
            ("a", False, False, 0.1),
        ]
    )
    assert list(counts) == ["a", "b"]
    assert counts["a"] == GroupCounts("a", 1, 2, 0, 1, cast(float, pytest.approx(1.1)))
    assert counts["b"] == GroupCounts("b", 1, 0, 1, 0, 0.9)


@given(PEOPLE)
def test_every_row_is_counted_once(people: list[tuple[str | None, bool, bool, float]]) -> None:
    counts = count(people)
    assert sum(group.rows for group in counts.values()) == len(people)
    assert sum(group.approved for group in counts.values()) == sum(row[2] for row in people)
    assert sum(group.good for group in counts.values()) == sum(row[1] for row in people)


@given(PEOPLE)
def test_the_cells_of_a_group_sum_to_its_rows(
    people: list[tuple[str | None, bool, bool, float]],
) -> None:
    for group in count(people).values():
        assert sum(rows for _, _, rows in group.cells) == group.rows
        assert sum(rows for _, decision, rows in group.cells if decision) == group.approved
        assert sum(rows for label, _, rows in group.cells if label) == group.good


def test_rows_without_a_group_are_counted_as_unknown() -> None:
    counts = count([(None, True, True, 1.0), ("a", True, True, 1.0)])
    assert counts[UNKNOWN].rows == 1


def frame(groups: dict[tuple[str, str], int]) -> pd.DataFrame:
    people = [group for group, rows in groups.items() for _ in range(rows)]
    return pd.DataFrame(people, columns=["race", "sex"]).astype("str")


def test_large_joint_groups_stay_as_they_are() -> None:
    rows = frame({("a", "m"): 40, ("a", "f"): 35, ("b", "m"): 31})
    joint = intersect(rows, ("race", "sex"), 30, "a / m")
    assert joint.value_counts().to_dict() == {"a / m": 40, "a / f": 35, "b / m": 31}


def test_the_pool_takes_in_the_next_smallest_group_until_it_is_large_enough() -> None:
    rows = frame({("a", "m"): 500, ("a", "f"): 200, ("b", "m"): 40, ("b", "f"): 20})
    joint = intersect(rows, ("race", "sex"), 30, "a / m")
    assert joint.value_counts().to_dict() == {"a / m": 500, "a / f": 200, POOLED: 60}


def test_the_pool_stops_as_soon_as_it_is_large_enough() -> None:
    rows = frame({("a", "m"): 500, ("a", "f"): 40, ("b", "m"): 20, ("b", "f"): 15})
    joint = intersect(rows, ("race", "sex"), 30, "a / m")
    assert joint.value_counts().to_dict() == {"a / m": 500, "a / f": 40, POOLED: 35}


def test_a_small_privileged_group_is_never_pooled() -> None:
    rows = frame({("a", "m"): 5, ("a", "f"): 100, ("b", "m"): 10})
    joint = intersect(rows, ("race", "sex"), 30, "a / m")
    assert (joint == "a / m").sum() == 5


def test_a_row_that_lacks_an_attribute_has_no_joint_group() -> None:
    rows = pd.DataFrame(
        {"race": pd.array(["a", None], dtype="str"), "sex": pd.array(["m", "m"], dtype="str")}
    )
    assert intersect(rows, ("race", "sex"), 1, "a / m").isna().tolist() == [False, True]


@given(JOINT_GROUPS, st.integers(1, 30))
def test_no_group_but_the_privileged_one_and_a_pool_of_all_others_is_small(
    people: list[tuple[str, str]], smallest_rows: int
) -> None:
    rows = pd.DataFrame(people, columns=["race", "sex"]).astype("str")
    sizes = intersect(rows, ("race", "sex"), smallest_rows, "a / m").value_counts()
    small = set(sizes.index[sizes < smallest_rows]) - {"a / m"}
    assert small <= {POOLED}
    if small:
        assert set(sizes.index) <= {POOLED, "a / m"}
    assert sizes.sum() == len(people)


def test_a_group_of_few_rows_keeps_its_counts_and_place_and_loses_its_name() -> None:
    rows = [("Zyx Canary", True, True, 0.5)] * 9 + [("blue", True, True, 0.5)] * 10
    counts = count([*rows, ("a", True, True, 0.5)])
    shown = without_rare_names(counts, privileged="a")
    assert list(shown) == ["small group 1", "a", "blue"]
    assert [group.rows for group in shown.values()] == [group.rows for group in counts.values()]
    assert [group.group for group in shown.values()] == list(shown)
