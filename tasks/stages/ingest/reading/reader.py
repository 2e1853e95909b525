"""Choose the reader for a kind of source, and check what holds for all of them."""

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
from tasks.stages.ingest.reading.delivery import ExpectedDelivery, conform

if TYPE_CHECKING:
    import pandas as pd


def read_source(source: Source, expected: ExpectedDelivery, settings: Settings) -> "pd.DataFrame":
    """Return the rows of a source: the columns that are read, each in the type of its kind.

    Raises:
        SourceError: It is missing, empty, cut short, has other columns than the declared ones, or a
            column holds something else than its kind. Never quotes a value.
        ServiceError: The server or the database that holds it does not answer.
    """
    frame = conform(_read(source, expected, settings), expected)

    # A file cut between two rows parses well; only its declared smallest size gives it away.
    if len(frame) < source.min_rows:
        raise expected.error(
            f"at least {source.min_rows:,} rows",
            f"{len(frame):,}" if len(frame) else "none",
            "Ask its owner for the whole delivery.",
        )

    return frame


def _read(source: Source, expected: ExpectedDelivery, settings: Settings) -> "pd.DataFrame":
    """Return the rows as they are stored; imports only the reader that the source needs."""
    match source:
        case SampleSource():
            import pandas as pd

            from tasks.stages.ingest.sample import generate

            frame = pd.concat(generate(source), ignore_index=True)
            expected.check_names(frame.columns)
            return frame
        case PackagedSource():
            from tasks.stages.ingest.reading.file import read_csv

            path = str(packaged_path(source.package, source.path))
            return read_csv(path, expected, row_key=source.row_key)
        case FileSource():
            from tasks.stages.ingest.reading.file import read_file

            return read_file(source, expected)
        case SqlSource():
            from tasks.stages.ingest.reading.query import read_query

            return read_query(source, expected, settings)
