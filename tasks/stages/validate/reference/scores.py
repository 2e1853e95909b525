"""Numbers for the cells of columns, so that any two columns have a correlation.

A column whose cells are in order has one score: the middle of its cell's cumulated share in the
reference (a ridit; Bross 1958), so that an outlier weighs no more than its rank. A column of text
has an indicator for each category. A column with gaps has one more, for "missing". Cells and shares
are the reference's, for the reference and for every delivery: a value means the same in both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.stages.validate.reference.cells import (
    MISSING,
    CellCodes,
    ColumnProfile,
    number_of,
)

# Scores of rows, shape (rows, components). Single precision: they are sums of a few cells.
Scores = np.ndarray[Any, np.dtype[np.float32]]

# A category that the reference does not know and a gap are in the middle: they say nothing.
MIDDLE = 0.5


@dataclass(frozen=True)
class Component:
    """One score of a column: the number of each cell, in the order of `cell_codes`.

    `is_binary` says that it tells two cells apart and no more, so that its correlation with another
    such one would give away how many rows are in both.
    """

    column: str
    name: str
    of_cell: tuple[float, ...]
    is_binary: bool


def components_of(columns: Mapping[str, ColumnProfile]) -> tuple[Component, ...]:
    """Return the scores of all columns. One with less than two cells has none: it cannot vary."""
    return tuple(
        component for name, cells in columns.items() for component in _components(name, cells)
    )


def score_rows(components: tuple[Component, ...], codes: Mapping[str, CellCodes]) -> Scores:
    """Return the score of every row, one column for each component."""
    rows = len(next(iter(codes.values())))
    scores = np.empty((rows, len(components)), dtype=np.float32, order="F")
    for place, component in enumerate(components):
        of_cell = np.array(component.of_cell, dtype=np.float32)
        scores[:, place] = of_cell[codes[component.column]]
    return scores


@dataclass(frozen=True)
class RowScores:
    """The scores of rows, made of their cells some rows at a time: cells take a quarter of them."""

    components: tuple[Component, ...]
    codes: Mapping[str, CellCodes]

    def __len__(self) -> int:
        """The rows."""
        return len(next(iter(self.codes.values())))

    def chunks(self, rows: int) -> Iterator[Scores]:
        """Yield the scores of so many rows at a time, in order."""
        for start in range(0, len(self), rows):
            some = {name: cells[start : start + rows] for name, cells in self.codes.items()}
            yield score_rows(self.components, some)


def _components(column: str, cells: ColumnProfile) -> list[Component]:
    names = cells.own_cells
    shares = [cells.shares.get(name, 0.0) for name in names]
    filled = [place for place, share in enumerate(shares) if share > 0]
    components = []

    if len(filled) > 1 and (
        cells.edges is not None or all(number_of(n) is not None for n in names)
    ):
        # Of the kept cells: shares of small ones were left out and do not sum to 1.
        total = sum(shares)
        below = np.cumsum([0.0, *shares[:-1]])
        ridits = [(low + share / 2) / total for low, share in zip(below, shares, strict=True)]
        components.append(
            Component(column, column, (*ridits, MIDDLE, MIDDLE), is_binary=len(filled) == 2)
        )
    elif len(filled) > 1:
        # Of two categories one says it all.
        for place in filled if len(filled) > 2 else filled[:1]:
            is_cell = [float(cell == place) for cell in range(len(names) + 2)]
            components.append(
                Component(column, f"{column}={names[place]}", tuple(is_cell), is_binary=True)
            )

    if 0 < cells.shares.get(MISSING, 0.0) < 1:
        is_missing = (*[0.0] * (len(names) + 1), 1.0)
        components.append(Component(column, f"{column} is missing", is_missing, is_binary=True))
    return components
