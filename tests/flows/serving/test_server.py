"""The server of `./portcullis ui` under writers: what a browser asks once is answered once."""

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx
import pytest

from flows.serving.ports import find_free_port, server_command

pytestmark = pytest.mark.integration
ROUNDS = 60
# On a busy machine the writers get few turns at first: clicks go on until each has been in the way
# so often, at most so many times.
WRITES_EACH = 15
MOST_ROUNDS = 20 * ROUNDS
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
    with (
        httpx.Client(base_url=api, timeout=120, limits=ONCE_EACH) as client,
        _writers(api) as fewest_writes,
    ):
        for number in range(MOST_ROUNDS):
            if number >= ROUNDS and fewest_writes() >= WRITES_EACH:
                break
            made = client.post(f"/deployments/{deployment}/create_flow_run", json={"state": paused})
            if not made.is_success:
                refused.append(f"run: {made.status_code} {made.text}")
                continue
            resumed = client.post(f"/flow_runs/{made.json()['id']}/resume", json={})
            if resumed.status_code != httpx.codes.CREATED:
                refused.append(f"resume: {resumed.status_code} {resumed.text}")
        assert fewest_writes() >= WRITES_EACH, "nobody was in the way: nothing was tested"

    assert refused == []


@contextmanager
def _writers(api: str) -> Iterator[Callable[[], int]]:
    """Keep two clients writing, as a run does that logs and reports what it is doing.

    Yields what tells how often the one that wrote less has written so far.
    """
    ended = Event()
    writes = {"one": 0, "other": 0}

    def write(name: str) -> None:
        with httpx.Client(base_url=api, timeout=120, limits=ONCE_EACH) as client:
            while not ended.is_set():
                body = {"name": f"{name}-{writes[name]}", "value": writes[name]}
                client.post(
                    "/variables/", json=body
                )  # not asked how it went: it is only here to be in the way
                writes[name] += 1

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, name) for name in writes]
        try:
            yield lambda: min(writes.values())
        finally:
            ended.set()
    for writer in writers:
        writer.result()


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
