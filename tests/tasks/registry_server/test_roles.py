"""Every route for every kind of caller, by real calls: docs/registry-roles.md, asked of the server.

What is expected comes from the list of routes and the table of roles. A call that is to be denied
brings a body that names real things, so that it would do harm; one that is to be let in brings an
empty one, which MLflow may find fault with, but nobody forbids.
"""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx
import pytest

from tasks.registry_server.routes import (
    ALLOWED,
    RegistryRole,
    RouteClass,
    RouteTable,
    read_classes,
)
from tests.identity import Issuer
from tests.registry_servers import GATEKEEPER, RunningRegistry
from tests.tasks.registry_server.conftest import (
    ADMIN,
    AUDITOR,
    SCIENTIST,
    STRANGER,
    Clients,
)

pytestmark = pytest.mark.integration

API = "/api/2.0/mlflow"
TRAINING = "svc-training"
ANONYMOUS = ""
ROUTES = read_classes()
# What each kind of caller is, by the table; the first two are nothing.
CALLERS: dict[str, frozenset[RegistryRole]] = {
    ANONYMOUS: frozenset(),
    STRANGER: frozenset(),
    SCIENTIST: frozenset({RegistryRole.DATA_SCIENTIST}),
    TRAINING: frozenset({RegistryRole.DATA_SCIENTIST}),
    AUDITOR: frozenset({RegistryRole.MODEL_AUDITOR}),
    ADMIN: frozenset({RegistryRole.ADMIN, RegistryRole.DATA_SCIENTIST}),
    GATEKEEPER: frozenset({RegistryRole.GATEKEEPER}),
}
DENIED = (401, 403)
AT_ONCE = 16
NAME = "matrix-model"
NOTHING = "0" * 32  # an id of nothing
# MLflow asks its own vendor for news there; a test calls nobody.
ELSEWHERE = {("GET", "/ajax-api/3.0/mlflow/ui-telemetry")}


@dataclass(frozen=True)
class Target:
    """What the calls that are to be denied would change."""

    experiment_id: str
    run_id: str
    source: str

    def body(self) -> dict[str, Any]:
        """Return every field that a route of MLflow's may want; each takes its own."""
        return {
            "name": NAME,
            "new_name": "taken-over",
            "version": "1",
            "alias": "champion",
            "stage": "Production",
            "archive_existing_versions": False,
            "source": self.source,
            "run_id": self.run_id,
            "run_uuid": self.run_id,
            "experiment_id": self.experiment_id,
            "experiment_ids": [self.experiment_id],
            "key": "approved",
            "value": "yes",
            "timestamp": "1",
            "status": "FAILED",
            "description": "by somebody else",
            "max_timestamp_millis": "99999999999999",
        }


@pytest.fixture(scope="module")
def target(server: RunningRegistry, issuer: Issuer) -> Target:
    clients = Clients(server, issuer)
    with clients.bearer(GATEKEEPER) as client:
        made = client.post(f"{API}/experiments/create", json={"name": "matrix"}).json()
        values = {"experiment_id": made["experiment_id"]}
        info = client.post(f"{API}/runs/create", json=values).json()["run"]["info"]
        target = Target(info["experiment_id"], info["run_id"], f"{info['artifact_uri']}/model")
        weights = f"/api/2.0/mlflow-artifacts/artifacts/{artifact_of(target)}"
        client.put(weights, content=b"judged").raise_for_status()
        client.post(f"{API}/registered-models/create", json={"name": NAME}).raise_for_status()
        client.post(f"{API}/model-versions/create", json=target.body()).raise_for_status()
    return target


def artifact_of(target: Target) -> str:
    return f"{target.experiment_id}/{target.run_id}/artifacts/model/weights"


def path_of(template: str, target: Target) -> str:
    """Return a path that the template serves, about the target where it is about anything."""

    def filled(match: re.Match[str]) -> str:
        place = match[0]
        if "artifact_path" in place:
            return artifact_of(target)
        if "model_id" in place:
            return f"m-{NOTHING}"
        return "1" if "name" not in place else NAME

    return re.sub(r"<[^>]+>|\{[^}]+\}", filled, template)


def is_open(pair: tuple[str, str], roles: frozenset[RegistryRole]) -> bool:
    """Say what the table says: a route without a name is open to all."""
    route_class = ROUTES[pair]
    if route_class is RouteClass.PUBLIC:
        return True
    return any(route_class in ALLOWED[role] for role in roles)


def everything(server: RunningRegistry) -> dict[str, Any]:
    """Return all that the server keeps: each row of its database, each file's digest."""
    with sqlite3.connect(server.artifacts.parent / "mlflow.db") as database:
        rows = list(database.iterdump())
    files = {
        str(path.relative_to(server.artifacts)): sha256(path.read_bytes()).hexdigest()
        for path in server.artifacts.rglob("*")
        if path.is_file()
    }
    return {"rows": rows, "files": files}


def call_all(
    clients: Clients, caller: str, pairs: list[tuple[str, str]], target: Target, *, is_harmful: bool
) -> dict[tuple[str, str], httpx.Response]:
    """Call every route as one caller, some at a time."""
    headers = {"authorization": f"Bearer {clients.issuer.token(caller)}"} if caller else {}

    async def call(
        client: httpx.AsyncClient, slots: asyncio.Semaphore, pair: tuple[str, str]
    ) -> tuple[tuple[str, str], httpx.Response]:
        method, template = pair
        body = None
        if method != "GET":
            body = target.body() if is_harmful else {}
        async with slots:
            answer = await client.request(method, path_of(template, target), json=body)
        return pair, answer

    async def gather() -> dict[tuple[str, str], httpx.Response]:
        slots = asyncio.Semaphore(AT_ONCE)
        async with httpx.AsyncClient(
            base_url=clients.server.origin, headers=headers, timeout=60
        ) as client:
            return dict(await asyncio.gather(*(call(client, slots, pair) for pair in pairs)))

    return asyncio.run(gather())


@pytest.fixture
def unchanged(server: RunningRegistry, target: Target) -> Iterator[None]:
    before = everything(server)
    yield
    assert everything(server) == before


def test_each_route_of_the_list_is_reached_by_the_path_that_is_called(target: Target) -> None:
    """Otherwise the matrix would ask one route twice, and another never."""
    from mlflow.server import app as flask
    from mlflow.server.fastapi_app import create_fastapi_app

    table = RouteTable(create_fastapi_app(flask), flask)
    reached = {
        (method, route.template)
        for method, template in ROUTES
        if (route := table.find(method, path_of(template, target))) is not None
    }
    missed = set(ROUTES) - reached
    # A native route serves before Flask's of the same meaning, and its class is the same.
    assert {pair for pair in missed if "<path:artifact_path>" not in pair[1]} == set()


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("caller", CALLERS, ids=lambda name: name or "anonymous")
def test_who_may_not_is_refused_everywhere_and_changes_nothing(
    clients: Clients, target: Target, caller: str
) -> None:
    pairs = [pair for pair in ROUTES if not is_open(pair, CALLERS[caller])]
    answers = call_all(clients, caller, pairs, target, is_harmful=True)
    let_in = {pair for pair, answer in answers.items() if answer.status_code not in DENIED}
    assert let_in == set()
    # All of it is refused by us, with a kind that rules match, and by none of MLflow's handlers.
    assert all(answer.json()["kind"] for answer in answers.values())


@pytest.mark.parametrize("caller", CALLERS, ids=lambda name: name or "anonymous")
def test_who_may_is_let_in_everywhere(clients: Clients, target: Target, caller: str) -> None:
    pairs = [pair for pair in ROUTES if is_open(pair, CALLERS[caller]) and pair not in ELSEWHERE]
    answers = call_all(clients, caller, pairs, target, is_harmful=False)
    wrong = {
        pair: answer.text
        for pair, answer in answers.items()
        if answer.status_code in DENIED and not is_about_the_registered(answer)
    }
    assert wrong == {}


def is_about_the_registered(answer: httpx.Response) -> bool:
    """Say whether the role is let in, and only this run refused: a version was made of it."""
    return bool(answer.json()["kind"] in ("registry.closed_run", "registry.no_run"))


def test_the_harmful_body_does_harm_where_it_is_let_in(
    clients: Clients, server: RunningRegistry, target: Target
) -> None:
    """Were it harmless, that nothing changed would prove nothing."""
    registry = [
        pair
        for pair, route_class in ROUTES.items()
        if route_class is RouteClass.REGISTRY and pair[1].startswith(API)
    ]
    harmless = {}
    with clients.bearer(GATEKEEPER) as client:
        for method, template in sorted(registry, key=turn):
            before = everything(server)
            answer = client.request(method, template, json=target.body())
            if answer.status_code != 200 or everything(server) == before:
                harmless[method, template] = answer.text
    assert harmless == {}
    assert len(registry) == 14


def turn(pair: tuple[str, str]) -> int:
    """Return when a route's turn comes, so that each finds what it takes away or renames."""
    method, template = pair
    late = ("/delete-tag", "/alias", "/versions/delete", "/delete", "/models/create", "/rename")
    name = template.replace("registered-models", "models").replace("model-versions", "versions")
    turns = [number for number, ending in enumerate(late, start=1) if name.endswith(ending)]
    return 0 if (method, name[-6:]) == ("POST", "/alias") or not turns else turns[0]
