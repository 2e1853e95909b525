"""Choose the reader for a kind of source, and check what holds for all of them."""

from collections.abc import Generator, Iterator
from contextlib import closing
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
from tasks.stages.ingest.reading.delivery import (
    ExpectedDelivery,
    FaultyBlockError,
    conform,
    convert_columns,
)

if TYPE_CHECKING:
    import pandas as pd

    from tasks.stages.ingest.packed_table import PackedTable


def read_source(source: Source, expected: ExpectedDelivery, settings: Settings) -> "PackedTable":
    """Return the rows of a source: the columns that are read, each in the type of its kind.

    They are read and packed some at a time, so that no more than these are in memory as they are.

    Raises:
        SourceError: It is missing, empty, cut short, has other columns than the declared ones, or a
            column holds something else than its kind. Never quotes a value.
        ServiceError: The server or the database that holds it does not answer.
    """
    # Late: commands that only ask what a delivery has to have would load pandas for it.
    from tasks.stages.ingest.packed_table import PackedTable

    try:
        # Closed where a block has a fault: the file would stay open, and count as being read.
        with closing(_blocks(source, expected, settings)) as blocks:
            rows = PackedTable(_conformed(blocks, expected))
    except FaultyBlockError:
        rows = PackedTable([conform(_read_whole(source, expected, settings), expected)])

    # A file cut between two rows parses well; only its declared smallest size gives it away.
    if len(rows) < source.min_rows:
        raise expected.error(
            f"at least {source.min_rows:,} rows",
            f"{len(rows):,}" if len(rows) else "none",
            "Ask its owner for the whole delivery.",
        )

    return rows


def _conformed(
    blocks: "Iterator[pd.DataFrame]", expected: ExpectedDelivery
) -> "Iterator[pd.DataFrame]":
    for block in blocks:
        columns, faults = convert_columns(block, expected)
        if faults:
            raise FaultyBlockError
        yield columns


def _blocks(
    source: Source, expected: ExpectedDelivery, settings: Settings
) -> "Generator[pd.DataFrame]":
    """Yield the rows as they are stored, one block at least; imports only the reader it needs."""
    match source:
        case SampleSource():
            from tasks.stages.ingest.sample import generate

            for block in generate(source):
                expected.check_names(block.columns)
                yield block
        case PackagedSource():
            from tasks.stages.ingest.reading.file import blocks_of_csv

            path = str(packaged_path(source.package, source.path))
            yield from blocks_of_csv(path, expected, row_key=source.row_key)
        case FileSource():
            from tasks.stages.ingest.reading.file import blocks_of_file

            yield from blocks_of_file(source, expected)
        case SqlSource():
            from tasks.stages.ingest.reading.query import blocks_of_query

            yield from blocks_of_query(source, expected, settings)


def _read_whole(source: Source, expected: ExpectedDelivery, settings: Settings) -> "pd.DataFrame":
    """Return all rows of a source with a fault, as they are stored."""
    match source:
        case PackagedSource():
            from tasks.stages.ingest.reading.file import read_csv

            path = str(packaged_path(source.package, source.path))
            return read_csv(path, expected, row_key=source.row_key)
        case FileSource():
            from tasks.stages.ingest.reading.file import read_file

            return read_file(source, expected)
        case _:
            import pandas as pd

            return pd.concat(_blocks(source, expected, settings), ignore_index=True)
