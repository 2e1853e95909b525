"""Model families, each in its own library's text or JSON format: no format here can carry code."""

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np

Matrix = np.ndarray[Any, np.dtype[np.float64]]
# The same inputs in half the memory: a matrix's numbers are rounded to single precision anyway.
Inputs = Matrix | np.ndarray[Any, np.dtype[np.float32]]

SLICE_ROWS = 65_536


class Booster(Protocol):
    """A fitted model: log-odds of the favourable label for rows without missing values."""

    def margin(self, matrix: Inputs) -> Matrix:
        """Return log-odds, shape (rows,)."""

    def save(self, folder: Path) -> None:
        """Write the model into `folder`."""


class LightGbm:
    """LightGBM; `model.txt` in its own text format."""

    def __init__(self, model: Any) -> None:
        self.native = model

    @classmethod
    def load(cls, folder: Path) -> "LightGbm":
        """Read what `save` wrote."""
        import lightgbm

        return cls(lightgbm.Booster(model_file=str(folder / "model.txt")))

    def margin(self, matrix: Inputs) -> Matrix:
        """Return log-odds."""
        if not len(matrix):  # which the library takes for an error
            return np.zeros(0)
        return np.asarray(self.native.predict(matrix, raw_score=True), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write `model.txt`."""
        self.native.save_model(str(folder / "model.txt"))


class XgBoost:
    """XGBoost; `model.json` in its own format."""

    def __init__(self, model: Any) -> None:
        self.native = model

    @classmethod
    def load(cls, folder: Path) -> "XgBoost":
        """Read what `save` wrote."""
        import xgboost

        return cls(xgboost.Booster(model_file=str(folder / "model.json")))

    def margin(self, matrix: Inputs) -> Matrix:
        """Return log-odds."""
        if not len(matrix):  # which the library takes for an error
            return np.zeros(0)

        import xgboost

        return np.asarray(
            self.native.predict(xgboost.DMatrix(matrix), output_margin=True), dtype=np.float64
        )

    def save(self, folder: Path) -> None:
        """Write `model.json`."""
        self.native.save_model(str(folder / "model.json"))


class Logistic:
    """Logistic regression on standardised columns; `model.json` holds its coefficients."""

    def __init__(self, weights: Matrix, intercept: float, centre: Matrix, scale: Matrix) -> None:
        self.weights = weights
        self.intercept = intercept
        self.centre = centre
        self.scale = scale

    @classmethod
    def load(cls, folder: Path) -> "Logistic":
        """Read what `save` wrote."""
        values = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        arrays = {name: np.asarray(values[name]) for name in ("weights", "centre", "scale")}
        return cls(intercept=values["intercept"], **arrays)

    def standardised(self, matrix: Inputs) -> Matrix:
        """Return the columns as the weights see them: centred and scaled."""
        return np.asarray((matrix - self.centre) / self.scale)

    def margin(self, matrix: Inputs) -> Matrix:
        """Return log-odds, each row's the same bits however many rows there are."""
        margins = np.empty(len(matrix))
        for start in range(0, len(matrix), SLICE_ROWS):
            some = slice(start, start + SLICE_ROWS)
            # Not a matrix product: it adds up in another order for another number of rows.
            products = np.ascontiguousarray(self.standardised(matrix[some]) * self.weights)
            margins[some] = products.sum(axis=1) + self.intercept
        return margins

    def save(self, folder: Path) -> None:
        """Write `model.json`."""
        arrays = {name: getattr(self, name).tolist() for name in ("weights", "centre", "scale")}
        text = json.dumps({"intercept": self.intercept, **arrays}, indent=1)
        (folder / "model.json").write_text(text + "\n", encoding="utf-8")


FAMILIES: dict[str, Any] = {"lightgbm": LightGbm, "xgboost": XgBoost, "logistic": Logistic}
