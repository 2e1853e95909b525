"""What `./portcullis server` refuses before it starts anything, and what it says when all is up."""

import fcntl
import os
import socket
from pathlib import Path
from typing import Any, cast

import pytest

from flows.cli import server
from flows.stack.programs import MissingProgram
from flows.stack.whole import Stack, StackPlan
from tasks.errors import ConfigError
from tests.flows.cli.running import run
from tests.installations import installation_with_home


@pytest.fixture(autouse=True)
def _without_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave the runner's signal handlers alone, and let all programs be there."""
    monkeypatch.setattr(server, "listen_to_signals", lambda: None)
    monkeypatch.setattr(server, "missing_programs", lambda _layers, **_more: [])
    monkeypatch.setattr(server, "ROOTS_DATABASES", tmp_path / "databases")


def test_all_that_is_missing_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = [
        MissingProgram("PostgreSQL", "apt install postgresql"),
        MissingProgram("npm", "apt install npm"),
    ]
    monkeypatch.setattr(server, "missing_programs", lambda _layers, **_more: missing)
    with pytest.raises(ConfigError, match="no PostgreSQL, no npm") as error:
        run(server, installation_with_home(tmp_path))
    assert "apt install postgresql; apt install npm" in str(error.value)
    assert not (tmp_path / "server").exists()


def test_a_port_that_answers_is_refused_by_its_number(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1"):
            run(server, installation_with_home(tmp_path), "--port", str(port))
    assert not (tmp_path / "server").exists()


def test_a_second_stack_of_an_installation_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    with (folder / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="one stack of this installation"):
            run(server, installation_with_home(tmp_path))
    assert folder.stat().st_mode & 0o777 == 0o700


def test_root_keeps_databases_where_another_account_may_go(tmp_path: Path) -> None:
    folder = server.databases_of(tmp_path / "one")
    if os.getuid():
        assert folder is None
    else:
        assert folder is not None
        assert folder.parent == tmp_path / "databases"
        assert folder != server.databases_of(tmp_path / "other")


class Answering:
    """A stack that has started, without its servers."""

    origin = "http://127.0.0.1:5000"
    issuer = "http://127.0.0.1:5001"
    audit_file = Path("/audit.jsonl")

    class openbao:  # noqa: N801 # an attribute of the stack
        key_file = Path("/server/openbao/unseal.key")

        class server:  # noqa: N801
            address = "http://127.0.0.1:5002"

    @staticmethod
    def release_environment() -> dict[str, str]:
        return {"MLFLOW_TRACKING_URI": "http://word-of-worker"}

    class postgres:  # noqa: N801 # an attribute of the stack
        port = 5432
        is_audited = True

    class identity:  # noqa: N801
        issuer = "http://127.0.0.1:5001"
        people_file = Path("/people.json")
        passwords = {"dana": "word-of-dana", "eve": "word-of-eve"}
        service_secrets = {"svc-release": "word-of-service"}

        @staticmethod
        def groups_of(name: str) -> list[str]:
            return ["risk-modelling"] if name == "dana" else ["nowhere"]


def described(*, shows_secrets: bool) -> str:
    stack = cast("Stack", cast("Any", Answering))
    return server.describe(stack, StackPlan(Path("/server"), trust={}), shows_secrets=shows_secrets)


def test_a_terminal_is_told_who_may_sign_in_and_as_what() -> None:
    lines = [line.split() for line in described(shows_secrets=True).splitlines()]
    assert ["dana", "word-of-dana", "DataScientist"] in lines
    assert ["eve", "word-of-eve", "no", "role"] in lines
    assert ["export", "MLFLOW_TRACKING_URI=http://word-of-worker"] in lines
    assert ["svc-release", "word-of-service", "Gatekeeper"] in lines


def test_of_a_provider_of_one_s_own_there_are_no_people_to_be_told() -> None:
    class Own(Answering):
        issuer = "https://login.example"
        identity = None  # type: ignore[assignment] # as the stack has it

    stack = cast("Stack", cast("Any", Own))
    plan = StackPlan(Path("/server"), trust={})
    text = server.describe(stack, plan, shows_secrets=True)
    assert "Sign-in        https://login.example" in text
    assert "People" not in text
    assert "Groups" not in text


def test_a_provider_of_one_s_own_needs_a_port(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--provider: expected --port"):
        run(server, installation_with_home(tmp_path), "--provider", str(tmp_path / "login.yaml"))
    assert not (tmp_path / "server").exists()


def test_what_opens_openbao_after_a_restart_is_told() -> None:
    lines = [line.split() for line in described(shows_secrets=False).splitlines()]
    assert ["OpenBao", "http://127.0.0.1:5002"] in lines
    assert ["Its", "key", "/server/openbao/unseal.key"] in lines


def test_a_file_is_told_no_password() -> None:
    text = described(shows_secrets=False)
    assert Answering.origin in text
    assert "word-of" not in text


def test_what_is_said_fits_a_narrow_terminal() -> None:
    lines = described(shows_secrets=True).splitlines()
    assert max(len(line) for line in lines if not line.startswith("  export ")) <= 80
