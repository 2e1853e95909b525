"""Pack a frame's rows into one byte string each, and back; no Python code runs per cell.

A packed row is a fixed part (one little-endian field per column, a mask byte for nullable ones, a
length for texts) followed by the texts' bytes. The layout follows from the schema, which is bound
into every row's seal.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import SealError
from tasks.formats.canonical_json import canonical
from tasks.formats.strict_json import parse_json

MISSING = np.uint32(0xFFFFFFFF)  # the length of a text that is missing, as against an empty one


@dataclass(frozen=True)
class Layout:
    """How rows are packed: (name, kind, dtype) per column.

    A kind is `plain`, `masked` (with a byte that says whether the value is missing) or `text`.
    """

    columns: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Layout":
        """Return the layout of a frame.

        A column that cannot be packed exactly is refused by name.
        """
        return cls(tuple((str(name), *_kind(str(name), frame[name])) for name in frame.columns))

    @classmethod
    def from_json(cls, text: bytes) -> "Layout":
        """Return the layout that `to_json` wrote.

        Raises:
            ValueError: It is none; a file is asked for it before its rows are authenticated.
        """
        values = parse_json(text)
        if not isinstance(values, list):
            raise ValueError("a layout is a list of columns")

        columns = []
        for column in values:
            match column:
                case [str(name), str(kind), str(dtype)]:
                    columns.append((name, kind, dtype))
                case _:
                    raise ValueError("a column is no name, kind and dtype")
        return cls(tuple(columns))

    def to_json(self) -> bytes:
        """Return the layout as canonical JSON."""
        return canonical(self.columns)

    @property
    def record(self) -> np.dtype[Any]:
        """The numpy record of a row's fixed part."""
        fields: list[tuple[str, str]] = []
        for index, (_, kind, dtype) in enumerate(self.columns):
            if kind == "text":
                fields.append((f"{index}", "<u4"))
            else:
                fields.append((f"{index}", np.dtype(dtype).newbyteorder("<").str))
            if kind == "masked":
                fields.append((f"{index}m", "u1"))
        return np.dtype(fields)


def pack(frame: pd.DataFrame, layout: Layout) -> list[bytes]:
    """Return one byte string per row."""
    fixed = np.zeros(len(frame), dtype=layout.record)
    texts: list[pa.Array] = []
    for index, (name, kind, dtype) in enumerate(layout.columns):
        series = frame[name]
        if kind == "text":
            values = pa.array(series, type=pa.large_string(), from_pandas=True).cast(
                pa.large_binary()
            )
            lengths = (
                pc.binary_length(values).fill_null(int(MISSING)).to_numpy(zero_copy_only=False)
            )
            # The lengths of one column lie in the fixed part, and its bytes in the tail: so a cell
            # is found without a separator, which a text could hold.
            fixed[f"{index}"] = lengths
            texts.append(values.fill_null(b""))
        elif kind == "masked":
            mask = series.isna().to_numpy()
            # A fixed value under the mask: whatever else pandas keeps there would make two equal
            # rows different bytes, and a rerun must write the same file.
            fixed[f"{index}"] = series.to_numpy(dtype=dtype, na_value=np.dtype(dtype).type(0))
            fixed[f"{index}m"] = mask
        else:
            fixed[f"{index}"] = series.to_numpy()
    size = layout.record.itemsize
    # The fixed parts as one Arrow array of as many bytes each, without a copy per row; then Arrow
    # joins each row's pieces. A loop in Python would be run for every cell.
    head = pa.Array.from_buffers(pa.binary(size), len(frame), [None, pa.py_buffer(fixed.tobytes())])
    parts = [head.cast(pa.large_binary()), *texts]
    packed = pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.large_binary()))
    rows: list[bytes] = packed.to_numpy(zero_copy_only=False).tolist()
    return rows


def unpack(
    rows: list[bytes], layout: Layout, columns: tuple[str, ...] | None = None
) -> pd.DataFrame:
    """Return the frame that `pack` packed, with the same dtypes.

    With `columns`, those alone, in that order: what is not asked for takes no memory.
    """
    size = layout.record.itemsize
    fixed = np.frombuffer(b"".join([row[:size] for row in rows]), dtype=layout.record)
    texts = _texts(rows, size, fixed, layout, columns)
    found: dict[str, Any] = {}
    for index, (name, kind, dtype) in enumerate(layout.columns):
        if columns is not None and name not in columns:
            continue
        if kind == "text":
            found[name] = pd.array(texts[index], dtype="str")
        elif kind == "masked":
            values = fixed[f"{index}"].astype(dtype)
            mask = fixed[f"{index}m"].astype(bool)
            found[name] = _nullable(values, mask)
        else:
            found[name] = fixed[f"{index}"].astype(dtype)
    wanted = found if columns is None else {name: found[name] for name in columns}
    return pd.DataFrame(wanted, copy=False)


def _texts(
    rows: list[bytes],
    size: int,
    fixed: np.ndarray,
    layout: Layout,
    columns: tuple[str, ...] | None,
) -> dict[int, pa.Array]:
    """Return the text columns that are asked for, by their place, out of the rows' tails.

    All cells as one array in row order, then a column a stride.
    """
    places = [index for index, (_, kind, _) in enumerate(layout.columns) if kind == "text"]
    if not places:
        return {}
    lengths = np.stack([fixed[f"{index}"] for index in places], axis=1)
    missing = lengths == MISSING
    ends = np.cumsum(np.where(missing, 0, lengths).ravel(), dtype=np.int64)
    # Arrow does not compare offsets with the buffer: by another layout than the rows' own, cells
    # would be cut out of the wrong bytes, or of memory beyond them.
    if sum(map(len, rows)) - size * len(rows) != (ends[-1] if len(ends) else 0):
        raise SealError(
            "a sealed row",
            expected="texts of the lengths it says",
            found="others",
            remedy="Restore it.",
        )
    wanted = [
        (position, index)
        for position, index in enumerate(places)
        if columns is None or layout.columns[index][0] in columns
    ]
    if not wanted:
        return {}

    buffer = pa.py_buffer(b"".join([row[size:] for row in rows]))
    offsets = pa.py_buffer(np.concatenate([np.zeros(1, np.int64), ends]).tobytes())
    cells = pa.Array.from_buffers(pa.large_string(), len(ends), [None, offsets, buffer])
    found = {}
    for position, index in wanted:
        column = cells.take(pa.array(np.arange(position, len(ends), len(places))))
        found[index] = pc.if_else(
            pa.array(missing[:, position]), pa.scalar(None, pa.large_string()), column
        )
    return found


def _kind(name: str, series: "pd.Series[Any]") -> tuple[str, str]:
    dtype = series.dtype
    # pandas keeps texts in an object column as well, where the first chunk of a file has no value
    # at all (`empty`). `skipna`, because a missing cell is None there.
    if isinstance(dtype, pd.StringDtype) or (
        pd.api.types.is_object_dtype(dtype)
        and pd.api.types.infer_dtype(series, skipna=True) in ("string", "empty")
    ):
        return "text", "str"
    # Signed, unsigned, float, bool, datetime: each has a width of its own and comes back bit by
    # bit. Other objects would have to be pickled, and whoever unpickles runs what a file says.
    if isinstance(dtype, np.dtype) and dtype.kind in "iufbM":
        return "plain", dtype.str
    if isinstance(dtype, pd.api.extensions.ExtensionDtype) and hasattr(dtype, "numpy_dtype"):
        return "masked", np.dtype(dtype.numpy_dtype).str
    raise SealError(
        f"column `{name}`",
        expected="numbers, booleans, dates or texts",
        found=str(dtype),
        remedy="Convert it before sealing: what cannot be restored exactly is not sealed.",
    )


def _nullable(values: np.ndarray, mask: np.ndarray) -> Any:
    if values.dtype.kind == "b":
        return pd.arrays.BooleanArray(values, mask)
    if values.dtype.kind == "f":
        return pd.arrays.FloatingArray(values, mask)
    return pd.arrays.IntegerArray(values, mask)
