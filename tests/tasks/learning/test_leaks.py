"""Leaks: a feature that knows the outcome is seen, whichever way and in which part of the rows."""

import numpy as np
import pandas as pd
import pytest

from tasks.learning.leaks import FeatureLeak, measure_leaks

ROWS = 2000
RNG = np.random.default_rng(2)
LABELS = (RNG.random(ROWS) < 0.88).astype(float)
NOISE = RNG.normal(size=ROWS)
PART = RNG.random(ROWS) < 0.3
PERSONS = pd.Series(np.arange(ROWS))


def leak_of(values: object, persons: "pd.Series[int]" = PERSONS) -> FeatureLeak:
    frame = pd.DataFrame({"x": values, "y": NOISE})
    leak, _ = measure_leaks(frame, LABELS, persons)
    return leak


def test_noise_tells_nothing() -> None:
    leak = leak_of(NOISE)
    assert leak.auc < 0.55
    assert leak.purity < 0.3


@pytest.mark.parametrize("sign", [1, -1])
def test_the_outcome_itself_is_seen_in_either_direction(sign: int) -> None:
    leak = leak_of(sign * LABELS)
    assert leak.auc == pytest.approx(1.0)
    assert leak.purity > 0.9


def test_a_feature_that_no_direction_orders_is_seen() -> None:
    assert leak_of(np.where(LABELS == 1, 0.0, np.sign(NOISE) * 2) + 0.1 * NOISE).auc > 0.9


def test_a_category_is_seen() -> None:
    names = pd.Series(np.where(LABELS == 1, "a", np.where(NOISE > 0, "b", "c")), dtype="str")
    leak = leak_of(names)
    assert leak.auc > 0.95
    assert leak.slice_kind == "one value or range"


def test_a_code_for_a_part_of_an_outcome_is_a_pure_slice() -> None:
    leak = leak_of(np.where(PART & (LABELS == 0), -9.0, NOISE))
    assert leak.auc < 0.8
    assert leak.purity > 0.75
    assert 50 <= leak.slice_rows <= 120


def test_values_missing_for_a_part_of_an_outcome_are_a_pure_slice() -> None:
    leak = leak_of(np.where(PART & (LABELS == 0), np.nan, NOISE))
    assert leak.purity > 0.75
    assert leak.slice_kind == "missing"


def test_a_few_pure_rows_prove_nothing() -> None:
    few = np.zeros(ROWS, dtype=bool)
    few[np.flatnonzero(LABELS == 0)[:10]] = True
    assert leak_of(np.where(few, -9.0, NOISE)).purity < 0.5


def test_rows_of_one_person_prove_less() -> None:
    values = np.where(PART & (LABELS == 0), -9.0, NOISE)
    repeated = pd.Series(np.arange(ROWS) // 10)
    assert leak_of(values, repeated).purity < leak_of(values).purity


def test_a_feature_without_any_value_tells_nothing() -> None:
    leak = leak_of(np.full(ROWS, np.nan))
    assert leak.auc == pytest.approx(0.5)
    assert leak.purity <= 0
