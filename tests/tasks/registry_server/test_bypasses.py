"""Attempts to get a model into the registry, or other bytes under one, past the first layer.

Each by a real client against the real server. `ATTEMPTS` is the table of docs/registry-server.md.
A raw socket is used where a library would mend what is sent.
"""

import json
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from tests.registry_servers import GATEKEEPER
from tests.tasks.registry_server.conftest import ADMIN, AUDITOR, SCIENTIST, Clients

pytestmark = pytest.mark.integration

API = "/api/2.0/mlflow"
AJAX = "/ajax-api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
NAME = "champion-model"
CREATE = f"{API}/registered-models/create"


@dataclass(frozen=True)
class Registered:
    """A version that the Gatekeeper registered, and a run of the attacker's own."""

    run_id: str
    experiment_id: str
    own_run_id: str
    own_experiment_id: str
    source: str


@pytest.fixture(scope="module")
def registered(server: object, issuer: object) -> Registered:
    clients = Clients(server, issuer)  # type: ignore[arg-type] # the fixtures of the package
    with clients.bearer(SCIENTIST) as client, clients.bearer(GATEKEEPER) as gatekeeper:
        runs = []
        for name in ("trained", "own"):
            made = client.post(f"{API}/experiments/create", json={"name": name}).json()
            values = {"experiment_id": made["experiment_id"]}
            info = client.post(f"{API}/runs/create", json=values).json()["run"]["info"]
            runs.append(info)
            put = f"{FILES}/{info['experiment_id']}/{info['run_id']}/artifacts/model/weights"
            assert client.put(put, content=b"judged").status_code == 200

        trained, own = runs
        source = f"{trained['artifact_uri']}/model"
        gatekeeper.post(CREATE, json={"name": NAME}).raise_for_status()
        version = {"name": NAME, "source": source, "run_id": trained["run_id"]}
        gatekeeper.post(f"{API}/model-versions/create", json=version).raise_for_status()
        alias = {"name": NAME, "alias": "champion", "version": "1"}
        gatekeeper.post(f"{API}/registered-models/alias", json=alias).raise_for_status()
    return Registered(
        trained["run_id"],
        trained["experiment_id"],
        own["run_id"],
        own["experiment_id"],
        source,
    )


def state_of(clients: Clients, registered: Registered) -> dict[str, object]:
    """Return all that an attempt would change."""
    with clients.bearer(AUDITOR) as client:
        models = client.get(f"{API}/registered-models/search").json()
        versions = client.get(f"{API}/model-versions/search").json()
        experiments = client.get(f"{API}/experiments/search", params={"max_results": 100}).json()
        run = client.get(f"{API}/runs/get", params={"run_id": registered.run_id}).json()
        listed = client.get(
            f"{API}/artifacts/list", params={"run_id": registered.run_id, "path": "model"}
        ).json()
    files = {
        str(path.relative_to(clients.server.artifacts)): path.read_bytes()
        for path in (clients.server.artifacts / registered.experiment_id).rglob("*")
        if path.is_file()
    }
    return {
        "models": models,
        "versions": versions,
        "run": run,
        "listed": listed,
        "files": files,
        "all": experiments,
    }


def raw(clients: Clients, subject: str, line: str, *headers: str, body: bytes = b"") -> int:
    """Send a request exactly as it stands here, and return the status of the answer."""
    place = urlsplit(clients.server.origin)
    assert place.hostname is not None
    lines = [line, f"Authorization: Bearer {clients.issuer.token(subject)}", "Connection: close"]
    lines += [f"Content-Length: {len(body)}"] if body or not headers else []
    if not any(item.lower().startswith("host:") for item in headers):
        lines.append(f"Host: {place.netloc}")
    with socket.create_connection((place.hostname, place.port or 80), timeout=20) as stream:
        stream.sendall("\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body)
        answer = stream.makefile("rb").readline()
    return int(answer.split()[1])


MODEL = json.dumps({"name": "smuggled"}).encode()
JSON = "Content-Type: application/json"

# What is sent as it stands, line by line: (what it is, request line, further headers, body).
RAW = [
    ("two slashes", f"POST /{CREATE} HTTP/1.1", [JSON], MODEL),
    ("slashes inside", "POST /api//2.0/mlflow/registered-models/create HTTP/1.1", [JSON], MODEL),
    (
        "an encoded letter",
        "POST /%61pi/2.0/mlflow/registered-models/create HTTP/1.1",
        [JSON],
        MODEL,
    ),
    ("an encoded slash", "POST /api%2F2.0/mlflow/registered-models/create HTTP/1.1", [JSON], MODEL),
    (
        "dots",
        "POST /api/2.0/mlflow/runs/../registered-models/create HTTP/1.1",
        [JSON],
        MODEL,
    ),
    (
        "encoded dots",
        "POST /api/2.0/mlflow/runs/%2e%2e/registered-models/create HTTP/1.1",
        [JSON],
        MODEL,
    ),
    ("a slash at the end", f"POST {CREATE}/ HTTP/1.1", [JSON], MODEL),
    ("a parameter of the path", f"POST {CREATE};x=1 HTTP/1.1", [JSON], MODEL),
    ("a backslash", "POST /api\\2.0/mlflow/registered-models/create HTTP/1.1", [JSON], MODEL),
    ("capital letters", f"POST {CREATE.upper()} HTTP/1.1", [JSON], MODEL),
    ("a whole address", f"POST http://127.0.0.1{CREATE} HTTP/1.1", [JSON], MODEL),
    ("a null byte", f"POST {CREATE}%00 HTTP/1.1", [JSON], MODEL),
    (
        "the method in a header",
        f"GET {CREATE} HTTP/1.1",
        [JSON, "X-HTTP-Method-Override: POST"],
        b"",
    ),
    ("the method in the query", f"GET {CREATE}?_method=POST HTTP/1.1", [JSON], b""),
    ("a made-up method", f"CREATE {CREATE} HTTP/1.1", [JSON], MODEL),
    ("a prefix", "POST /create HTTP/1.1", [JSON, f"X-Forwarded-Prefix: {API}"], MODEL),
    (
        "another path in a header",
        "POST /health HTTP/1.1",
        [JSON, f"X-Original-URL: {CREATE}"],
        MODEL,
    ),
    ("a body on a GET", f"GET {CREATE} HTTP/1.1", [JSON], MODEL),
    ("another host", f"POST {CREATE} HTTP/1.1", [JSON, "Host: registry.evil.example"], MODEL),
    ("a second token", f"POST {CREATE} HTTP/1.1", [JSON, "Authorization: Bearer x"], MODEL),
    (
        "two lengths",
        f"POST {CREATE} HTTP/1.1",
        [JSON, "Transfer-Encoding: chunked"],
        b"0\r\n\r\nPOST / HTTP/1.1\r\n\r\n",
    ),
    (
        "an upgrade to a socket",
        f"GET {CREATE} HTTP/1.1",
        ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"],
        b"",
    ),
]


@pytest.mark.parametrize(
    ("line", "headers", "body"), [item[1:] for item in RAW], ids=[i[0] for i in RAW]
)
@pytest.mark.parametrize("subject", [SCIENTIST, ADMIN])
def test_no_spelling_of_a_request_registers(
    clients: Clients,
    registered: Registered,
    subject: str,
    line: str,
    headers: list[str],
    body: bytes,
) -> None:
    before = state_of(clients, registered)
    assert raw(clients, subject, line, *headers, body=body) >= 400
    assert state_of(clients, registered) == before


# What a person with a login tries by MLflow's API: (what it is, method, path, body or content).
def api_attempts(r: Registered) -> dict[str, tuple[str, str, object]]:
    path = f"{FILES}/{r.experiment_id}/{r.run_id}/artifacts/model/weights"
    own = f"{r.own_experiment_id}/{r.own_run_id}/artifacts"
    version = {"name": NAME, "source": f"mlflow-artifacts:/{own}/model", "run_id": r.own_run_id}
    return {
        "create a registered model": ("POST", CREATE, {"name": "x"}),
        "the same by the pages' API": ("POST", f"{AJAX}/registered-models/create", {"name": "y"}),
        "create a version": ("POST", f"{API}/model-versions/create", version),
        "a version of a version": (
            "POST",
            f"{API}/model-versions/create",
            {"name": NAME, "source": f"models:/{NAME}/1"},
        ),
        "a version whose source is elsewhere": (
            "POST",
            f"{API}/model-versions/create",
            {"name": NAME, "source": "s3://somewhere/model"},
        ),
        "a version of a source with dots": (
            "POST",
            f"{API}/model-versions/create",
            {"name": NAME, "source": f"mlflow-artifacts:/{own}/../../x"},
        ),
        "move the alias": (
            "POST",
            f"{API}/registered-models/alias",
            {"name": NAME, "alias": "champion", "version": "1"},
        ),
        "take the alias away": (
            "DELETE",
            f"{API}/registered-models/alias",
            {"name": NAME, "alias": "champion"},
        ),
        "move the stage": (
            "POST",
            f"{API}/model-versions/transition-stage",
            {
                "name": NAME,
                "version": "1",
                "stage": "Production",
                "archive_existing_versions": True,
            },
        ),
        "rename": (
            "POST",
            f"{API}/registered-models/rename",
            {"name": NAME, "new_name": f"{NAME} renamed"},
        ),
        "delete, to create anew": ("DELETE", f"{API}/registered-models/delete", {"name": NAME}),
        "delete a version": (
            "DELETE",
            f"{API}/model-versions/delete",
            {"name": NAME, "version": "1"},
        ),
        "forge a tag of a version": (
            "POST",
            f"{API}/model-versions/set-tag",
            {"name": NAME, "version": "1", "key": "portcullis.model_sha256", "value": "0"},
        ),
        "forge a tag of a model": (
            "POST",
            f"{API}/registered-models/set-tag",
            {"name": NAME, "key": "portcullis.use_case", "value": "x"},
        ),
        "describe a version otherwise": (
            "PATCH",
            f"{API}/model-versions/update",
            {"name": NAME, "version": "1", "description": "approved"},
        ),
        "put other bytes": ("PUT", path, b"other"),
        "put other bytes by the pages' API": ("PUT", path.replace("/api/", "/ajax-api/"), b"other"),
        "put a file beside": ("PUT", path + ".py", b"import os"),
        "delete the bytes": ("DELETE", path, b""),
        "upload by the pages": (
            "POST",
            f"{AJAX}/upload-artifact?run_uuid={r.run_id}&path=model/weights",
            b"other",
        ),
        "upload in parts": (
            "POST",
            f"/api/2.0/mlflow-artifacts/mpu/create/{r.experiment_id}/{r.run_id}/artifacts/model",
            {"path": "weights", "num_parts": 1},
        ),
        "a URL to upload by": (
            "POST",
            f"{API}/artifacts/presigned-upload-url",
            {"run_id": r.run_id, "path": "model/weights"},
        ),
        "an experiment whose artifacts lie there": (
            "POST",
            f"{API}/experiments/create",
            {"name": "deputy", "artifact_location": r.source},
        ),
        "the same in the other spelling": (
            "POST",
            f"{API}/experiments/create",
            {"name": "deputy 2", "artifactLocation": r.source},
        ),
        "an experiment whose artifacts are the server's files": (
            "POST",
            f"{API}/experiments/create",
            {"name": "deputy 3", "artifact_location": "file:///etc"},
        ),
        "another figure in its run": (
            "POST",
            f"{API}/runs/log-metric",
            {"run_id": r.run_id, "key": "auc", "value": 0.99, "timestamp": 1},
        ),
        "the same by the old name of the field": (
            "POST",
            f"{API}/runs/log-metric",
            {"run_uuid": r.run_id, "key": "auc", "value": 0.99, "timestamp": 1},
        ),
        "another run first, then this": (
            "POST",
            f"{API}/runs/log-metric",
            {
                "run_id": r.own_run_id,
                "run_uuid": r.run_id,
                "key": "auc",
                "value": 1,
                "timestamp": 1,
            },
        ),
        "a batch of figures": (
            "POST",
            f"{API}/runs/log-batch",
            {"run_id": r.run_id, "tags": [{"key": "portcullis.decision_sha256", "value": "0"}]},
        ),
        "forge a tag of its run": (
            "POST",
            f"{API}/runs/set-tag",
            {"run_id": r.run_id, "key": "portcullis.model_sha256", "value": "0"},
        ),
        "end its run as failed": (
            "POST",
            f"{API}/runs/update",
            {"run_id": r.run_id, "status": "FAILED"},
        ),
        "delete its experiment": (
            "POST",
            f"{API}/experiments/delete",
            {"experiment_id": r.experiment_id},
        ),
        "rename its experiment": (
            "POST",
            f"{API}/experiments/update",
            {"experimentId": r.experiment_id, "new_name": "renamed"},
        ),
        "delete its run": ("POST", f"{API}/runs/delete", {"run_id": r.run_id}),
        "a logged model into its run": (
            "POST",
            f"{API}/runs/outputs",
            {"run_id": r.run_id, "models": [{"model_id": "m-" + "0" * 32, "step": 1}]},
        ),
        "a trace whose place is a file of the server": (
            "PATCH",
            f"{API}/traces/tr-{'0' * 32}/tags",
            {"key": "mlflow.artifactLocation", "value": "file:///etc"},
        ),
        "GraphQL": (
            "POST",
            "/graphql",
            {"query": 'mutation { mlflowCreateRegisteredModel(input: {name: "x"}) { name } }'},
        ),
        "a job": ("POST", "/ajax-api/3.0/jobs/", {"job_name": "x", "params": {}}),
        "the gateway": ("POST", "/gateway/mlflow/v1/chat/completions", {"model": "x"}),
        "a webhook to inside": (
            "POST",
            f"{API}/webhooks",
            {"name": "x", "url": "https://127.0.0.1/", "events": []},
        ),
        "a user": ("POST", f"{API}/users/create", {"username": "x", "password": "y" * 12}),
        "write beside all runs": ("PUT", f"{FILES}/anywhere/x", b"x"),
        "write up and over": ("PUT", f"{FILES}/{own}/%2e%2e/x", b"x"),
    }


ATTEMPTS = list(api_attempts(Registered("0" * 32, "0", "1" * 32, "1", "mlflow-artifacts:/0")))
# GraphQL answers 200 and an error: there is no such field.
ANSWERED = {"GraphQL"}


@pytest.mark.parametrize("subject", [SCIENTIST, ADMIN])
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_person_changes_the_registry_or_what_it_names(
    clients: Clients, registered: Registered, attempt: str, subject: str
) -> None:
    method, path, content = api_attempts(registered)[attempt]
    before = state_of(clients, registered)
    with clients.bearer(subject) as client:
        if isinstance(content, bytes):
            answer = client.request(method, path, content=content)
        else:
            answer = client.request(method, path, json=content)
    if attempt in ANSWERED:
        assert "errors" in answer.json()
    else:
        assert answer.status_code in (400, 403, 404), answer.text
        assert clients.event_of(answer)["status_id"] == 2
    assert state_of(clients, registered) == before


@pytest.mark.parametrize(
    "body",
    [
        b'{"run_id": "%(own)s", "run_id": "%(run)s", "key": "auc", "value": 1, "timestamp": 1}',
        b'{"run_id": "%(own)s", "runId": "%(run)s", "key": "auc", "value": 1, "timestamp": 1}',
        b'"{\\"run_id\\": \\"%(run)s\\", \\"key\\": \\"a\\", \\"value\\": 1, \\"timestamp\\": 1}"',
        b'{"run\\u005fid": "%(run)s", "key": "auc", "value": 1, "timestamp": 1}',
        b'\xef\xbb\xbf{"run_id": "%(run)s", "key": "auc", "value": 1, "timestamp": 1}',
    ],
    ids=["twice", "two spellings", "a text of JSON", "an escape", "a byte order mark"],
)
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-16", "text/plain", "application/x-json"],
)
def test_no_spelling_of_a_body_reaches_a_closed_run(
    clients: Clients, registered: Registered, body: bytes, content_type: str
) -> None:
    before = state_of(clients, registered)
    names = {b"own": registered.own_run_id.encode(), b"run": registered.run_id.encode()}
    with clients.bearer(SCIENTIST) as client:
        answer = client.post(
            f"{API}/runs/log-metric", content=body % names, headers={"content-type": content_type}
        )
    assert answer.status_code in (400, 403, 415), answer.text
    assert state_of(clients, registered) == before


def test_the_attacker_s_own_run_stays_open(clients: Clients, registered: Registered) -> None:
    """Else the attempts above would fail for another reason than they should."""
    values = {"run_id": registered.own_run_id, "key": "auc", "value": 0.5, "timestamp": 1}
    path = f"{FILES}/{registered.own_experiment_id}/{registered.own_run_id}/artifacts/more"
    with clients.bearer(SCIENTIST) as client:
        assert client.post(f"{API}/runs/log-metric", json=values).status_code == 200
        assert client.put(path, content=b"more").status_code == 200
        assert client.post(f"{API}/runs/set-tag", json={**values, "value": "x"}).status_code == 200


def test_a_file_that_is_too_long_leaves_nothing(clients: Clients, registered: Registered) -> None:
    folder = f"{registered.own_experiment_id}/{registered.own_run_id}/artifacts"
    too_long = b"x" * ((1 << 20) + 1)
    with clients.bearer(SCIENTIST) as client:
        told = client.put(f"{FILES}/{folder}/told", content=too_long)
        assert told.status_code == 413
        untold = client.put(f"{FILES}/{folder}/untold", content=iter([too_long]))
        assert untold.status_code >= 400
    left = [path.name for path in (clients.server.artifacts / folder).iterdir()]
    assert not {"told", "untold"} & set(left)


def test_a_thousand_denials_lose_no_event(clients: Clients) -> None:
    before = len(clients.events())
    with clients.bearer(SCIENTIST) as client:
        uids = [client.post(CREATE, json={"name": "x"}).json()["call"] for _ in range(1000)]
    events = clients.events()[before:]
    written = [event["metadata"]["correlation_uid"] for event in events]
    assert sorted(written) == sorted(uids)
    assert {event["unmapped"]["refusal"] for event in events} == {"role.registry"}


def test_no_token_and_no_value_stands_in_what_the_server_writes(
    clients: Clients, registered: Registered
) -> None:
    token = clients.issuer.token(SCIENTIST)
    canary = "canary-4711"
    with httpx.Client(base_url=clients.server.origin) as client:
        headers = {"authorization": f"Bearer {token}"}
        client.post(f"{API}/experiments/create", json={"name": canary}, headers=headers)
        client.put(f"{FILES}/{canary}/{canary}", content=b"x", headers=headers)
        client.post(CREATE, json={"name": canary}, headers=headers)
        client.get(f"/{canary}", headers=headers)
    written = clients.server.audit_file.read_text()
    assert canary not in written
    assert token not in written
    assert token not in clients.server.output.read_text()


def test_calls_at_once_keep_their_callers_apart(clients: Clients) -> None:
    """A scientist and an auditor at the same time: no role is taken over from another call."""
    answers: dict[str, list[int]] = {SCIENTIST: [], AUDITOR: []}

    def work(subject: str) -> None:
        with clients.bearer(subject) as client:
            for number in range(40):
                values = {"name": f"{subject} {number}"}
                answers[subject].append(
                    client.post(f"{API}/experiments/create", json=values).status_code
                )

    threads = [threading.Thread(target=work, args=(subject,)) for subject in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers[SCIENTIST]) == {200}
    assert set(answers[AUDITOR]) == {403}


@pytest.mark.parametrize("way", ["upload-artifact", "PUT"])
def test_half_a_file_is_no_file(clients: Clients, registered: Registered, way: str) -> None:
    """Without a length in its headers, what came before a sender went away looks like a whole."""
    place = f"{registered.own_experiment_id}/{registered.own_run_id}/artifacts"
    line = f"PUT {FILES}/{place}/half HTTP/1.1"
    if way == "upload-artifact":
        query = f"run_uuid={registered.own_run_id}&path=half"
        line = f"POST {AJAX}/upload-artifact?{query} HTTP/1.1"
    host = urlsplit(clients.server.origin)
    headers = [
        f"Host: {host.netloc}",
        f"Authorization: Bearer {clients.issuer.token(SCIENTIST)}",
        "Transfer-Encoding: chunked",
    ]
    with socket.create_connection((str(host.hostname), host.port or 80), timeout=20) as stream:
        stream.sendall("\r\n".join([line, *headers, "", "5\r\nhalf-\r\n"]).encode())
        stream.shutdown(socket.SHUT_WR)
        answer = stream.makefile("rb").readline()
    assert answer.split()[1:2] in ([], [b"400"])
    assert not [path for path in clients.server.artifacts.rglob("half*") if path.is_file()]


def test_a_file_of_the_pages_is_held_in_memory_up_to_its_limit(
    clients: Clients, registered: Registered
) -> None:
    path = f"{AJAX}/upload-artifact?run_uuid={registered.own_run_id}&path=large"
    with clients.bearer(SCIENTIST) as client:
        answer = client.post(path, content=iter([b"x" * (1 << 20)] * 2))
    assert (answer.status_code, answer.json()["kind"]) == (413, "request.body")
    assert not list(clients.server.artifacts.rglob("large"))
