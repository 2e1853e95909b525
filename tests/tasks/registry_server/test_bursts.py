"""A thousand denials at once, a SIEM that is away meanwhile, and a server that is killed."""

import json
import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.audit_log.shipping import ship
from tests.identity import Issuer
from tests.installations import installation_with_home
from tests.receivers import TOKEN, event_collector
from tests.registry_servers import RunningRegistry, registry_server

DENIALS = 1_000
CONNECTIONS = 40
CREATE = "/api/2.0/mlflow/registered-models/create"


@pytest.fixture(scope="module")
def own_server(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that a test may kill."""
    folder = tmp_path_factory.mktemp("burst")
    with registry_server(folder, issuer) as running:
        yield running


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def deny(server: RunningRegistry, issuer: Issuer, answered: list[str], count: int) -> None:
    """Ask for what is denied, by one connection; note the id of each answer."""
    with httpx.Client(base_url=server.origin, timeout=120) as client:
        for _ in range(count):
            try:
                headers = {"Authorization": f"Bearer {issuer.token('ann')}"}
                answer = client.post(CREATE, json={"name": "m"}, headers=headers)
            except httpx.TransportError:  # it was killed
                return
            assert answer.status_code == 403
            answered.append(answer.json()["call"])


def test_no_denial_of_a_burst_is_lost_though_the_siem_is_away_and_the_server_is_killed(
    own_server: RunningRegistry, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[str] = []
    each = DENIALS // CONNECTIONS
    with event_collector(is_acknowledging=True) as collector:
        monkeypatch.setenv("PORTCULLIS_HEC_URL", collector.url)
        monkeypatch.setenv("PORTCULLIS_HEC_TOKEN", TOKEN)
        monkeypatch.setenv("PORTCULLIS_AUDIT_FILES", str(own_server.audit_file))
        installation = installation_with_home(tmp_path)
        collector.is_busy = True

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            work = [
                pool.submit(deny, own_server, issuer, answered, each) for _ in range(CONNECTIONS)
            ]
            while not all(item.done() for item in work):
                assert len(ship(installation)) == 1  # it does not take them, and nothing fails
                threading.Event().wait(0.2)
            for item in work:
                item.result()
        assert len(answered) == DENIALS

        collector.is_busy = False
        assert ship(installation) == ()
        denied = [
            item["metadata"]["correlation_uid"]
            for item in collector.events
            if item["unmapped"].get("refusal")
        ]
        assert Counter(answered) == Counter(denied)
        numbers = [item["metadata"]["sequence"] for item in collector.events]
        assert numbers == sorted(numbers)

    # Killed in mid-burst: whatever was answered is written.
    answered.clear()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for _ in range(CONNECTIONS):
            pool.submit(deny, own_server, issuer, answered, DENIALS)
        while len(answered) < 100:
            threading.Event().wait(0.01)
        os.killpg(own_server.process_group, signal.SIGKILL)
    written = {item["metadata"]["correlation_uid"] for item in read(own_server.audit_file)}
    assert len(answered) >= 100
    assert set(answered) <= written
