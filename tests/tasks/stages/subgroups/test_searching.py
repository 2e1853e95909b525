"""The search: it finds what no single attribute shows, and compares like with like."""

import numpy as np

from tasks.stages.subgroups.cells import SEARCHED, Total
from tasks.stages.subgroups.searching import SubgroupMeasure, search_subgroups
from tests.tasks.stages.subgroups.portfolio import SmallPortfolio, portfolio

DECLINES = SubgroupMeasure.FALSE_DECLINE_DIFFERENCE


def names(small: SmallPortfolio, measure: SubgroupMeasure = DECLINES) -> list[dict[str, str]]:
    cells = small.cells()
    result = search_subgroups(cells, 2, 50, 5)
    return [dict(cells.names_of(item.subset, item.index)) for item in result.worst[measure]]


def test_it_finds_a_conjunction_that_both_of_its_attributes_hide() -> None:
    worst = names(portfolio(planted=0.3))[:2]
    assert {frozenset(item.values()) for item in worst} == {
        frozenset({"female", "young"}),
        frozenset({"male", "old"}),
    }


def test_who_is_declined_is_compared_only_where_something_protected_is_among_the_attributes() -> (
    None
):
    assert all({"sex", "age"} & set(item) for item in names(portfolio()))


def test_a_feature_that_explains_declines_makes_no_subgroup_worse_off() -> None:
    small = portfolio(12_000)
    is_indebted = (small.audited["debt"] > small.audited["debt"].quantile(2 / 3)).to_numpy()
    small.rows.is_approved[is_indebted] = False
    cells = small.cells()
    result = search_subgroups(cells, 2, 50, 5)
    assert all(item.weight < 0.01 for item in result.worst[DECLINES])


def test_underrated_people_are_found_by_a_feature_alone() -> None:
    small = portfolio(12_000)
    is_indebted = (small.audited["debt"] > small.audited["debt"].quantile(2 / 3)).to_numpy()
    small.rows.scores[is_indebted] *= 0.8
    assert names(small, SubgroupMeasure.UNDERRATED_BY)[0] == {"debt": "part 3 of 3"}


def test_weight_is_size_times_disparity() -> None:
    small = portfolio(planted=0.3)
    cells = small.cells()
    candidate = search_subgroups(cells, 2, 50, 1).worst[SubgroupMeasure.DISPARATE_IMPACT][0]
    everybody = cells.totals[:, SEARCHED].sum(axis=0)
    rows, declined = candidate.totals[Total.ROWS], candidate.totals[Total.DECLINED]
    rate = everybody[Total.DECLINED] / everybody[Total.ROWS]
    assert np.isclose(candidate.weight, (declined / rows - rate) * rows / everybody[Total.ROWS])


def test_a_subgroup_of_too_few_people_in_either_half_is_not_searched() -> None:
    small = portfolio(900)
    is_confirmed = np.ones(900, dtype=bool)
    is_confirmed[:30] = False
    result = search_subgroups(small.cells(is_confirmed), 2, 50, 5)
    assert set(result.searched.values()) == {0}


def test_the_same_rows_by_another_name_are_kept_once() -> None:
    small = portfolio()
    small.protected["gender"] = small.protected["sex"]
    kept = names(small)
    assert len({frozenset(item.values()) for item in kept}) == len(kept)
