"""The whole server: MLflow as an operator starts it, real tokens, real clients.

One start for all: a server takes some ten seconds.
"""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.identity import Issuer, identity_provider
from tests.registry_servers import GATEKEEPER, RunningRegistry, registry_server

pytestmark = pytest.mark.integration

SCIENTIST = "ann"
AUDITOR = "ben"
ADMIN = "cleo"
STRANGER = "dan"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with identity_provider() as running:
        running.groups = {SCIENTIST: ["ds"], AUDITOR: ["audit"], ADMIN: ["platform"]}
        yield running


@pytest.fixture(scope="module")
def server(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with registry_server(tmp_path_factory.mktemp("registry"), issuer) as running:
        yield running


def as_(subject: str, server: RunningRegistry, issuer: Issuer) -> httpx.Client:
    headers = {"authorization": f"Bearer {issuer.token(subject)}"}
    return httpx.Client(base_url=server.origin, headers=headers)


def events(server: RunningRegistry) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.audit_file.read_text().splitlines()]


def test_a_scientist_logs_and_only_the_gatekeeper_registers(
    server: RunningRegistry, issuer: Issuer
) -> None:
    api = "/api/2.0/mlflow"
    with as_(SCIENTIST, server, issuer) as client:
        made = client.post(f"{api}/experiments/create", json={"name": "loan"})
        assert made.status_code == 200, made.text
        refused = client.post(f"{api}/registered-models/create", json={"name": "loan"})
        assert (refused.status_code, refused.json()["kind"]) == (403, "role.registry")
    with as_(GATEKEEPER, server, issuer) as client:
        made = client.post(f"{api}/registered-models/create", json={"name": "loan"})
        assert made.status_code == 200, made.text
