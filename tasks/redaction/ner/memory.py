"""What recurs is computed once: columns that grow, and things numbered in order of appearance."""

from collections.abc import Hashable, Iterable
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

K = TypeVar("K", bound=Hashable)
Values = npt.NDArray[Any]
FIRST_ROWS = 1024  # room to begin with


class GrowingColumns:
    """Columns of equal length that grow by doubling.

    Room that is not used yet costs address space only, so what is known to grow large asks for
    `rows` at once.
    """

    def __init__(self, rows: int = FIRST_ROWS, **examples: Any) -> None:
        """Make room for `rows` rows; each column's example row sets its shape and its type."""
        self.count = 0
        self._columns: dict[str, Values] = {}
        for name, example in examples.items():
            row = np.asarray(example)
            self._columns[name] = np.empty((rows, *row.shape), dtype=row.dtype)

    def __getitem__(self, column: str) -> Values:
        return self._columns[column]

    def clear(self) -> None:
        """Forget all rows; the room stays."""
        self.count = 0

    def append(self, rows: int, **columns: Values) -> int:
        """Append `rows` rows to every column; return the number of the first."""
        first = self.count
        self.count += rows
        for name, values in columns.items():
            while self.count > len(self._columns[name]):
                self._columns[name] = np.concatenate(
                    [self._columns[name], np.empty_like(self._columns[name])]
                )
            self._columns[name][first : self.count] = values
        return first


class NumberedRows(GrowingColumns, Generic[K]):
    """Columns whose rows are found by a key; the number of a key is that of its row."""

    def __init__(self, rows: int = FIRST_ROWS, **examples: Any) -> None:
        super().__init__(rows, **examples)
        self.numbers: dict[K, int] = {}

    def clear(self) -> None:
        """Forget all keys and rows; the room stays."""
        super().clear()
        self.numbers.clear()

    def missing(self, keys: Iterable[K]) -> list[K]:
        """Return those of `keys` that have no number yet, each once, in order."""
        return [key for key in dict.fromkeys(keys) if key not in self.numbers]

    def add(self, keys: list[K], **columns: Values) -> int:
        """Number new keys, with their values; return the number of the first."""
        first = self.append(len(keys), **columns)
        self.numbers.update(zip(keys, range(first, self.count), strict=True))
        return first

    def look_up(self, keys: list[K]) -> npt.NDArray[np.int64]:
        """Return the numbers of keys that all have one.

        Raises:
            KeyError: One has none.
        """
        return np.fromiter(map(self.numbers.__getitem__, keys), dtype=np.int64, count=len(keys))
