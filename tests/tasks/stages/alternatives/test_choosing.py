"""One half of the people choose, the other half confirms; luck confirms nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tasks.stages.alternatives.choosing import (
    AlternativesReport,
    _confirmed,
    choose,
    compare_configurations,
    detectable_reduction,
    is_efficient,
    typical_deviation,
)
from tasks.stages.alternatives.configurations import configurations
from tasks.stages.alternatives.figures import Resampled
from tasks.stages.alternatives.params import JudgedGroups
from tasks.stages.alternatives.searching import search
from tests.tasks.stages.alternatives.portfolio import COLUMNS, JUDGED, TRAIN, params, people


def compared(prejudice: float, rows: int = 3000, **changes: object) -> AlternativesReport:
    grid = params(loss_of_auc=0.05, **changes)
    together = configurations(COLUMNS, grid, TRAIN)
    searched = search(people(rows, prejudice=prejudice), COLUMNS, together, grid)
    return compare_configurations(searched, together, JUDGED, grid, 0.8)


def test_an_alternative_without_the_proxy_is_confirmed_to_disadvantage_less() -> None:
    report = compared(0.15)
    assert report.chosen is not None
    assert report.chosen.name == "linear / unmitigated / without proxy"
    assert report.chosen.reduction > report.chosen.least_reduction > 0.1
    assert report.confirmed_reduction == report.chosen.least_reduction


def test_without_prejudice_nothing_is_confirmed() -> None:
    report = compared(0.0)
    assert report.confirmed_reduction == pytest.approx(0.0, abs=0.05)


def test_an_alternative_beyond_the_loss_of_auc_is_none() -> None:
    grid = params(loss_of_auc=0.0, features={"without quality": ("quality",)})
    together = configurations(COLUMNS, grid, TRAIN)
    searched = search(people(800), COLUMNS, together, grid)
    report = compare_configurations(searched, together, JUDGED, grid, 0.8)
    assert report.chosen is None
    assert report.confirmed_reduction == 0.0
    assert [item.is_within_loss for item in report.configurations] == [True, False]


def test_the_same_rows_give_the_same_report() -> None:
    assert compared(0.1, rows=500) == compared(0.1, rows=500)


def test_where_no_group_is_large_enough_nothing_is_measured() -> None:
    report = compared(0.1, rows=500, smallest_group_rows=400)
    assert report.groups == ()
    assert report.confirmed_reduction is None
    assert report.reduction_deviation is None


def test_an_attribute_of_which_no_group_is_compared_is_named() -> None:
    grid = params()
    together = configurations(COLUMNS, grid, TRAIN)
    searched = search(people(500), COLUMNS, together, grid)
    protected = searched.protected.assign(sex=pd.array(["f"] * 490 + ["m"] * 10, dtype="str"))
    judged = JudgedGroups(
        privileged={"race": "a", "sex": "f"}, intersections=(("race", "sex"),), cutoffs=(0.8,)
    )
    report = compare_configurations(
        replace(searched, protected=protected), together, judged, grid, 0.8
    )
    assert "b (race)" in report.groups
    assert report.uncompared == ("sex",)


def test_figures_of_every_configuration_stand_at_every_cut_off() -> None:
    report = compared(0.15)
    shipped, without_proxy = report.configurations
    assert shipped.decline_ratio is not None
    assert without_proxy.decline_ratio is not None
    assert shipped.decline_ratio > without_proxy.decline_ratio
    assert shipped.decline_ratio_at["0.8"] == pytest.approx(shipped.decline_ratio)
    assert shipped.worst_group == "b (race)"
    low, high = shipped.auc_interval
    assert low < shipped.auc < high


def test_the_lowest_ratio_within_the_loss_is_chosen_and_never_the_shipped_one() -> None:
    is_within_loss = np.array([True, True, True, False, True])
    ratio = np.array([1.0, 2.0, 1.5, 1.1, np.inf])
    assert choose(is_within_loss, ratio) == 2
    assert choose(is_within_loss[:1], ratio[:1]) is None


def test_alternatives_that_cannot_be_measured_are_not_none() -> None:
    """Nobody of the privileged group is declined in the half that chooses: no ratio is finite."""
    is_within_loss = np.array([True, True, False])
    ratio = np.array([np.inf, np.nan, np.inf])
    index = choose(is_within_loss, ratio)
    assert _confirmed(None, index, is_within_loss) is None
    assert _confirmed(None, index, np.array([True, False, False])) == 0.0


def test_what_nobody_could_choose_does_not_make_the_search_look_blind() -> None:
    rng = np.random.default_rng(0)
    shipped = np.exp(rng.normal(0.7, 0.1, 500))
    near = shipped * np.exp(rng.normal(0, 0.02, 500))
    far = np.exp(rng.normal(0.3, 0.1, 500))
    ratios = np.vstack([np.full(3, 2.0), np.column_stack([shipped, near, far])])
    figures = Resampled(
        auc=ratios, decline_ratio=ratios, impact_ratio=ratios, mean_difference=ratios
    )
    within = typical_deviation(figures, np.array([True, True, False]))
    assert within == pytest.approx(0.02, rel=0.1)
    # Where none is within the loss, all tell how much can be seen.
    everyone = typical_deviation(figures, np.array([True, False, False]))
    assert everyone is not None
    assert everyone > 0.05


def test_the_frontier_is_what_none_betters_in_both() -> None:
    auc = np.array([0.8, 0.8, 0.7, 0.7, 0.9])
    ratio = np.array([2.0, 1.9, 1.5, 1.6, np.inf])
    assert [is_efficient(index, auc, ratio) for index in range(5)] == [
        False,
        True,
        True,
        False,
        False,
    ]


def test_what_can_be_detected_shrinks_with_the_error_and_ends_at_parity() -> None:
    assert detectable_reduction(0.0, 0.9, 0.1) == pytest.approx(0.1)
    wide = detectable_reduction(0.1, 0.9, 0.1)
    assert wide == pytest.approx(1 - 0.9 * np.exp(-0.1 * 2.4864855), abs=1e-6)
    assert detectable_reduction(0.1, 0.05, 0.1) == 0.05
    assert detectable_reduction(None, 0.5, 0.1) is None
    assert detectable_reduction(0.1, 0.5, 1.0) == 0.5
