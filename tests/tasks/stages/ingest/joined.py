"""The sources joined, all rows at once."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from tasks.config.cases import Columns
from tasks.stages.ingest.joining import IngestReport, JoinedSources
from tasks.stages.ingest.packed_table import PackedTable
from tasks.stages.ingest.params import IngestParams

TODAY = date(2026, 11, 24)


def packed(frames: Mapping[str, pd.DataFrame]) -> dict[str, PackedTable]:
    return {name: PackedTable([frame]) for name, frame in frames.items()}


def join_sources(
    frames: Mapping[str, pd.DataFrame],
    columns: Columns,
    params: IngestParams,
    secret: bytes,
    tombstones: Any = (),
) -> tuple[pd.DataFrame, IngestReport]:
    sources = packed(frames)
    joined = JoinedSources(sources, columns, params, secret, tombstones, today=TODAY)
    (rows,) = joined.parts(max(len(joined), 1))
    return rows, joined.report()
