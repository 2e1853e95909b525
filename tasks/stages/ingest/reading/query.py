"""Read the result of a query through SQLAlchemy. No other module of this room imports it."""

from typing import TYPE_CHECKING

from tasks.config.sources import SqlSource
from tasks.errors import ServiceError
from tasks.formats.shown import kind_of_error
from tasks.settings import Settings
from tasks.stages.ingest.reading.delivery import ExpectedDelivery
from tasks.system.database import open_database

if TYPE_CHECKING:
    import pandas as pd


def read_query(
    source: SqlSource,
    expected: ExpectedDelivery,
    settings: Settings,
    *,
    most_rows: int | None = None,
) -> "pd.DataFrame":
    """Return the rows of the query's result, or the first ones, as the driver's objects.

    Columns have the names of the use case.

    Raises:
        SourceError: The result has other columns than the declared ones.
        ServiceError: The database does not answer the query. Its own message is dropped.
    """
    import pandas as pd
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with open_database(source.url(settings)) as engine, engine.connect() as connection:
            result = connection.execute(text(source.query))
            names = list(result.keys())
            # Checked before the rows are fetched: nothing undeclared is taken into memory.
            expected.as_delivered(source.rename).check_names(names)
            rows = result.all() if most_rows is None else result.fetchmany(most_rows)
    except (SQLAlchemyError, ImportError) as error:
        raise ServiceError(
            f"source `{expected.source}`",
            expected="the database to answer its query",
            found=kind_of_error(error),
            remedy="Check the database, the URL in the environment and the query.",
        ) from None  # the driver's text may quote a value, or the URL with its password

    # As objects: pandas would guess types, and turn whole numbers with a gap into floats.
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pd.DataFrame(
        {
            source.rename.get(name, name): pd.Series(list(values), dtype=object)
            for name, values in zip(names, columns, strict=True)
        }
    )
