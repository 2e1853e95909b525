"""Read the answer to a query, through SQLAlchemy, the only place of this room that imports it."""

from typing import TYPE_CHECKING

from tasks.config.sources import SqlSource
from tasks.errors import ServiceError
from tasks.settings import Settings
from tasks.stages.ingest.reading.delivery import Wanted
from tasks.system.database import open_database

if TYPE_CHECKING:
    import pandas as pd


def read_query(source: SqlSource, wanted: Wanted, settings: Settings) -> "pd.DataFrame":
    """Return all rows of the query's answer, with the types that the driver gives."""
    import pandas as pd
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = open_database(source.url(settings))
        try:
            with engine.connect() as connection:
                answer = connection.execute(text(source.query))
                names = list(answer.keys())
                wanted.check_names(names)
                rows = answer.all()
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        raise ServiceError(
            f"source `{wanted.source}`",
            expected="the database to answer its query",
            found=type(error).__name__,
            remedy="Check the database, the URL in the environment and the query.",
        ) from None  # the driver's text may quote a value, or the URL with its password
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=object)
            for name, values in zip(names, columns, strict=True)
        }
    )
