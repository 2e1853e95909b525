"""A rate that moved is seen, and no rate gives a few people away."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tasks.stages.validate.reference.label_rates import (
    GroupRate,
    LabelReport,
    compare_label_rates,
    keep_label_rates,
)


def frame(**with_label_of: tuple[int, int]) -> pd.DataFrame:
    """Return rows of groups; `a=(3, 100)` is a group of a hundred rows, three with the label."""
    rows = [
        (group, float(place < count))
        for group, (count, size) in with_label_of.items()
        for place in range(size)
    ]
    table = pd.DataFrame(rows, columns=["group", "label"])
    return table.assign(group=table["group"].where(table["group"] != "unknown"))


def kept(table: pd.DataFrame) -> dict[str, Any]:
    rates = keep_label_rates(table["label"], table[["group"]])
    return {} if rates is None else rates.model_dump()["groups"]["group"]


def compared(accepted: pd.DataFrame, delivered: pd.DataFrame) -> LabelReport:
    rates = keep_label_rates(accepted["label"], accepted[["group"]])
    assert rates is not None
    return compare_label_rates(
        rates,
        delivered["label"],
        delivered[["group"]],
        significance=0.005,
        rows_per_effective=1.0,
    )


GOOD = frame(a=(700, 1000), b=(150, 200))


def test_the_rate_of_each_group_is_kept() -> None:
    rates = kept(GOOD)
    assert (rates["a"]["rate"], rates["b"]["rate"]) == (0.7, 0.75)


@pytest.mark.parametrize("few", [(9, 100), (91, 100), (5, 8)])
def test_a_group_with_fewer_than_ten_of_a_label_is_left_out(few: tuple[int, int]) -> None:
    assert set(kept(frame(a=(700, 1000), b=(150, 200), c=few))) == {"a", "b"}


def test_who_is_left_out_cannot_be_told_by_subtraction() -> None:
    table = frame(a=(701, 1000), b=(150, 200), unknown=(3, 15))
    rates = kept(table)
    assert rates["b"]["step"] == 0.001
    assert rates["a"]["step"] * rates["a"]["rows"] >= 20
    left = table["label"].sum() - rates["b"]["rate"] * 200 - rates["a"]["rate"] * 1000
    assert left != pytest.approx(3, abs=0.5)


def test_of_a_large_group_a_rate_says_no_more_than_twenty_rows_as_it_is() -> None:
    """Twenty of two million are less than a rate is rounded to; they used to be a step of 0."""
    rates = kept(frame(a=(1_400_000, 2_000_000), b=(150, 200), unknown=(3, 15)))
    assert (rates["a"]["rate"], rates["a"]["step"]) == (0.7, 0.001)


def test_where_enough_are_left_out_nothing_is_coarse() -> None:
    table = frame(a=(701, 1000), b=(150, 200), unknown=(30, 60))
    assert {rate["step"] for rate in kept(table).values()} == {0.001}


def test_one_label_alone_has_no_rate() -> None:
    assert keep_label_rates(pd.Series([1.0] * 100), pd.DataFrame({"g": ["a"] * 100})) is None
    assert keep_label_rates(pd.Series([np.nan] * 100), pd.DataFrame({"g": ["a"] * 100})) is None


def test_half_of_a_group_relabelled_is_beyond_chance_and_nobody_else_is() -> None:
    report = compared(GOOD, frame(a=(700, 1000), b=(75, 200)))
    moved, still = report.groups["group"]["b"], report.groups["group"]["a"]
    assert moved is not None
    assert still is not None
    assert moved.beyond_chance == pytest.approx(0.375)
    assert still.beyond_chance == 0


def test_a_small_move_is_chance() -> None:
    overall = compared(GOOD, frame(a=(715, 1000), b=(150, 200))).overall
    assert overall is not None
    assert overall.beyond_chance == 0


def test_a_delivered_count_below_ten_is_told_as_ten() -> None:
    shift = compared(GOOD, frame(a=(700, 1000), b=(2, 200))).groups["group"]["b"]
    assert shift is not None
    assert shift.delivered == 0.05


@pytest.mark.parametrize("rows", [(5, 8), (20, 30)])
def test_too_few_rows_are_not_measured(rows: tuple[int, int]) -> None:
    assert compared(GOOD, frame(a=(700, 1000), b=rows)).groups["group"]["b"] is None


def test_a_column_that_became_protected_has_no_accepted_rate_and_is_in_the_report() -> None:
    rates = keep_label_rates(GOOD["label"], GOOD[["group"]])
    assert rates is not None
    report = compare_label_rates(
        rates,
        GOOD["label"],
        GOOD[["group"]].assign(since=GOOD["group"]),
        significance=0.005,
        rows_per_effective=1.0,
    )
    assert report.groups["since"] == {}
    assert report.without_rate == {"group": 0, "since": 2}


def test_groups_that_had_too_few_labels_to_have_a_rate_are_counted() -> None:
    delivered = frame(a=(700, 1000), b=(150, 200), c=(9, 100))
    report = compared(delivered, delivered)
    assert set(report.groups["group"]) == {"a", "b"}
    assert report.without_rate == {"group": 1}


def test_a_delivery_without_labels_is_not_measured() -> None:
    report = compared(GOOD, GOOD.assign(label=np.nan))
    assert report.overall is None
    assert set(report.groups["group"].values()) == {None}


@pytest.mark.parametrize("change", [{"rows": 0}, {"rate": 1.5}, {"step": 0}])
def test_a_rate_that_nothing_can_be_compared_with_is_no_rate(change: dict[str, float]) -> None:
    """A file that was written over: it is refused when it is read, in one line."""
    GroupRate.model_validate({"rate": 0.5, "rows": 100, "step": 0.001})
    with pytest.raises(ValidationError):
        GroupRate.model_validate({"rate": 0.5, "rows": 100, "step": 0.001} | change)
