"""Agreement is 1 on a fresh delivery and falls by the share of rows that are wrong."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.stages.validate.reference.agreement import (
    AssociationReport,
    Versions,
    compare_associations,
    effective_rows,
)
from tasks.stages.validate.reference.profile import delivered_cells, profile_jointly

SOURCES = {"income": "bank", "sex": "bank", "approve": "bank", "debt": "bureau", "noise": "bureau"}


def delivery(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    wealth = rng.normal(size=rows)
    return pd.DataFrame(
        {
            "income": np.exp(8 + wealth),
            "debt": np.exp(5 + 0.8 * wealth + 0.6 * rng.normal(size=rows)),
            "noise": rng.normal(size=rows),
            "sex": rng.choice(["male", "female"], rows),
            "approve": np.where(wealth + rng.normal(size=rows) > -0.7, 1.0, 0.0),
        }
    )


def compared(
    delivered: pd.DataFrame, *, accepted_rows: int = 4000, people: Any = None
) -> AssociationReport:
    accepted = delivery(accepted_rows, 1)
    everyone = np.arange(accepted_rows)
    profile = profile_jointly(accepted, everyone, target="approve", protected=("sex",))
    assert profile.joint is not None
    versions = Versions(
        profiles=profile.columns,
        associations=profile.joint.associations,
        rows=profile.rows,
        effective_rows=profile.joint.effective_rows,
        codes=delivered_cells(profile, delivered),
        effective_delivered=effective_rows(np.arange(len(delivered)) if people is None else people),
    )
    return compare_associations(versions, target="approve", sources=SOURCES, significance=0.005)


def rolled(ratio: float) -> pd.DataFrame:
    frame = delivery(4000, 2)
    debt = frame["debt"].to_numpy().copy()
    last = round(ratio * len(debt))
    debt[-last:] = np.roll(debt[-last:], 1)
    return frame.assign(debt=debt)


def test_a_fresh_delivery_keeps_everything_within_chance() -> None:
    report = compared(delivery(4000, 2))
    for item in (report.label, report.columns["debt"], report.sources["bureau"]):
        assert item is not None
        assert abs(1 - item.kept) < item.chance < 0.3
        assert item.beyond_chance == 1
    assert report.largest_shift is not None
    assert report.largest_shift.beyond_chance == 0


@pytest.mark.parametrize("ratio", [0.25, 0.5, 1.0])
def test_a_source_that_was_joined_on_wrong_rows_loses_their_share(ratio: float) -> None:
    bureau = compared(rolled(ratio)).sources["bureau"]
    assert bureau is not None
    assert 1 - bureau.kept == pytest.approx(ratio, abs=0.1)
    assert bureau.beyond_chance == bureau.kept


def test_flipped_labels_lose_twice_their_share_at_least() -> None:
    frame = delivery(4000, 2)
    flipped = frame["approve"].where(np.arange(4000) % 5 > 0, 1 - frame["approve"])
    label = compared(frame.assign(approve=flipped)).label
    assert label is not None
    assert label.beyond_chance < 0.7


def test_a_column_without_association_is_watched_by_nothing() -> None:
    assert compared(delivery(4000, 2)).columns["noise"] is None


def test_a_constant_column_keeps_nothing() -> None:
    income = compared(delivery(4000, 2).assign(income=3000.0)).columns["income"]
    assert income is not None
    assert income.kept == 0


def test_an_association_that_is_new_is_seen() -> None:
    frame = delivery(4000, 2)
    shift = compared(frame.assign(noise=np.log(frame["income"]) - 8)).largest_shift
    assert shift is not None
    assert {shift.first, shift.second} == {"income", "noise"}
    assert shift.beyond_chance > 0.9


def test_few_rows_show_nothing_and_say_so() -> None:
    report = compared(delivery(30, 2))
    assert report.label is None
    assert report.largest_shift is None


def beside_itself(frame: pd.DataFrame) -> Versions:
    """Return 4,000 rows, accepted and delivered."""
    profile = profile_jointly(frame, np.arange(4000), target="approve", protected=("sex",))
    assert profile.joint is not None
    return Versions(
        profile.columns, profile.joint.associations, 4000, 4000.0,
        delivered_cells(profile, frame), 4000.0,
    )  # fmt: skip


def test_one_source_alone_has_nothing_to_join() -> None:
    frame = delivery(4000, 2)[["income", "sex", "approve"]]
    versions = beside_itself(frame)
    report = compare_associations(versions, target="approve", sources=SOURCES, significance=0.005)
    assert report.sources == {}


def test_a_source_of_which_no_column_is_compared_is_not_left_out() -> None:
    frame = delivery(4000, 2).assign(branch="north")
    versions = beside_itself(frame)
    sources = {**SOURCES, "branch": "branches"}
    report = compare_associations(versions, target="approve", sources=sources, significance=0.005)
    assert set(report.sources) == {*SOURCES.values(), "branches"}
    assert report.sources["branches"] is None


def test_several_rows_of_a_person_count_for_less() -> None:
    assert effective_rows(np.array(["a", "b", "c", "d"])) == 4
    assert effective_rows(np.array(["a", "a", "b", "b"])) == 2
    assert effective_rows(np.array([])) == 0
    twice = pd.concat([delivery(2000, 2)] * 2, ignore_index=True)
    people = np.tile(np.arange(2000), 2)
    once, doubled = compared(twice).label, compared(twice, people=people).label
    assert once is not None
    assert doubled is not None
    assert doubled.chance > once.chance
