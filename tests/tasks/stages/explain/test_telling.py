"""Groups that many columns tell together, by people whom the classifier has not learnt from."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tasks.stages.explain.params import ProxyParams
from tasks.stages.explain.telling import (
    Membership,
    area_of,
    choose_rows,
    high_by_chance,
    memberships,
    tell_by_chance,
    tell_group,
    unmeasured_groups,
)

PARAMS = ProxyParams(people=400, smallest_group=60, folds=3, permutations=2)


def group_of(names: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"race": pd.array(names, dtype="str")})


def one(people: int, rng: np.random.Generator) -> Membership:
    everybody = np.ones(people, dtype=bool)
    return Membership("race", "x", rng.random(people) < 0.3, everybody)


def test_columns_that_tell_nothing_one_by_one_tell_a_group_together() -> None:
    rng = np.random.default_rng(1)
    membership = one(1000, rng)
    columns = rng.normal(size=(1000, 8)) + 0.86 * membership.is_member[:, None]
    alone = [tell_group(column[:, None], membership, PARAMS, 1).value for column in columns.T]
    assert max(alone) < 0.8
    assert tell_group(columns, membership, PARAMS, 1).low > 0.88


def test_a_code_of_which_every_second_value_is_the_group_s_is_found() -> None:
    rng = np.random.default_rng(2)
    membership = one(1000, rng)
    code = (2 * rng.integers(0, 30, 1000) + membership.is_member).astype(float)
    ranked = roc_auc_score(membership.is_member, code)
    assert abs(ranked - 0.5) < 0.05  # no threshold tells it
    assert tell_group(code[:, None], membership, PARAMS, 1).low > 0.95


def test_independent_columns_tell_nothing_whatever_their_number() -> None:
    rng = np.random.default_rng(3)
    membership = one(1000, rng)
    columns = np.column_stack([rng.normal(size=(1000, 10)), rng.integers(0, 50, (1000, 10))])
    area = tell_group(columns, membership, PARAMS, 1)
    assert area.low < 0.5 < area.high
    assert abs(tell_by_chance(columns, membership, PARAMS, 1) - 0.5) < 0.06


def test_copies_of_people_tell_a_group_that_nothing_else_does() -> None:
    rng = np.random.default_rng(4)
    half = rng.normal(size=(300, 4))
    columns = np.repeat(half, 4, axis=0)  # four people each with the very same figures
    labels = np.repeat(rng.random(300) < 0.5, 4)
    membership = Membership("race", "x", labels, np.ones(1200, dtype=bool))
    # Known, and written down with `tell_by_chance`: it raises an alarm, it never hides one.
    assert tell_group(columns, membership, PARAMS, 1).low > 0.6
    assert tell_by_chance(columns, membership, PARAMS, 1) < 0.6


def test_the_same_people_give_the_same_figures() -> None:
    rng = np.random.default_rng(5)
    membership = one(300, rng)
    columns = rng.normal(size=(300, 5))
    assert tell_group(columns, membership, PARAMS, 1) == tell_group(columns, membership, PARAMS, 1)


def test_people_whose_group_is_not_known_are_not_asked_about() -> None:
    rng = np.random.default_rng(6)
    membership = one(600, rng)
    columns = rng.normal(size=(600, 3)) + membership.is_member[:, None]
    is_asked = np.arange(600) < 400
    columns[~is_asked] = 1e6
    partly = Membership("race", "x", membership.is_member & is_asked, is_asked)
    expected = Membership("race", "x", membership.is_member[:400], np.ones(400, dtype=bool))
    assert tell_group(columns, partly, PARAMS, 1) == tell_group(columns[:400], expected, PARAMS, 1)


def test_one_row_a_person_is_asked_about_and_small_groups_are_filled_up() -> None:
    persons = pd.Series(np.arange(3000) // 2)
    names = np.where(np.arange(3000) % 200 < 8, "rare", "common")  # 60 people
    protected = group_of(names.tolist())
    chosen = choose_rows(persons, protected, PARAMS, 1)
    assert persons.iloc[chosen].is_unique
    assert (names[chosen] == "rare").sum() == 60
    assert 400 <= len(chosen) <= 460


def test_who_is_asked_about_does_not_depend_on_others() -> None:
    persons = pd.Series(np.arange(1000))
    protected = group_of(["x", "y"] * 500)
    chosen = set(choose_rows(persons, protected, PARAMS, 1).tolist())
    erased = persons.index[persons % 10 == 3]
    left = persons.drop(erased)
    again = choose_rows(left, protected.iloc[left.index].reset_index(drop=True), PARAMS, 1)
    kept = chosen - set(erased.tolist())
    assert kept <= set(left.iloc[again].tolist())


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x"] * 20 + ["y"] * 20, {"x"}),
        (["x"] * 20 + ["y"] * 20 + ["z"] * 20, {"x", "y", "z"}),
        (["x"] * 9 + ["y"] * 20 + ["z"] * 20, {"y", "z"}),
        (["x"] * 9 + ["y"] * 20, set()),
        (["x"] * 20 + [None] * 20, set()),
    ],
)
def test_groups_of_ten_people_beside_ten_others_are_asked_about(
    names: list[str | None], expected: set[str]
) -> None:
    asked = memberships(group_of(names), np.arange(len(names)))
    assert {membership.group for membership in asked} == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x"] * 20 + ["y"] * 20, []),
        (["x"] * 20 + ["y"] * 20 + ["z"] * 20, []),
        (["x"] * 9 + ["y"] * 20 + ["z"] * 20, ["small group 1"]),
        (["x"] * 9 + ["y"] * 20 + ["z"], ["small group 1", "small group 2"]),
        (["small group 1"] * 10 + ["y"] * 20 + ["z"], ["small group 2"]),
        (["x"] * 9 + ["y"] * 20, [None]),
        (["x"] * 20 + ["y"] * 5 + ["z"] * 4, [None]),
        (["x"] * 20 + [None] * 20, [None]),
        ([None] * 40, [None]),
    ],
)
def test_who_is_not_asked_about_is_named(
    names: list[str | None], expected: list[str | None]
) -> None:
    protected = group_of(names)
    everybody = np.arange(len(names))
    unmeasured = unmeasured_groups(protected, everybody, memberships(protected, everybody))
    assert {group.attribute for group in unmeasured} <= {"race"}
    assert [group.group for group in unmeasured] == expected


def test_an_attribute_is_named_though_another_is_asked_about() -> None:
    protected = group_of(["x", "y"] * 20).assign(sex=pd.array(["f"] * 40, dtype="str"))
    everybody = np.arange(40)
    asked = memberships(protected, everybody)
    (unmeasured,) = unmeasured_groups(protected, everybody, asked)
    assert (unmeasured.attribute, unmeasured.group) == ("sex", None)


def test_the_area_is_the_usual_one_with_ties_halved() -> None:
    rng = np.random.default_rng(7)
    is_member = rng.random(500) < 0.2
    scores = np.round(rng.normal(size=500) + is_member, 1)
    area = area_of(scores, is_member)
    assert area.value == pytest.approx(roc_auc_score(is_member, scores))
    assert area.low < area.value < area.high


def test_the_interval_covers_the_true_area_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    true_area = 0.7602  # of two normal distributions one standard deviation apart
    covered = 0
    for _ in range(400):
        is_member = np.arange(200) < 40
        area = area_of(rng.normal(size=200) + is_member, is_member)
        covered += area.low <= true_area <= area.high
    assert 0.91 <= covered / 400 <= 0.98


def test_sides_that_do_not_overlap_are_not_certain_where_people_are_few() -> None:
    is_member = np.arange(40) < 10
    area = area_of(is_member.astype(float), is_member)
    assert area.value == 1
    assert 0.8 < area.low < 0.9


def test_luck_reaches_beyond_its_bound_once_in_forty() -> None:
    rng = np.random.default_rng(9)
    is_member = np.arange(150) < 50
    membership = Membership("race", "x", is_member, np.ones(150, dtype=bool))
    bound = high_by_chance(membership, PARAMS.model_copy(update={"permutations": 1}))
    areas = [roc_auc_score(rng.permutation(is_member), np.arange(150)) for _ in range(2000)]
    assert 0.015 <= np.mean(np.array(areas) > bound) <= 0.035
    assert high_by_chance(membership, PARAMS) < bound  # of two permutations the mean is closer
