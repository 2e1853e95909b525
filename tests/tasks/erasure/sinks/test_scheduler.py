"""Prefect: its database and its results, where its own settings say that they lie."""

import json
import sqlite3
from pathlib import Path

import pytest

from tasks.erasure.sinks import PurgeOptions
from tasks.erasure.sinks.scheduler import SchedulerSink, prefect_home
from tests.installations import settings_now
from tests.tasks.erasure.sinks.people import ANN, BOB, TERMS, person_of
from tests.tasks.erasure.sinks.real_prefect import RealPrefect

REMOVING = PurgeOptions(removes_files=True)
VARIABLES = (
    "PREFECT_API_URL",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_ENCRYPTION_KEY",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    return tmp_path


def write_log(path: Path, text: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE log (id TEXT PRIMARY KEY, message TEXT)")
        connection.execute("INSERT INTO log VALUES ('1', ?)", (text,))
    connection.close()


def read_log(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        ((message,),) = connection.execute("SELECT message FROM log").fetchall()
    connection.close()
    return str(message)


def test_rows_of_its_database_are_masked(home: Path) -> None:
    write_log(home / "prefect.db", f"row of {ANN} and {BOB}")

    assert SchedulerSink(settings_now()).purge(TERMS).rewritten == 1

    assert read_log(home / "prefect.db") == f"row of [erased] and {BOB}"


def test_stored_results_are_masked(home: Path) -> None:
    result = home / "storage" / "result"
    result.parent.mkdir()
    result.write_text(f'{{"result": "{ANN}"}}')

    assert SchedulerSink(settings_now()).purge(TERMS).rewritten == 1

    assert result.read_text() == '{"result": "[erased]"}'


def test_its_database_is_not_searched_as_a_file_and_removed(home: Path) -> None:
    write_log(home / "prefect.db", ANN)

    assert SchedulerSink(settings_now()).purge(TERMS, REMOVING).removed == 0

    assert (home / "prefect.db").is_file()


@pytest.mark.parametrize("variable", VARIABLES[1:3])
def test_a_database_that_the_environment_names_is_the_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    elsewhere = tmp_path / "elsewhere.sqlite"
    write_log(elsewhere, ANN)
    monkeypatch.setenv(variable, f"sqlite+aiosqlite:///{elsewhere}")

    SchedulerSink(settings_now()).purge(TERMS)

    assert read_log(elsewhere) == "[erased]"


def test_a_server_whose_database_nobody_names_is_said_to_be_unsearched(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")

    (line,) = SchedulerSink(settings_now()).purge(TERMS).unseen

    assert "name it in $PREFECT_SERVER_DATABASE_CONNECTION_URL" in line


def test_a_server_of_this_machine_has_its_database_here(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(home / "prefect.db", BOB)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")

    assert SchedulerSink(settings_now()).purge(TERMS).unseen == ()


def test_without_a_setting_its_home_is_the_account_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_HOME", raising=False)

    assert prefect_home(settings_now()) == Path.home() / ".prefect"


def test_prefect_itself_loses_the_person_and_works_on(home: Path) -> None:
    prefect = RealPrefect(home)
    words = ("Completed", "COMPLETED", "Finished", "Model", "flow 1")
    prefect.fill(ANN, "Bob B. Other")
    before = prefect.read()
    planned = SchedulerSink(settings_now()).purge(TERMS, PurgeOptions(is_dry_run=True))
    assert prefect.read() == before

    report = SchedulerSink(settings_now()).purge(TERMS)

    # The block that is the identifier and nothing else is what the form was given.
    after = prefect.read()
    kept = [block for block in after["blocks"] if block[2] == {"value": ANN}]
    assert len(kept) == 1
    after["blocks"].remove(kept[0])
    before["blocks"].remove(kept[0])
    assert after == json.loads(json.dumps(before).replace(ANN, "[erased]"))
    assert ANN not in json.dumps(after)
    assert ANN.encode() not in prefect.database.read_bytes()
    assert any("hold an identifier of theirs and nothing else" in line for line in report.left)
    assert "1 of Prefect's database's blocks would be masked" in planned.planned

    # Whose values are words of Prefect's own loses no state, no flow and no kind of block.
    SchedulerSink(settings_now()).purge(person_of(*words))
    worked_on = prefect.read()
    worked_on["blocks"].remove(kept[0])
    assert worked_on == after
