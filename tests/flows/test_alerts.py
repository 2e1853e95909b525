"""The alert flow on a real Prefect server, with a real receiver of what it posts."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from flows.serving.ports import find_free_port
from tasks.formats.canonical_json import canonical
from tasks.settings import VARIABLES
from tests.tasks.alerts.events_of_servers import NOON_MS, ServerLog
from tests.tasks.secrets.test_scan import forms_of
from tests.webhooks import KEY, WebhookReceiver, webhook_receiver

ROOT = Path(__file__).parents[2]
START_SECONDS = 240
MARK = "Zq7MarkedSecret"
RUN = "from flows.alerts import watch_audit; print(watch_audit(return_state=True).name)"


@pytest.fixture(scope="module")
def prefect_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="module")
def prefect(prefect_folder: Path) -> Iterator[str]:
    """A Prefect server; its API's address."""
    folder = prefect_folder
    port = find_free_port()
    address = f"http://127.0.0.1:{port}/api"
    environment = plain(folder) | {"PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_for(lambda: is_healthy(address), START_SECONDS)
            yield address
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=60)


def plain(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PREFECT_HOME": str(folder / "prefect"),
        "DO_NOT_TRACK": "1",
    }


def is_healthy(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(condition: Any, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def events_of(address: str, name: str) -> list[dict[str, Any]]:
    answer = httpx.post(
        f"{address}/events/filter", json={"filter": {"event": {"name": [name]}}, "limit": 50}
    )
    listed: list[dict[str, Any]] = answer.raise_for_status().json()["events"]
    return listed


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as running:
        yield running


def marked_variables() -> dict[str, str]:
    """Return every secret variable that a worker may have, each with a mark."""
    theirs = ("PREFECT_", "MLFLOW_", "PORTCULLIS_SECRET_", "PORTCULLIS_ALERT_")
    ours = [item.name for item in VARIABLES if item.is_secret and not item.name.startswith(theirs)]
    names = [*ours, "PREFECT_API_KEY", "AWS_SECRET_ACCESS_KEY"]
    return {name: f"{MARK}-{name}" for name in names}


def secrets_in(content: bytes) -> list[bytes]:
    return [form for text in (MARK, KEY) for form in forms_of(text) if form in content]


def run_flow(folder: Path, prefect: str, receiver: WebhookReceiver) -> str:
    """Run the flow as a worker does, in a process of its own; return the name of its state."""
    (folder / "alert.key").write_text(KEY)
    references = {"PORTCULLIS_ALERT_KEY": f"file:{folder / 'alert.key'}"}
    (folder / "secrets.yaml").write_text(yaml.safe_dump({"secrets": references}))
    environment = plain(folder) | {
        **marked_variables(),
        "PREFECT_API_URL": prefect,
        "PORTCULLIS_HOME": str(folder / "home"),
        "PORTCULLIS_AUDIT_FILES": str(folder / "registry.jsonl"),
        # Where alerts are posted is often the whole secret.
        "PORTCULLIS_ALERT_WEBHOOK": f"{receiver.url}/{MARK}",
        "PORTCULLIS_SECRETS": str(folder / "secrets.yaml"),
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=environment, cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert secrets_in(done.stdout + done.stderr) == []
    return done.stdout.decode().splitlines()[-1]


def test_an_alert_reaches_prefect_and_the_webhook_once_and_no_secret_does(
    tmp_path: Path, prefect: str, prefect_folder: Path, receiver: WebhookReceiver
) -> None:
    log = ServerLog(tmp_path)
    path = tmp_path / "registry.jsonl"
    denials = [log.call(NOON_MS + number, refusal="role.track") for number in range(10)]
    path.write_bytes(b"".join(canonical(item) + b"\n" for item in denials[:9]))

    # Nine refusals are none; the tenth comes after the process has ended. The receiver is away.
    assert run_flow(tmp_path, prefect, receiver) == "Completed"
    with path.open("ab") as stream:
        stream.write(canonical(denials[9]) + b"\n")
    receiver.status = 503
    assert run_flow(tmp_path, prefect, receiver) == "Failed"
    receiver.status = 204
    assert run_flow(tmp_path, prefect, receiver) == "Completed"

    assert receiver.names == ["repeated_denials_of_actor"]
    assert receiver.repeated == 0
    wait_for(lambda: len(events_of(prefect, "portcullis.alerts.watched")) == 3, 60)
    (alert,) = events_of(prefect, "portcullis.alert")
    assert alert["resource"]["prefect.resource.id"] == "portcullis.rule.repeated_denials_of_actor"
    assert alert["payload"] == receiver.alerts[0]["data"]
    assert alert["id"].replace("-", "") == alert["payload"]["finding_info"]["uid"]

    # Blocks, variables, parameters, states, logs, artifacts and events: all of Prefect's database.
    (database,) = prefect_folder.glob("prefect/prefect.db")
    with sqlite3.connect(database) as link:
        tables = [
            row[0] for row in link.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        rows = {name: link.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}
    assert rows["flow_run"]
    assert rows["log"]
    assert {name: secrets_in(repr(values).encode()) for name, values in rows.items()} == {
        name: [] for name in rows
    }
    for path in [item for item in prefect_folder.rglob("*") if item.is_file()]:
        assert secrets_in(path.read_bytes()) == [], path


def test_a_server_that_takes_no_event_is_an_error_and_not_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flows import alerts
    from tasks.errors import ServiceError

    async def never(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    class Silent:
        __aenter__ = never

        async def __aexit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(alerts, "EVENT_SECONDS", 0.05)
    monkeypatch.setattr(alerts, "get_events_client", lambda **_: Silent())
    values = {
        "message": "A rule",
        "metadata": {"uid": "f" * 32},
        "finding_info": {"analytic": {"name": "denied_sql"}},
    }
    with pytest.raises(ServiceError, match="TimeoutError"):
        alerts._emit_alert(values)
