"""The fingerprint of a query's answer, through SQLAlchemy, the only place of this room that imports it."""

import hashlib
from typing import TYPE_CHECKING

from tasks.config.sources import SqlSource
from tasks.errors import ServiceError
from tasks.settings import Settings
from tasks.system.database import open_database

if TYPE_CHECKING:
    from sqlalchemy import Connection

BATCH_ROWS = 10_000


def database_mark(name: str, source: SqlSource, settings: Settings) -> str:
    """Return a digest that changes with the query's answer.

    With a watermark: of the number of rows and the largest watermark, which the database answers by itself. Without:
    of every row, in whatever order they come (the sum of the rows' digests), so that no change goes unnoticed.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = open_database(source.url(settings))
        try:
            with engine.connect() as connection:
                return (
                    _watermark(connection, source)
                    if source.watermark
                    else _content(connection, source)
                )
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        raise ServiceError(
            f"source `{name}`",
            expected="the database to answer its query",
            found=type(error).__name__,
            remedy="Check the database, the URL in the environment, the query and its watermark.",
        ) from None  # the driver's text may quote a value, or the URL with its password


def _watermark(connection: "Connection", source: SqlSource) -> str:
    from sqlalchemy import ColumnClause, column, func, select, text

    mark: ColumnClause[object] = column(str(source.watermark))
    answer = text(source.query.rstrip().rstrip(";")).columns(mark).subquery("delivery")
    rows, latest = connection.execute(select(func.count(), func.max(answer.c[mark.name]))).one()
    return f"watermark:rows={rows} {hashlib.sha256(repr(latest).encode()).hexdigest()}"


def _content(connection: "Connection", source: SqlSource) -> str:
    from sqlalchemy import text

    total, rows = 0, 0
    answer = connection.execution_options(stream_results=True).execute(text(source.query))
    for batch in answer.partitions(BATCH_ROWS):
        for row in batch:
            total += int.from_bytes(hashlib.sha256(repr(tuple(row)).encode()).digest())
        rows += len(batch)
    digest = hashlib.sha256((total % 2**256).to_bytes(32)).hexdigest()
    return f"content:rows={rows} {digest}"
