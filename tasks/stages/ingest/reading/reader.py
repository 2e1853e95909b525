"""Which reader reads which kind of source, and what holds for all of them."""

from typing import TYPE_CHECKING

from tasks.config.sources import (
    FileSource,
    PackagedSource,
    SampleSource,
    Source,
    SqlSource,
    packaged_path,
)
from tasks.settings import Settings
from tasks.stages.ingest.reading.delivery import Wanted, conform

if TYPE_CHECKING:
    import pandas as pd


def read_source(source: Source, wanted: Wanted, settings: Settings) -> "pd.DataFrame":
    """Return the rows of a source: the columns that are read, each in the type of its kind.

    Raises:
        SourceError: It is missing, empty, cut short, has other columns than the declared ones, or a column holds
            something else than its kind. Never quotes a value.
        ServiceError: What holds it does not answer.
    """
    frame = conform(_read(source, wanted, settings), wanted)
    if len(frame) < source.min_rows:
        raise wanted.error(
            f"at least {source.min_rows:,} rows",
            f"{len(frame):,}" if len(frame) else "none",
            "Ask its owner for the whole delivery.",
        )
    return frame


def _read(source: Source, wanted: Wanted, settings: Settings) -> "pd.DataFrame":
    match source:
        case SampleSource():
            from tasks.stages.ingest.sample import generate

            frame = generate(source)
            wanted.check_names(frame.columns)
            return frame
        case PackagedSource():
            from tasks.stages.ingest.reading.file import read_csv

            path = str(packaged_path(source.package, source.path))
            return read_csv(path, wanted, row_key=source.row_key)
        case FileSource():
            from tasks.stages.ingest.reading.file import read_file

            return read_file(source, wanted)
        case SqlSource():
            from tasks.stages.ingest.reading.query import read_query

            return read_query(source, wanted, settings)
