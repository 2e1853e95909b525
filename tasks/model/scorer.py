"""The scorer: which columns go in, what comes out, and where the line between yes and no lies."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import DataError, EvidenceError
from tasks.model.families import FAMILIES, Booster, Matrix

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Input:
    """One column of the model's matrix: a feature's number, or 1 where the feature is `category`.

    A missing number counts as `fill`, the training rows' median, for every family alike: what libraries do with NaN
    differs between them and between scoring and explaining.
    """

    feature: str
    category: str | None = None
    fill: float = 0.0

    @property
    def name(self) -> str:
        """`feature`, or `feature=category`."""
        return self.feature if self.category is None else f"{self.feature}={self.category}"


@dataclass(frozen=True)
class Scorer:
    """A model with its inputs and its cut-off: approve where the probability of the favourable label reaches it."""

    family: str
    inputs: tuple[Input, ...]
    booster: Booster
    cutoff: float

    @property
    def features(self) -> tuple[str, ...]:
        """The features it reads, each once, in order."""
        return tuple(dict.fromkeys(one.feature for one in self.inputs))

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The categories of each categorical feature; one that training never saw is all zeros."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.inputs:
            if one.category is not None:
                found[one.feature] = (*found.get(one.feature, ()), one.category)
        return found

    def matrix(self, frame: "pd.DataFrame") -> Matrix:
        """Return the model's inputs, shape (rows, inputs).

        Raises:
            DataError: A feature is absent.
        """
        return matrix_of(frame, self.inputs)

    def margin(self, frame: "pd.DataFrame") -> Matrix:
        """Return log-odds of the favourable label, shape (rows,)."""
        return self.booster.margin(self.matrix(frame))

    def score(self, frame: "pd.DataFrame") -> Matrix:
        """Return probabilities of the favourable label, shape (rows,)."""
        return probability(self.margin(frame))

    def save(self, folder: Path) -> None:
        """Write `scorer.json` and the model in its own format."""
        self.booster.save(folder)
        values = {
            "family": self.family,
            "cutoff": self.cutoff,
            "inputs": [asdict(one) for one in self.inputs],
        }
        (folder / "scorer.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Scorer":
        """Read what `save` wrote; imports the family's library only.

        Raises:
            EvidenceError: The folder holds no model of a known family.
        """
        try:
            values = json.loads((folder / "scorer.json").read_text(encoding="utf-8"))
            inputs = tuple(Input(**one) for one in values["inputs"])
            return cls(
                values["family"],
                inputs,
                FAMILIES[values["family"]].load(folder),
                float(values["cutoff"]),
            )
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise EvidenceError(
                str(folder),
                expected=f"a model of a known family ({', '.join(FAMILIES)})",
                found=type(error).__name__,
                remedy="Run `dvc checkout`, or train it again.",
            ) from error


def matrix_of(frame: "pd.DataFrame", inputs: tuple[Input, ...]) -> Matrix:
    """Return `inputs` of `frame` as floats of single precision, none missing, shape (rows, inputs).

    SHAP and XGBoost compare in single precision: a value must not fall on one side of a split when it is scored and on
    the other when it is explained.

    Raises:
        DataError: A feature is absent.
    """
    if absent := sorted({one.feature for one in inputs} - set(frame.columns)):
        raise DataError(
            "model input",
            expected="every feature it was trained on",
            found=f"absent: {', '.join(absent)}",
            remedy="Train again, or restore the columns.",
        )
    result = np.empty((len(frame), len(inputs)), dtype=np.float64)
    for position, one in enumerate(inputs):
        values = frame[one.feature]
        column = values if one.category is None else values == one.category
        result[:, position] = np.nan_to_num(np.asarray(column, dtype=np.float64), nan=one.fill)
    return single_precision(result)


def single_precision(matrix: Matrix) -> Matrix:
    """Return the numbers as models read them: rounded to single precision."""
    return matrix.astype(np.float32).astype(np.float64)


def probability(margin: Matrix) -> Matrix:
    """Return the logistic function of log-odds, without overflow."""
    return np.asarray(
        np.where(
            margin >= 0, 1 / (1 + np.exp(-np.abs(margin))), 1 - 1 / (1 + np.exp(-np.abs(margin)))
        )
    )
