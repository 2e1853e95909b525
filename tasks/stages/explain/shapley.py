"""SHAP, the only place that imports it: contributions to the log-odds of a decision, against a background of people."""

from typing import Any

import numpy as np

from tasks.model import Scorer
from tasks.model.families import Logistic, Matrix

CHUNK_ROWS = 20_000


class Explainer:
    """Interventional SHAP values (Lundberg et al. 2020) of one model against one background."""

    def __init__(self, scorer: Scorer, background: Matrix) -> None:
        import shap

        booster: Any = scorer.booster
        self._is_linear = isinstance(booster, Logistic)
        if isinstance(booster, Logistic):
            self._standardised = booster.standardised
            model = (booster.weights, booster.intercept)
            self._explainer = shap.LinearExplainer(model, booster.standardised(background))
        else:
            self._explainer = shap.TreeExplainer(
                booster.native,
                data=background,
                feature_perturbation="interventional",
                model_output="raw",
            )
        self.base = float(np.ravel(self._explainer.expected_value)[-1])

    def contributions(self, matrix: Matrix) -> Matrix:
        """Return SHAP values in log-odds of the favourable label, shape (rows, inputs)."""
        if self._is_linear:
            matrix = self._standardised(matrix)
        parts = [
            np.asarray(
                self._explainer.shap_values(matrix[start : start + CHUNK_ROWS], **self._options())
            )
            for start in range(0, len(matrix), CHUNK_ROWS)
        ]
        values = np.concatenate(parts) if parts else np.zeros((0, matrix.shape[1]))
        return values if values.ndim == 2 else values[..., -1]

    def _options(self) -> dict[str, bool]:
        return (
            {} if self._is_linear else {"check_additivity": False}
        )  # the gate checks it, on every row
