"""The confirmation: on people set aside, of the very rows that the search was about."""

import numpy as np
import pytest

from tasks.stages.subgroups.confirming import Subgroup, confirm_subgroups
from tasks.stages.subgroups.searching import SubgroupMeasure, search_subgroups
from tests.tasks.stages.subgroups.portfolio import SmallPortfolio, portfolio


def confirmed(small: SmallPortfolio, is_confirmed: np.ndarray) -> tuple[Subgroup, ...]:
    cells = small.cells(is_confirmed)
    result = search_subgroups(cells, 2, 50, 3)
    return confirm_subgroups(result, cells, small.rows, is_confirmed)


def test_nobody_of_the_searched_half_is_in_the_confirmation() -> None:
    small = portfolio(planted=0.3)
    is_confirmed = np.arange(len(small.rows)) % 4 == 0
    before = confirmed(small, is_confirmed)
    small.rows.is_approved[is_confirmed] = True
    after = confirmed(small, is_confirmed)
    for measured in after:
        if measured.measure is SubgroupMeasure.FALSE_DECLINE_DIFFERENCE:
            assert measured.value == 0
    assert [item.search_value for item in after] == [item.search_value for item in before]


def test_figures_are_those_of_the_rows_that_the_names_say() -> None:
    small = portfolio(planted=0.3)
    is_confirmed = np.arange(len(small.rows)) % 2 == 1
    worst = confirmed(small, is_confirmed)[0]
    levels = dict(zip(worst.attribute.split(" and "), worst.group.split(" / "), strict=True))
    is_member = np.all([small.protected[name] == level for name, level in levels.items()], axis=0)
    is_good = small.rows.is_good & is_confirmed
    is_declined = ~small.rows.is_approved
    expected = is_declined[is_good & is_member].mean() - is_declined[is_good & ~is_member].mean()
    assert worst.value == pytest.approx(expected)
    assert worst.people == (is_member & is_confirmed).sum()


def test_what_chance_made_worst_is_no_worse_on_people_set_aside() -> None:
    differences = []
    for seed in range(12):
        small = portfolio(2_000, seed=seed)
        for item in confirmed(small, np.arange(2_000) % 2 == 1):
            if item.measure is SubgroupMeasure.FALSE_DECLINE_DIFFERENCE:
                assert item.search_value is not None
                assert item.value is not None
                differences.append((item.search_value, item.value))
    searched, confirmation = np.mean(differences, axis=0)
    assert searched > 0.005
    assert abs(confirmation) < searched / 2
