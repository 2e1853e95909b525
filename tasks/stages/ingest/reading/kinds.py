"""Bring a column of any type to the type of its kind; say what is wrong, by rows, never by value.

Numbers and flags become float64, dates ISO 8601 text, everything else text; missing stays missing.
"""

import re
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tasks.formats.shown import count_of, positions_of

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 65_536
ISO_DATE = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?"
TIME_SIGNS = re.compile(r"%[HIMSfpzXcT]")

# What values are that should be numbers: pattern, how it is told, what to do. The first that fits.
FORMS_OF_TEXT: tuple[tuple[str, str, str], ...] = (
    (
        r"[-+]?(?:\d+|\d{1,3}(?:[.' ]\d{3})+),\d+",
        "numbers with a decimal comma",
        'declare `dialect: {decimal: ","}`, and `thousands` if it has any',
    ),
    (
        r"[-+]?\d{1,3}(?:[,' ]\d{3})+(?:\.\d+)?",
        "numbers with a sign between thousands",
        'declare `dialect: {thousands: ","}`, or the sign that it is',
    ),
    (
        r"(?i:y|n|yes|no|j|ja|nein|true|false|t|f|oui|non|si|sí)",
        "words for yes and no",
        "declare it with `kind: category`, role `dropped`, and derive a flag by `rule: recode`",
    ),
    (r"[-+]?(?i:inf|infinity)", "no finite numbers", "have the delivery mended"),
    (r".*[€$£%].*", "numbers with a sign such as $ or %", "have it delivered as plain numbers"),
    (r"\d{4}-\d\d-\d\d.*|\d{1,2}[./]\d{1,2}[./]\d{2,4}", "dates", "declare `kind: date`"),
)
NO_DATE = 'declare its `format`, as in `format: "%d/%m/%Y"`'
NO_TEXT = "have it delivered as text: an id that went through decimal numbers has lost its form"
IN_COLUMNS = "have what is needed delivered in columns of its own, or declare role `dropped`"
AS_TEXT = "have it delivered as text"
AS_NUMBER = "have it delivered as a number, of a unit that its name says"

# What values are that are neither text nor numbers: their types, how it is told, what to do.
TYPES_OF_VALUES: tuple[tuple[tuple[type, ...], str, str], ...] = (
    ((dict, list, tuple), "objects or lists", IN_COLUMNS),
    ((bytes, bytearray, memoryview), "bytes", AS_TEXT),
    ((timedelta,), "durations", AS_NUMBER),
    ((time,), "times of day", AS_TEXT),
)
# Of no kind of column, all of them.
OF_NO_KIND = tuple(kind for types, _, _ in TYPES_OF_VALUES for kind in types)


@dataclass(frozen=True)
class ColumnFault:
    """What is wrong with some rows of a column; rows are counted from 1, below any header."""

    column: str
    rows: tuple[int, ...]
    what: str
    remedy: str

    @property
    def where(self) -> str:
        """The column, how many rows, and which are the first."""
        return f"{self.column} ({count_of(self.rows, 'row')}: {positions_of(self.rows)})"


def to_numbers(
    name: str, values: "pd.Series[Any]", *, is_flag: bool
) -> "tuple[pd.Series[Any], ColumnFault | None]":
    """Return finite floats or missing, and what is neither; of a flag, what is neither 0 nor 1."""
    import numpy as np
    import pandas as pd

    # `to_numeric` would read "12" and a time stamp as numbers, but text never stands for a number.
    if pd.api.types.is_datetime64_any_dtype(values):
        return values, _fault(name, values.notna(), "dates", "declare `kind: date`")
    values = _with_durations_as_objects(values)
    if isinstance(values.dtype, pd.StringDtype):
        return values, _text_fault(name, values, values.notna())

    if values.dtype == object:  # SQL and JSON: numbers of several types, and text
        is_number = values.map(lambda value: isinstance(value, int | float | Decimal))
        is_wrong = values.notna() & ~is_number
        if is_wrong.any():
            return values, _type_fault(name, values, is_wrong) or _text_fault(
                name, values, is_wrong
            )

    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    is_unreadable = (numbers.isna() & values.notna()) | np.isinf(numbers)
    fault = _fault(name, is_unreadable, "no finite numbers", "have the delivery mended")
    if fault is None and is_flag:
        is_wrong = numbers.notna() & ~numbers.isin((0.0, 1.0))
        remedy = "declare `kind: number`, or derive a flag by `rule: recode`"
        fault = _fault(name, is_wrong, "numbers other than 0 and 1", remedy)
    return numbers, fault


def to_text(name: str, values: "pd.Series[Any]") -> "tuple[pd.Series[str], ColumnFault | None]":
    """Return text or missing, and what is neither text, whole number nor date.

    Blank text is missing. Floats are faults: 12.0 as text would differ from the same key as 12.
    """
    import pandas as pd

    values = _with_durations_as_objects(values)
    if values.dtype == object:
        text = _text_of_objects(values)
        is_wrong = text.isna() & values.notna()
        if not is_wrong.any():
            return _without_nul(name, _blank_to_missing(text))
        return text, _type_fault(name, values, is_wrong) or _fault(
            name, is_wrong, "decimal numbers or true and false", NO_TEXT
        )

    if pd.api.types.is_datetime64_any_dtype(values):
        days = values.dropna().dt.normalize()
        has_times = bool((values.dropna() != days).any())
        text = values.dt.strftime("%Y-%m-%dT%H:%M:%S.%f%z" if has_times else "%Y-%m-%d")
        return _blank_to_missing(text), None

    is_text = isinstance(values.dtype, pd.StringDtype)
    # A column without any value has no type of its own: readers give float64 or null.
    if is_text or pd.api.types.is_integer_dtype(values) or values.isna().all():
        return _without_nul(name, _blank_to_missing(values.astype("str")))

    what = "decimal numbers or true and false"
    return values.astype("str"), _fault(name, values.notna(), what, NO_TEXT)


def to_dates(
    name: str, values: "pd.Series[Any]", form: str
) -> "tuple[pd.Series[str], ColumnFault | None]":
    """Return ISO 8601 text or missing, and what is no date by `form` (empty: ISO 8601).

    A date that cannot be read is never made missing: an age, an order and a redaction hang on it.
    """
    import pandas as pd

    text, fault = to_text(name, values)
    if fault is not None or pd.api.types.is_datetime64_any_dtype(values):
        return text, fault
    if not form:
        # With nanoseconds in any row, days before 1677 and after 2262 would be none in every row.
        microseconds = text.str.replace(r"([.,]\d{6})\d+", r"\1", regex=True)
        times = pd.to_datetime(microseconds, errors="coerce", utc=True, format="ISO8601")
        is_written_so = text.fillna("").str.fullmatch(ISO_DATE)
        is_wrong = text.notna() & (times.isna() | ~is_written_so)
        if not (is_wrong & ~is_written_so).any():
            remedy = "have the delivery mended"
            return text, _fault(name, is_wrong, "days or times that there are not", remedy)
        return text, _fault(name, is_wrong, "no dates of ISO 8601 (2031-12-31)", NO_DATE)

    has_zone = "%z" in form
    # A driver's dates, and a Parquet file's, are no text to begin with, and need no form.
    is_iso = text.fillna("").str.fullmatch(ISO_DATE) & _are_dates(values)
    times = pd.to_datetime(text.mask(is_iso), errors="coerce", format=form, utc=has_zone)
    is_wrong = text.notna() & times.isna() & ~is_iso
    written = times.dt.strftime("%Y-%m-%dT%H:%M:%S.%f%z" if TIME_SIGNS.search(form) else "%Y-%m-%d")
    return (
        written.astype("str").where(~is_iso, text),
        _fault(name, is_wrong, "no dates of the declared `format`", "mend `format`"),
    )


def numbers_of_text(
    name: str, values: "pd.Series[str]", *, decimal: str, thousands: str, no_number: list[str]
) -> "tuple[pd.Series[Any], ColumnFault | None]":
    """Return a text file's numbers, written with these signs, and what is none."""
    import numpy as np
    import pandas as pd

    stripped = values.str.strip()
    present = stripped.mask(stripped.isin(no_number))
    sign = re.escape(decimal)
    whole = rf"(?:\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+)" if thousands else r"\d+"
    number = rf"[-+]?(?:{whole}(?:{sign}\d*)?|{sign}\d+)(?:[eE][-+]?\d+)?"
    # Other scripts' digits are no digits of a number to what reads it below.
    is_number = present.fillna("").str.fullmatch(number, flags=re.ASCII)
    is_wrong = present.notna() & ~is_number
    if is_wrong.any():
        return values, _text_fault(name, present, is_wrong)
    plain = present.str.replace(thousands, "", regex=False) if thousands else present
    numbers = pd.to_numeric(plain.str.replace(decimal, ".", regex=False)).astype("float64")
    return numbers, _fault(
        name, numbers.isin((np.inf, -np.inf)), "no finite numbers", "have it mended"
    )


def _are_dates(values: "pd.Series[Any]") -> "pd.Series[bool]":
    return values.map(lambda value: isinstance(value, date)).astype(bool)


def _text_fault(
    name: str, values: "pd.Series[Any]", is_wrong: "pd.Series[bool]"
) -> ColumnFault | None:
    """Return the fault of texts where numbers are due, by the form that most of them have."""
    texts = values[is_wrong].map(str).str.strip()
    for pattern, what, remedy in FORMS_OF_TEXT:
        if len(texts) and texts.str.fullmatch(pattern).mean() > 0.5:
            return _fault(name, is_wrong, what, remedy)
    return _fault(name, is_wrong, "text", "have the delivery mended, or declare another `kind`")


def _with_durations_as_objects(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return the column; one of durations as objects, since as numbers they have no unit.

    pandas makes nanoseconds of them, and of a missing one the least whole number that there is.
    """
    import pandas as pd

    if not pd.api.types.is_timedelta64_dtype(values):
        return values
    return values.astype(object).where(values.notna(), None)


def _type_fault(
    name: str, values: "pd.Series[Any]", is_wrong: "pd.Series[bool]"
) -> ColumnFault | None:
    """Return the fault of values that are no single ones, or of no text; None where none is."""
    import numpy as np

    # numpy's arrays are what lists of Parquet come as.
    types = {list if kind is np.ndarray else kind for kind in values[is_wrong].map(type)}
    for known, what, remedy in TYPES_OF_VALUES:
        if any(issubclass(kind, known) for kind in types):
            return _fault(name, is_wrong, what, remedy)
    return None


def _fault(name: str, is_wrong: "pd.Series[bool]", what: str, remedy: str) -> ColumnFault | None:
    if not bool(is_wrong.any()):
        return None
    rows = is_wrong.to_numpy().nonzero()[0] + 1
    return ColumnFault(name, tuple(map(int, rows)), what, remedy)


def _without_nul(name: str, text: "pd.Series[str]") -> "tuple[pd.Series[str], ColumnFault | None]":
    """Return the text, and the rows with a character that ends a text in half of all programs."""
    has_nul = text.str.contains("\0", regex=False, na=False)
    return text, _fault(name, has_nul, "text with a NUL character", "have the delivery mended")


def _text_of_objects(values: "pd.Series[Any]") -> "pd.Series[str]":
    """Return a column of Python objects as text, missing where one cannot be text."""

    def to_one(value: object) -> object:
        if isinstance(value, str):
            return value
        if isinstance(value, date):
            return value.isoformat()
        # True is an int in Python, and no customer number.
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else None

    return values.map(to_one).astype("str")


def _blank_to_missing(text: "pd.Series[str]") -> "pd.Series[str]":
    """Return the text with what is empty or only white space made missing."""
    import numpy as np

    text = text.astype("str")
    # Some at a time: stripped, a text is there twice.
    blank = [
        (text.iloc[start : start + ROWS_AT_ONCE].str.strip() == "").to_numpy(bool)
        for start in range(0, len(text), ROWS_AT_ONCE)
    ]
    is_blank = np.concatenate(blank) if blank else np.zeros(0, bool)
    return text.mask(is_blank) if is_blank.any() else text
