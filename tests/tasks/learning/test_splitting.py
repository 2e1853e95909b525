"""Everybody is on one side, chance decides which, and nobody moves when others leave."""

from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.learning.splitting import PARTS, _fractions_of, draws, folds, split

PERSONS = st.lists(st.integers(0, 50), min_size=1, max_size=60).map(pd.Series)


@given(PERSONS, st.integers(0, 2**32))
def test_all_rows_of_a_person_are_in_one_part_and_one_fold(persons: pd.Series, seed: int) -> None:
    for sides in (split(persons, seed, 0.2, 0.2), folds(persons, seed, 5)):
        assert pd.Series(sides).groupby(persons.to_numpy()).nunique().max() == 1


@given(PERSONS, st.integers(0, 50))
def test_erasing_a_person_moves_nobody_else(persons: pd.Series, erased: int) -> None:
    kept = persons[persons != erased]
    is_kept = (persons != erased).to_numpy()
    np.testing.assert_array_equal(split(kept, 1, 0.2, 0.2), split(persons, 1, 0.2, 0.2)[is_kept])
    np.testing.assert_array_equal(folds(kept, 1, 5), folds(persons, 1, 5)[is_kept])


def test_parts_have_their_declared_shares() -> None:
    parts = pd.Series(split(pd.Series(range(20_000)), 3, 0.25, 0.15))
    shares = parts.value_counts(normalize=True)
    assert set(shares.index) == set(PARTS)
    assert shares["test"] == pytest.approx(0.15, abs=0.01)
    assert shares["validation"] == pytest.approx(0.25, abs=0.01)


def test_folds_are_all_of_about_one_size() -> None:
    sizes = np.bincount(folds(pd.Series(range(20_000)), 3, 8))
    assert len(sizes) == 8
    assert sizes.min() > 0.9 * 20_000 / 8


def test_draws_are_uniform_in_0_to_1() -> None:
    drawn = np.sort(draws(pd.Series(range(10_000)), 1, "split"))
    assert drawn[0] >= 0
    assert drawn[-1] < 1
    # Kolmogorov and Smirnov's distance; 1.95 / sqrt(n) is passed once in a thousand times.
    assert np.abs(drawn - (np.arange(10_000) + 0.5) / 10_000).max() < 1.95 / 100


def test_the_highest_hash_is_below_1_and_in_a_fold() -> None:
    """As a float it rounds to 1, and a row in a fold that there is none of has no score."""
    (highest,) = _fractions_of(b"\xff" * 8)
    assert highest < 1
    assert int(highest * 20) == 19


def test_the_test_part_does_not_depend_on_the_validation_part() -> None:
    persons = pd.Series(range(1000))
    is_test = split(persons, 1, 0.1, 0.2) == "test"
    np.testing.assert_array_equal(split(persons, 1, 0.4, 0.2) == "test", is_test)


@pytest.mark.parametrize("change", [{"seed": 2}, {"purpose": "folds"}])
def test_other_seeds_and_purposes_are_independent(change: dict[str, int | str]) -> None:
    persons = pd.Series(range(10_000))
    settings: dict[str, Any] = {"seed": 1, "purpose": "split"}
    correlation = np.corrcoef(draws(persons, 1, "split"), draws(persons, **(settings | change)))
    assert abs(correlation[0, 1]) < 0.04


def test_a_person_s_draw_never_changes() -> None:
    """Held as a figure: another hash would move everybody, and every registered model with them."""
    assert draws(pd.Series([0, 7]), 20261124, "split").tolist() == pytest.approx(
        [0.06624086008286502, 0.5059911361696672], abs=1e-15
    )


def test_a_draw_is_the_hash_of_seed_purpose_and_person() -> None:
    digest = blake2b(b"7\x00split\x0041", digest_size=8).digest()
    drawn = draws(pd.Series([40, 41]), 7, "split")
    assert drawn[1] == int.from_bytes(digest) / 2**64
