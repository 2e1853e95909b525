"""Figures of the sample itself are the ordinary ones; each draw is of people and seeds."""

import numpy as np
import pandas as pd
import pytest

from tasks.learning.performance import auc_delong
from tasks.stages.alternatives.figures import (
    approve,
    compared_groups,
    decline_ratios,
    resample,
)
from tasks.stages.alternatives.params import JudgedGroups
from tasks.stages.alternatives.searching import SearchedRows
from tests.tasks.stages.alternatives.portfolio import JUDGED, params, people

ROWS = 400


@pytest.fixture
def searched() -> SearchedRows:
    """Three configurations over two seeds."""
    frame = people(ROWS)
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(3, 2, ROWS))
    scores = 1 / (1 + np.exp(-(frame["quality"].to_numpy() + noise)))
    labels = frame["good"].to_numpy(float)
    return SearchedRows(labels, frame["person"], frame[["race"]], scores, fits=6)


def test_the_first_row_is_the_sample_itself(searched: SearchedRows) -> None:
    groups = compared_groups(searched.protected, JUDGED, params())
    approved = approve(searched.scores, searched.labels, 0.8)
    figures = resample(searched, groups, approved, 50, 1)

    expected = [
        np.mean([auc_delong(scores, searched.labels)[0] for scores in of]) for of in searched.scores
    ]
    assert figures.auc[0] == pytest.approx(expected, abs=1e-6)

    is_member = (searched.protected["race"] == "b").to_numpy()
    declined = ~approved
    ratio = declined[..., is_member].mean((1, 2)) / declined[..., ~is_member].mean((1, 2))
    assert figures.decline_ratio[0] == pytest.approx(np.maximum(ratio, 1), abs=1e-5)
    assert figures.decline_ratio[0] == pytest.approx(decline_ratios(groups, approved)[0], abs=1e-5)
    impact = approved[..., is_member].mean((1, 2)) / approved[..., ~is_member].mean((1, 2))
    assert figures.impact_ratio[0] == pytest.approx(impact, abs=1e-5)


def test_draws_differ_and_are_the_same_again(searched: SearchedRows) -> None:
    groups = compared_groups(searched.protected, JUDGED, params())
    approved = approve(searched.scores, searched.labels, 0.8)
    first, second = (resample(searched, groups, approved, 50, 1) for _ in range(2))
    assert np.array_equal(first.decline_ratio, second.decline_ratio)
    assert first.auc[1:].std() > 0


def test_draws_spread_as_much_as_delong_says(searched: SearchedRows) -> None:
    groups = compared_groups(searched.protected, JUDGED, params())
    one_seed = SearchedRows(
        searched.labels, searched.persons, searched.protected, searched.scores[:, :1], fits=3
    )
    approved = approve(one_seed.scores, one_seed.labels, 0.8)
    figures = resample(one_seed, groups, approved, 2000, 1)
    _, deviation = auc_delong(one_seed.scores[0, 0], one_seed.labels)
    assert figures.auc[1:, 0].std() == pytest.approx(deviation, rel=0.1)


def test_some_rows_are_measured_as_if_there_were_no_others(searched: SearchedRows) -> None:
    groups = compared_groups(searched.protected, JUDGED, params())
    approved = approve(searched.scores, searched.labels, 0.8)
    is_kept = np.arange(ROWS) % 2 == 0
    figures = resample(searched, groups, approved, 0, 1, is_kept)

    is_member = (searched.protected["race"] == "b").to_numpy()
    declined = ~approved
    ratio = declined[..., is_member & is_kept].mean((1, 2)) / declined[
        ..., ~is_member & is_kept
    ].mean((1, 2))
    assert figures.decline_ratio[0] == pytest.approx(np.maximum(ratio, 1), abs=1e-5)


def test_every_configuration_approves_the_same_share(searched: SearchedRows) -> None:
    assert approve(searched.scores, searched.labels, 0.8).mean(axis=-1) == pytest.approx(0.8)


def test_small_groups_and_unknown_ones_compare_nothing() -> None:
    race = pd.array(["a"] * 60 + ["b"] * 40 + ["c"] * 10 + [None] * 10, dtype="str")
    groups = compared_groups(pd.DataFrame({"race": race}), JUDGED, params())
    assert [(group.group, len(group.members), len(group.reference)) for group in groups] == [
        ("b", 40, 60)
    ]


def test_a_group_larger_than_the_privileged_one_is_compared_with_too() -> None:
    """Named as privileged, those who are worse off would leave no ratio that could be lower."""
    race = pd.array(["a"] * 40 + ["b"] * 60 + ["c"] * 40, dtype="str")
    groups = compared_groups(pd.DataFrame({"race": race}), JUDGED, params())
    assert [(group.group, group.towards) for group in groups] == [
        ("b", "a"),
        ("c", "a"),
        ("a", "b"),
        ("c", "b"),
    ]

    declined = np.isin(np.arange(140), [*range(10), *range(40, 45), 100])
    ratios, (worst,) = decline_ratios(groups, ~declined[None, None])
    assert (worst.group, worst.towards) == ("a", "b")
    assert ratios[0] == pytest.approx((10 / 40) / (5 / 60))


def test_each_group_is_measured_towards_its_own_reference() -> None:
    frame = people(ROWS)
    judged = JudgedGroups(privileged={"race": "b"}, cutoffs=(0.8,))
    groups = compared_groups(frame[["race"]], judged, params())
    assert [(group.group, group.towards) for group in groups] == [("a", "b"), ("b", "a")]

    scores = np.random.default_rng(1).random((1, 1, ROWS))
    searched = SearchedRows(
        frame["good"].to_numpy(float), frame["person"], frame[["race"]], scores, fits=1
    )
    approved = approve(scores, searched.labels, 0.8)
    figures = resample(searched, groups, approved, 0, 1)
    assert figures.decline_ratio[0] == pytest.approx(decline_ratios(groups, approved)[0], abs=1e-5)
    assert figures.decline_ratio[0, 0] > 1  # one of both directions is


def test_groups_of_intersections_are_compared_too() -> None:
    frame = pd.DataFrame(
        {
            "race": pd.array((["a"] * 40 + ["b"] * 40) * 2, dtype="str"),
            "sex": pd.array(["m"] * 80 + ["f"] * 80, dtype="str"),
        }
    )
    judged = JudgedGroups(
        privileged={"race": "a", "sex": "m"}, intersections=(("race", "sex"),), cutoffs=(0.8,)
    )
    groups = compared_groups(frame, judged, params())
    assert {(group.attribute, group.group) for group in groups} == {
        ("race", "b"),
        ("sex", "f"),
        ("race and sex", "a / f"),
        ("race and sex", "b / m"),
        ("race and sex", "b / f"),
    }
