"""Guess how a text file is written: encoding, delimiter, signs of numbers, forms of dates.

A draft may guess, for a person confirms it; a delivery is read as it is declared, never by a guess.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from tasks.config.sources import Dialect

DELIMITERS = (",", ";", "\t", "|")
PROBED_ROWS = 100
# Of cp1252 five bytes are no sign; latin-1 has one for each, so it comes last.
ENCODINGS = ("utf-8", "cp1252", "latin-1")
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")

COMMA_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+")
COMMA_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d+)?")
POINT_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
CLEAR_SHARE = 0.9

# Forms in use, those that differ only by which number is the month side by side.
DATE_FORMATS = (
    "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y%m%d",
    "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%B %d, %Y", "%b %d, %Y",
    "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
)  # fmt: skip
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?")


def guess_dialect(start: bytes) -> tuple[Dialect, str]:
    """Return how the start of a text file is written, and the start as text.

    What is not sure to be whole, the last line, is left out of the guess where there are others.
    """
    encoding = _guess_encoding(start)
    text = start.decode(encoding, "ignore")
    whole = text[: text.rfind("\n") + 1] or text
    delimiter = _guess_delimiter(whole)
    cells = [cell.strip() for row in _rows(whole, delimiter)[1:] for cell in row]
    decimal, thousands = _guess_signs(cells)
    dialect = Dialect(encoding=encoding, delimiter=delimiter, decimal=decimal, thousands=thousands)
    return dialect, text


def plain_values(values: Sequence[str | None], dialect: Dialect) -> tuple[str | None, ...]:
    """Return a column's numbers with decimal points, as the draft looks at them; all else as it is.

    A column is one of numbers if all that it holds is written so; `1.234` alone is a number too
    then, and `08.03.2002` none.
    """
    if dialect.decimal == "." and not dialect.thousands:
        return tuple(values)

    sign = re.escape(dialect.decimal)
    parts = rf"\d{{1,3}}(?:{re.escape(dialect.thousands)}\d{{3}})+|" if dialect.thousands else ""
    number = re.compile(rf"[-+]?(?:{parts}\d+)(?:{sign}\d+)?")
    present = [value.strip() for value in values if value is not None]
    if not present or not all(number.fullmatch(value) for value in present):
        return tuple(values)

    return tuple(
        value
        if value is None
        else value.strip().replace(dialect.thousands, "").replace(dialect.decimal, ".")
        for value in values
    )


def guess_date_formats(values: Iterable[str]) -> tuple[str, ...]:
    """Return the formats by which every one of some dates can be read; ("",) for ISO 8601.

    Several are as many readings: 03/02/2026 is two days, and only a person knows which.
    """
    present = list(dict.fromkeys(value.strip() for value in values if value.strip()))
    if not present:
        return ()
    if all(ISO_DATE.fullmatch(value) for value in present):
        return ("",)
    return tuple(form for form in DATE_FORMATS if all(_is_date(value, form) for value in present))


def _is_date(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form)
    except ValueError:
        return False
    return True


def _guess_encoding(start: bytes) -> str:
    if start[:2] in WIDE_MARKS:
        return "utf-16"
    for encoding in ENCODINGS:
        try:
            # The last sign may be cut in two.
            start[: max(start.rfind(b"\n"), 0) or len(start)].decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise AssertionError("latin-1 has a sign for every byte")


def _guess_delimiter(text: str) -> str:
    """Return the sign that parts rows into most fields, equally many in most; a comma if none."""

    def fit(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in _rows(text, delimiter) if row]
        if not widths or widths[0] == 1:
            return (0.0, 0)
        return (sum(width == widths[0] for width in widths) / len(widths), widths[0])

    # A note full of commas is ragged; a header of five and rows of five is not.
    fits = {delimiter: fit(delimiter) for delimiter in DELIMITERS}
    best = max(
        DELIMITERS,
        key=lambda delimiter: (fits[delimiter][0] >= CLEAR_SHARE, *fits[delimiter][::-1]),
    )
    return best if fits[best][1] else ","


def _rows(text: str, delimiter: str) -> list[list[str]]:
    lines = text.splitlines(keepends=True)[: PROBED_ROWS * 2]
    try:
        return list(csv.reader(lines, delimiter=delimiter))[:PROBED_ROWS]
    except csv.Error:
        return []


def _guess_signs(cells: Iterable[str]) -> tuple[str, str]:
    """Return decimal and thousands sign, by what most values with a sign between digits have."""
    present = list(cells)
    with_comma = sum(bool(COMMA_NUMBER.fullmatch(cell)) for cell in present)
    with_point = sum(bool(re.fullmatch(r"[-+]?\d+\.\d+", cell)) for cell in present)
    is_grouped = any(
        POINT_THOUSANDS.fullmatch(cell) and (cell.count(",") > 1 or "." in cell) for cell in present
    )
    if with_comma > with_point and not is_grouped:
        has_points = any(COMMA_THOUSANDS.fullmatch(cell) and "," in cell for cell in present)
        return ",", "." if has_points else ""

    return ".", "," if is_grouped else ""
