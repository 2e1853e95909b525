"""Connections to PostgreSQL, and the locks that ledger and key store take there.

Imported only where an address names a PostgreSQL server.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum, unique
from typing import Any

import psycopg

CONNECT_SECONDS = 10


@unique
class AdvisoryLock(IntEnum):
    """The advisory locks of one database: numbers that nobody else may take, and that never change.

    Hosts of different versions meet in them. Ledger and key store may share a database, so that no
    number stands for two things.
    """

    LEDGER_APPEND = 0x706C6F67  # one appender at a time, whichever machine it runs on
    LEDGER_TABLES = 0x706C6F68
    KEY_ERASURE = 0x706F7274  # one erasure at a time
    KEY_TABLES = 0x706F7275


def connect_postgres(url: str) -> "psycopg.Connection[tuple[Any, ...]]":
    """Connect; every statement is a transaction of its own unless one is begun.

    The address may name the driver, as SQLAlchemy's do.
    """
    url = url.replace("postgresql+psycopg://", "postgresql://", 1)
    # psycopg begins a transaction with the first statement otherwise, also of a read, and leaves it
    # open until somebody commits: vacuum waits for it.
    return psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)


def make_tables(
    connection: "psycopg.Connection[tuple[Any, ...]]", lock: AdvisoryLock, statements: Sequence[str]
) -> None:
    """Run `CREATE … IF NOT EXISTS` statements, all or none.

    Two processes that start at once both find nothing, and the second one fails: `IF NOT EXISTS`
    alone is no protection. The lock makes them take turns; it ends with the transaction.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock.value,))
        for statement in statements:
            connection.execute(statement)


@contextmanager
def advisory_lock(
    connection: "psycopg.Connection[tuple[Any, ...]]", lock: AdvisoryLock
) -> Iterator[None]:
    """Hold a lock of the session.

    Over several transactions, and until the block or the link ends.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", (lock.value,))
    try:
        yield
    finally:
        # A link that was cut has let go of the lock already.
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (lock.value,))
