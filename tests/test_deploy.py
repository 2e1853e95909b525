"""What `deploy/` starts: processes that are there, as accounts without privileges, no secret shown.

A server and a worker are started by the very command lines and variables of the units.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.serving.ports import HOST, find_free_port
from tasks.settings import PREFIX, known_names
from tests.flows.workspace import Workspace, make

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OWN_ACCOUNT = [unit for unit in UNITS if unit.stem != "portcullis-worker"]  # that one gives root up
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CONTAINERFILE = (DEPLOY / "container" / "Containerfile").read_text()
WAIT_SECONDS = 120


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Return the directives of a unit, each with all its values."""
    settings: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings


def environment_of(unit: Path) -> dict[str, str]:
    """Return what a unit sets, by itself."""
    lines = settings_of(unit).get("Environment", [])
    words = [word for line in lines for word in shlex.split(line)]
    return dict(word.split("=", 1) for word in words)


# Units


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_sets_no_variable_that_nothing_reads(unit: Path) -> None:
    ours = {name for name in environment_of(unit) if name.startswith(PREFIX)}
    assert ours <= known_names()


@pytest.mark.parametrize("unit", OWN_ACCOUNT, ids=lambda unit: unit.stem)
def test_a_unit_runs_as_an_account_that_the_script_makes_and_can_gain_nothing(unit: Path) -> None:
    settings = settings_of(unit)
    assert settings["User"][0] in (DEPLOY / "systemd" / "accounts.sh").read_text()
    assert settings["NoNewPrivileges"] == ["yes"]
    assert settings["CapabilityBoundingSet"] == [""]
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["UMask"] == ["0077"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_reads_every_directive(unit: Path, tmp_path: Path) -> None:
    try:
        # Programs and documents of a unit lie where it is installed, and not here.
        text = re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
        command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no systemd-analyze on the PATH")
    # Others of the machine's own units are read along with it.
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


@contextlib.contextmanager
def started(unit: Path, workspace: Workspace, state: Path, port: int) -> Iterator[Path]:
    """Run what a unit runs, with what it sets and nothing else; yield the file of its output."""

    def here(text: str) -> str:
        text = text.replace("/srv/models", str(workspace.root)).replace("4200", str(port))
        return text.replace("/var/lib", str(state))

    command = shlex.split(here(settings_of(unit)["ExecStart"][0]))
    environment = {name: here(value) for name, value in environment_of(unit).items()}
    environment.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
    (state / unit.stem).mkdir(mode=0o700)
    output = state / f"{unit.stem}.log"
    with output.open("w") as stream:
        process = subprocess.Popen(
            command, cwd=workspace.root, env=environment, stdout=stream, stderr=stream,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield output
        assert process.poll() is None, output.read_text()[-3000:]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(int(settings_of(unit)["TimeoutStopSec"][0]))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def asked(url: str, body: dict[str, Any] | None = None) -> Any:
    """Return what Prefect's API answers, as soon as it does."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


@pytest.mark.integration
def test_server_and_worker_of_the_units_find_one_another(tmp_path: Path) -> None:
    workspace = make(tmp_path / "checkout", tmp_path / "home")
    (workspace.root / ".venv").symlink_to(sys.prefix)
    port = find_free_port()
    api = f"http://{HOST}:{port}/api"
    worker, server = OWN_ACCOUNT
    with started(server, workspace, tmp_path, port):
        assert asked(f"{api}/health") is True
        with started(worker, workspace, tmp_path, port) as output:
            end = time.monotonic() + WAIT_SECONDS
            online: list[Any] = []
            while not online and time.monotonic() < end:
                time.sleep(0.5)
                with contextlib.suppress(OSError):
                    online = asked(f"{api}/work_pools/portcullis/workers/filter", {})
            assert online, output.read_text()[-3000:]


# Containers


def test_the_image_that_is_built_by_default_ends_as_a_number_that_is_not_root() -> None:
    last = CONTAINERFILE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"(?m)^USER (\d+):(\d+)$", last)
    assert 0 not in map(int, user)


def test_no_digest_is_invented_and_none_is_needed_twice() -> None:
    froms = re.findall(r"(?m)^FROM (\S+)", CONTAINERFILE)
    assert froms[0] == "${BASE}"
    assert set(froms[1:]) == {"system"}


@pytest.mark.parametrize("secret", [".portcullis", ".venv", "data/*/*", "deploy/compose/secrets"])
def test_keys_rows_and_secrets_stay_out_of_the_image(secret: str) -> None:
    ignored = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    assert secret in ignored
    assert not [line for line in ignored if line.startswith("!")]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_gain_nothing_and_write_nowhere_but_to_its_volumes(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "?" in service["image"]  # compose stops where nobody has said which image


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_a_container_s_variables(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search("PASSWORD|SECRET|TOKEN|KEY|CONNECTION_URL|STORE_URI", variable):
            assert variable.endswith("_FILE")
            assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]
        assert "@" not in value


@pytest.mark.parametrize("name", SERVICES)
def test_a_port_is_open_on_this_machine_alone(name: str) -> None:
    assert all(port.startswith(f"{HOST}:") for port in SERVICES[name].get("ports", []))


def test_every_server_says_whether_it_is_well_and_others_wait_for_it() -> None:
    waited_for = {other for service in SERVICES.values() for other in service.get("depends_on", {})}
    ending = {name for name, service in SERVICES.items() if service["restart"] == "no"}
    assert {"database", "prefect", "mlflow", "deployments"} == waited_for
    assert all("healthcheck" in SERVICES[name] for name in waited_for - ending)


def with_secrets(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [DEPLOY / "container" / "with-secrets", *command],
        env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_secret_s_file_becomes_the_variable_of_the_process_alone(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://a:p w'$(id)\"@db/x\n")
    done = with_secrets("env", DATABASE_URL_FILE=str(tmp_path / "url"), OTHER="1")
    lines = done.stdout.splitlines()
    assert "DATABASE_URL=postgresql://a:p w'$(id)\"@db/x" in lines
    assert "OTHER=1" in lines
    assert not [line for line in lines if line.startswith("DATABASE_URL_FILE=")]


def test_a_secret_that_is_not_there_is_one_line_and_nothing_starts(tmp_path: Path) -> None:
    done = with_secrets("echo", "started", DATABASE_URL_FILE=str(tmp_path / "url"))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("with-secrets: DATABASE_URL_FILE: expected a file")
