"""Cells: every row counted once, rare values pooled, no value of a person as a level."""

import numpy as np
import pandas as pd
import pytest

from tasks.disparity.counts import POOLED
from tasks.stages.subgroups.cells import NOT_KNOWN, Attribute, Cells, Total
from tests.tasks.stages.subgroups.portfolio import portfolio


def test_every_row_is_counted_once_whatever_the_conjunction() -> None:
    small = portfolio(900)
    cells = small.cells()
    for subset in cells.subsets(3):
        totals = cells.sum_by(subset, cells.totals)
        assert totals[..., Total.ROWS].sum() == 900
        assert totals[..., Total.DECLINED].sum() == (~small.rows.is_approved).sum()


def test_sums_of_a_conjunction_are_those_of_its_rows() -> None:
    small = portfolio(900)
    cells = small.cells()
    subset = next(item for item in cells.subsets(2) if len(item.positions) == 2)
    sums = cells.sum_by(subset, cells.residuals).sum(axis=-1)
    index = int(np.ravel_multi_index((0, 1), subset.shape))
    names = dict(cells.names_of(subset, index))
    is_member = np.all([small.protected[name] == level for name, level in names.items()], axis=0)
    residuals = small.rows.is_good - small.rows.scores
    assert sums[0, 1] == pytest.approx(residuals[is_member].sum())


def test_a_person_with_several_rows_is_counted_once() -> None:
    small = portfolio(300)
    rows = small.rows[np.repeat(np.arange(300), 3)]
    attribute = Attribute.protected("sex", small.protected["sex"].repeat(3), 10)
    cells = Cells.of((attribute,), rows, np.zeros(900, dtype=bool))
    assert cells.totals[..., Total.PEOPLE].sum() == 300
    assert cells.totals[..., Total.ROWS].sum() == 900


def test_a_value_of_too_few_rows_is_pooled_and_its_name_is_gone() -> None:
    values = pd.Series(["a"] * 50 + ["b"] * 50 + ["Jane Doe"] * 3)
    attribute = Attribute.protected("group", values, 10)
    assert attribute.levels == ("a", "b", POOLED)
    assert (attribute.codes[-3:] == 2).all()


def test_whose_group_is_not_known_are_a_group_of_their_own() -> None:
    values = pd.Series(["a"] * 50 + [None] * 20, dtype="str")
    attribute = Attribute.protected("group", values, 10)
    assert attribute.levels == ("a", NOT_KNOWN, POOLED)
    assert (attribute.codes[50:] == 1).all()


def test_a_group_of_the_data_shares_its_name_with_no_level_of_ours() -> None:
    """Two levels of one name would be two checks of one key: the stage ended with an error."""
    names = ["not known"] * 20 + [None] * 30 + [POOLED] * 40 + ["rare"] * 3
    attribute = Attribute.protected("group", pd.Series(names, dtype="str"), 10)
    assert attribute.levels == ("not known", POOLED, "not known 2", f"{POOLED} 2")
    assert np.bincount(attribute.codes).tolist() == [20, 40, 30, 3]


def test_a_number_is_divided_into_parts_with_equally_many_rows_and_shows_none_of_its_values() -> (
    None
):
    values = pd.Series(np.arange(300) + 1234.5)
    attribute = Attribute.audited("income", values, 3, 10)
    assert np.bincount(attribute.codes).tolist() == [100, 100, 100]
    assert attribute.levels[:3] == ("part 1 of 3", "part 2 of 3", "part 3 of 3")


def test_a_number_of_few_values_is_a_code_and_a_missing_one_is_not_known() -> None:
    values = pd.Series([0.0, 1.0, np.nan] * 30)
    assert Attribute.audited("flag", values, 3, 10).levels[:3] == ("0", "1", NOT_KNOWN)
