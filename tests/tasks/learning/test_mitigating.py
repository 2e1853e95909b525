"""What a model learns from under each declared mitigation."""

import numpy as np
import pandas as pd
import pytest

from tasks.learning.mitigating import mitigate
from tasks.learning.params import TrainParams
from tasks.learning.reduction import towards_parity
from tasks.learning.reweighing import weights_for
from tests.models import params

GROUPS = pd.DataFrame({"race": pd.array(["x"] * 6 + ["y"] * 4, dtype="str")})
LABELS = np.array([1, 1, 1, 1, 1, 0, 1, 1, 0, 0], dtype=float)


def settings(**changes: object) -> TrainParams:
    values = {**params("logistic").model_dump(), **changes}
    return TrainParams.model_validate(values)


def test_without_a_mitigation_labels_stay_and_every_row_weighs_one() -> None:
    labels, weights = mitigate(GROUPS, LABELS, settings())
    assert labels is LABELS
    assert weights.tolist() == [1] * 10


def test_reweighing_keeps_the_labels() -> None:
    labels, weights = mitigate(GROUPS, LABELS, settings(mitigation="reweighing"))
    assert labels is LABELS
    assert weights == pytest.approx(weights_for(GROUPS, LABELS))


def test_the_reduction_learns_by_its_multiplier() -> None:
    labels, weights = mitigate(GROUPS, LABELS, settings(mitigation="reduction", multiplier=3))
    expected_labels, expected_weights = towards_parity(GROUPS, LABELS, 3)
    assert labels == pytest.approx(expected_labels)
    assert weights == pytest.approx(expected_weights)
