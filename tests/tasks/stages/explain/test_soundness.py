"""Reasons that are none, and maps that put together what does not belong together."""

import numpy as np
import pytest

from benchmarks.characteristics.explain import TWELVE, named, randomly_named
from tasks.model import ReasonGroup, ReasonMap
from tasks.model.families import Matrix
from tasks.model.reasons import NamedReasons
from tasks.stages.explain.soundness import (
    measure_cohesion,
    measure_fidelity,
    measure_soundness,
)

NOBODY = named(0)


def test_reasons_that_are_reasons_are_counted_and_found_sound() -> None:
    result = named(200)
    soundness = measure_soundness(result, TWELVE, result.top)
    assert soundness.told == (result.top >= 0).sum() > 200
    assert (soundness.unraised, soundness.untrue, soundness.untold) == (0, 0, 0)
    assert soundness.smallest_share is not None
    assert soundness.smallest_share >= TWELVE.least_share
    assert soundness.fidelity is not None
    assert soundness.fidelity > 0.95
    assert sum(sum(counts.values()) for counts in soundness.drivers.values()) == soundness.told


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_reasons_drawn_by_lot_are_found_however_strong_the_first_is(kept: int) -> None:
    result = named(200)
    top = randomly_named(result, kept, seed=1)
    fidelity = measure_fidelity(result, top)
    assert fidelity is not None
    assert fidelity < 0.9
    soundness = measure_soundness(result, TWELVE, top)
    assert soundness.unraised > 0
    assert soundness.smallest_share is not None
    assert soundness.smallest_share < TWELVE.least_share


def test_a_reason_whose_words_are_not_true_is_counted() -> None:
    result = named(50)
    is_true = result.is_true.copy()
    is_true[3, result.top[3, 0]] = False
    lied = NamedReasons(**{**vars(result), "is_true": is_true})
    assert measure_soundness(lied, TWELVE, lied.top).untrue == 1


def test_a_reason_whose_effect_is_no_number_has_raised_nothing() -> None:
    result = named(50)
    raised = result.raised.copy()
    raised[3, result.top[3, 0]] = np.nan
    broken = NamedReasons(**{**vars(result), "raised": raised})
    assert measure_soundness(broken, TWELVE, broken.top).unraised == 1


def test_nobody_declined_gives_no_measure() -> None:
    soundness = measure_soundness(NOBODY, TWELVE, NOBODY.top)
    assert (soundness.told, soundness.smallest_share, soundness.fidelity) == (0, None, None)


def reason_of(*features: str) -> ReasonMap:
    group = ReasonGroup(code="A", features=dict.fromkeys(features, "below"), text="Some are low")
    return ReasonMap(version="1", language="en", least_share=0.1, reasons=(group,))


def columns() -> tuple[Matrix, tuple[str, ...]]:
    rng = np.random.default_rng(3)
    income = rng.normal(size=1000)
    town = rng.integers(1, 6, 1000)
    return np.column_stack(
        [
            income,
            income + rng.normal(0, 0.8, 1000),  # assets go with income
            rng.integers(0, 4, 1000),  # dependants go with nothing
            town,
            town == 3,  # a flag of one town, which no rank tells
            np.zeros(1000),
        ]
    ), ("income", "assets", "dependants", "town", "is_third_town", "constant")


@pytest.mark.parametrize(
    ("features", "is_bucket"),
    [
        (("income", "assets"), False),
        (("town", "is_third_town"), False),
        (("income", "dependants"), True),
        (("income", "assets", "dependants"), True),
        (("assets", "income", "constant"), False),
    ],
)
def test_features_that_have_nothing_to_do_with_each_other_are_a_bucket(
    features: tuple[str, ...], is_bucket: bool
) -> None:
    matrix, names = columns()
    (tie,) = measure_cohesion(matrix, names, reason_of(*features)).values()
    assert (tie < 0.3) == is_bucket


def test_a_reason_of_one_feature_has_nothing_to_tie() -> None:
    matrix, names = columns()
    assert measure_cohesion(matrix, names, reason_of("income")) == {}
    assert measure_cohesion(matrix, names, reason_of("income", "not_of_the_model")) == {}
    assert measure_cohesion(matrix, names, reason_of("income", "constant")) == {}
