"""Fit one model of a family. Deterministic: the same rows and settings give the same bytes."""

import re
from typing import Any

import numpy as np

from tasks.model.families import Booster, LightGbm, Logistic, Matrix, XgBoost
from tasks.stages.train.params import TrainParams

THREADS = 2


def fit(
    matrix: Matrix, labels: Matrix, weights: Matrix, names: list[str], params: TrainParams
) -> Booster:
    """Return a model of P(label = 1).

    Args:
        matrix: Inputs, shape (rows, inputs), none missing.
        labels: 0 or 1, shape (rows,); both occur.
        weights: Positive row weights, shape (rows,).
        names: Input names, for monotone constraints.
        params: Family, rounds, seed and the family's own parameters.
    """
    fitters = {"lightgbm": _lightgbm, "xgboost": _xgboost, "logistic": _logistic}
    return fitters[params.family](
        matrix, labels, weights, [params.monotone.get(name, 0) for name in names], params
    )


def _lightgbm(
    matrix: Matrix, labels: Matrix, weights: Matrix, monotone: list[int], params: TrainParams
) -> Booster:
    import lightgbm

    settings: dict[str, Any] = {
        "objective": "binary",
        "seed": params.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": THREADS,
        "verbosity": -1,
        "monotone_constraints": monotone if any(monotone) else None,
        **params.parameters,
    }
    data = lightgbm.Dataset(matrix, labels, weight=weights, params={"verbosity": -1})
    model = lightgbm.train(settings, data, num_boost_round=params.rounds)
    return LightGbm(lightgbm.Booster(model_str=single_precision(model.model_to_string())))


def single_precision(model: str) -> str:
    """Return a LightGBM model's text with its thresholds rounded to single precision, as its inputs are.

    SHAP keeps thresholds as floats. One that lies between two floats would send a value that equals its rounding
    to one leaf when it is scored and to another when it is explained.
    """

    def rounded(match: re.Match[str]) -> str:
        return "threshold=" + " ".join(
            repr(float(np.float32(number))) for number in match[1].split()
        )

    without_sizes = re.sub(
        r"^tree_sizes=.*\n", "", model, flags=re.MULTILINE
    )  # of texts that are no longer these
    return re.sub(r"^threshold=(.+)$", rounded, without_sizes, flags=re.MULTILINE)


def _xgboost(
    matrix: Matrix, labels: Matrix, weights: Matrix, monotone: list[int], params: TrainParams
) -> Booster:
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
    return XgBoost(
        xgboost.train(settings, xgboost.DMatrix(matrix, labels, weight=weights), params.rounds)
    )


def _logistic(
    matrix: Matrix, labels: Matrix, weights: Matrix, monotone: list[int], params: TrainParams
) -> Booster:
    from sklearn.linear_model import LogisticRegression

    del monotone  # a linear model is monotone as it is; its signs are the data's
    centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    model = LogisticRegression(
        max_iter=params.rounds, random_state=params.seed, **params.parameters
    )
    model.fit((matrix - centre) / scale, labels, sample_weight=weights)
    return Logistic(model.coef_[0], float(model.intercept_[0]), centre, scale)
