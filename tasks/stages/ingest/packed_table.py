"""Keep what was delivered compressed in memory, until the rows that it belongs to are sealed.

Between reading and sealing, few columns are read, one after the other: keys, what rules and joins
read, and what identifies people. They are in memory only: nothing is spilled.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

BLOCK_ROWS = 16_384  # compressed together: as many are unpacked for one of them
COMPRESSION = "zstd"

Places = np.ndarray[Any, np.dtype[np.intp]]


class PackedTable:
    """Columns of one length, each compressed in blocks of rows; a row is told by its place.

    A column holds floats, or texts, as deliveries are read. What is read of one is made anew.
    """

    def __init__(self, frames: Iterable[pd.DataFrame]) -> None:
        """Compress frames of the same columns, one below the other; at least one, even of no rows.

        Each frame is given up before the next one is asked for.
        """
        self._rows = 0
        self._columns: dict[str, _PackedColumn] = {}
        for block in _in_blocks(frames):
            for name, values in block.items():
                self._columns.setdefault(str(name), _PackedColumn(values)).append(values)
            self._rows += len(block)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in their order."""
        return tuple(self._columns)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._rows

    def __contains__(self, name: object) -> bool:
        """Say whether there is a column of this name."""
        return name in self._columns

    def __getitem__(self, name: str) -> "pd.Series[Any]":
        """Return a whole column, shape (rows,)."""
        return self._columns[name].whole().rename(name)

    def dtype(self, name: str) -> Any:
        """Return the type that pandas has for a column."""
        return self._columns[name].dtype

    def frame(self, names: Iterable[str]) -> pd.DataFrame:
        """Return some columns, all rows."""
        return pd.DataFrame({name: self[name] for name in names}, pd.RangeIndex(self._rows))

    def take(self, places: Places, names: Iterable[str]) -> pd.DataFrame:
        """Return some columns of some rows, numbered anew; `places` are sorted."""
        columns = {name: self._columns[name].take(places) for name in names}
        return pd.DataFrame(columns, pd.RangeIndex(len(places)), copy=False)

    def missing(self, name: str) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Return which values of a column are missing, shape (rows,); block by block."""
        column = self._columns[name]
        parts = [block.isna().to_numpy(bool) for block in column.blocks()]
        return np.concatenate([np.zeros(0, bool), *parts])

    def only(self, names: Iterable[str]) -> "PackedTable":
        """Return a table of some of the columns, at first the same ones."""
        wanted = set(names)
        kept = PackedTable(())
        kept._rows = self._rows
        kept._columns = {name: self._columns[name] for name in self._columns if name in wanted}
        return kept

    def set_column(self, name: str, values: "pd.Series[Any]") -> None:
        """Add a column at the right, or put it in the place of one that has its name."""
        column = _PackedColumn(values)
        for start in range(0, len(values), BLOCK_ROWS):
            column.append(values.iloc[start : start + BLOCK_ROWS])
        self._columns[name] = column


class _PackedColumn:
    """One column, compressed block by block; every block but the last is full."""

    def __init__(self, values: "pd.Series[Any]") -> None:
        """Begin an empty column of the type that `values` have."""
        self.dtype = values.dtype
        self._blocks: list[pa.Buffer] = []

    def append(self, values: "pd.Series[Any]") -> None:
        if len(values):
            self._blocks.append(_compress(values))

    def blocks(self) -> "Iterator[pd.Series[Any]]":
        for block in self._blocks:
            yield self._series([_decompress(block)])

    def whole(self) -> "pd.Series[Any]":
        return self._series([_decompress(block) for block in self._blocks])

    def take(self, places: Places) -> "pd.Series[Any]":
        block_of = places // BLOCK_ROWS
        numbers, starts = np.unique(block_of, return_index=True)
        parts = np.split(places, starts[1:])  # of no places one, empty
        return self._series(
            [
                _rows_of(_decompress(self._blocks[number]), part - number * BLOCK_ROWS)
                for number, part in zip(numbers.tolist(), parts, strict=False)
            ]
        )

    def _series(self, parts: Sequence[pa.Array]) -> "pd.Series[Any]":
        if not parts:
            return pd.Series(dtype=self.dtype)
        if pd.api.types.is_numeric_dtype(self.dtype):
            # A copy even of one part: what stays Arrow's own could not be changed.
            numbers = np.concatenate([part.to_numpy() for part in parts])
            return pd.Series(numbers)
        texts: pd.Series[Any] = pa.concat_arrays(parts).to_pandas()
        return texts.astype(self.dtype)


def text_array(values: "pd.Series[Any] | pd.Index[Any]") -> pa.LargeStringArray:
    """Return texts as Arrow's, in one piece."""
    array = pa.array(values, pa.large_string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _in_blocks(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Yield the same rows in full blocks, and the rest; one block at least."""
    waiting: list[pd.DataFrame] = []
    rows = 0
    for frame in frames:
        waiting.append(frame)
        rows += len(frame)
        del frame
        if rows < BLOCK_ROWS:
            continue
        whole = waiting[0] if len(waiting) == 1 else pd.concat(waiting, ignore_index=True)
        full_rows = rows - rows % BLOCK_ROWS
        for start in range(0, full_rows, BLOCK_ROWS):
            yield whole.iloc[start : start + BLOCK_ROWS]
        waiting = [whole.iloc[full_rows:]]
        rows -= full_rows
        del whole
    if waiting:
        yield pd.concat(waiting, ignore_index=True)


def _compress(values: "pd.Series[Any]") -> pa.Buffer:
    if pd.api.types.is_numeric_dtype(values):
        array = pa.array(values.to_numpy())
    else:
        array = text_array(values)
    batch = pa.record_batch([array], ["values"])
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=COMPRESSION)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    # Copied: a stream's own buffer is up to twice as large as what is in it.
    return pa.py_buffer(sink.getvalue().to_pybytes())


def _decompress(block: pa.Buffer) -> pa.Array:
    with pa.ipc.open_stream(block) as reader:
        return reader.read_next_batch().column(0)


def _rows_of(values: pa.Array, places: Places) -> pa.Array:
    """Return the values at sorted places; those that follow each other are not copied."""
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places):
        return values.slice(first, len(places))
    return values.take(pa.array(places))
