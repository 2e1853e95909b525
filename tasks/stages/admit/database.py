"""Fingerprint a query's result through SQLAlchemy. No other module of this room imports it."""

import hashlib
from typing import TYPE_CHECKING

from tasks.config.sources import SqlSource
from tasks.errors import ServiceError
from tasks.formats.shown import kind_of_error
from tasks.settings import Settings
from tasks.system.database import open_database

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Rows in memory at a time while a whole result is digested: it may be larger than memory.
BATCH_ROWS = 10_000

# Row digests are added modulo this, the number of different SHA-256 digests.
DIGESTS = 2**256


def fingerprint_query(name: str, source: SqlSource, settings: Settings) -> str:
    """Return a fingerprint that changes with the result of the query of the source called `name`.

    With a watermark it covers the number of rows and the largest watermark, which the database
    computes by itself: a change that leaves both as they were goes unnoticed. Without one it covers
    every row.

    Raises:
        ServiceError: The database does not answer the query. Its own message is dropped.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with open_database(source.url(settings)) as engine, engine.connect() as connection:
            if source.watermark:
                return _fingerprint_watermark(connection, source, source.watermark)
            return _fingerprint_rows(connection, source)
    except (SQLAlchemyError, ImportError) as error:
        raise ServiceError(
            f"source `{name}`",
            expected="the database to answer its query",
            found=kind_of_error(error),
            remedy="Check the database, the URL in the environment, the query and its watermark.",
        ) from None  # the driver's text may quote a value, or the URL with its password


def _fingerprint_watermark(connection: "Connection", source: SqlSource, watermark: str) -> str:
    """Return the number of rows and the digest of the largest value in the column `watermark`."""
    from sqlalchemy import ColumnClause, column, func, select, text

    watermark_column: ColumnClause[object] = column(watermark)
    # The query becomes a subquery here, and there a closing semicolon is a syntax error.
    query = text(source.query.rstrip().rstrip(";"))
    delivery = query.columns(watermark_column).subquery("delivery")
    summary = select(func.count(), func.max(delivery.c[watermark_column.name]))
    rows, latest = connection.execute(summary).one()

    # Digested, since a watermark may be a value about a person: the time of their last payment.
    return f"watermark:rows={rows} {hashlib.sha256(repr(latest).encode()).hexdigest()}"


def _fingerprint_rows(connection: "Connection", source: SqlSource) -> str:
    """Return the number of rows and the digest of the sum of their digests.

    A database returns rows in any order, so the digests are combined by addition, which is
    commutative. Addition, unlike exclusive or, does not cancel a row that occurs twice.
    """
    from sqlalchemy import text

    digest_sum = 0
    rows = 0
    streaming = connection.execution_options(stream_results=True)
    for batch in streaming.execute(text(source.query)).partitions(BATCH_ROWS):
        for row in batch:
            digest_sum += int.from_bytes(hashlib.sha256(repr(tuple(row)).encode()).digest())
        rows += len(batch)

    digest = hashlib.sha256((digest_sum % DIGESTS).to_bytes(32)).hexdigest()
    return f"content:rows={rows} {digest}"
