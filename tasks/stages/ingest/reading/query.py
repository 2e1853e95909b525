"""Read the result of a query through SQLAlchemy. No other module of this room imports it."""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from tasks.config.sources import SqlSource
from tasks.errors import ServiceError
from tasks.formats.shown import kind_of_error
from tasks.settings import Settings
from tasks.stages.ingest.reading.delivery import ExpectedDelivery
from tasks.system.database import open_database

if TYPE_CHECKING:
    import pandas as pd


BLOCK_ROWS = 16_384


def blocks_of_query(
    source: SqlSource,
    expected: ExpectedDelivery,
    settings: Settings,
    *,
    block_rows: int = BLOCK_ROWS,
) -> "Generator[pd.DataFrame]":
    """Yield the rows of the query's result, first of all none, as the driver's objects.

    Columns have the names of the use case. The database gives the rows as they are asked for, where
    its driver can.

    Raises:
        SourceError: The result has other columns than the declared ones.
        ServiceError: The database does not answer the query. Its own message is dropped.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with open_database(source.url(settings)) as engine, engine.connect() as connection:
            as_asked_for = connection.execution_options(yield_per=block_rows)
            result = as_asked_for.execute(text(source.query))
            names = list(result.keys())
            # Checked before the rows are fetched: nothing undeclared is taken into memory.
            expected.as_delivered(source.rename).check_names(names)
            columns = [source.rename.get(name, name) for name in names]
            yield _frame_of([], columns)
            # Without a size it gives what the driver's cursor does by itself: mostly a row at once.
            for rows in result.partitions(block_rows):
                yield _frame_of(rows, columns)
    except (SQLAlchemyError, ImportError) as error:
        raise ServiceError(
            f"source `{expected.source}`",
            expected="the database to answer its query",
            found=kind_of_error(error),
            remedy="Check the database, the URL in the environment and the query.",
        ) from None  # the driver's text may quote a value, or the URL with its password


def _frame_of(rows: "Sequence[Sequence[Any]]", names: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    # As objects: pandas would guess types, and turn whole numbers with a gap into floats.
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=object)
            for name, values in zip(names, columns, strict=True)
        }
    )
