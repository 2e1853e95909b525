"""Fit one model of a family.

Deterministic: the same rows and settings give the same bytes, which is how a registered model can
be made again and compared. The settings that this needs come first in each family's settings; a use
case's own `parameters` follow and win.
"""

import re
from typing import Any

import numpy as np

from tasks.learning.params import TrainParams
from tasks.model.families import Booster, Inputs, LightGbm, Logistic, Matrix, XgBoost
from tasks.under_way import under_way

# Fixed, not the machine's number of cores: sums of floats depend on how rows are shared out.
THREADS = 2


def fit(
    matrix: Inputs, labels: Matrix, weights: Matrix, names: list[str], params: TrainParams
) -> Booster:
    """Return a model of P(label = 1).

    Args:
        matrix: Inputs, rounded to single precision and of either type, shape (rows, inputs), none
            missing. The model's bytes do not depend on the type.
        labels: 0 or 1, shape (rows,); both occur.
        weights: Positive row weights, shape (rows,).
        names: Input names, for monotone constraints.
        params: Family, rounds, seed and the family's own parameters.
    """
    fitters = {"lightgbm": _fit_lightgbm, "xgboost": _fit_xgboost, "logistic": _fit_logistic}
    constraints = [params.monotone.get(name, 0) for name in names]
    return fitters[params.family](matrix, labels, weights, constraints, params)


def _fit_lightgbm(
    matrix: Inputs, labels: Matrix, weights: Matrix, monotone: list[int], params: TrainParams
) -> Booster:
    """Fit LightGBM's gradient-boosted trees; `monotone` holds -1, 0 or 1 per input."""
    import lightgbm

    settings: dict[str, Any] = {
        "objective": "binary",
        "seed": params.seed,
        # LightGBM promises the same trees for the same rows with this alone, and asks for a fixed
        # way through the data beside it.
        "deterministic": True,
        "force_row_wise": True,  # else it tries both ways and takes the faster: another sum
        "num_threads": THREADS,
        "verbosity": -1,
        "monotone_constraints": monotone if any(monotone) else None,
        **params.parameters,
    }
    data = lightgbm.Dataset(matrix, labels, weight=weights, params={"verbosity": -1})

    with under_way("boosting", params.rounds, "rounds") as work:
        model = lightgbm.train(
            settings,
            data,
            num_boost_round=params.rounds,
            # Else it is written as text and read again, which happens here anyway.
            keep_training_booster=True,
            callbacks=[lambda _: work.advance()],
        )
    # Rounded before anything is scored: the model that is judged is the one that is saved and
    # explained.
    return LightGbm(lightgbm.Booster(model_str=single_precision(model.model_to_string())))


def single_precision(model: str) -> str:
    """Return a LightGBM model's text with its thresholds rounded to single precision.

    SHAP keeps thresholds as 32-bit floats. A threshold between two of them would send a value that
    equals its rounding to one leaf when it is scored and to another when it is explained. See
    docs/adr/0005-single-precision.md.
    """

    def round_thresholds(line: re.Match[str]) -> str:
        rounded = (repr(float(np.float32(number))) for number in line[1].split())
        return "threshold=" + " ".join(rounded)

    # LightGBM uses these sizes to find the trees in the text, whose lengths change here. Without
    # them it looks for the trees itself.
    without_sizes = re.sub(r"^tree_sizes=.*\n", "", model, flags=re.MULTILINE)
    return re.sub(r"^threshold=(.+)$", round_thresholds, without_sizes, flags=re.MULTILINE)


def _fit_xgboost(
    matrix: Inputs, labels: Matrix, weights: Matrix, monotone: list[int], params: TrainParams
) -> Booster:
    """Fit XGBoost's gradient-boosted trees; `monotone` holds -1, 0 or 1 per input."""
    import xgboost

    settings: dict[str, Any] = {
        "objective": "binary:logistic",
        "seed": params.seed,
        "tree_method": "hist",
        "nthread": THREADS,
        "verbosity": 0,
        **({"monotone_constraints": tuple(monotone)} if any(monotone) else {}),
        **params.parameters,
    }
    data = xgboost.DMatrix(matrix, labels, weight=weights)

    with under_way("boosting", params.rounds, "rounds") as work:

        class CountRounds(xgboost.callback.TrainingCallback):  # type: ignore[misc]
            """Counts each round, and never stops the training."""

            def after_iteration(self, *_: Any) -> bool:
                work.advance()
                return False

        booster = xgboost.train(settings, data, params.rounds, callbacks=[CountRounds()])
    return XgBoost(booster)


def _fit_logistic(
    matrix: Inputs, labels: Matrix, weights: Matrix, monotone: list[int], params: TrainParams
) -> Booster:
    """Fit a logistic regression on standardised inputs; constraints do not apply to it."""
    from sklearn.linear_model import LogisticRegression

    del monotone  # a linear model is monotone in every input; which way, the data decides

    # Standardised, so that the penalty weighs an income in dollars as it weighs a ratio. In place,
    # in a copy of double precision: means of single precision would be others.
    # No feature is dropped: a constant one gets the coefficient 0 from the penalty.
    standardised = matrix.astype(np.float64)
    centre = standardised.mean(axis=0)
    deviation = standardised.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)  # a constant input stays 0
    standardised -= centre
    standardised /= scale
    model = LogisticRegression(
        max_iter=params.rounds, random_state=params.seed, **params.parameters
    )
    model.fit(standardised, labels, sample_weight=weights)

    return Logistic(model.coef_[0], float(model.intercept_[0]), centre, scale)
