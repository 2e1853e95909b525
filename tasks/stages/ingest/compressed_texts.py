"""Keep a delivery's long texts compressed in memory until the rows that they belong to are sealed.

Free texts are most of what a delivery takes, and nothing before sealing reads them but the masking
of third persons, part by part. They are in memory only, as the rows are: nothing is spilled.
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.config.cases import Columns, Role
from tasks.stages.ingest.params import IngestParams

BLOCK_ROWS = 16_384  # compressed together: as many are unpacked for one of them
COMPRESSION = "zstd"


class CompressedTexts:
    """One column of texts, compressed in blocks; `is_missing` tells of each row, shape (rows,)."""

    def __init__(self, texts: "pd.Series[str]") -> None:
        """Compress a column."""
        self.is_missing = texts.isna().to_numpy(bool)
        self._empty = texts.iloc[:0].reset_index(drop=True)
        self._blocks = [
            _compress(texts.iloc[start : start + BLOCK_ROWS])
            for start in range(0, len(texts), BLOCK_ROWS)
        ]

    def take(self, places: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> "pd.Series[str]":
        """Return the texts of these rows, numbered anew; `places` are sorted."""
        block_of = places // BLOCK_ROWS
        parts = [
            _decompress(self._blocks[number]).iloc[places[block_of == number] - number * BLOCK_ROWS]
            for number in np.unique(block_of).tolist()
        ]
        texts: pd.Series[str] = pd.concat([self._empty, *parts], ignore_index=True)
        return texts


def compress_texts(
    frame: pd.DataFrame, columns: Columns, params: IngestParams
) -> tuple[pd.DataFrame, dict[str, CompressedTexts]]:
    """Return the base source without its long texts, and these compressed.

    A text that a join or a rule reads stays where it is.
    """
    read = {name for rule in params.derive.values() for name in rule.inputs}
    read |= {name for join in params.joins for name in (join.by, *join.agreeing)}
    read |= {*params.missing, *([params.dated_by] if params.dated_by else [])}
    names = [
        name
        for name in columns.named(Role.FREE_TEXT, Role.GOLD)
        if name in frame.columns and name not in read
    ]
    texts = {name: CompressedTexts(frame[name]) for name in names}
    return frame.drop(columns=names), texts


def _compress(texts: "pd.Series[str]") -> pa.Buffer:
    table = pa.table({"text": pa.array(texts, pa.large_string())})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=COMPRESSION)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _decompress(block: pa.Buffer) -> "pd.Series[str]":
    with pa.ipc.open_stream(block) as reader:
        texts: pd.Series[str] = reader.read_all().column("text").to_pandas()
    return texts
