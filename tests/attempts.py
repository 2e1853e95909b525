"""Attempts to get a model into the registry, or other bytes under one: the design's list.

Each is what a real client sends to a real server; `tests/layers.py` has those that go past the
server, at its database and at its artifact store. A raw socket is used where a library would mend
what is sent.
"""

import json
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

API = "/api/2.0/mlflow"
AJAX = "/ajax-api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
CREATE = f"{API}/registered-models/create"


@dataclass(frozen=True)
class Registered:
    """A version that the Gatekeeper registered, and a run of the attacker's own.

    `file` is one of its files, below the root of its run.
    """

    run_id: str
    experiment_id: str
    own_run_id: str
    own_experiment_id: str
    source: str
    name: str
    version: str = "1"
    file: str = "model/weights"
    alias: str = "champion"


def send_raw(origin: str, token: str, line: str, *headers: str, body: bytes = b"") -> int:
    """Send a request exactly as it stands here, and return the status of the answer."""
    place = urlsplit(origin)
    assert place.hostname is not None
    lines = [line, "Connection: close"]
    lines += [f"Authorization: Bearer {token}"] if token else []
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


# What a person with a login tries by MLflow's API: (what it is, method, path, body or content).
def api_attempts(r: Registered) -> dict[str, tuple[str, str, object]]:
    """Return what it is -> method, path and content, JSON or bytes."""
    path = f"{FILES}/{r.experiment_id}/{r.run_id}/artifacts/{r.file}"
    own = f"{r.own_experiment_id}/{r.own_run_id}/artifacts"
    version = {"name": r.name, "source": f"mlflow-artifacts:/{own}/model", "run_id": r.own_run_id}
    return {
        "create a registered model": ("POST", CREATE, {"name": "x"}),
        "the same by the pages' API": ("POST", f"{AJAX}/registered-models/create", {"name": "y"}),
        "create a version": ("POST", f"{API}/model-versions/create", version),
        "a version of a version": (
            "POST",
            f"{API}/model-versions/create",
            {"name": r.name, "source": f"models:/{r.name}/1"},
        ),
        "a version whose source is elsewhere": (
            "POST",
            f"{API}/model-versions/create",
            {"name": r.name, "source": "s3://somewhere/model"},
        ),
        "a version of a source with dots": (
            "POST",
            f"{API}/model-versions/create",
            {"name": r.name, "source": f"mlflow-artifacts:/{own}/../../x"},
        ),
        "move the alias": (
            "POST",
            f"{API}/registered-models/alias",
            {"name": r.name, "alias": "champion", "version": r.version},
        ),
        "take the alias away": (
            "DELETE",
            f"{API}/registered-models/alias",
            {"name": r.name, "alias": r.alias},
        ),
        "move the stage": (
            "POST",
            f"{API}/model-versions/transition-stage",
            {
                "name": r.name,
                "version": r.version,
                "stage": "Production",
                "archive_existing_versions": True,
            },
        ),
        "rename": (
            "POST",
            f"{API}/registered-models/rename",
            {"name": r.name, "new_name": f"{r.name} renamed"},
        ),
        "delete, to create anew": ("DELETE", f"{API}/registered-models/delete", {"name": r.name}),
        "delete a version": (
            "DELETE",
            f"{API}/model-versions/delete",
            {"name": r.name, "version": r.version},
        ),
        "forge a tag of a version": (
            "POST",
            f"{API}/model-versions/set-tag",
            {"name": r.name, "version": r.version, "key": "portcullis.model_sha256", "value": "0"},
        ),
        "forge a tag of a model": (
            "POST",
            f"{API}/registered-models/set-tag",
            {"name": r.name, "key": "portcullis.use_case", "value": "x"},
        ),
        "describe a version otherwise": (
            "PATCH",
            f"{API}/model-versions/update",
            {"name": r.name, "version": r.version, "description": "approved"},
        ),
        "put other bytes": ("PUT", path, b"other"),
        "put other bytes by the pages' API": ("PUT", path.replace("/api/", "/ajax-api/"), b"other"),
        "put a file beside": ("PUT", path + ".py", b"import os"),
        "delete the bytes": ("DELETE", path, b""),
        "upload by the pages": (
            "POST",
            f"{AJAX}/upload-artifact?run_uuid={r.run_id}&path={r.file}",
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
            {"run_id": r.run_id, "path": r.file},
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
