"""What a model takes, and what it answers: the contract that its rows are held to before any score.

Nothing is guessed. A column that is absent, a category that nobody was judged with, a number that
is missing where none ever was: each is an error with the column's name, and without any value.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from .errors import InputError
from .scorer import Input, Scorer

if TYPE_CHECKING:
    import pandas as pd

DISTRIBUTIONS = {"lightgbm": ("lightgbm",), "xgboost": ("xgboost-cpu",), "logistic": ()}
ALWAYS = ("numpy", "pandas", "pydantic")
LARGEST = float(np.finfo(np.float32).max)  # models read numbers in single precision

# What pandas calls the kinds of values that are numbers without any reading of texts.
NUMBERS = ("boolean", "decimal", "empty", "floating", "integer", "mixed-integer-float")
TEXTS = ("empty", "string")


class InputColumn(BaseModel):
    """One column that the model reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["number", "category"]
    may_be_missing: bool = Field(description="whether it was, in any row that was judged")
    categories: tuple[str, ...] = Field(default=(), description="every one that was judged")


class Contract(BaseModel):
    """Columns in, libraries needed, and the very code that was judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[InputColumn, ...] = Field(min_length=1)
    requirements: tuple[str, ...] = Field(min_length=1)
    code_sha256: str

    @classmethod
    def of(cls, scorer: Scorer, rows: "pd.DataFrame", code_sha256: str) -> "Contract":
        """Return the contract of a model that is judged on `rows`, all of them."""
        return cls.about(scorer, judged_columns(scorer.inputs, rows), code_sha256)

    @classmethod
    def about(
        cls, scorer: Scorer, columns: tuple[InputColumn, ...], code_sha256: str
    ) -> "Contract":
        """Return the contract of a model that is judged on rows with these columns."""
        # Pinned to what is installed here: the versions that the model was judged with.
        names = (*DISTRIBUTIONS[scorer.family], *ALWAYS)
        return cls(
            columns=columns,
            requirements=tuple(f"{name}=={version(name)}" for name in names),
            code_sha256=code_sha256,
        )

    def accept(self, rows: Any) -> "pd.DataFrame":
        """Return the columns that the model reads, in its order, with the caller's index.

        Columns beyond the contract are left out: they cannot change a decision. Whole numbers,
        booleans and numbers of any width count as numbers; texts never do.

        Args:
            rows: A data frame, a list of records, or a mapping from columns to lists of values.

        Raises:
            InputError: The rows do not keep to the contract; names the column, quotes no value.
        """
        import pandas as pd

        frame = rows if isinstance(rows, pd.DataFrame) else self._framed(rows)
        names = [column.name for column in self.columns]
        if absent := [name for name in names if name not in frame.columns]:
            raise InputError(
                "model input",
                expected=f"{len(names)} columns: {', '.join(names)}",
                found=f"absent: {', '.join(absent)}",
                remedy="Bring every column, empty where it may be missing.",
            )

        accepted: dict[str, np.ndarray] = {}
        for column in self.columns:
            values = frame[column.name]
            if isinstance(values, pd.DataFrame):
                raise _refused(column, "one column of that name", f"{values.shape[1]}")
            # Values without their index: pandas aligns columns by labels, and a caller's may be
            # doubled.
            accepted[column.name] = _accepted(column, values).to_numpy()
        return pd.DataFrame(accepted, index=frame.index)

    def _framed(self, rows: Any) -> "pd.DataFrame":
        """Return records, or columns of values, as a frame: what JSON brings."""
        import pandas as pd

        is_records = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
        is_columns = isinstance(rows, dict) and all(
            isinstance(values, (list, np.ndarray)) for values in rows.values()
        )
        if not (is_records or is_columns):
            raise InputError(
                "model input",
                expected="a data frame, a list of records, or columns of values",
                found=type(rows).__name__,
                remedy="Bring rows with the names of their columns.",
            )
        if is_records and not rows:
            return pd.DataFrame(columns=[column.name for column in self.columns])

        try:
            return pd.DataFrame(rows)
        except ValueError as error:
            raise InputError(
                "model input",
                expected="as many values in every column",
                found="different numbers of them",
                remedy="Bring whole rows.",
            ) from error


def judged_columns(inputs: tuple[Input, ...], rows: "pd.DataFrame") -> tuple[InputColumn, ...]:
    """Return what a contract says of each feature of a model that is judged on `rows`.

    What occurs in a judged row is in the contract: a category that training never saw counts as
    none, and a missing number as the median, and that is how they were judged.
    """
    is_category = {column.feature: column.category is not None for column in inputs}
    return tuple(
        InputColumn(
            name=feature,
            kind="category" if is_category[feature] else "number",
            may_be_missing=bool(rows[feature].isna().any()),
            categories=(
                tuple(sorted(rows[feature].dropna().unique())) if is_category[feature] else ()
            ),
        )
        for feature in is_category
    )


def _accepted(column: InputColumn, values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return one column as the model reads it: floats, or texts."""
    accepted = _numbers(column, values) if column.kind == "number" else _texts(column, values)

    missing = int(accepted.isna().sum())
    if missing and not column.may_be_missing:
        raise _refused(
            column, "a value in every row", f"{missing} of {len(values)} without; none was so far"
        )
    return accepted


def _numbers(column: InputColumn, values: "pd.Series[Any]") -> "pd.Series[Any]":
    import pandas as pd

    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind not in NUMBERS:
        raise _refused(column, "numbers", f"values of kind `{kind}`")

    # `None` where a value is missing: what stands for one in objects is several things.
    read = pd.to_numeric(values.where(values.notna(), None)) if values.dtype == object else values
    numbers = pd.Series(read.to_numpy(dtype=np.float64, na_value=np.nan))

    endless = int((numbers.abs() > LARGEST).sum())
    if endless:
        raise _refused(column, f"numbers up to {LARGEST:.3g}", f"{endless} of {len(values)} beyond")
    return numbers


def _texts(column: InputColumn, values: "pd.Series[Any]") -> "pd.Series[Any]":
    import pandas as pd

    texts = values.astype(object)
    kind = pd.api.types.infer_dtype(texts, skipna=True)
    if kind not in TEXTS:
        raise _refused(column, "texts", f"values of kind `{kind}`")

    unknown = int((texts.notna() & ~texts.isin(column.categories)).sum())
    if unknown:
        # Not by name: they are values of rows, and this message goes to whoever asks the model.
        known = f"one of its {len(column.categories)} categories, which contract.json lists"
        raise _refused(column, known, f"{unknown} of {len(values)} with another category")
    return texts


def _refused(column: InputColumn, expected: str, found: str) -> InputError:
    return InputError(
        f"model input, column `{column.name}`",
        expected=expected,
        found=found,
        remedy="Mend the rows: the model was not judged on such values, and does not guess.",
    )
