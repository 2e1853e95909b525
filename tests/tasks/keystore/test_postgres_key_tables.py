"""A server that goes away in the middle of work: one line, whatever was asked."""

from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import psycopg
import pytest

from tasks.errors import ServiceError
from tasks.keystore.postgres_key_tables import PostgresKeyTables


@pytest.fixture
def tables() -> PostgresKeyTables:
    """Tables whose server has gone: every statement fails as psycopg lets it fail."""
    gone = psycopg.OperationalError("server closed the connection; host secret.example")
    connection = MagicMock()
    connection.execute.side_effect = gone
    connection.cursor.side_effect = gone
    tables = PostgresKeyTables.__new__(PostgresKeyTables)
    tables._url = "postgresql://keeper:password@keys.example/keys"
    tables._connection = connection
    return tables


@pytest.mark.parametrize(
    "ask",
    [
        lambda tables: tables.rows("SELECT 1"),
        lambda tables: list(tables.stream("SELECT 1")),
        lambda tables: list(tables.rows_among("SELECT 1 WHERE x {among}", [b"x"])),
        lambda tables: tables.run("DELETE FROM facts"),
        lambda tables: tables.scrub(),
    ],
)
def test_a_server_that_goes_away_is_one_line_without_its_password(
    tables: PostgresKeyTables, ask: Callable[[PostgresKeyTables], Any]
) -> None:
    with pytest.raises(ServiceError, match="PostgreSQL to answer") as refusal:
        ask(tables)
    assert "keys.example" in str(refusal.value)
    assert "password" not in str(refusal.value)
