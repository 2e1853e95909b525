import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.model import BrokenModelError, Input, InputError, Scorer
from tasks.model.families import Logistic
from tasks.model.scorer import matrix_of, probability

FRAME = pd.DataFrame({"a": [1.0, np.nan, 0.1], "town": pd.array(["X", None, "Z"], dtype="str")})
INPUTS = (Input("a", fill=7.0), Input("town", "X"))


def logistic() -> Scorer:
    booster = Logistic(np.array([1.0, -2.0]), 0.5, np.zeros(2), np.ones(2))
    return Scorer("logistic", INPUTS, booster, 0.5)


def test_missing_numbers_count_as_the_recorded_median_and_unknown_categories_as_none() -> None:
    matrix = matrix_of(FRAME, INPUTS)
    assert matrix[:, 0] == pytest.approx([1.0, 7.0, 0.1], rel=1e-6)
    assert matrix[:, 1].tolist() == [1.0, 0.0, 0.0]
    assert (matrix == matrix.astype(np.float32)).all()


def test_a_saved_scorer_is_the_same_scorer(tmp_path: Path) -> None:
    logistic().save(tmp_path)
    loaded = Scorer.load(tmp_path)
    assert (loaded.inputs, loaded.cutoff, loaded.family) == (INPUTS, 0.5, "logistic")
    np.testing.assert_array_equal(loaded.score(FRAME), logistic().score(FRAME))


def test_probabilities_stay_in_range_at_any_margin() -> None:
    found = probability(np.array([-1e6, 0.0, 1e6]))
    assert found.tolist() == [0.0, 0.5, 1.0]


def test_an_absent_feature_is_named() -> None:
    with pytest.raises(InputError, match="town"):
        logistic().score(FRAME.drop(columns="town"))


@pytest.mark.parametrize("harm", ["gone", "cut", "family", "extra", "pickle"])
def test_a_folder_that_holds_no_known_model_is_refused(tmp_path: Path, harm: str) -> None:
    logistic().save(tmp_path)
    path = tmp_path / "scorer.json"
    values = json.loads(path.read_text())
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_text(path.read_text()[:20])
    elif harm == "extra":
        path.write_text(json.dumps(values | {"inputs": [{"feature": "a", "code": "import os"}]}))
    else:
        path.write_text(json.dumps(values | {"family": harm}))
    with pytest.raises(BrokenModelError):
        Scorer.load(tmp_path)
