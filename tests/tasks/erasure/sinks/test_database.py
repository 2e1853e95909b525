"""Databases of other programs lose the person in every text, and keep everybody else."""

import sqlite3
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import InvalidRequestError

from flows.serving.ports import find_free_port
from tasks.erasure.sinks.database import purge_database
from tasks.errors import ServiceError
from tests import services
from tests.tasks.erasure.sinks.people import ANN, ANNS_NAME, BOB, TERMS

TABLES = """
CREATE TABLE runs (id INTEGER PRIMARY KEY, name VARCHAR(80), doc JSON, n FLOAT);
CREATE TABLE tags (key VARCHAR(80), run INTEGER, value TEXT, PRIMARY KEY (key, run));
CREATE TABLE loose (message TEXT);
"""
ROWS = (
    f'INSERT INTO runs VALUES (1, \'{ANN}\', \'{{"p": ["{ANN}", "{BOB}"]}}\', 1.5)',
    f"INSERT INTO runs VALUES (2, '{BOB}', '{{\"name\": \"Zo\\u00eb Quarantine\"}}', 2.5)",
    f"INSERT INTO tags VALUES ('{ANN}', 1, 'x')",
    f"INSERT INTO tags VALUES ('{BOB}', 1, '{ANNS_NAME}, {BOB}')",
    f"INSERT INTO loose VALUES ('log: {ANN}')",
    f"INSERT INTO loose VALUES ('log: {BOB}')",
)
CELLS_OF_ANN = 6
MENTIONS_OF_BOB = 5

Database = tuple[str, Callable[[], str]]  # its URL, and a function that returns all of it as text


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with services.postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of somebody else's program, whose URL names the driver that it uses."""
    if request.param == "sqlite":
        yield from sqlite_database(tmp_path / "x.db")
    else:
        yield from postgres_database(request.getfixturevalue("server"))


def sqlite_database(path: Path) -> Generator[Database, None, None]:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(TABLES)
    for row in ROWS:
        connection.execute(row)
    connection.commit()

    yield f"sqlite+aiosqlite:///{path}", lambda: "\n".join(connection.iterdump())
    connection.close()


def postgres_database(url: str) -> Iterator[Database]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        connection.execute(TABLES)
        for row in ROWS:
            connection.execute(row)

        def content() -> str:
            tables = ("runs", "tags", "loose")
            rows = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
            return str(rows)

        yield url.replace("postgresql://", "postgresql+asyncpg://"), content


def single_table(path: Path, table: str, *rows: str) -> str:
    """Make a SQLite database of one table with one column; return its URL."""
    with sqlite3.connect(path) as connection:
        connection.execute(table)
        name = table.split()[2]
        connection.executemany(f"INSERT INTO {name} VALUES (?)", [(row,) for row in rows])
    connection.close()
    return f"sqlite:///{path}"


def read_column(path: Path, query: str) -> list[Any]:
    with sqlite3.connect(path) as connection:
        values = [row[0] for row in connection.execute(query)]
    connection.close()
    return values


def test_every_text_of_theirs_goes_even_in_keys_and_json(database: Database) -> None:
    url, content = database

    report = purge_database("x", url, TERMS)

    assert (report.rewritten, report.left) == (CELLS_OF_ANN, ())
    assert "ann@" not in content()
    assert "Quarantine" not in content()


def test_everybody_else_and_every_figure_stays(database: Database) -> None:
    url, content = database

    purge_database("x", url, TERMS)

    assert content().count(BOB) == MENTIONS_OF_BOB
    assert "1.5" in content()


def test_purged_again_there_is_nothing_more_to_do(database: Database) -> None:
    url, _ = database
    purge_database("x", url, TERMS)

    report = purge_database("x", url, TERMS)

    assert (report.searched, report.rewritten, report.left) == (6, 0, ())


def test_no_page_of_a_file_and_no_log_keeps_them(tmp_path: Path) -> None:
    database = sqlite_database(tmp_path / "x.db")
    url, _ = next(database)

    purge_database("x", url, TERMS)

    # While its owner has it open still: the log is emptied, not left to the last connection.
    for file in tmp_path.glob("x.db*"):
        assert ANN.encode() not in file.read_bytes(), file.name
    database.close()


def test_names_that_must_differ_stay_different(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    url = single_table(path, "CREATE TABLE names (name TEXT UNIQUE)", ANN, ANN.title())

    assert purge_database("x", url, TERMS).left == ()

    names = read_column(path, "SELECT name FROM names")
    assert len(set(names)) == 2
    assert all(name.startswith("[erased]") for name in names)


def test_a_longer_address_of_somebody_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    url = single_table(path, "CREATE TABLE names (name TEXT)", f"jo{ANN}")

    report = purge_database("x", url, TERMS)

    assert (report.rewritten, report.left) == (0, ())
    assert read_column(path, "SELECT name FROM names") == [f"jo{ANN}"]


@pytest.mark.xfail(
    raises=InvalidRequestError, reason="VACUUM is asked for within an open transaction"
)
def test_what_was_deleted_before_is_no_longer_in_free_pages(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    url = single_table(path, "CREATE TABLE logs (message TEXT)", *[f"{ANN} {'x' * 500}"] * 40)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("DELETE FROM logs")
    connection.close()
    assert ANN.encode() in path.read_bytes()

    assert purge_database("x", url, TERMS).left == ()

    assert ANN.encode() not in path.read_bytes()


def test_bytes_that_cannot_be_rewritten_are_masked_within(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE blobs (data BLOB)")
        connection.execute("INSERT INTO blobs VALUES (?)", (b"\x00\xff " + ANN.encode(),))
    connection.close()

    report = purge_database("x", f"sqlite:///{path}", TERMS)

    assert (report.rewritten, report.left) == (1, ())
    assert read_column(path, "SELECT data FROM blobs") == [b"\x00\xff [erased]"]


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"

    assert purge_database("x", f"sqlite:///{path}", TERMS).searched == 0
    assert not path.exists()


def test_a_server_that_is_down_is_an_error_and_never_an_empty_database() -> None:
    url = f"postgresql://t@127.0.0.1:{find_free_port()}/x"

    with pytest.raises(ServiceError, match="goes on where it stopped"):
        purge_database("x", url, TERMS)
