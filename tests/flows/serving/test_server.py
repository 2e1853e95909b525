"""The server of `./portcullis ui` under writers: what a browser asks once is answered once."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx
import pytest

from flows.serving.ports import find_free_port, server_command

pytestmark = pytest.mark.integration
ROUNDS = 60
ONCE_EACH = httpx.Limits(
    max_keepalive_connections=0
)  # the server closes a connection on which it answered 503


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    """The address of the API of a server on a database of its own."""
    port = find_free_port()
    api = f"http://127.0.0.1:{port}/api"
    environment = {
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            server_command(port), env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_healthy(api, process)
            yield api
        finally:
            process.terminate()
            process.wait(timeout=60)


def test_what_a_person_clicks_is_not_refused_because_others_are_writing(api: str) -> None:
    flow = (
        httpx.post(f"{api}/flows/", json={"name": "clicked"}, timeout=60).raise_for_status().json()
    )
    body = {"name": "clicked", "flow_id": flow["id"]}
    deployment = (
        httpx.post(f"{api}/deployments/", json=body, timeout=60).raise_for_status().json()["id"]
    )
    paused = {"type": "PAUSED", "name": "Suspended", "state_details": {"pause_reschedule": True}}

    refused: list[str] = []
    with httpx.Client(base_url=api, timeout=120, limits=ONCE_EACH) as client, _writers(api):
        for _ in range(ROUNDS):
            made = client.post(f"/deployments/{deployment}/create_flow_run", json={"state": paused})
            if not made.is_success:
                refused.append(f"run: {made.status_code} {made.text}")
                continue
            resumed = client.post(f"/flow_runs/{made.json()['id']}/resume", json={})
            if resumed.status_code != httpx.codes.CREATED:
                refused.append(f"resume: {resumed.status_code} {resumed.text}")

    assert refused == []


@contextmanager
def _writers(api: str) -> Iterator[None]:
    """Keep two clients writing, as a run does that logs and reports what it is doing."""
    ended = Event()

    def write(name: str) -> int:
        count = 0
        with httpx.Client(base_url=api, timeout=120, limits=ONCE_EACH) as client:
            while not ended.is_set():
                body = {"name": f"{name}-{count}", "value": count}
                client.post(
                    "/variables/", json=body
                )  # not asked how it went: it is only here to be in the way
                count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        writers: list[Future[int]] = [pool.submit(write, name) for name in ("one", "other")]
        try:
            yield
        finally:
            ended.set()
    assert all(writer.result() > ROUNDS / 4 for writer in writers), (
        "nobody was in the way: nothing was tested"
    )


def _wait_until_healthy(api: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with exit code {process.returncode}"
        try:
            if httpx.get(f"{api}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise AssertionError("the server did not answer in time")
