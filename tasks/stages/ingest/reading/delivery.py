"""What a source has to deliver: exactly the declared columns, each of its declared kind. Nothing quotes a value."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tasks.config.cases import Columns
from tasks.errors import SourceError
from tasks.stages.ingest.params import NUMBERS, IngestParams

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Wanted:
    """The columns that a source is allowed and bound to deliver, and those of them that are read."""

    source: str
    declared: frozenset[str]
    read: tuple[str, ...]
    numbers: frozenset[str]
    flags: frozenset[str]

    @classmethod
    def of(cls, source: str, columns: Columns, params: IngestParams) -> "Wanted":
        """Return what the use case wants of `source`."""
        kinds = {name: column.kind for name, column in columns.root.items()}
        read = params.read_from(source, columns)
        return cls(
            source=source,
            declared=frozenset(n for n, c in columns.root.items() if c.source == source)
            | set(params.keys(source)),
            read=read,
            numbers=frozenset(name for name in read if kinds.get(name) in NUMBERS),
            flags=frozenset(name for name in read if kinds.get(name) == "flag"),
        )

    def check_names(self, delivered: Iterable[str]) -> None:
        """Stop on a column that is not declared (nothing unasked-for is taken in), absent, or there twice.

        Raises:
            SourceError: Names the columns.
        """
        found = Counter(delivered)
        if undeclared := sorted(found.keys() - self.declared):
            raise self.error(
                "declared columns only",
                f"undeclared: {', '.join(undeclared)}",
                "Declare each in `columns:` (role `dropped` where it is not needed), or have it left out.",
            )
        if absent := sorted(self.declared - found.keys()):
            raise self.error(
                "every declared column",
                f"absent: {', '.join(absent)}",
                "Ask the owner what changed.",
            )
        if twice := sorted(name for name, times in found.items() if times > 1):
            raise self.error(
                "each column once", f"twice: {', '.join(twice)}", "Ask the owner which one holds."
            )

    def error(self, expected: str, found: str, remedy: str) -> SourceError:
        """Return an error about this source."""
        return SourceError(f"source `{self.source}`", expected=expected, found=found, remedy=remedy)


def conform(frame: "pd.DataFrame", wanted: Wanted) -> "pd.DataFrame":
    """Return the columns that are read, each in the one type of its kind, whatever the source stored them as.

    Numbers and flags are float64 (so that one missing value changes no type), everything else text or missing; dates
    are ISO 8601 text. Whole numbers may stand for text (a customer number), text never for numbers.

    Raises:
        SourceError: A column is not of its kind; names the columns and how many rows are wrong.
    """
    import pandas as pd

    columns, faults = {}, {}
    for name in wanted.read:
        convert = _numbers if name in wanted.numbers else _text
        values, wrong = convert(frame[name])
        if name in wanted.flags:
            wrong += int((values.notna() & ~values.isin((0.0, 1.0))).sum())
        columns[name] = values
        if wrong:
            faults[name] = wrong
    if faults:
        raise wanted.error(
            "values of the declared kinds",
            "others in " + ", ".join(f"{name} ({wrong:,} rows)" for name, wrong in faults.items()),
            "Have the delivery mended, or declare another `kind`.",
        )
    return pd.DataFrame(columns)


def _numbers(values: "pd.Series[Any]") -> "tuple[pd.Series[float], int]":
    """Return finite floats or missing, and how many values are neither."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values) or isinstance(values.dtype, pd.StringDtype):
        return values, int(values.notna().sum())
    if values.dtype == object:  # SQL and JSON: numbers of several types, and text
        wrong = values.notna() & ~values.map(lambda value: isinstance(value, int | float | Decimal))
        if wrong.any():
            return values, int(wrong.sum())
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    wrong_rows = int((numbers.isna() & values.notna()).sum() + np.isinf(numbers).sum())
    return numbers, wrong_rows


def _text(values: "pd.Series[Any]") -> "tuple[pd.Series[str], int]":
    """Return text or missing (as what is blank is), and how many values are neither text, whole number nor date."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values):
        has_time = bool((values.dropna() != values.dropna().dt.normalize()).any())
        text = values.dt.strftime("%Y-%m-%dT%H:%M:%S.%f%z" if has_time else "%Y-%m-%d")
    elif pd.api.types.is_integer_dtype(values) or isinstance(values.dtype, pd.StringDtype):
        text = values.astype("str")
    elif values.dtype == object:
        return _mixed_text(values)
    elif values.isna().all():
        text = values.astype("str")
    else:
        return values.astype("str"), int(values.notna().sum())
    return _blank_is_missing(text), 0


def _mixed_text(values: "pd.Series[Any]") -> "tuple[pd.Series[str], int]":
    def written(value: object) -> object:
        if isinstance(value, str):
            return value
        if isinstance(value, date):
            return value.isoformat()
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else None

    text = values.map(written).astype("str")
    return _blank_is_missing(text), int((text.isna() & values.notna()).sum())


def _blank_is_missing(text: "pd.Series[str]") -> "pd.Series[str]":
    text = text.astype("str")
    return text.mask(text.str.strip() == "")
