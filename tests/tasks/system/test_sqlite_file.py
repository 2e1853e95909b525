import sqlite3
import threading
from pathlib import Path

import pytest

from tasks.system.sqlite_file import open_sqlite, read_transaction, write_transaction

TABLE = "CREATE TABLE IF NOT EXISTS words (word TEXT)"
SECRET = "s" * 3000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


def opened(path: Path) -> sqlite3.Connection:
    connection = open_sqlite(path, is_deleted_overwritten=True)
    connection.execute(TABLE)
    return connection


def words(connection: sqlite3.Connection) -> list[str]:
    return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY rowid")]


def content_of(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_file_and_its_log_are_readable_by_their_owner_alone(path: Path) -> None:
    connection = opened(path)
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.glob("x.db*")}
    connection.close()
    assert modes == {"x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}


def test_what_is_committed_is_flushed_before_the_commit_returns(path: Path) -> None:
    connection = opened(path)
    assert pragma(connection, "journal_mode") == "wal"
    assert pragma(connection, "synchronous") == 2  # FULL


def test_deleted_content_is_overwritten_where_that_is_asked_for(path: Path) -> None:
    connection = opened(path)
    assert pragma(connection, "secure_delete") == 1


def test_the_log_is_merged_as_often_as_the_caller_asks(path: Path) -> None:
    connection = open_sqlite(path, is_deleted_overwritten=False, checkpoint_pages=4000)
    assert pragma(connection, "wal_autocheckpoint") == 4000


def test_the_log_is_merged_by_sqlite_s_own_rule_else(path: Path) -> None:
    assert pragma(opened(path), "wal_autocheckpoint") == 1000


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"no database at all, whatever its name says" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        open_sqlite(path, is_deleted_overwritten=True)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        open_sqlite(tmp_path / "none" / "x.db", is_deleted_overwritten=True)


def test_a_database_of_an_older_version_opens(path: Path) -> None:
    with sqlite3.connect(path) as old:
        old.execute(TABLE)
        old.execute("INSERT INTO words VALUES ('kept')")
    old.close()
    assert words(opened(path)) == ["kept"]


def test_a_connection_is_one_thread_s_unless_shared(path: Path) -> None:
    outcomes: list[str] = []

    def read(connection: sqlite3.Connection) -> None:
        try:
            connection.execute("SELECT 1")
            outcomes.append("read")
        except sqlite3.ProgrammingError:
            outcomes.append("refused")

    for is_shared in (False, True):
        connection = open_sqlite(path, is_deleted_overwritten=True, is_shared_by_threads=is_shared)
        thread = threading.Thread(target=read, args=(connection,))
        thread.start()
        thread.join()
    assert outcomes == ["refused", "read"]


def test_a_write_that_ends_well_is_kept(path: Path) -> None:
    connection = opened(path)
    with write_transaction(connection):
        connection.execute("INSERT INTO words VALUES ('a')")
    assert words(opened(path)) == ["a"]


def test_a_write_that_raises_leaves_nothing(path: Path) -> None:
    connection = opened(path)

    def fail() -> None:
        with write_transaction(connection):
            connection.execute("INSERT INTO words VALUES ('a')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert words(connection) == []
    assert not connection.in_transaction


def test_an_error_is_raised_as_it_is_where_sqlite_has_rolled_back_by_itself(path: Path) -> None:
    connection = opened(path)
    connection.execute("CREATE UNIQUE INDEX once ON words (word)")

    def insert_twice() -> None:
        with write_transaction(connection):
            connection.execute("INSERT OR ROLLBACK INTO words VALUES ('a')")
            connection.execute("INSERT OR ROLLBACK INTO words VALUES ('a')")

    with pytest.raises(sqlite3.IntegrityError):
        insert_twice()
    assert words(connection) == []


def test_a_second_writer_waits_and_then_gives_up(path: Path) -> None:
    first = opened(path)
    second = opened(path)
    second.execute("PRAGMA busy_timeout = 50")
    with (
        write_transaction(first),
        pytest.raises(sqlite3.OperationalError, match="locked"),
        write_transaction(second),
    ):
        pass
    with write_transaction(second):
        second.execute("INSERT INTO words VALUES ('later')")
    assert words(first) == ["later"]


def test_a_reader_sees_one_state_while_another_writes(path: Path) -> None:
    reader = opened(path)
    writer = opened(path)
    with read_transaction(reader):
        before = words(reader)
        with write_transaction(writer):
            writer.execute("INSERT INTO words VALUES ('new')")
        assert words(reader) == before == []
    assert words(reader) == ["new"]


def test_a_file_that_was_open_to_others_is_no_longer(path: Path) -> None:
    path.touch(mode=0o644)
    open_sqlite(path, is_deleted_overwritten=True).close()

    assert path.stat().st_mode & 0o777 == 0o600


def test_deleted_content_is_overwritten_and_the_log_can_be_emptied(path: Path) -> None:
    connection = open_sqlite(path, is_deleted_overwritten=True)
    connection.execute("CREATE TABLE x (y TEXT)")
    connection.execute("INSERT INTO x VALUES (?)", (SECRET,))
    connection.execute("DELETE FROM x")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    assert SECRET.encode()[:1000] not in content_of(path)
    connection.close()


def test_a_second_writer_waits_for_the_first(path: Path) -> None:
    first = open_sqlite(path, is_deleted_overwritten=True)
    first.execute("CREATE TABLE x (y)")
    first.execute("BEGIN IMMEDIATE")
    errors: list[sqlite3.Error] = []

    def write() -> None:
        second = open_sqlite(path, is_deleted_overwritten=True)
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
