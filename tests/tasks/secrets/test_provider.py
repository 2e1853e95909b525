"""Secrets by reference, from a real OpenBao; each thing that can be wrong with one is said."""

import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigError, PortcullisError, ServiceError
from tasks.secrets.provider import Secrets
from tasks.secrets.setting_up import ALERTS, REGISTRY, WORKER
from tests.tasks.secrets.conftest import AUDIENCE, VALUES, Vaulted

CLIENT = "PORTCULLIS_SERVER_CLIENT_SECRET"
SESSION = "PORTCULLIS_SERVER_SESSION_KEY"
REFERENCE = "bao:kv/portcullis/registry#client_secret"
Opened = Callable[..., Secrets]


def test_a_secret_that_is_not_declared_is_its_variable(opened: Opened) -> None:
    secrets = opened({}, {CLIENT: "from the environment"})
    assert secrets.read(CLIENT) == "from the environment"
    assert secrets.read(SESSION) == ""


def test_a_file_is_read_without_its_last_line_break_and_again_at_each_use(
    opened: Opened, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_text(" first \n")
    secrets = opened({"secrets": {CLIENT: f"file:{path}"}})
    assert secrets.read(CLIENT) == " first "
    path.write_text("second")
    assert secrets.read(CLIENT) == "second"


def test_another_variable_may_hold_it(opened: Opened) -> None:
    secrets = opened({"secrets": {CLIENT: "env:OTHER"}}, {"OTHER": "elsewhere"})
    assert secrets.read(CLIENT) == "elsewhere"


def test_approle_reads_what_its_policy_lets_it_read(vaulted: Vaulted, opened: Opened) -> None:
    secrets = opened({"bao": vaulted.section(), "secrets": {CLIENT: REFERENCE}})
    assert secrets.read(CLIENT) == VALUES["registry"]["client_secret"]


def test_a_workload_logs_in_by_a_token_of_its_identity_provider(
    vaulted: Vaulted, opened: Opened, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    section = vaulted.section(approle=None, jwt={"role": REGISTRY, "token": f"file:{token}"})
    values = {"bao": section, "secrets": {CLIENT: REFERENCE}}
    token.write_text(vaulted.issuer.token("svc-registry", aud=AUDIENCE))
    assert opened(values).read(CLIENT) == VALUES["registry"]["client_secret"]

    for wrong in (
        vaulted.issuer.token("svc-release", aud=AUDIENCE),
        vaulted.issuer.token("svc-registry", aud="portcullis-registry"),
        vaulted.issuer.token("svc-registry", aud=AUDIENCE, exp=int(time.time()) - 3600),
    ):
        token.write_text(wrong)
        with pytest.raises(ServiceError, match=r"auth/jwt/login: expected a login") as refusal:
            opened(values).read(CLIENT)
        assert wrong not in str(refusal.value)


def test_a_rotation_reaches_a_process_that_runs_with_the_key_before_it(
    vaulted: Vaulted, opened: Opened
) -> None:
    first, second, third = ("11" * 32, "22" * 32, "33" * 32)
    vaulted.set_up.put("registry", {**VALUES["registry"], "session_key": first})
    values = {SESSION: "bao:kv/portcullis/registry#session_key"}
    secrets = opened({"bao": vaulted.section(), "secrets": values})
    assert secrets.read(SESSION) == first

    for before, after in ((first, second), (second, third)):
        vaulted.set_up.put("registry", {**VALUES["registry"], "session_key": after})
        _until(lambda expected=after: secrets.read(SESSION) == expected)  # type: ignore[misc]
        assert secrets.accepted(SESSION) == (after, before)
    vaulted.set_up.put("registry", VALUES["registry"])


def test_a_token_that_somebody_revoked_is_replaced(vaulted: Vaulted, opened: Opened) -> None:
    secrets = opened({"bao": vaulted.section(), "secrets": {CLIENT: REFERENCE}})
    access = secrets.access()
    token = access.token
    vaulted.bao.ask("auth/token/revoke", b'{"token": "%s"}' % token.encode())
    assert access.ask("kv/data/portcullis/registry")["data"]
    assert access.token != token


def test_at_stop_the_token_ends(vaulted: Vaulted, opened: Opened) -> None:
    secrets = opened({"bao": vaulted.section(), "secrets": {CLIENT: REFERENCE}})
    token = secrets.access().token
    secrets.close()
    with pytest.raises(OSError, match="403"):
        vaulted.bao.ask("auth/token/lookup", b'{"token": "%s"}' % token.encode())


@pytest.mark.parametrize("service", [REGISTRY, WORKER, ALERTS])
@pytest.mark.parametrize("owner", ["registry", "worker", "alerts"])
def test_each_service_reads_its_own_and_nothing_else(
    vaulted: Vaulted, opened: Opened, service: str, owner: str
) -> None:
    secrets = opened({"bao": vaulted.section()}, vaulted.environ(service))
    ask = secrets.access().ask
    is_own = service == f"portcullis-{owner}"
    (name, value) = next(iter(VALUES[owner].items()))
    if is_own:
        assert ask(f"kv/data/portcullis/{owner}")["data"]["data"][name] == value
        forbidden: list[tuple[str, dict[str, Any] | None]] = [
            (f"kv/metadata/portcullis/{owner}", None),
            (f"kv/data/portcullis/{owner}", {"data": {}}),
            ("sys/policies/acl", None),
            ("sys/mounts", None),
            ("database/config/portcullis", None),
            ("auth/token/create", {}),
            ("transit/keys/portcullis-log/config", {"exportable": True}),
            ("transit/export/signing-key/portcullis-log", None),
        ]
        if service != WORKER:
            forbidden.append(("transit/sign/portcullis-log", {"input": "YQ=="}))
        if service != REGISTRY:
            forbidden.append((f"database/creds/{REGISTRY}", None))
    else:
        forbidden = [(f"kv/data/portcullis/{owner}", None)]
    for path, body in forbidden:
        with pytest.raises(ServiceError, match=r"expected leave to use it; found HTTP 40[035]"):
            ask(path, body)


def test_the_worker_signs_and_the_registry_gets_accounts(vaulted: Vaulted, opened: Opened) -> None:
    worker = opened({"bao": vaulted.section()}, vaulted.environ(WORKER)).access()
    assert worker.ask("transit/sign/portcullis-log", {"input": "YQ=="})["data"]["signature"]
    registry = opened({"bao": vaulted.section()}).access()
    assert registry.ask(f"database/creds/{REGISTRY}")["lease_id"]


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"secrets": {CLIENT: "hunter2-the-secret-itself"}}, CLIENT),
        ({"secrets": {CLIENT: "bao:kv/../sys#x"}}, CLIENT),
        ({"secrets": {CLIENT: "bao:kv/portcullis/registry"}}, CLIENT),
        ({"secrets": {CLIENT: "file:relative/hunter2-the-secret-itself"}}, CLIENT),
        ({"secrets": {"hunter2-the-secret-itself": "env:X"}}, "secrets"),
        ({"secrets": {CLIENT: 7}}, "secrets"),
        ({"hunter2-the-secret-itself": 7}, "secrets.yaml"),
        ({"secrets": {CLIENT: REFERENCE}}, "bao"),
        ({"databases": {"h:1/d": "bao:kv/x#hunter2-the-secret-itself"}}, "databases"),
        ({"bao": {"address": "http://bao.example", "token": "env:X"}}, "bao"),
        ({"bao": {"address": "https://bao.example"}}, "bao"),
    ],
)
def test_a_bad_reference_is_one_error_that_does_not_quote_it(
    opened: Opened, values: dict[str, Any], where: str
) -> None:
    with pytest.raises(ConfigError, match=where) as refusal:
        opened(values).read(CLIENT)
    error: BaseException | None = refusal.value
    while error is not None:
        assert "hunter2" not in str(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("bao:kv/portcullis/registry#none", "expected a text in this field"),
        ("bao:kv/portcullis/worker#client_secret", "HTTP 403"),
        ("bao:other/portcullis/registry#x", "HTTP 403"),
        ("file:/nonexistent/secret", "found none"),
        ("file:/dev", "found a folder"),
        ("env:NOWHERE", "found nothing"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(
    vaulted: Vaulted, opened: Opened, reference: str, found: str
) -> None:
    secrets = opened({"bao": vaulted.section(), "secrets": {CLIENT: reference}})
    with pytest.raises(PortcullisError, match=found) as refusal:
        secrets.read(CLIENT)
    assert refusal.value.remedy


def test_a_deleted_secret_says_so(vaulted: Vaulted, opened: Opened) -> None:
    vaulted.set_up.put("alerts", VALUES["alerts"])
    secrets = opened(
        {
            "bao": vaulted.section(),
            "secrets": {"PORTCULLIS_HEC_TOKEN": "bao:kv/portcullis/alerts#none"},
        },
        vaulted.environ(ALERTS),
    )
    with pytest.raises(ServiceError, match="expected a text"):
        secrets.read("PORTCULLIS_HEC_TOKEN")


def test_a_server_that_is_away_is_one_error(vaulted: Vaulted, opened: Opened) -> None:
    away = {**vaulted.section(), "address": "http://127.0.0.1:9"}
    with pytest.raises(ServiceError, match=r"expected Vault or OpenBao to answer.*Start it"):
        opened({"bao": away, "secrets": {CLIENT: REFERENCE}}).read(CLIENT)


@pytest.mark.parametrize(
    ("status", "found"),
    [(503, "a sealed one. Unseal it"), (307, "HTTP 307"), (400, "HTTP 400"), (500, "HTTP 500")],
)
def test_a_sealed_server_is_said_to_be_and_nobody_is_followed_elsewhere(
    vaulted: Vaulted, opened: Opened, status: int, found: str
) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b'{"errors": ["it quotes what it was asked"]}')

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        secrets = opened(
            {"bao": {**vaulted.section(), "address": address}, "secrets": {CLIENT: REFERENCE}}
        )
        with pytest.raises(ServiceError, match=re.escape(found)) as refusal:
            secrets.read(CLIENT)
        server.shutdown()
        thread.join()
    assert "quotes" not in str(refusal.value)
    assert set(asked) == {"/v1/auth/approle/login"}


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
