"""Who may call what, of all that MLflow serves: each route by each caller, by a real client."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tasks.registry_server.routes import (
    ALLOWED,
    RegistryRole,
    RouteClass,
    read_classes,
)
from tests.registry_servers import GATEKEEPER
from tests.tasks.registry_server.conftest import ADMIN, AUDITOR, SCIENTIST, STRANGER, Clients

pytestmark = pytest.mark.integration

CALLERS = {
    SCIENTIST: {RegistryRole.DATA_SCIENTIST},
    AUDITOR: {RegistryRole.MODEL_AUDITOR},
    ADMIN: {RegistryRole.ADMIN, RegistryRole.DATA_SCIENTIST},
    GATEKEEPER: {RegistryRole.GATEKEEPER},
    "svc-training": {RegistryRole.DATA_SCIENTIST},
}
NO_SUCH = "0" * 32
PARAMETER = re.compile(r"<[^>]*>|\{[^}]*\}")
API = "/api/2.0/mlflow"


def calls() -> Iterator[tuple[str, str, RouteClass]]:
    """Yield method, a path and the class of every route."""
    for (method, template), route_class in read_classes().items():
        under_artifacts = "mlflow-artifacts/artifacts/" in template
        value = f"0/{NO_SUCH}/artifacts/a" if under_artifacts else NO_SUCH
        yield method, PARAMETER.sub(value, template), route_class


def call(client: httpx.Client, method: str, path: str) -> httpx.Response:
    has_body = method not in ("GET", "HEAD")
    return client.request(method, path, json={} if has_body else None)


def kind_of(answer: httpx.Response) -> str:
    """Return why our layers refused, or nothing where MLflow itself has answered."""
    if "application/json" not in answer.headers.get("content-type", ""):
        return ""
    values = answer.json()
    return str(values.get("kind", "")) if isinstance(values, dict) else ""


@pytest.mark.parametrize("subject", CALLERS)
def test_each_caller_reaches_exactly_the_classes_of_its_roles(
    subject: str, clients: Clients
) -> None:
    allowed = frozenset[RouteClass]().union(*(ALLOWED[role] for role in CALLERS[subject]))
    with clients.bearer(subject) as client:
        for method, path, route_class in calls():
            kind = kind_of(call(client, method, path))
            refused = f"role.{route_class}"
            if route_class in allowed:
                assert kind == "", (method, path)
            else:
                assert kind == refused, (method, path)


@pytest.mark.parametrize("subject", [None, STRANGER])
def test_who_has_no_role_reaches_nothing_but_the_sign_of_life(
    subject: str | None, clients: Clients
) -> None:
    expected = "identity.no_role" if subject else "identity.anonymous"
    with clients.bearer(subject) if subject else clients.anonymous() as client:
        for method, path, route_class in calls():
            kind = kind_of(call(client, method, path))
            assert kind == ("" if route_class is RouteClass.PUBLIC else expected), (method, path)


def test_what_nobody_serves_and_options_are_refused(clients: Clients) -> None:
    with clients.bearer(ADMIN) as client:
        assert kind_of(client.get("/api/2.0/mlflow/users/get")) == "route.unknown"
        assert kind_of(client.post("/metrics", json={})) == "route.unknown"
        options = client.request("OPTIONS", f"{API}/registered-models/create", json={})
        assert kind_of(options) == "route.unclassified"


def test_the_same_call_by_mlflow_s_own_client(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    def connect(subject: str) -> "MlflowClient":
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", clients.issuer.token(subject))
        return MlflowClient(clients.server.origin)

    scientist = connect(SCIENTIST)
    run = scientist.create_run(scientist.create_experiment("by the client"))
    scientist.log_metric(run.info.run_id, "auc", 0.8)
    scientist.log_text(run.info.run_id, "bytes", "model/weights.txt")
    source = f"{run.info.artifact_uri}/model"
    with pytest.raises(MlflowException, match="only the release path may"):
        scientist.create_registered_model("by-the-client")

    gatekeeper = connect(GATEKEEPER)
    gatekeeper.create_registered_model("by-the-client")
    version = gatekeeper.create_model_version("by-the-client", source, run.info.run_id)
    gatekeeper.set_registered_model_alias("by-the-client", "champion", version.version)

    auditor = connect(AUDITOR)
    assert auditor.get_model_version_by_alias("by-the-client", "champion").version == "1"
    assert auditor.list_artifacts(run.info.run_id, "model")[0].path == "model/weights.txt"
    admin = connect(ADMIN)
    with pytest.raises(MlflowException, match="only the release path may"):
        admin.set_registered_model_alias("by-the-client", "champion", "1")
