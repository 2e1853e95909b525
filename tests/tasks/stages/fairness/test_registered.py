"""The registered model's decisions agree with those that were judged, group by group."""

import numpy as np
import pandas as pd
import pytest

from tasks.disparity.counts import DecidedRows
from tasks.gates import Check, Outcome
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.fairness.measuring import measure_fairness
from tasks.stages.fairness.registered import (
    AbsentFromTest,
    RegisteredGroup,
    compare_registered,
    judge_registered,
)
from tests.tasks.stages.fairness.portfolio import LIMITS, fairness_params

GROUP = RegisteredGroup(
    attribute="race",
    group="b",
    people=100,
    judged_rate=0.8,
    registered_rate=0.79,
    agreement=0.95,
    difference=-0.01,
    interval=(-0.05, 0.03),
)


def compared(registered: np.ndarray, people: np.ndarray | None = None) -> list[RegisteredGroup]:
    """Compare with folds' models that approve every second row of each of two groups."""
    rows = len(registered)
    protected = pd.DataFrame({"race": pd.array(["a", "b"] * (rows // 2), dtype="str")})
    judged = np.arange(rows) % 4 < 2
    numbers = np.arange(rows) if people is None else people
    groups = compare_registered(
        protected, np.ones(rows, dtype=bool), judged, registered, numbers, fairness_params()
    )
    return [group for group in groups if isinstance(group, RegisteredGroup)]


def judged(group: RegisteredGroup | AbsentFromTest, **params: object) -> Check:
    """Return the check of one group; of an attribute without a comparison there is another."""
    *_, check = judge_registered((group,), fairness_params(**params), LIMITS)
    return check


def test_equal_decisions_differ_by_nothing() -> None:
    groups = compared(np.arange(200) % 4 < 2)
    assert [group.group for group in groups] == ["a", "b"]
    assert {(group.difference, group.agreement, group.people) for group in groups} == {(0, 1, 100)}
    assert {group.certain_shift for group in groups} == {0.0}


def test_a_group_that_the_registered_model_declines_stands_out_alone() -> None:
    is_b = np.arange(200) % 2 == 1
    privileged, group = compared((np.arange(200) % 4 < 2) & ~is_b)
    assert privileged.certain_shift == 0
    assert group.difference == -0.5
    assert group.certain_shift == pytest.approx(0.402, abs=0.001)


def test_rows_of_one_person_are_no_further_evidence() -> None:
    decisions = np.random.default_rng(1).random(400) < 0.7
    repeated = np.arange(400) // 20
    assert compared(decisions, repeated)[0].certain_shift <= compared(decisions)[0].certain_shift


def test_names_that_few_rows_have_are_not_shown() -> None:
    protected = pd.DataFrame({"race": pd.array(["a"] * 40 + ["Ann"] * 3, dtype="str")})
    decisions = np.ones(43, dtype=bool)
    groups = compare_registered(
        protected, decisions, decisions, decisions, np.arange(43), fairness_params()
    )
    assert {group.group for group in groups} == {"a", "small group 1"}


# Of each group: rows that are not in the part `test`, and rows that are.
GROUP_ROWS = {"a": (40, 40), "Ann": (2, 3), "Bo": (4, 0), "Cy": (20, 5), "Di": (1, 1)}


@pytest.mark.parametrize(
    ("evaluate_on", "measured", "people"),
    [
        (
            "out_of_fold",
            {"small group 1": 5, "small group 2": 4, "Cy": 25, "small group 3": 2},
            {"a": 40, "small group 1": 3, "small group 2": 0, "Cy": 5, "small group 3": 1},
        ),
        (
            "test",
            {"small group 1": 3, "small group 2": 5, "small group 3": 1},
            {"a": 40, "small group 1": 3, "small group 2": 5, "small group 3": 1}
            | {"small group 4": 0},
        ),
    ],
)
def test_a_number_stands_for_the_same_group_in_all_checks_of_the_gate(
    evaluate_on: str, measured: dict[str, int], people: dict[str, int]
) -> None:
    sizes = list(GROUP_ROWS.values())
    rows = pd.DataFrame({"race": np.repeat(list(GROUP_ROWS), [sum(parts) for parts in sizes])})
    rows["race"] = rows["race"].astype("str")
    is_test = np.repeat([False, True] * len(sizes), [count for parts in sizes for count in parts])
    decisions = np.arange(len(rows)) % 2 == 0
    is_evaluated = is_test | (evaluate_on != "test")
    params = fairness_params(evaluate_on=evaluate_on)

    evaluated = decisions[is_evaluated]
    report = measure_fairness(
        rows[is_evaluated].reset_index(drop=True),
        DecidedRows.of(evaluated, evaluated, evaluated),
        params,
    )
    tested = decisions[is_test]
    compared = compare_registered(rows, is_test, tested, tested, np.arange(len(tested)), params)
    assert {group.group: group.rows for group in report.groups} == measured
    assert {group.group: group.people for group in compared} == people


def test_a_group_that_nobody_of_the_test_part_belongs_to_is_named() -> None:
    """Else it has no check at all, and looks like a group that was compared."""
    names = ["a"] * 40 + ["b"] * 30 + ["Ann"] * 3 + ["small group 1"] * 10
    protected = pd.DataFrame({"race": pd.array(names, dtype="str")})
    is_test = np.arange(83) < 40
    decisions = np.ones(40, dtype=bool)
    compared, *absent = compare_registered(
        protected, is_test, decisions, decisions, np.arange(40), fairness_params()
    )
    assert compared.group == "a"
    assert absent == [
        AbsentFromTest(attribute="race", group="small group 2"),
        AbsentFromTest(attribute="race", group="b"),
        AbsentFromTest(attribute="race", group="small group 1"),
    ]

    check = judged(absent[1])
    assert check.outcome is Outcome.NOT_MEASURED
    assert (check.about.group, check.reason) == ("b", "0 people in the part `test`")


def test_a_privileged_group_that_is_not_in_the_test_part_keeps_its_name() -> None:
    protected = pd.DataFrame({"race": pd.Categorical(["a"] * 3 + ["b"] * 20)})
    is_test = np.arange(23) >= 3
    decisions = np.ones(20, dtype=bool)
    groups = compare_registered(
        protected, is_test, decisions, decisions, np.arange(20), fairness_params()
    )
    assert [group.group for group in groups] == ["b", "a"]


def test_a_difference_that_chance_explains_passes() -> None:
    assert judged(GROUP).outcome is Outcome.PASS


@pytest.mark.parametrize("interval", [(-0.2, -0.06), (0.06, 0.2)])
def test_a_difference_beyond_chance_and_limit_fails_in_either_direction(
    interval: tuple[float, float],
) -> None:
    check = judged(GROUP.model_copy(update={"interval": interval}))
    assert check.outcome is Outcome.FAIL
    assert check.value == pytest.approx(0.06)


def test_of_fewer_people_than_a_group_needs_nothing_is_measured() -> None:
    check = judged(GROUP.model_copy(update={"people": 29}))
    assert check.outcome is Outcome.NOT_MEASURED


@pytest.mark.parametrize(
    "groups",
    [
        (),
        (GROUP.model_copy(update={"people": 29}),),
        (GROUP.model_copy(update={"group": "a"}), GROUP.model_copy(update={"people": 29})),
        (AbsentFromTest(attribute="race", group="b"),),
    ],
)
def test_an_attribute_of_which_nobody_is_compared_is_undecided(
    groups: tuple[RegisteredGroup | AbsentFromTest, ...],
) -> None:
    """By a part `test` of a few people no limit would be held against anything."""
    first, *others = judge_registered(groups, fairness_params(), LIMITS)
    assert (first.outcome, first.about.attribute, first.about.group) == (
        Outcome.UNDECIDED,
        "race",
        None,
    )
    assert first.would_decide
    assert len(others) == len(groups)


def test_of_two_attributes_the_one_that_is_compared_excuses_no_other() -> None:
    params = fairness_params(privileged={"race": "a", "sex": "m"})
    checks = list(judge_registered((GROUP,), params, LIMITS))
    assert [(check.about.attribute, check.outcome) for check in checks] == [
        ("sex", Outcome.UNDECIDED),
        ("race", Outcome.PASS),
    ]


def test_where_its_own_decisions_are_judged_there_is_nothing_to_compare() -> None:
    check = judged(GROUP, evaluate_on="test")
    assert (check.id, check.outcome) == (
        FairnessCheck.REGISTERED_DECISIONS,
        Outcome.NOT_MEASURED,
    )
