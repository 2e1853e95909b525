"""PostgreSQL's log as events: every denial is one, and none holds a value."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tasks.registry_database.log_events import convert_log, event_of
from tests.registry_databases import RegistryDatabase, copy_of
from tests.services import has_pgaudit

SECRET = "Erika Mustermann"


@pytest.fixture(scope="module")
def events(cluster: RegistryDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield the events of one version, and of some statements that are denied."""
    path = tmp_path_factory.mktemp("events") / "database.jsonl"
    with copy_of(cluster, "logged") as database:
        database.make_version()
        with database.as_account("server") as link:
            for statement in (
                f"UPDATE model_versions SET source = '{SECRET}'",
                f"SELECT '{SECRET}' FROM secrets",
                "SET ROLE portcullis_owner",
                f"INSERT INTO registered_models (name, workspace) VALUES ('{SECRET}', 'default')",
                f'SELECT * FROM "{SECRET}"',
            ):
                with pytest.raises(psycopg.Error):
                    link.execute(statement)
        with database.as_account() as link:
            link.execute("ALTER TABLE params DISABLE TRIGGER USER")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(database.url_of("mustermann"))
        _wait_for(database.log_folder, '"user":"mustermann","dbname":"logged"')
        convert_log(database.log_folder, "logged", path)
        yield path


def _wait_for(folder: Path, text: str) -> None:
    until = time.monotonic() + 20
    while not any(text in path.read_text() for path in folder.glob("*.json")):
        assert time.monotonic() < until
        time.sleep(0.05)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def seen(event: dict[str, Any]) -> tuple[str, str, str, str]:
    operation = event["unmapped"]["operation"]
    guard = event["unmapped"].get("guard", "")
    return operation, event["databucket"]["name"], event["actor"]["user"]["name"], guard


def test_every_denial_is_an_event(events: Path) -> None:
    denied = [event for event in read(events) if event["status_id"] == 2]
    assert [(event["status_code"], *seen(event)) for event in denied] == [
        ("42501", "sql:UPDATE", "other", "server", "keep_version"),
        ("42501", "sql:SELECT", "public.secrets", "server", ""),
        ("42501", "sql:SET", "other", "server", ""),
        ("42501", "sql:INSERT", "other", "server", "guard_name"),
        ("28000", "sql:CONNECT", "logged", "anonymous", ""),
    ]
    assert {event["class_uid"] for event in denied} == {6005}
    assert [event["activity_id"] for event in denied] == [2, 1, 99, 5, 3]
    assert denied[0]["src_endpoint"] == {"ip": "127.0.0.1"}
    assert abs(denied[0]["time"] / 1000 - time.time()) < 600


@pytest.mark.skipif(not has_pgaudit(), reason="no pgaudit on this machine")
def test_what_is_written_into_the_registry_is_an_event(events: Path) -> None:
    done = [seen(event)[:3] for event in read(events) if event["status_id"] == 1]
    for expected in (
        ("sql:INSERT", "portcullis.evidence", "gatekeeper"),
        ("sql:INSERT", "public.model_versions", "server"),
        ("sql:ALTER TABLE", "other", "t"),
    ):
        assert expected in done


def test_no_value_and_no_name_of_others_is_in_an_event(
    events: Path, cluster: RegistryDatabase
) -> None:
    assert SECRET not in events.read_text()
    assert "mustermann" not in events.read_text()


@pytest.mark.skipif(not has_pgaudit(), reason="its settings are made with pgaudit's")
def test_nor_is_a_statement_in_postgresql_s_own_log(cluster: RegistryDatabase) -> None:
    with copy_of(cluster, "quiet") as database:
        with database.as_account("server") as link, pytest.raises(psycopg.Error):
            link.execute(f"UPDATE params SET value = '{SECRET} too'")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(database.url_of("nobody"))
        _wait_for(database.log_folder, '"user":"nobody","dbname":"quiet"')
    assert not any(f"{SECRET} too" in path.read_text() for path in cluster.log_folder.iterdir())


def test_what_was_read_is_not_read_again_and_what_is_new_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    path = tmp_path / "events.jsonl"
    line = json.dumps(
        {"dbname": "registry", "state_code": "42501", "user": "server", "session_id": "a.1",
         "line_num": 1, "timestamp": "2026-11-28 06:20:33.143 UTC"}
    )  # fmt: skip
    (log / "one.json").write_text(f"{line}\n{line[:20]}")
    assert convert_log(log, "registry", path) == 1
    assert convert_log(log, "registry", path) == 0
    (log / "one.json").write_text(f"{line}\n{line}\n")
    (log / "two.json").write_text(f"{line}\n")
    assert convert_log(log, "registry", path) == 2
    (log / "one.json").write_text(f"{line}\n")  # PostgreSQL uses the name again
    assert convert_log(log, "registry", path) == 1
    assert {event["metadata"]["uid"] for event in read(path)} == {"postgresql-a.1-1"}
    assert {event["time"] for event in read(path)} == {1795846833143}


@pytest.mark.parametrize(
    "line",
    [b"", b"no JSON", b"[]", b"{}", b'{"dbname": "other", "state_code": "42501"}',
     b'{"dbname": "registry", "message": "AUDIT: "}', b'{"dbname": "registry", "message": "x"}'],
)  # fmt: skip
def test_what_is_about_something_else_is_no_event(line: bytes) -> None:
    assert event_of(line, "registry") is None


def test_names_that_are_not_declared_are_not_shown() -> None:
    line = json.dumps(
        {"dbname": "registry", "state_code": "42501", "user": f"{SECRET}\n", "ps": SECRET,
         "message": f"permission denied for table {SECRET}", "remote_host": SECRET,
         "session_id": SECRET, "context": f"PL/pgSQL function portcullis.{SECRET}() line"}
    )  # fmt: skip
    made = event_of(line.encode(), "registry")
    assert made is not None
    assert SECRET.partition(" ")[0] not in json.dumps(made)
