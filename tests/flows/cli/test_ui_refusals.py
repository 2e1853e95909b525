"""What `./portcullis ui` refuses before it starts anything."""

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.cli import ui
from flows.serving.ports import find_free_port
from tasks.errors import ConfigError, ServiceError
from tests.flows.cli.running import parse, run
from tests.installations import installation_with_home


@pytest.fixture(autouse=True)
def _without_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the test runner's own signal handlers alone."""
    monkeypatch.setattr(ui, "listen_to_signals", lambda: None)


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_answers_is_refused_by_its_number(tmp_path: Path, taken_port: int) -> None:
    installation = installation_with_home(tmp_path)
    with pytest.raises(ConfigError, match=f"port {taken_port} of 127.0.0.1") as error:
        run(ui, installation, "--port", str(taken_port))
    assert "--port 0" in str(error.value)
    assert not (tmp_path / "ui.lock").exists()


def test_a_second_ui_of_an_installation_is_refused(tmp_path: Path) -> None:
    installation = installation_with_home(tmp_path)
    with (tmp_path / "ui.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="one server and one worker"):
            run(ui, installation, "--port", str(find_free_port()))


@pytest.mark.parametrize(
    ("program", "found"),
    [("import time; time.sleep(60)", "within 1 s; found none"), ("raise SystemExit(7)", "exit 7")],
)
def test_a_command_of_prefect_that_fails_or_hangs_is_one_line(
    monkeypatch: pytest.MonkeyPatch, program: str, found: str
) -> None:
    monkeypatch.setattr(ui, "_prefect_command", lambda _: [sys.executable, "-c", program])
    monkeypatch.setattr(ui, "COMMAND_SECONDS", 1.0)
    with pytest.raises(ServiceError, match=found) as error:
        ui._run_prefect(["deploy", "--all"], dict(os.environ))
    assert "prefect deploy --all" in str(error.value)


def test_prefect_s_own_port_is_the_default() -> None:
    values = parse(ui)
    assert (values["port"], values["wait_seconds"]) == (4200, 120.0)
