"""Databases of others by a driver that is installed here; files of our own for one user."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ArgumentError

from tasks.system.database import open_database, open_private_file, with_driver

SECRET = "s" * 3000


def content_of(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://db/bank", "postgresql+psycopg"),
        ("postgresql+asyncpg://db/prefect", "postgresql+psycopg"),
        ("postgresql+psycopg://db/bank", "postgresql+psycopg"),
        ("sqlite+aiosqlite:///prefect.db", "sqlite"),
        ("sqlite:///mlflow.db", "sqlite"),
    ],
)
def test_a_driver_that_is_not_installed_here_is_replaced(url: str, driver: str) -> None:
    assert with_driver(url).drivername == driver


def test_a_driver_that_a_person_chose_stays() -> None:
    assert with_driver("mysql+pymysql://db/bank").drivername == "mysql+pymysql"


def test_all_but_the_driver_stays() -> None:
    changed = with_driver("postgresql://ann:secret@db:5433/bank?sslmode=require")
    shown = changed.render_as_string(hide_password=False)
    assert shown == "postgresql+psycopg://ann:secret@db:5433/bank?sslmode=require"


def test_what_is_no_url_is_an_argument_error() -> None:
    with pytest.raises(ArgumentError):
        with_driver("bank.db")


def test_no_connection_stays_open_between_two_uses(tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    engine = open_database(f"sqlite+aiosqlite:///{path}")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    open_files = {Path(link).resolve() for link in Path("/proc/self/fd").iterdir()}
    assert path.resolve() not in open_files
    engine.dispose()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own.db"


def test_a_file_of_our_own_is_readable_by_this_user_alone(path: Path) -> None:
    open_private_file(path).close()

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_open_to_others_is_no_longer(path: Path) -> None:
    path.touch(mode=0o644)
    open_private_file(path).close()

    assert path.stat().st_mode & 0o777 == 0o600


def test_deleted_content_is_overwritten_and_the_log_can_be_emptied(path: Path) -> None:
    connection = open_private_file(path)
    connection.execute("CREATE TABLE x (y TEXT)")
    connection.execute("INSERT INTO x VALUES (?)", (SECRET,))
    connection.execute("DELETE FROM x")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    assert SECRET.encode()[:1000] not in content_of(path)
    connection.close()


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1)]
)
def test_what_the_docstring_promises_is_set(path: Path, pragma: str, value: object) -> None:
    connection = open_private_file(path)

    assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    connection.close()


def test_transactions_are_the_caller_s(path: Path) -> None:
    connection = open_private_file(path)
    connection.execute("CREATE TABLE x (y)")
    connection.execute("INSERT INTO x VALUES (1)")

    assert not connection.in_transaction
    connection.close()


def test_a_second_writer_waits_for_the_first(path: Path) -> None:
    first = open_private_file(path)
    first.execute("CREATE TABLE x (y)")
    first.execute("BEGIN IMMEDIATE")
    errors: list[sqlite3.Error] = []

    def write() -> None:
        second = open_private_file(path)
        try:
            second.execute("INSERT INTO x VALUES (1)")
        except sqlite3.Error as error:
            errors.append(error)
        second.close()

    thread = threading.Thread(target=write)
    thread.start()
    thread.join(timeout=0.2)
    assert thread.is_alive()

    first.execute("COMMIT")
    thread.join(timeout=30)
    assert errors == []
    assert first.execute("SELECT count(*) FROM x").fetchone() == (1,)
    first.close()
