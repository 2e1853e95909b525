"""`registry-database`: make it, check it, and say what is otherwise."""

import json
from pathlib import Path

import psycopg
import pytest

from flows.cli import registry_database
from tasks.errors import ConfigError
from tests.flows.cli import running
from tests.installations import installation_with_home
from tests.services import has_pgaudit, postgres


def test_it_is_made_and_checked_and_what_is_otherwise_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="PORTCULLIS_REGISTRY_OWNER_URL"):
        running.run(registry_database, installation_with_home(tmp_path))

    settings = {"shared_preload_libraries": "pgaudit"} if has_pgaudit() else {}
    with postgres(settings) as url:
        monkeypatch.setenv("PORTCULLIS_REGISTRY_OWNER_URL", url)
        installation = installation_with_home(tmp_path)
        assert running.run(registry_database, installation, "--without-audit") == 0
        assert capsys.readouterr().out == "the registry's database is as it should be\n"

        with psycopg.connect(url, autocommit=True) as link:
            link.execute("ALTER TABLE model_versions DISABLE TRIGGER USER")
        arguments = ("--check", "--without-audit", "--json")
        assert running.run(registry_database, installation, *arguments) == 3
        answer = json.loads(capsys.readouterr().out)
        assert {item["kind"] for item in answer["deviations"]} == {"trigger.off"}
        assert len(answer["deviations"]) == 4


def test_a_log_becomes_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORTCULLIS_REGISTRY_OWNER_URL", "postgresql://nobody@127.0.0.1:1/registry")
    installation = installation_with_home(tmp_path)
    log = tmp_path / "log"
    with pytest.raises(ConfigError, match="--events"):
        running.run(registry_database, installation, "--log", log)
    log.mkdir()
    (log / "one.json").write_text('{"dbname": "registry", "state_code": "42501"}\n')
    arguments = ("--log", log, "--events", tmp_path / "events.jsonl", "--json")
    assert running.run(registry_database, installation, *arguments) == 0
    assert json.loads(capsys.readouterr().out) == {"events": 1}
    assert json.loads((tmp_path / "events.jsonl").read_text())["status_code"] == "42501"
