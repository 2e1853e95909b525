"""Real faults: a kill, two writers at once, a full disk, a database owner who edits and deletes."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tasks.errors import EvidenceError, PortcullisError, ServiceError
from tasks.ledger.ledger import Ledger
from tasks.ledger.pin import Pin
from tasks.ledger.postgres_store import PostgresStore
from tasks.ledger.tiles import Record
from tests.tasks.judged import CHECKOUT
from tests.tasks.small_log import SmallLog

KILLS = 50


def appender(folder: Path, name: str, count: int, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.tasks.notary.appender", str(folder), name, str(count)],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check(ledger: Ledger, acknowledged: Iterable[int]) -> dict[int, bytes | None]:
    """Everything that was acknowledged is there, whole, in its place; and nothing is half there."""
    head = ledger.audit()
    bodies = {index: body for index, _, body in ledger.entries()}
    assert head.size == len(bodies)
    assert None not in bodies.values()
    assert set(acknowledged) <= set(bodies)
    return bodies


def test_killed_fifty_times_nothing_acknowledged_is_lost_and_nothing_is_half_written(
    small: SmallLog,
) -> None:
    random.seed(7)
    acknowledged = []
    for turn in range(KILLS):
        process = appender(small.folder, f"turn {turn}", 100_000)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(random.uniform(0, 0.06))
        process.send_signal(signal.SIGKILL)
        rest, errors = process.communicate(timeout=60)
        assert first, errors
        acknowledged += [
            int(line) for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")
        ]
        ledger = small.open()
        check(ledger, acknowledged)
        ledger.close()
    assert len(acknowledged) >= KILLS
    small.add()


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_two_processes_at_once(small: SmallLog, where: str, request: pytest.FixtureRequest) -> None:
    address = (
        {} if where == "sqlite" else {"PORTCULLIS_LEDGER_URL": request.getfixturevalue("database")}
    )
    both = [appender(small.folder, name, 60, **address) for name in ("one", "other")]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    indices = [int(line) for out, _ in said for line in out.split()]
    assert sorted(indices) == list(range(120))
    store = (
        small.ledger.store if where == "sqlite" else PostgresStore(address["PORTCULLIS_LEDGER_URL"])
    )
    check(Ledger(store, Pin(small.folder / "ledger.pin")), indices)
    store.close()


@pytest.fixture
def full_soon(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "portcullis-test", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("mounting a small file system needs root and leave to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(full_soon: Path) -> None:
    ballast = full_soon / "ballast"
    ballast.write_bytes(b"x" * 200_000)
    log = SmallLog(full_soon)
    stored = 0
    try:
        while stored < 500:
            body = b"%d" % stored + os.urandom(2000)
            log.ledger.append([(Record.of(body, body), body)], log.signer, log.origin)
            stored += 1
    except (ServiceError, OSError) as error:
        # Whichever of the two writes met it first.
        assert re.search("SQLITE_FULL|No space", str(error))  # noqa: PT017
    assert 5 < stored < 500
    log.ledger.close()
    ballast.unlink()
    log.ledger = log.open()
    assert len(check(log.ledger, range(stored))) in (stored, stored + 1)
    log.add()
    log.ledger.close()


@pytest.fixture
def in_postgres(database: str, tmp_path: Path) -> Iterator[SmallLog]:
    log = SmallLog(tmp_path)
    log.ledger.close()
    log.ledger = Ledger(PostgresStore(database), Pin(tmp_path / "postgres.pin"))
    yield log
    log.ledger.close()


def as_owner(database: str, query: str, *values: Any) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute(query, values).rowcount == 1


def test_in_postgresql_it_is_the_same_log(in_postgres: SmallLog, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = SmallLog(tmp_path / "other")
    for log in (in_postgres, other):
        log.add(300)
        log.add()
    assert in_postgres.ledger.audit() == other.ledger.audit()
    assert list(in_postgres.ledger.entries()) == list(other.ledger.entries())
    store = in_postgres.ledger.store
    store.put_mark("a", "1")
    store.put_mark("a", "2")
    assert (store.mark("a"), store.mark("b")) == ("2", None)
    digest = in_postgres.ledger.tiles.record(5).envelope_sha256
    store.drop_body(digest)
    assert store.bodies([digest]) == {}
    other.ledger.close()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            "UPDATE portcullis_tiles SET data = set_byte(data, 5, get_byte(data, 5) # 1) "
            "WHERE place = 1",
            "signed root",
        ),
        (
            "UPDATE portcullis_tiles SET data = set_byte(data, 5, get_byte(data, 5) # 1) "
            "WHERE place = 0",
            "tile 0/0",
        ),
        ("DELETE FROM portcullis_tiles WHERE place = 1", "tile 0/1"),
        ("DELETE FROM portcullis_head", "checkpoint"),
        ("UPDATE portcullis_tiles SET data = substr(data, 1, 64) WHERE place = 1", "tile 0/1"),
    ],
)
def test_the_database_s_owner_edits_and_deletes(
    in_postgres: SmallLog, database: str, query: str, words: str
) -> None:
    in_postgres.add(300)
    as_owner(database, query)
    with pytest.raises(EvidenceError, match=words):
        in_postgres.ledger.audit()


def test_a_role_that_may_only_append_can(in_postgres: SmallLog, database: str) -> None:
    in_postgres.add(3)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS worker")
        owner.execute("CREATE ROLE worker LOGIN")
        owner.execute(
            "GRANT SELECT, INSERT, UPDATE "
            "ON portcullis_tiles, portcullis_head, portcullis_marks TO worker"
        )
        owner.execute("GRANT SELECT, INSERT ON portcullis_bodies TO worker")
    try:
        ledger = Ledger(
            PostgresStore(database.replace("//t@", "//worker@")), in_postgres.ledger.pin
        )
        in_postgres.add(1, ledger)
        digest = ledger.tiles.record(0).envelope_sha256
        with pytest.raises((ServiceError, psycopg.Error)):
            ledger.store.drop_body(digest)
        ledger.close()
    finally:
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("DROP OWNED BY worker")
            owner.execute("DROP ROLE worker")


def test_a_database_that_is_down_says_so_without_its_password() -> None:
    with pytest.raises(ServiceError, match="ledger database") as error:
        PostgresStore("postgresql://me:hunter2@127.0.0.1:9/none")
    assert "hunter2" not in str(error.value)


def test_a_folder_that_is_gone(small: SmallLog) -> None:
    small.ledger.close()
    shutil.rmtree(small.folder)
    with pytest.raises(PortcullisError):
        small.open()
    small.folder.mkdir()
    small.ledger = small.open()
