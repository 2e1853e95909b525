"""Open SQL databases that others run: a source, MLflow's, Prefect's.

Our own do not come this way: the ledger, the key store and the journal of erasures are opened by
`tasks.system.sqlite_file`, or speak to PostgreSQL through `tasks.system.postgres`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

# SQLAlchemy 2.0 takes a bare `postgresql://` to mean psycopg2, which is not installed here; and a
# server's own URL may name an asynchronous driver, which a plain connection cannot use.
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgresql+asyncpg": "postgresql+psycopg",
    "sqlite+aiosqlite": "sqlite",
}


def with_driver(url: str) -> "URL":
    """Return a database's URL with a driver that is installed here, where the URL leaves that open.

    Raises:
        sqlalchemy.exc.ArgumentError: It is no database URL.
    """
    from sqlalchemy import make_url

    parsed = make_url(url)
    return parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))


@contextmanager
def open_database(url: str) -> "Iterator[Engine]":
    """Yield an engine that keeps no connection open between two uses, nor after the block.

    A stage or command asks a few questions and ends: a pool would only hold sessions of somebody
    else's server.

    Raises:
        sqlalchemy.exc.ArgumentError: It is no database URL.
    """
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(with_driver(url), poolclass=NullPool)
    try:
        yield engine
    finally:
        engine.dispose()
