"""Columns of all rows in as few bytes as give them back exactly, one at a time.

A flag takes a byte a row, an amount its eight, a pseudonym sixteen. Whoever needs a column asks for
it by name, works on it and lets it go: at no time is more than one there as pandas has it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

HEAD_ROWS = 1_000  # by which it is guessed whether values are repeated
MOST_REPEATED = 0.5  # of the head: with more different values, a dictionary saves too little
LARGEST_CODE = np.uint16
POINTER_BYTES = 8  # the least that a value takes which is no plain number

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class PlainPart:
    """Values as they are."""

    values: Any  # an array of numpy's or pandas'

    def restored(self) -> Any:
        """Return the values."""
        return self.values


@dataclass(frozen=True)
class CodedPart:
    """Repeated values: the place of each in `different`, or the last place where it is missing."""

    codes: Array
    different: Any
    dtype: Any

    def restored(self) -> Any:
        """Return the values."""
        if isinstance(self.different, np.ndarray):
            return self.different[self.codes].view(self.dtype)
        places = self.codes.astype(np.int64)
        places[places == len(self.different)] = -1
        return self.different.take(places, allow_fill=True)


@dataclass(frozen=True)
class HexPart:
    """Texts of the same even number of digits 0 to f, two in a byte; shape (rows, bytes)."""

    digits: Array
    dtype: Any

    def restored(self) -> Any:
        """Return the texts."""
        rows, width = self.digits.shape
        texts = self.digits.tobytes().hex(" ", width).split(" ") if rows else []
        return pd.array(texts, dtype=self.dtype)


Part = PlainPart | CodedPart | HexPart


@dataclass(frozen=True, eq=False)
class HeldRows:
    """Rows by column; a column is there as a series only while somebody holds what was returned.

    The index is that of the rows' positions. It is a value, which a worker of an engine answers
    with, and which is compared with that of another one by its fields.

    Attributes:
        parts: By column, its values, one part below the other.
        rows: How many there are.
    """

    parts: Mapping[str, Sequence[Part]]
    rows: int

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "HeldRows":
        """Return the rows of a frame."""
        return cls({str(name): (_held(frame[name]),) for name in frame}, len(frame))

    @classmethod
    def joined(cls, parts: "Iterable[HeldRows]") -> "HeldRows":
        """Return rows one below the other; all parts have the columns of the first."""
        several = list(parts)
        # A part of nobody says nothing, unless there is no other.
        several = [part for part in several if len(part)] or several[:1]

        return cls(
            {
                name: tuple(held for part in several for held in part.parts[name])
                for name in several[0].columns
            },
            sum(map(len, several)),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.parts)

    def __len__(self) -> int:
        """The rows."""
        return self.rows

    def __contains__(self, name: object) -> bool:
        """Say whether there is a column of that name."""
        return name in self.parts

    def __iter__(self) -> Iterator[str]:
        """Yield the columns' names."""
        return iter(self.parts)

    def __getitem__(self, name: str) -> "pd.Series[Any]":
        """Return a column, made for the caller."""
        parts = [pd.Series(part.restored(), copy=False) for part in self.parts[name]]
        column = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
        return column.rename(name)

    def frame(self, names: Iterable[str]) -> pd.DataFrame:
        """Return some columns as a frame."""
        return pd.DataFrame(
            {name: self[name] for name in names}, index=pd.RangeIndex(len(self)), copy=False
        )

    def only(self, names: Iterable[str]) -> "HeldRows":
        """Return the same rows with some of the columns."""
        return HeldRows({name: self.parts[name] for name in names}, self.rows)

    def with_column(self, name: str, values: Array) -> "HeldRows":
        """Return the same rows with other values in one column, which are held as they are."""
        return HeldRows({**self.parts, name: (PlainPart(values),)}, self.rows)

    def number(self, name: str) -> Array:
        """Return a number for each row, equal where the column's values are; shape (rows,).

        Numbers are whole, from 0 on and without gaps, in no order that means anything; -1 is for
        what is missing.
        """
        parts = self.parts[name]
        widths = {part.digits.shape[1] if isinstance(part, HexPart) else 0 for part in parts}
        if widths != {16}:
            return pd.factorize(self[name])[0].astype(np.int32)

        words = np.concatenate(
            [part.digits.view("<u8") for part in parts if isinstance(part, HexPart)]
        )
        order = np.lexsort((words[:, 1], words[:, 0]))
        ordered = words[order]
        is_next = np.any(ordered[1:] != ordered[:-1], axis=1)
        numbers = np.empty(len(words), np.int32)
        numbers[order] = np.concatenate([[0], np.cumsum(is_next)])
        return numbers


def _held(column: "pd.Series[Any]") -> Part:
    """Return a column in as few bytes as are easily found."""
    values = column.array
    if isinstance(column.dtype, np.dtype):
        numbers = column.to_numpy()
        return _coded_numbers(numbers) or PlainPart(numbers)
    if isinstance(column.dtype, pd.StringDtype):
        return _coded(values) or _hexadecimal(column) or PlainPart(values)
    # What of a nullable float is missing and what is no number would be lost in a dictionary.
    if pd.api.types.is_float_dtype(column.dtype):
        return PlainPart(values)
    return _coded(values) or PlainPart(values)


def _coded_numbers(numbers: Array) -> CodedPart | None:
    """Return repeated numbers by their bits: 0.0 and -0.0 stay two, and so does every NaN."""
    if numbers.dtype.kind not in "iufbM":
        return None
    bits = numbers.view(f"u{numbers.dtype.itemsize}")
    if not _are_repeated(bits):
        return None
    codes, different = pd.factorize(bits)
    small = _smallest_codes(codes, len(different), numbers.dtype.itemsize)
    return None if small is None else CodedPart(small, different, numbers.dtype)


def _coded(values: Any) -> CodedPart | None:
    """Return repeated values of an array of pandas'."""
    if not _are_repeated(values):
        return None
    codes, different = pd.factorize(values)
    codes = np.where(codes < 0, len(different), codes)
    small = _smallest_codes(codes, len(different) + 1, POINTER_BYTES)
    return None if small is None else CodedPart(small, different, values.dtype)


def _are_repeated(values: Any) -> bool:
    head = values[:HEAD_ROWS]
    return len(head) > 0 and len(pd.unique(head)) <= max(1, MOST_REPEATED * len(head))


def _smallest_codes(codes: Array, different: int, width: int) -> Array | None:
    """Return codes in the smallest type that holds them; None where they save nothing."""
    smallest = np.min_scalar_type(max(different - 1, 0))
    if smallest.itemsize > np.dtype(LARGEST_CODE).itemsize:
        return None
    if len(codes) * smallest.itemsize + different * width >= len(codes) * width:
        return None
    return codes.astype(smallest)


def _hexadecimal(column: "pd.Series[Any]") -> HexPart | None:
    """Return texts that are digits of one width, none of them missing."""
    if not len(column) or column.isna().any():
        return None

    texts = column.tolist()
    width = len(texts[0])
    joined = "".join(texts)
    if not width or width % 2 or {*map(len, texts)} != {width}:
        return None

    try:
        digits = bytes.fromhex(joined)
    except ValueError:
        return None

    # It takes capitals and blanks, too, which would not come back.
    if digits.hex() != joined:
        return None
    return HexPart(np.frombuffer(digits, np.uint8).reshape(len(texts), width // 2), column.dtype)


def columns_of(rows: "pd.DataFrame | HeldRows", names: Sequence[str]) -> pd.DataFrame:
    """Return some columns of rows, whichever way they are held."""
    return rows.frame(names) if isinstance(rows, HeldRows) else rows[list(names)]
