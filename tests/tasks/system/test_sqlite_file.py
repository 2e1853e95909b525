import sqlite3
import threading
from pathlib import Path

import pytest

from tasks.errors import PortcullisError, SealError, ServiceError
from tasks.keystore.key_tables import SqliteKeyTables
from tasks.system.sqlite_file import (
    explain_sqlite,
    hold_lock_file,
    is_lock_file_held,
    open_sqlite,
    read_transaction,
    write_transaction,
)

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


def test_a_new_file_that_another_process_is_just_making_is_waited_for(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute(TABLE)
    end = threading.Timer(0.3, other.execute, ["COMMIT"])
    end.start()
    connection = opened(path)
    end.join()
    assert pragma(connection, "journal_mode") == "wal"
    assert words(connection) == []


def test_a_file_that_another_process_never_lets_go_of_is_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.system.sqlite_file.WAIT_SECONDS", 0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        opened(path)


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


# Causes


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_FULL, ServiceError, "found a full disk. Make room"),
        (sqlite3.SQLITE_BUSY, ServiceError, "See which process holds it"),
        (sqlite3.SQLITE_READONLY | 8 << 8, ServiceError, "may only be read"),
        (sqlite3.SQLITE_CANTOPEN, ServiceError, "may not open"),
        (sqlite3.SQLITE_IOERR | 3 << 8, ServiceError, "an error of the disk"),
        (sqlite3.SQLITE_NOTADB, SealError, "a damaged, truncated or other file. Restore x."),
        (sqlite3.SQLITE_CORRUPT, SealError, "a damaged, truncated or other file. Restore x."),
    ],
)
def test_each_cause_is_told_by_name_and_only_damage_asks_for_a_backup(
    code: int, kind: type[PortcullisError], words: str
) -> None:
    error = sqlite3.OperationalError("a personal value")
    error.sqlite_errorcode = code
    cause = explain_sqlite(error, "key store", restore="Restore x.")
    assert type(cause) is kind
    assert words in str(cause)
    assert "personal" not in str(cause)
    assert ("nothing is to be restored" in str(cause)) is (kind is ServiceError)


def test_a_statement_that_is_wrong_is_no_matter_of_the_machine() -> None:
    error = sqlite3.OperationalError("no such table")
    assert explain_sqlite(error, "key store", restore="Restore x.") is None


def test_a_disk_that_is_full_is_told_by_the_key_store(tmp_path: Path) -> None:
    tables = SqliteKeyTables(tmp_path / "keys.db")
    pages = tables.rows("PRAGMA page_count")[0][0]
    tables.rows(f"PRAGMA max_page_count={pages}")
    with pytest.raises(ServiceError, match="a full disk"), tables.writing():
        tables.run("INSERT INTO facts VALUES (?,?)", [(str(n), "x" * 900) for n in range(999)])
    assert tables.rows("SELECT * FROM facts") == []


def test_a_truncated_key_store_says_what_a_restore_would_undo(tmp_path: Path) -> None:
    tables = SqliteKeyTables(tmp_path / "keys.db")
    tables.scrub()
    del tables
    with (tmp_path / "keys.db").open("r+b") as stream:
        stream.truncate(5000)
    with pytest.raises(SealError, match="bring back whoever was erased since"):
        SqliteKeyTables(tmp_path / "keys.db").rows("SELECT * FROM facts")


def test_a_key_store_that_may_not_be_changed_is_told_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr("tasks.keystore.key_tables.open_sqlite", refuse)
    with pytest.raises(ServiceError, match="found PermissionError"):
        SqliteKeyTables(tmp_path / "keys.db")


def test_a_lock_file_that_cannot_be_opened_is_told(path: Path) -> None:
    path.with_suffix(".lock").mkdir()
    with (
        pytest.raises(ServiceError, match=r"lock x\.lock of the ledger"),
        hold_lock_file(path, "ledger"),
    ):
        pytest.fail("it is held")
    assert list(path.with_suffix(".lock").iterdir()) == []


def test_whether_a_lock_file_is_held_is_asked_without_waiting(path: Path) -> None:
    assert not is_lock_file_held(path)
    assert not path.with_suffix(".lock").exists()
    with hold_lock_file(path, "ledger"):
        assert is_lock_file_held(path)
        assert is_lock_file_held(path)
    assert not is_lock_file_held(path)


def test_a_lock_file_is_held_by_one_and_free_again_after_an_error(path: Path) -> None:
    seen: list[str] = []

    def wait() -> None:
        with hold_lock_file(path, "ledger"):
            seen.append("second")

    second = threading.Thread(target=wait)

    def fail_while_another_waits() -> None:
        with hold_lock_file(path, "ledger"):
            second.start()
            second.join(timeout=0.2)
            seen.append("first")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_another_waits()
    second.join(timeout=30)
    assert seen == ["first", "second"]
