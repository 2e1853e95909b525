"""Databases of other programs lose the person in every text, and keep everybody else."""

import sqlite3
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from flows.serving.ports import find_free_port
from tasks.erasure.searching.looking import Look
from tasks.erasure.sinks import PurgeOptions
from tasks.erasure.sinks.database import _file_has_bytes, purge_database
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
CELLS_OF_ANN = 5  # beside the key of a tag
MENTIONS_OF_BOB = 5
DRY = PurgeOptions(is_dry_run=True)
REMOVING = PurgeOptions(removes_files=True)

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


def test_every_text_of_theirs_goes_even_in_json(database: Database) -> None:
    url, content = database

    report = purge_database("x", url, TERMS)

    assert report.rewritten == CELLS_OF_ANN
    assert content().count("ann@") == 1  # the key
    assert "Quarantine" not in content()


def test_a_key_stays_and_is_reported_without_its_value(database: Database) -> None:
    url, _ = database

    (line,) = purge_database("x", url, TERMS).left

    assert line == (
        "x: table tags, column key: 1 value of theirs: keys, or names that other rows go by "
        "are never changed, a person has to decide"
    )


def test_everybody_else_and_every_figure_stays(database: Database) -> None:
    url, content = database

    purge_database("x", url, TERMS)

    assert content().count(BOB) == MENTIONS_OF_BOB
    assert "1.5" in content()


def test_purged_again_there_is_nothing_more_to_do(database: Database) -> None:
    url, _ = database
    purge_database("x", url, TERMS)

    report = purge_database("x", url, TERMS)

    assert (report.searched, report.rewritten, len(report.left)) == (6, 0, 1)


def test_no_page_of_a_file_and_no_log_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    owner = sqlite3.connect(path)
    owner.execute("PRAGMA journal_mode=WAL")
    owner.execute("CREATE TABLE logs (message TEXT)")
    owner.execute("INSERT INTO logs VALUES (?)", (f"{ANN} {BOB}",))
    owner.commit()

    assert purge_database("x", f"sqlite:///{path}", TERMS).left == ()

    # While its owner has it open still: the log is emptied, not left to the last connection.
    for file in tmp_path.glob("x.db*"):
        assert ANN.encode() not in file.read_bytes(), file.name
    owner.close()


def test_names_that_must_differ_stay(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    url = single_table(path, "CREATE TABLE names (name TEXT UNIQUE)", ANN, ANN.title())

    (line,) = purge_database("x", url, TERMS).left

    assert "2 values of theirs: keys, or names that other rows go by" in line
    assert read_column(path, "SELECT name FROM names") == [ANN, ANN.title()]


def contents(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Return every file; of the memory that SQLite's processes share only when it was written."""
    return {
        file: (b"" if file.name.endswith("-shm") else file.read_bytes(), file.stat().st_mtime_ns)
        for file in folder.iterdir()
    }


@pytest.mark.parametrize("has_log", [True, False])
def test_a_dry_run_lists_and_touches_no_file(tmp_path: Path, has_log: bool) -> None:
    path = tmp_path / "x.db"
    url = single_table(path, "CREATE TABLE logs (message TEXT)", ANN, BOB)
    owner = sqlite3.connect(path)
    if has_log:
        owner.execute("PRAGMA journal_mode=WAL")
    owner.execute("INSERT INTO logs VALUES (?)", (ANN.title(),))
    owner.commit()
    assert len(list(tmp_path.iterdir())) == (3 if has_log else 1)
    folder_before = tmp_path.stat().st_mtime_ns
    before = contents(tmp_path)

    report = purge_database("x", url, TERMS, DRY)

    assert contents(tmp_path) == before
    assert tmp_path.stat().st_mtime_ns == folder_before
    assert report.planned == ("2 cells of x, table logs",)
    assert (report.searched, report.rewritten, report.left) == (3, 0, ())
    owner.close()


def test_a_dry_run_changes_nothing_on_a_server_either(database: Database) -> None:
    url, content = database
    before = content()

    report = purge_database("x", url, TERMS, DRY)

    assert content() == before
    assert report.planned == (
        "1 cell of x, table loose",
        "3 cells of x, table runs",
        "1 cell of x, table tags",
    )
    assert len(report.left) == 1  # the key


def test_a_row_that_the_database_refuses_is_set_aside_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.db"
    url = single_table(path, "CREATE TABLE logs (message TEXT)", f"kept {ANN}", ANN)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TRIGGER keep BEFORE UPDATE ON logs WHEN old.message LIKE 'kept%' "
            "BEGIN SELECT RAISE(ABORT, 'kept'); END"
        )
    connection.close()

    report = purge_database("x", url, TERMS)

    assert report.rewritten == 1
    assert report.left == (
        "x: table logs, column message: 1 value of theirs: "
        "the database refuses another value there",
    )
    assert read_column(path, "SELECT message FROM logs") == [f"kept {ANN}", "[erased]"]


def test_a_row_without_its_key_in_sqlite_is_masked(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE tags (key TEXT PRIMARY KEY, value TEXT)")
        connection.execute("INSERT INTO tags VALUES (NULL, ?)", (ANN,))
    connection.close()

    assert purge_database("x", f"sqlite:///{path}", TERMS).rewritten == 1
    assert read_column(path, "SELECT value FROM tags") == ["[erased]"]


def test_values_of_several_people_are_reported_and_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = single_table(tmp_path / "x.db", "CREATE TABLE logs (message TEXT)", ANN, BOB)
    look = Look(is_ambiguous=True, unsearched=("image",))
    monkeypatch.setattr("tasks.erasure.sinks.cells.look_at_content", lambda *_: look)

    report = purge_database("x", url, TERMS)

    assert report.rewritten == 0
    assert report.left == (
        "x: table logs, column message: 2 values of theirs: others are called so, too",
    )
    assert report.unseen == ("x: image: 2 not looked into",)


def test_a_database_that_another_program_holds_is_an_error_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.erasure.sinks.database.BUSY_MILLISECONDS", 10)
    path = tmp_path / "x.db"
    url = single_table(path, "CREATE TABLE logs (message TEXT)", ANN)
    owner = sqlite3.connect(path)
    owner.execute("BEGIN IMMEDIATE")

    with pytest.raises(ServiceError, match="OperationalError"):
        purge_database("x", url, TERMS)
    owner.close()


def test_a_locked_cell_is_no_refused_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = single_table(tmp_path / "x.db", "CREATE TABLE logs (message TEXT)", ANN)

    def lose(self: Connection) -> None:
        raise OperationalError("", {}, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(Connection, "begin_nested", lose)

    with pytest.raises(ServiceError, match="OperationalError"):
        purge_database("x", url, TERMS)


def test_a_longer_address_of_somebody_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    url = single_table(path, "CREATE TABLE names (name TEXT)", f"jo{ANN}")

    report = purge_database("x", url, TERMS)

    assert (report.rewritten, report.left) == (0, ())
    assert read_column(path, "SELECT name FROM names") == [f"jo{ANN}"]


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


def deleted_rows(path: Path, text: str) -> str:
    """Make a database whose free pages hold a text; return its URL."""
    url = single_table(path, "CREATE TABLE logs (message TEXT)", *[f"{text} {'x' * 500}"] * 40)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("DELETE FROM logs")
    connection.close()
    return url


def test_free_pages_that_cannot_be_rewritten_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.erasure.sinks.database.BUSY_MILLISECONDS", 10)
    path = tmp_path / "x.db"
    url = deleted_rows(path, ANN)
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM sqlite_master").fetchall()

    (line,) = purge_database("x", url, TERMS).left

    assert line == "x: its free pages could not be rewritten; stop what uses it, run it again"
    reader.close()
    assert purge_database("x", url, TERMS).left == ()


def test_what_is_found_in_the_bytes_of_a_file_and_in_no_cell_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.db"
    url = single_table(path, "CREATE TABLE logs (message TEXT)", BOB)
    monkeypatch.setattr("tasks.erasure.sinks.database._file_has_bytes", lambda *_: True)

    (line,) = purge_database("x", url, TERMS).left

    assert line == (
        "x: free pages of .db still hold a value of theirs; stop what uses it and run this again"
    )


@pytest.mark.parametrize("start", range(40, 70))
def test_the_bytes_of_a_file_are_searched_across_the_borders_of_their_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int
) -> None:
    monkeypatch.setattr("tasks.erasure.sinks.database.PIECE_BYTES", 64)
    monkeypatch.setattr("tasks.erasure.sinks.database.OVERLAP_BYTES", 32)
    file = tmp_path / "x.db"
    file.write_bytes(b"." * start + ANN.encode() + b"." * 200)

    assert _file_has_bytes(file, TERMS)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_bytes_that_no_format_explains_are_left_or_masked_within(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    blob = b"\x00\xff " + ANN.encode()
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'x.db'}"
        connection: Any = sqlite3.connect(tmp_path / "x.db")
    else:
        url = request.getfixturevalue("server")
        connection = psycopg.connect(url)
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    place = "?" if kind == "sqlite" else "%s"
    connection.execute(f"CREATE TABLE blobs (data {'BLOB' if kind == 'sqlite' else 'BYTEA'})")
    connection.execute(f"INSERT INTO blobs VALUES ({place})", (blob,))
    connection.execute(f"INSERT INTO blobs VALUES ({place})", (BOB.encode(),))
    connection.commit()

    report = purge_database("x", url, TERMS)
    assert (report.rewritten, len(report.left)) == (0, 1)
    assert "or give --remove-files" in report.left[0]

    report = purge_database("x", url, TERMS, REMOVING)
    assert (report.rewritten, report.left) == (1, ())
    rows = connection.execute("SELECT data FROM blobs").fetchall()
    assert {bytes(row[0]) for row in rows} == {b"\x00\xff [erased]", BOB.encode()}
    connection.close()


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"

    assert purge_database("x", f"sqlite:///{path}", TERMS).searched == 0
    assert not path.exists()


def test_a_server_that_is_down_is_an_error_and_never_an_empty_database() -> None:
    url = f"postgresql://t@127.0.0.1:{find_free_port()}/x"

    with pytest.raises(ServiceError, match="goes on where it stopped"):
        purge_database("x", url, TERMS)
