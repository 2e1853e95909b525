"""The tables of a key store in SQLite: transactions, the one lock, and what lies in the file."""

import sqlite3
import threading
from pathlib import Path

import pytest

from tasks.errors import EvidenceError, SealError, ServiceError
from tasks.keystore.key_tables import SqliteKeyTables, open_key_tables
from tests.installations import installation_at


@pytest.fixture
def tables(tmp_path: Path) -> SqliteKeyTables:
    return SqliteKeyTables(tmp_path / "keys.db")


def put(tables: SqliteKeyTables, *names: str) -> None:
    tables.run("INSERT INTO facts VALUES (?,?)", [(name, "x") for name in names])


def names_in(tables: SqliteKeyTables) -> list[str]:
    return [name for (name,) in tables.rows("SELECT name FROM facts ORDER BY name")]


def test_the_file_is_for_its_owner_alone(tables: SqliteKeyTables) -> None:
    assert tables.path.stat().st_mode & 0o777 == 0o600


def test_its_write_ahead_log_is_for_its_owner_alone(tables: SqliteKeyTables) -> None:
    put(tables, "a")
    assert tables.path.with_name("keys.db-wal").stat().st_mode & 0o777 == 0o600


def test_messages_call_it_by_its_file_and_not_by_its_folder(tables: SqliteKeyTables) -> None:
    assert tables.name == "key store keys.db"


def test_opening_it_again_keeps_its_rows(tables: SqliteKeyTables) -> None:
    put(tables, "a")
    assert names_in(SqliteKeyTables(tables.path)) == ["a"]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.db").write_bytes(b"something else " * 100)
    with pytest.raises(SealError, match=r"keys\.db: expected a whole database"):
        SqliteKeyTables(tmp_path / "keys.db")


def test_an_installation_keeps_its_tables_in_its_home(home: Path) -> None:
    open_key_tables(installation_at(Path()))
    assert (home / "keys.db").is_file()


@pytest.mark.parametrize("batch_values", [1, 2, 3, 100])
def test_rows_among_many_values_are_the_same_in_batches_of_any_size(
    tables: SqliteKeyTables, monkeypatch: pytest.MonkeyPatch, batch_values: int
) -> None:
    monkeypatch.setattr("tasks.keystore.key_tables.BATCH_VALUES", batch_values)
    put(tables, "a", "b", "c", "d")
    query = "SELECT name FROM facts WHERE name {among}"
    names = [name for (name,) in tables.rows_among(query, ["d", "absent", "a", "b"])]
    assert names == ["a", "b", "d"]


def test_no_values_give_no_rows(tables: SqliteKeyTables) -> None:
    put(tables, "a")
    assert list(tables.rows_among("SELECT name FROM facts WHERE name {among}", [])) == []


def test_a_statement_without_values_runs_once(tables: SqliteKeyTables) -> None:
    tables.run("INSERT INTO facts VALUES ('a', 'x')")
    assert names_in(tables) == ["a"]


def test_a_statement_with_no_rows_does_not_run(tables: SqliteKeyTables) -> None:
    tables.run("INSERT INTO facts VALUES (?,?)", [])
    assert names_in(tables) == []


def test_a_write_that_ends_well_is_there_for_the_next_process(tables: SqliteKeyTables) -> None:
    with tables.writing():
        put(tables, "a")
    assert names_in(SqliteKeyTables(tables.path)) == ["a"]


def test_a_write_that_fails_leaves_nothing(tables: SqliteKeyTables) -> None:
    """The second row of the same name is refused, and the first goes with it."""
    with pytest.raises(sqlite3.IntegrityError), tables.writing():
        put(tables, "a", "a")
    assert names_in(tables) == []


def test_an_error_of_the_block_is_not_taken_for_a_busy_store(tables: SqliteKeyTables) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"), tables.writing():
        tables.rows("SELECT * FROM absent")


def test_others_see_a_write_only_when_it_is_whole(tables: SqliteKeyTables) -> None:
    other = SqliteKeyTables(tables.path)
    with tables.writing():
        put(tables, "a")
        assert names_in(other) == []
    assert names_in(other) == ["a"]


def test_a_reader_sees_a_single_state_throughout(tables: SqliteKeyTables) -> None:
    other = SqliteKeyTables(tables.path)
    with tables.reading():
        assert names_in(tables) == []
        put(other, "a")
        assert names_in(tables) == []
    assert names_in(tables) == ["a"]


def test_a_store_that_another_process_writes_to_for_too_long_is_a_service_that_failed(
    tables: SqliteKeyTables,
) -> None:
    other = SqliteKeyTables(tables.path)
    other.rows("PRAGMA busy_timeout = 10")
    with (
        tables.writing(),
        pytest.raises(ServiceError, match="which process holds it"),
        other.writing(),
    ):
        pass


def test_a_row_that_breaks_the_table_is_refused(tables: SqliteKeyTables) -> None:
    put(tables, "a")
    with pytest.raises(sqlite3.IntegrityError):
        put(tables, "a")


def test_deleted_values_are_in_no_file_after_a_scrub(tables: SqliteKeyTables) -> None:
    secret = "Rumpelstiltskin" * 10
    put(tables, secret)
    tables.scrub()
    assert secret.encode() in tables.path.read_bytes()

    tables.run("DELETE FROM facts")
    tables.scrub()
    files = tables.path.parent.glob("keys.db*")
    assert not any(secret.encode() in file.read_bytes() for file in files)


def test_a_scrub_empties_the_write_ahead_log(tables: SqliteKeyTables) -> None:
    put(tables, "a")
    tables.scrub()
    assert tables.path.with_name("keys.db-wal").stat().st_size == 0
    assert names_in(tables) == ["a"]


def test_a_scrub_that_a_reader_holds_up_for_too_long_is_not_called_done(
    tables: SqliteKeyTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.keystore.key_tables.WAIT_SECONDS", 0)
    tables.rows("PRAGMA busy_timeout = 10")
    put(tables, "a")
    reader = SqliteKeyTables(tables.path)
    with reader.reading():
        names_in(reader)
        put(tables, "b")
        with pytest.raises(ServiceError, match="a reader that does not end"):
            tables.scrub()
    tables.scrub()


def test_the_erasure_lock_is_free_again_after_an_error(tables: SqliteKeyTables) -> None:
    with pytest.raises(ZeroDivisionError), tables.erasure_lock():
        raise ZeroDivisionError
    with tables.erasure_lock():
        pass


def test_the_erasure_lock_does_not_keep_others_from_reading_and_writing(
    tables: SqliteKeyTables,
) -> None:
    with tables.erasure_lock():
        put(SqliteKeyTables(tables.path), "a")
    assert names_in(tables) == ["a"]


def test_a_second_erasure_waits_for_the_first(tables: SqliteKeyTables) -> None:
    is_entered = threading.Event()

    def enter() -> None:
        with SqliteKeyTables(tables.path).erasure_lock():
            is_entered.set()

    waiting = threading.Thread(target=enter)
    with tables.erasure_lock():
        waiting.start()
        assert not is_entered.wait(0.2)
    assert is_entered.wait(30)
    waiting.join()


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    SqliteKeyTables(tmp_path / "keys.db")
    with sqlite3.connect(tmp_path / "keys.db") as connection:
        connection.execute("ALTER TABLE keys ADD COLUMN more TEXT")
    connection.close()
    with pytest.raises(EvidenceError, match="`keys` as this version of Portcullis makes it"):
        SqliteKeyTables(tmp_path / "keys.db")


def test_a_folder_in_place_of_the_lock_is_told(tmp_path: Path) -> None:
    tables = SqliteKeyTables(tmp_path / "keys.db")
    (tmp_path / "keys.lock").mkdir()
    with pytest.raises(ServiceError, match=r"lock keys\.lock"), tables.erasure_lock():
        pass
