"""Open SQL databases that others run (a source, MLflow's, Prefect's), and SQLite files of our own.

The ledger and the key store do not come this way: they speak to PostgreSQL through psycopg itself.
"""

import sqlite3
from pathlib import Path
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

# A writer of ours holds a file for seconds at most; one that holds it for a minute hangs.
WAIT_SECONDS = 60


def with_driver(url: str) -> "URL":
    """Return a database's URL with a driver that is installed here, where the URL leaves that open.

    Raises:
        sqlalchemy.exc.ArgumentError: It is no database URL.
    """
    from sqlalchemy import make_url

    parsed = make_url(url)
    return parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))


def open_database(url: str) -> "Engine":
    """Return an engine that keeps no connection open between two uses; the caller disposes of it.

    A stage or command asks a few questions and ends: a pool would only hold sessions of somebody
    else's server.

    Raises:
        sqlalchemy.exc.ArgumentError: It is no database URL.
    """
    from sqlalchemy import NullPool, create_engine

    return create_engine(with_driver(url), poolclass=NullPool)


def open_private_file(path: Path) -> sqlite3.Connection:
    """Return a connection to a SQLite file of our own, made on first use, for this user alone.

    Transactions are the caller's (`isolation_level=None`). What was committed survives a power cut
    (`synchronous=FULL`), and deleted content is overwritten (`secure_delete`); the write-ahead log
    keeps old pages until the caller empties it (`PRAGMA wal_checkpoint(TRUNCATE)`).
    """
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    path.chmod(0o600)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection
