"""One server for all modules of this folder: a start takes some ten seconds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.identity import Issuer, identity_provider
from tests.registry_servers import RunningRegistry, registry_server

SCIENTIST = "ann"
AUDITOR = "ben"
ADMIN = "cleo"
STRANGER = "dan"  # known to the provider, in no group that counts


@pytest.fixture(scope="package")
def issuer() -> Iterator[Issuer]:
    with identity_provider() as running:
        running.groups = {
            SCIENTIST: ["ds", "cycling"],
            AUDITOR: ["audit"],
            ADMIN: ["platform", "ds"],
            STRANGER: ["Gatekeeper", "svc-release", "DataScientist"],
        }
        yield running


@pytest.fixture(scope="package")
def server(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with registry_server(tmp_path_factory.mktemp("registry"), issuer) as running:
        yield running


@dataclass(frozen=True)
class Clients:
    """Makes clients of the server: one for each person and service."""

    server: RunningRegistry
    issuer: Issuer

    def bearer(self, subject: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.issuer.token(subject)}"}
        return httpx.Client(base_url=self.server.origin, headers=headers, timeout=30)

    def anonymous(self) -> httpx.Client:
        return httpx.Client(base_url=self.server.origin, timeout=30)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.server.audit_file.read_text().splitlines()]

    def event_of(self, answer: httpx.Response) -> dict[str, Any]:
        """Return the event of a call that was refused."""
        (one,) = (
            item
            for item in self.events()
            if item["metadata"]["correlation_uid"] == answer.json()["call"]
        )
        return one


@pytest.fixture
def clients(server: RunningRegistry, issuer: Issuer) -> Clients:
    return Clients(server, issuer)
