"""The scorer: which columns go in, what comes out, and where the line between yes and no lies."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import BrokenModelError, InputError
from .families import FAMILIES, Booster, Matrix

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Input:
    """One column of the model's matrix: a feature's number, or 1 where the feature is `category`.

    A missing number counts as `fill`, the training rows' median, for every family alike: what
    libraries do with NaN differs between them, and between scoring and explaining.
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
    """A model with its inputs and its cut-off.

    It approves where the probability of the favourable label reaches the cut-off.
    """

    family: str
    inputs: tuple[Input, ...]
    booster: Booster
    cutoff: float

    @property
    def features(self) -> tuple[str, ...]:
        """The features it reads, each once, in order."""
        return tuple(dict.fromkeys(self.input_features))

    @property
    def input_features(self) -> tuple[str, ...]:
        """The feature of each column of the matrix."""
        return tuple(column.feature for column in self.inputs)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The categories of each categorical feature; one that training never saw is all zeros."""
        categories: dict[str, tuple[str, ...]] = {}
        for column in self.inputs:
            if column.category is not None:
                known = categories.get(column.feature, ())
                categories[column.feature] = (*known, column.category)
        return categories

    def matrix(self, frame: "pd.DataFrame") -> Matrix:
        """Return the model's inputs, shape (rows, inputs).

        Raises:
            InputError: A feature is absent.
        """
        return matrix_of(frame, self.inputs)

    def is_known(self, frame: "pd.DataFrame") -> np.ndarray:
        """Return where `matrix` holds the rows' own figures, not `fill`; booleans of its shape."""
        known = np.empty((len(frame), len(self.inputs)), dtype=bool)
        for position, column in enumerate(self.inputs):
            known[:, position] = frame[column.feature].notna()
        return known

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
            "inputs": [asdict(column) for column in self.inputs],
        }
        (folder / "scorer.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Scorer":
        """Read what `save` wrote; imports the family's library only.

        Raises:
            BrokenModelError: The folder holds no model of a known family, or its library is absent.
        """
        try:
            values = json.loads((folder / "scorer.json").read_text(encoding="utf-8"))
            inputs = tuple(Input(**column) for column in values["inputs"])
            booster = FAMILIES[values["family"]].load(folder)
            return cls(values["family"], inputs, booster, float(values["cutoff"]))
        except ImportError as error:
            raise BrokenModelError(
                "the model's library",
                expected=f"`{error.name}` to be installed",
                found="none of that name",
                remedy="Install the model's own requirements.txt.",
            ) from error
        except Exception as error:  # each library has its own kind for a file that it cannot read
            raise BrokenModelError(
                str(folder),
                expected=f"a model of a known family ({', '.join(FAMILIES)})",
                found=type(error).__name__,
                remedy="Run `dvc checkout`, or train it again.",
            ) from error


def matrix_of(frame: "pd.DataFrame", inputs: tuple[Input, ...]) -> Matrix:
    """Return `inputs` of `frame` as floats of single precision, none missing, shape (rows, inputs).

    SHAP and XGBoost compare in single precision: a value must not fall on one side of a split when
    it is scored and on the other when it is explained.

    Raises:
        InputError: A feature is absent.
    """
    return compact_matrix_of(frame, inputs).astype(np.float64)


def compact_matrix_of(
    frame: "pd.DataFrame", inputs: tuple[Input, ...]
) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Return the numbers of `matrix_of` in half the memory.

    Raises:
        InputError: A feature is absent.
    """
    if absent := sorted({column.feature for column in inputs} - set(frame.columns)):
        raise InputError(
            "model input",
            expected="every feature it was trained on",
            found=f"absent: {', '.join(absent)}",
            remedy="Bring the columns, under the names that the model was trained with.",
        )

    matrix = np.empty((len(frame), len(inputs)), dtype=np.float32)
    for position, column in enumerate(inputs):
        values = frame[column.feature]
        # A missing category equals none: all of its inputs are 0, as of a category that training
        # never saw.
        numbers = values if column.category is None else values == column.category
        matrix[:, position] = np.nan_to_num(np.asarray(numbers, dtype=np.float64), nan=column.fill)
    return matrix


def single_precision(matrix: Matrix) -> Matrix:
    """Return the numbers as models read them: rounded to single precision."""
    return matrix.astype(np.float32).astype(np.float64)


def probability(margin: Matrix) -> Matrix:
    """Return the logistic function of log-odds, without overflow."""
    tail = np.exp(-np.abs(margin))
    return np.asarray(np.where(margin >= 0, 1 / (1 + tail), 1 - 1 / (1 + tail)))
