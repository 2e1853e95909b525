"""Counts by group: nobody is left out, nobody is counted twice, small groups are pooled."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.disparity.counts import (
    POOLED,
    DecidedRows,
    GroupCounts,
    ScoreMoments,
    count_groups,
    design_effect,
    group_names,
    intersect,
    joint_name,
    require_rows,
    without_rare_names,
)
from tasks.errors import DataError

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
    rows = DecidedRows.of(np.array(good).astype(int), np.array(approved), np.array(scores))
    return count_groups(pd.Series(groups, dtype="str"), rows)


def test_each_group_has_its_counts_and_the_moments_of_its_scores() -> None:
    counts = count(
        [
            ("b", True, True, 0.9),
            ("a", True, False, 0.4),
            ("a", False, True, 0.6),
            ("a", False, False, 0.2),
        ]
    )
    assert list(counts) == ["a", "b"]
    assert counts["b"] == GroupCounts("b", 1, 0, 1, 0, ScoreMoments(0.9, 0, 0, 0), people=1)
    group = counts["a"]
    assert (group.good, group.bad, group.approved_good, group.approved_bad) == (1, 2, 0, 1)
    assert group.scores.mean == pytest.approx(0.4)
    assert group.scores.variance == pytest.approx(np.var([0.4, 0.6, 0.2]))
    assert group.scores.fourth == pytest.approx(np.mean([0, 0.2**4, 0.2**4]))


@given(PEOPLE)
def test_every_row_of_a_known_group_is_counted_once(
    people: list[tuple[str | None, bool, bool, float]],
) -> None:
    counts = count(people)
    known = [row for row in people if row[0] is not None]
    assert sum(group.rows for group in counts.values()) == len(known)
    assert sum(group.approved for group in counts.values()) == sum(row[2] for row in known)
    assert sum(group.good for group in counts.values()) == sum(row[1] for row in known)


@given(PEOPLE)
def test_the_cells_of_a_group_sum_to_its_rows(
    people: list[tuple[str | None, bool, bool, float]],
) -> None:
    for group in count(people).values():
        assert sum(rows for _, _, rows in group.cells) == group.rows
        assert sum(rows for _, decision, rows in group.cells if decision) == group.approved
        assert sum(rows for label, _, rows in group.cells if label) == group.good


def test_a_group_that_is_called_unknown_is_a_group_like_any_other() -> None:
    counts = count([(None, True, True, 1.0), ("unknown", True, True, 1.0)])
    assert counts["unknown"].rows == 1


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([1, 0, 1], ["1", "0", "1"]),
        ([1.0, None, 0.0], ["1", None, "0"]),
        ([True, False], ["1", "0"]),
        ([0.5, 2.0], ["0.5", "2"]),
        (["x", None], ["x", None]),
    ],
)
def test_a_flag_is_called_so_whatever_its_type(values: list[object], names: list[str]) -> None:
    named = group_names(pd.Series(values))
    assert [None if pd.isna(name) else name for name in named] == names


def test_a_cut_off_approves_the_share_of_rows_with_the_highest_scores() -> None:
    scores = np.array([0.1, 0.9, 0.5, 0.7])
    rows = DecidedRows.of(np.ones(4), np.ones(4), scores)
    assert rows.approved_at(0.5).tolist() == [False, True, False, True]
    assert rows.approved_at(0.01).sum() == 1


def test_rows_that_score_alike_are_approved_alike() -> None:
    rows = DecidedRows.of(np.ones(4), np.ones(4), np.array([0.5, 0.5, 0.5, 0.1]))
    assert rows.approved_at(0.5).tolist() == [True, True, True, False]


def test_rows_of_as_many_people_have_no_design_effect() -> None:
    assert design_effect(np.array([0, 1, 1]), np.array([5, 6, 7])) == 1.0


def test_two_equal_rows_of_each_person_count_as_one() -> None:
    decisions = np.repeat(np.random.default_rng(1).integers(0, 2, 500), 2)
    people = np.repeat(np.arange(500), 2)
    assert design_effect(decisions, people) == pytest.approx(2, rel=0.01)


def test_two_unrelated_rows_of_each_person_count_as_two() -> None:
    decisions = np.random.default_rng(1).integers(0, 2, 20_000)
    people = np.repeat(np.arange(10_000), 2)
    assert design_effect(decisions, people) == pytest.approx(1, abs=0.03)


def test_where_all_are_decided_alike_each_person_has_said_one_thing() -> None:
    people = np.array([1, 1, 1, 2])
    assert design_effect(np.ones(4), people) == pytest.approx((9 + 1) / 4)
    assert design_effect(np.array([0, 1, 0]), np.array([1, 1, 1])) == 3


def test_a_group_counts_people_and_repeats_them_by_what_is_measured() -> None:
    rows = DecidedRows.of(
        actual=np.array([1, 0, 1, 0, 1, 0]),
        approved=np.array([1, 1, 0, 0, 1, 1]),
        scores=np.array([0.9, 0.9, 0.2, 0.2, 0.7, 0.7]),
        people=np.array(["x", "x", "y", "y", "z", "z"]),
    )
    group = count_groups(pd.Series(["a"] * 6), rows)["a"]
    assert (group.rows, group.people) == (6, 3)
    assert group.approvals.design_effect > 2
    assert group.design.good == 1.0
    assert group.true_approvals.design_effect == 1.0


def frame(groups: dict[tuple[str, str], int]) -> pd.DataFrame:
    people = [group for group, rows in groups.items() for _ in range(rows)]
    return pd.DataFrame(people, columns=["race", "sex"]).astype("str")


def names_of(rows: pd.DataFrame) -> "dict[str, pd.Series[str]]":
    return {name: rows[name] for name in ("race", "sex")}


def test_large_joint_groups_stay_as_they_are() -> None:
    rows = frame({("a", "m"): 40, ("a", "f"): 35, ("b", "m"): 31})
    joint = intersect(names_of(rows), ("race", "sex"), 30, "a / m")
    assert joint.value_counts().to_dict() == {"a / m": 40, "a / f": 35, "b / m": 31}


def test_the_pool_takes_in_the_next_smallest_group_until_it_is_large_enough() -> None:
    rows = frame({("a", "m"): 500, ("a", "f"): 200, ("b", "m"): 40, ("b", "f"): 20})
    joint = intersect(names_of(rows), ("race", "sex"), 30, "a / m")
    assert joint.value_counts().to_dict() == {"a / m": 500, "a / f": 200, POOLED: 60}


def test_the_pool_stops_as_soon_as_it_is_large_enough() -> None:
    rows = frame({("a", "m"): 500, ("a", "f"): 40, ("b", "m"): 20, ("b", "f"): 15})
    joint = intersect(names_of(rows), ("race", "sex"), 30, "a / m")
    assert joint.value_counts().to_dict() == {"a / m": 500, "a / f": 40, POOLED: 35}


def test_a_small_privileged_group_is_never_pooled() -> None:
    rows = frame({("a", "m"): 5, ("a", "f"): 100, ("b", "m"): 10})
    joint = intersect(names_of(rows), ("race", "sex"), 30, "a / m")
    assert (joint == "a / m").sum() == 5


def test_a_row_that_lacks_an_attribute_has_no_joint_group() -> None:
    rows = pd.DataFrame(
        {"race": pd.array(["a", None], dtype="str"), "sex": pd.array(["m", "m"], dtype="str")}
    )
    assert intersect(names_of(rows), ("race", "sex"), 1, "a / m").isna().tolist() == [False, True]


def test_groups_whose_names_run_together_stay_apart() -> None:
    """Else a file that names its groups so has two of them judged as one."""
    rows = frame({("a / b", "c"): 40, ("a", "b / c"): 30, ("x", "y"): 5})
    joint = intersect(names_of(rows), ("race", "sex"), 1, "x / y")
    assert joint.value_counts().to_dict() == {"a // b / c": 40, "a / b // c": 30, "x / y": 5}


def test_a_slash_within_a_word_stays_as_it_is() -> None:
    assert joint_name(["Asian/Pacific", "and/ or", "m"]) == "Asian/Pacific / and/ or / m"


SLASHED = st.lists(st.text("a/ ", max_size=5), min_size=2, max_size=3)


@given(SLASHED, SLASHED)
def test_no_two_lists_of_groups_have_one_name(left: list[str], right: list[str]) -> None:
    assert (joint_name(left) == joint_name(right)) == (left == right)


@given(JOINT_GROUPS, st.integers(1, 30))
def test_no_group_but_the_privileged_one_and_a_pool_of_all_others_is_small(
    people: list[tuple[str, str]], smallest_rows: int
) -> None:
    rows = pd.DataFrame(people, columns=["race", "sex"]).astype("str")
    sizes = intersect(names_of(rows), ("race", "sex"), smallest_rows, "a / m").value_counts()
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


def test_a_group_that_is_called_as_a_small_one_would_be_hides_none() -> None:
    """Else a file whose large group has that name takes a small one out of what is judged."""
    rows = [("blue", True, False, 0.5)] * 9 + [("small group 1", True, True, 0.5)] * 10
    shown = without_rare_names(count([*rows, ("a", True, True, 0.5)]), privileged="a")
    assert {name: group.rows for name, group in shown.items()} == {
        "a": 1,
        "small group 2": 9,
        "small group 1": 10,
    }


def test_nobody_is_no_group_to_judge() -> None:
    rows = DecidedRows.of(np.zeros(1), np.zeros(1), np.zeros(1))
    require_rows(rows, "fairness")
    with pytest.raises(DataError, match="fairness: expected at least one row to judge"):
        require_rows(rows[np.zeros(1, dtype=bool)], "fairness")
