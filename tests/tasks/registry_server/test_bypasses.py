"""Attempts to get a model into the registry, or other bytes under one, past the first layer.

Each by a real client against the real server. `ATTEMPTS` is the table of docs/registry-server.md.
"""

import socket
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from tests.attempts import AJAX, API, CREATE, FILES, RAW, Registered, api_attempts, send_raw
from tests.registry_servers import GATEKEEPER
from tests.tasks.registry_server.conftest import ADMIN, AUDITOR, SCIENTIST, Clients

pytestmark = pytest.mark.integration

NAME = "champion-model"


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
        NAME,
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
    token = clients.issuer.token(subject)
    assert send_raw(clients.server.origin, token, line, *headers, body=body) >= 400
    assert state_of(clients, registered) == before


ATTEMPTS = list(api_attempts(Registered("0" * 32, "0", "1" * 32, "1", "mlflow-artifacts:/0", NAME)))
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
