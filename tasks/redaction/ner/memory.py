"""What recurs is computed once: columns that grow, and keys that are numbered, and keep theirs."""

from collections.abc import Hashable, Iterable
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

K = TypeVar("K", bound=Hashable)
Values = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
FIRST_ROWS = 1024  # room to begin with
NO_KEY = -1  # in a slot that is free
# Knuth's multiplicative hashing: 2^64 over the golden ratio spreads keys that lie close together.
SPREADING = np.uint64(0x9E3779B97F4A7C15)


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
        first = self.reserve(rows)
        for name, values in columns.items():
            self._columns[name][first : self.count] = values
        return first

    def reserve(self, rows: int) -> int:
        """Append `rows` rows that the caller writes; return the number of the first."""
        first = self.count
        self.count += rows
        for name, column in self._columns.items():
            while self.count > len(column):
                column = np.concatenate([column, np.empty_like(column)])
            self._columns[name] = column
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

    def look_up(self, keys: list[K]) -> Ints:
        """Return the numbers of keys that all have one.

        Raises:
            KeyError: One has none.
        """
        return np.fromiter(map(self.numbers.__getitem__, keys), dtype=np.int64, count=len(keys))


class HashedRows(GrowingColumns):
    """Columns whose rows are found by an integer that is not negative, thousands at a time.

    A hash table with open addressing and linear probing, in arrays: a round of a few array
    operations moves all keys on by one slot, and nearly all are settled in the first. At most half
    of the slots are taken, so there always is a free one.
    """

    def __init__(self, rows: int = FIRST_ROWS, **examples: Any) -> None:
        super().__init__(rows, **examples)
        self._make_slots(rows)

    def clear(self) -> None:
        """Forget all keys and rows; the room stays."""
        super().clear()
        self._keys.fill(NO_KEY)

    def number(self, keys: Ints) -> tuple[Ints, Ints]:
        """Return each key's number, and the keys that are new, in the order of their numbers.

        The rows of new keys are reserved: the caller writes them before anyone reads them.
        """
        slots = self._first_slots(keys)
        missing = self._probe(keys, slots)
        if len(missing) == 0:
            return self._numbers[slots], missing

        if 2 * (self.count + len(missing)) > len(self._keys):
            self._make_slots(self.count + len(missing))
            slots = self._first_slots(keys)
            missing = self._probe(keys, slots)
        new = self._insert(keys, slots, missing)
        self.reserve(len(new))
        return self._numbers[slots], new

    def _make_slots(self, rows: int) -> None:
        """Make twice as many slots as there may be rows, a power of two, and put all keys there."""
        known = self._keys[self._keys != NO_KEY] if self.count else np.empty(0, dtype=np.int64)
        numbers = self._numbers[self._keys != NO_KEY] if self.count else known

        bits = (2 * rows).bit_length()
        self._shift = np.uint64(64 - bits)
        self._last_slot = (1 << bits) - 1
        self._keys: Ints = np.full(1 << bits, NO_KEY, dtype=np.int64)
        self._numbers: Ints = np.empty(1 << bits, dtype=np.int64)

        slots = self._first_slots(known)
        self._insert(known, slots, np.arange(len(known)))
        self._numbers[slots] = numbers

    def _first_slots(self, keys: Ints) -> Ints:
        """Return the slot in which each key is looked for first."""
        return ((keys.view(np.uint64) * SPREADING) >> self._shift).view(np.int64)

    def _probe(self, keys: Ints, slots: Ints) -> Ints:
        """Move `slots` to where the keys are, or could be; return the places of those missing."""
        missing: list[Ints] = []
        pending = np.flatnonzero(self._keys[slots] != keys)
        while len(pending):
            stored = self._keys[slots[pending]]
            is_free = stored == NO_KEY
            missing.append(pending[is_free])
            pending = pending[~is_free & (stored != keys[pending])]
            slots[pending] = (slots[pending] + 1) & self._last_slot
        return np.concatenate(missing) if missing else pending

    def _insert(self, keys: Ints, slots: Ints, missing: Ints) -> Ints:
        """Number the keys at the places `missing`, and move their `slots` to where they are.

        Return the new keys in the order of their numbers; a key may be there several times.
        """
        new: list[Ints] = []
        number = self.count
        pending = missing
        while len(pending):
            # Where several want a slot, the last one has it; of equal keys it stands for all.
            wanted = slots[pending]
            is_free = self._keys[wanted] == NO_KEY
            claimed = wanted[is_free]
            claims = pending[is_free]
            self._numbers[claimed] = claims
            is_first = self._numbers[claimed] == claims
            taken = claimed[is_first]
            taken_keys = keys[claims[is_first]]
            self._keys[taken] = taken_keys
            self._numbers[taken] = np.arange(number, number + len(taken))
            number += len(taken)
            new.append(taken_keys)

            pending = pending[self._keys[wanted] != keys[pending]]
            slots[pending] = (slots[pending] + 1) & self._last_slot
        return np.concatenate(new) if new else pending
