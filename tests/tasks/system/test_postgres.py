import threading
import time

import psycopg
import pytest

from tasks.system.postgres import AdvisoryLock, advisory_lock, connect_postgres, make_tables

TABLE = "CREATE TABLE IF NOT EXISTS made (name TEXT PRIMARY KEY)"


def is_free(url: str, lock: AdvisoryLock) -> bool:
    """Return whether another connection would get the lock."""
    with psycopg.connect(url, autocommit=True) as other:
        query = "SELECT pg_try_advisory_lock(%s)"
        row = other.execute(query, (lock.value,)).fetchone()
    return row == (True,)


def test_the_numbers_of_the_locks_never_change() -> None:
    # Hosts of an older version take the same numbers: one that differs protects nothing.
    assert {lock.name: lock.value for lock in AdvisoryLock} == {
        "LEDGER_APPEND": 0x706C6F67,
        "LEDGER_TABLES": 0x706C6F67 + 1,
        "KEY_ERASURE": 0x706F7274,
        "KEY_TABLES": 0x706F7274 + 1,
    }


def test_no_two_locks_have_one_number() -> None:
    assert len(AdvisoryLock.__members__) == len({lock.value for lock in AdvisoryLock})


def test_a_lock_is_held_throughout_the_block_and_no_longer(database: str) -> None:
    with connect_postgres(database) as connection:
        with advisory_lock(connection, AdvisoryLock.LEDGER_APPEND):
            assert not is_free(database, AdvisoryLock.LEDGER_APPEND)
            assert is_free(database, AdvisoryLock.KEY_ERASURE)
        assert is_free(database, AdvisoryLock.LEDGER_APPEND)


def test_a_lock_outlives_the_transactions_in_its_block(database: str) -> None:
    with (
        connect_postgres(database) as connection,
        advisory_lock(connection, AdvisoryLock.LEDGER_APPEND),
    ):
        with connection.transaction():
            connection.execute("SELECT 1")
        assert not is_free(database, AdvisoryLock.LEDGER_APPEND)


def test_a_block_that_raises_lets_go_of_its_lock(database: str) -> None:
    with connect_postgres(database) as connection:
        with (
            pytest.raises(RuntimeError),
            advisory_lock(connection, AdvisoryLock.LEDGER_APPEND),
        ):
            raise RuntimeError
        assert is_free(database, AdvisoryLock.LEDGER_APPEND)


def test_a_link_that_is_cut_lets_go_of_its_lock(database: str) -> None:
    connection = connect_postgres(database)
    with advisory_lock(connection, AdvisoryLock.LEDGER_APPEND):
        connection.close()

    # The server's own process ends a moment after its client went away.
    deadline = time.monotonic() + 10
    while not is_free(database, AdvisoryLock.LEDGER_APPEND):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_tables_are_made_once(database: str) -> None:
    with connect_postgres(database) as connection:
        make_tables(connection, AdvisoryLock.KEY_TABLES, [TABLE])
        connection.execute("INSERT INTO made VALUES ('kept')")
        make_tables(connection, AdvisoryLock.KEY_TABLES, [TABLE])
        assert connection.execute("SELECT name FROM made").fetchall() == [("kept",)]


def test_tables_are_all_made_or_none(database: str) -> None:
    with connect_postgres(database) as connection:
        with pytest.raises(psycopg.errors.SyntaxError):
            make_tables(connection, AdvisoryLock.KEY_TABLES, [TABLE, "CREATE NONSENSE"])
        assert connection.execute("SELECT to_regclass('made')").fetchone() == (None,)


def test_many_that_start_at_once_all_find_their_tables(database: str) -> None:
    failures: list[Exception] = []
    start = threading.Barrier(6)

    def begin() -> None:
        with connect_postgres(database) as connection:
            start.wait()
            try:
                make_tables(connection, AdvisoryLock.KEY_TABLES, [TABLE])
            except psycopg.Error as error:
                failures.append(error)

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_statement_outside_a_transaction_is_kept_at_once(database: str) -> None:
    with connect_postgres(database) as connection, connect_postgres(database) as other:
        connection.execute(TABLE)
        connection.execute("INSERT INTO made VALUES ('kept')")
        assert other.execute("SELECT name FROM made").fetchall() == [("kept",)]
