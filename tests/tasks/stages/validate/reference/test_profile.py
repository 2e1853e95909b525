"""A profile keeps no value of a person; drift is seen where there is some, and only there."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.stages.validate.reference.profile import Drift, Profile, _chi_square_95, drift, profile

RNG = np.random.default_rng(3)


def moved(before: list[str] | np.ndarray, after: list[str] | np.ndarray) -> Drift:
    found = drift(profile(pd.DataFrame({"x": before})), pd.DataFrame({"x": after}))["x"]
    assert found is not None
    return found


def normal(rows: int = 2000, shift: float = 0.0) -> np.ndarray:
    return RNG.normal(shift, 1, rows)


def test_psi_is_that_of_its_definition() -> None:
    before, after = ["a"] * 500 + ["b"] * 500, ["a"] * 800 + ["b"] * 200
    by_hand = (0.8 - 0.5) * math.log(0.8 / 0.5) + (0.2 - 0.5) * math.log(0.2 / 0.5)
    assert moved(before, after).psi == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        normal(),
        RNG.choice(["a", "b", "c"], 2000),
        np.where(RNG.random(2000) < 0.8, 0.0, normal()),
        np.where(RNG.random(2000) < 0.2, np.nan, normal()),
        RNG.integers(0, 5, 2000),
        np.full(2000, np.nan),
        ["same"] * 2000,
    ],
)
def test_a_version_does_not_drift_from_itself(values: list[str] | np.ndarray) -> None:
    assert moved(values, values).psi < 0.001


def test_a_shift_a_scale_a_new_category_and_new_gaps_are_seen() -> None:
    base = normal()
    assert moved(base, normal(shift=1)).psi > 0.25
    assert moved(base, 5 * normal()).psi > 0.25
    assert moved(["a", "b"] * 500, ["a", "b"] * 250 + ["c"] * 500).psi > 0.25
    assert moved(base, np.where(RNG.random(2000) < 0.3, np.nan, base)).psi > 0.25
    assert moved(np.where(RNG.random(2000) < 0.3, np.nan, base), base).psi > 0.25


def test_a_frequent_value_does_not_hide_what_lies_beside_it() -> None:
    """Nine in ten have no other loan.

    When all the others get a hundred times more, and some who had none get one.
    """
    before = np.where(RNG.random(4000) < 0.9, 0.0, RNG.uniform(1, 100, 4000))
    assert moved(before, np.where(RNG.random(4000) < 0.5, 0.0, before)).psi < 0.25
    assert moved(before, np.where(before == 0, RNG.choice([0.0, 5.0], 4000), before)).psi > 0.25
    at_the_top = -before
    assert (
        moved(at_the_top, np.where(at_the_top == 0, RNG.choice([0.0, -5.0], 4000), at_the_top)).psi
        > 0.25
    )


def test_without_drift_chance_exceeds_its_mark_about_once_in_twenty_times() -> None:
    rng = np.random.default_rng(1)
    beyond = [
        (found := moved(rng.normal(size=1000), rng.normal(size=300))).psi > found.chance
        for _ in range(300)
    ]
    assert 0.01 < np.mean(beyond) < 0.1


def test_chi_square_is_near_its_table() -> None:
    table = {1: 3.841, 2: 5.991, 5: 11.070, 10: 18.307, 30: 43.773}
    for freedom, value in table.items():
        assert _chi_square_95(freedom) == pytest.approx(value, rel=0.03)
    assert _chi_square_95(0) == 0


def test_what_is_only_on_one_side_or_empty_is_not_measured() -> None:
    known = profile(pd.DataFrame({"x": normal(), "gone": normal()}))
    found = drift(known, pd.DataFrame({"x": normal(), "new": normal()}))
    assert (found["gone"], found["new"]) == (None, None)
    assert found["x"] is not None
    assert drift(known, pd.DataFrame({"x": []})) == {"x": None, "gone": None}
    assert drift(profile(pd.DataFrame({"x": []})), pd.DataFrame({"x": normal()})) == {"x": None}


def test_few_people_stand_behind_nothing_that_is_kept() -> None:
    towns = ["Ashford"] * 500 + ["Brockfield"] * 9 + ["Cambria"] * 1
    kept = profile(pd.DataFrame({"town": towns, "income": [*normal(509), 123456.789]}))
    text = kept.model_dump_json()
    assert "Brockfield" not in text
    assert "Cambria" not in text
    assert "123456" not in text
    assert kept.columns["town"].shares == {"Ashford": 0.98, "other": 0.02}
    assert all(
        share == round(share, 3)
        for column in kept.columns.values()
        for share in column.shares.values()
    )
    edges = kept.columns["income"].edges
    assert edges is not None
    assert not set(edges) & set(normal(509))


@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9), st.sampled_from([0.0, 1.0])), max_size=120),
    st.lists(
        st.one_of(st.none(), st.floats(-1e9, 1e9), st.sampled_from([0.0, 1.0])),
        min_size=1,
        max_size=120,
    ),
)
def test_any_two_versions_give_a_finite_psi_or_none_and_a_profile_survives_its_file(
    before: list[float | None], after: list[float | None]
) -> None:
    known = profile(pd.DataFrame({"x": pd.Series(before, dtype=float)}))
    assert Profile.model_validate_json(known.model_dump_json()) == known
    found = drift(known, pd.DataFrame({"x": pd.Series(after, dtype=float)}))["x"]
    assert (found is None) == (not before)
    if found is not None:
        assert 0 <= found.psi < math.inf
