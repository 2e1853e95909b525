"""What a source has to deliver: exactly the declared columns, each of its declared kind.

A source that delivers more is refused as one that delivers less is: what nobody declared has no
purpose, and must not be processed (GDPR, article 5(1)(c)). Errors name declared columns, and count
the others and rows; they never quote a value, nor a name that only the source knows: where a file
lacks its header line, the first person's values stand in its place.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tasks.config.cases import Columns
from tasks.errors import SourceError
from tasks.formats.shown import count_of, positions_of
from tasks.stages.ingest.params import NUMBERS, IngestParams

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ExpectedDelivery:
    """The columns that a source may and must deliver, and those of them that are read."""

    source: str
    declared: frozenset[str]
    read: tuple[str, ...]
    numbers: frozenset[str]
    flags: frozenset[str]

    @classmethod
    def of(cls, source: str, columns: Columns, params: IngestParams) -> "ExpectedDelivery":
        """Return what the use case wants of `source`."""
        declared = {name for name, column in columns.root.items() if column.source == source}
        kinds = {name: column.kind for name, column in columns.root.items()}
        read = params.read_from(source, columns)
        return cls(
            source=source,
            declared=frozenset(declared | set(params.keys(source))),
            read=read,
            numbers=frozenset(name for name in read if kinds.get(name) in NUMBERS),
            flags=frozenset(name for name in read if kinds.get(name) == "flag"),
        )

    def check_names(self, delivered: Iterable[str], *, has_order: bool = True) -> None:
        """Stop on a column that is not declared, absent, or there twice.

        `has_order` says whether positions mean something to the owner: keys of JSON have none.

        Raises:
            SourceError: Names declared columns, and says of others how many and where they stand.
        """
        names = list(delivered)
        counts = Counter(names)

        undeclared = [
            position for position, name in enumerate(names, start=1) if name not in self.declared
        ]
        if undeclared:
            raise self._undeclared_error(undeclared, len(names), has_order=has_order)
        if absent := sorted(self.declared - counts.keys()):
            raise self.error(
                "every declared column",
                f"absent: {', '.join(absent)}",
                "Ask the owner what changed.",
            )
        if repeated := sorted(name for name, count in counts.items() if count > 1):
            raise self.error(
                "each column once",
                f"twice: {', '.join(repeated)}",
                "Ask the owner which one holds.",
            )

    def _undeclared_error(
        self, positions: list[int], columns: int, *, has_order: bool
    ) -> SourceError:
        """Return the error about columns at `positions`, which nobody declared; it names none."""
        if len(positions) == columns:
            return self.error(
                "the declared columns",
                f"{count_of(positions, 'column')}, none of them declared",
                "Is the header line missing? Then have the file delivered with it; "
                "otherwise compare its column names with `columns:`.",
            )
        place = f", at position {positions_of(positions)}" if has_order else ""
        return self.error(
            "declared columns only",
            f"{count_of(positions, 'undeclared column')} of {columns:d}{place}",
            "Look there in the source, and declare each in `columns:` "
            "(role `dropped` where it is not needed), or have it left out.",
        )

    def error(self, expected: str, found: str, remedy: str) -> SourceError:
        """Return an error about this source."""
        return SourceError(f"source `{self.source}`", expected=expected, found=found, remedy=remedy)


def conform(frame: "pd.DataFrame", expected: ExpectedDelivery) -> "pd.DataFrame":
    """Return the columns that are read, in the order of `expected.read`, with a type by kind.

    Numbers and flags are float64 (so that one missing value changes no type), everything else text
    or missing; dates are ISO 8601 text. So the same rows give the same frame whatever format they
    came in. Whole numbers may stand for text (a customer number), text never for numbers.

    Raises:
        SourceError: A column is not of its kind; names the columns and how many rows are wrong.
    """
    import pandas as pd

    columns = {}
    faulty_rows = {}
    for name in expected.read:
        convert = _to_numbers if name in expected.numbers else _to_text
        values, faults = convert(frame[name])
        if name in expected.flags:
            faults += int((values.notna() & ~values.isin((0.0, 1.0))).sum())
        columns[name] = values
        if faults:
            faulty_rows[name] = faults

    if faulty_rows:
        faulty = ", ".join(f"{name} ({rows:,} rows)" for name, rows in faulty_rows.items())
        raise expected.error(
            "values of the declared kinds",
            f"others in {faulty}",
            "Have the delivery mended, or declare another `kind`.",
        )

    return pd.DataFrame(columns)


def _to_numbers(values: "pd.Series[Any]") -> "tuple[pd.Series[float], int]":
    """Return finite floats or missing, and how many values are neither."""
    import numpy as np
    import pandas as pd

    # `to_numeric` would read "12" and a time stamp as numbers, but text never stands for a number.
    if pd.api.types.is_datetime64_any_dtype(values) or isinstance(values.dtype, pd.StringDtype):
        return values, int(values.notna().sum())

    if values.dtype == object:  # SQL and JSON: numbers of several types, and text
        is_number = values.map(lambda value: isinstance(value, int | float | Decimal))
        is_fault = values.notna() & ~is_number
        if is_fault.any():
            return values, int(is_fault.sum())

    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    unreadable = numbers.isna() & values.notna()
    return numbers, int(unreadable.sum() + np.isinf(numbers).sum())


def _to_text(values: "pd.Series[Any]") -> "tuple[pd.Series[str], int]":
    """Return text or missing, and how many values are neither text, whole number nor date.

    Blank text is missing. Floats are faults: 12.0 as text would differ from the same key as 12.
    """
    import pandas as pd

    if values.dtype == object:
        return _object_to_text(values)

    if pd.api.types.is_datetime64_any_dtype(values):
        days = values.dropna().dt.normalize()
        has_times = bool((values.dropna() != days).any())
        text = values.dt.strftime("%Y-%m-%dT%H:%M:%S.%f%z" if has_times else "%Y-%m-%d")
        return _blank_to_missing(text), 0

    is_text = isinstance(values.dtype, pd.StringDtype)
    # A column without any value has no type of its own: readers give float64 or null.
    if is_text or pd.api.types.is_integer_dtype(values) or values.isna().all():
        return _blank_to_missing(values.astype("str")), 0

    return values.astype("str"), int(values.notna().sum())


def _object_to_text(values: "pd.Series[Any]") -> "tuple[pd.Series[str], int]":
    """Return a column of Python objects as text or missing, and how many values cannot be text."""

    def to_text(value: object) -> object:
        if isinstance(value, str):
            return value
        if isinstance(value, date):
            return value.isoformat()
        # True is an int in Python, and no customer number.
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else None

    text = values.map(to_text).astype("str")
    return _blank_to_missing(text), int((text.isna() & values.notna()).sum())


def _blank_to_missing(text: "pd.Series[str]") -> "pd.Series[str]":
    """Return the text with what is empty or only white space made missing."""
    text = text.astype("str")
    return text.mask(text.str.strip() == "")
