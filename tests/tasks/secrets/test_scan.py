"""Nothing secret anywhere: the real server is used, fails on purpose, and all it left is searched.

Each secret is a mark that nothing else holds. The passwords of leased accounts are OpenBao's to
make; a policy has it make them of two letters alone.
"""

import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import psycopg
import pytest
import yaml

from tasks.secrets.setting_up import REGISTRY
from tests.identity import CLIENT_SECRET
from tests.registry_servers import RunningRegistry, registry_server
from tests.tasks.secrets.conftest import LEASE_SECONDS, VALUES, Vaulted

pytestmark = pytest.mark.integration

PASSWORDS = re.compile(rb"[ZQ]{24}")
TOKENS = re.compile(rb"\b(?:hvs|s|b)\.[A-Za-z0-9]{24}\b")
FIRST_KEY = "a1" * 32
SECOND_KEY = "b2" * 32
API = "/ajax-api/2.0/mlflow"
S3_KEYS = {"access_key_id": "AKIAMARKEDMARKED", "secret_access_key": "marked/secret+key=="}


@dataclass
class Scanned:
    """A server on leased accounts, and the folder in which it may write."""

    running: RunningRegistry
    folder: Path
    vaulted: Vaulted

    def put(self, session_key: str, client_secret: str = CLIENT_SECRET) -> None:
        fields = {"client_secret": client_secret, "session_key": session_key, **S3_KEYS}
        self.vaulted.set_up.put("registry", fields)

    def marks(self) -> list[bytes]:
        """Return every secret in every form in which it could stand somewhere."""
        login = self.vaulted.logins[REGISTRY]
        texts = [CLIENT_SECRET, FIRST_KEY, SECOND_KEY, login.secret_id, *S3_KEYS.values()]
        return [form for text in texts for form in forms_of(text)]


def forms_of(text: str) -> set[bytes]:
    plain = text.encode()
    forms = {plain, plain.hex().encode(), plain.hex().upper().encode(), plain.upper()}
    forms |= {quote(text, safe="").encode(), quote_plus(text).encode(), quote(text).encode()}
    forms |= {
        json.dumps(text)[1:-1].encode(),
        repr(text)[1:-1].encode(),
        plain.decode().encode("utf-16-le"),
    }
    if re.fullmatch(r"(?:[0-9a-f]{2}){32}", text):
        forms.add(bytes.fromhex(text))
    # Within a longer text it begins at one of three places of a group of base64.
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * shift + plain)
            forms.add(encoded[(0, 4, 4)[shift] : len(encoded) - 4])
    return forms


def hits_in(content: bytes, marks: list[bytes]) -> list[bytes]:
    found = [mark for mark in marks if mark in content]
    return found + PASSWORDS.findall(content) + TOKENS.findall(content)


@pytest.fixture(scope="module")
def scanned(vaulted: Vaulted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanned]:
    # The sources themselves lie outside of what is searched.
    sources = tmp_path_factory.mktemp("sources")
    login = vaulted.logins[REGISTRY]
    (sources / "role").write_text(login.role_id)
    (sources / "secret").write_text(login.secret_id)
    folder = tmp_path_factory.mktemp("scanned")
    reference = "bao:kv/portcullis/registry"
    (folder / "secrets.yaml").write_text(
        yaml.safe_dump(
            {
                "bao": vaulted.section(
                    approle={
                        "role_id": f"file:{sources / 'role'}",
                        "secret_id": f"file:{sources / 'secret'}",
                    }
                ),
                "secrets": {
                    "PORTCULLIS_SERVER_CLIENT_SECRET": f"{reference}#client_secret",
                    "PORTCULLIS_SERVER_SESSION_KEY": f"{reference}#session_key",
                    "AWS_ACCESS_KEY_ID": f"{reference}#access_key_id",
                    "AWS_SECRET_ACCESS_KEY": f"{reference}#secret_access_key",
                },
                "databases": {vaulted.place: f"bao:database/creds/{REGISTRY}"},
            }
        )
    )
    policy = {"policy": 'length = 24\nrule "charset" { charset = "ZQ" }'}
    vaulted.bao.ask("sys/policies/password/marked", json.dumps(policy).encode())
    vaulted.bao.ask("database/config/portcullis", b'{"password_policy": "marked"}')
    given = json.loads(vaulted.bao.ask(f"database/creds/{REGISTRY}", None))["data"]
    assert PASSWORDS.fullmatch(given["password"].encode())

    uri = f"portcullis+postgresql://{vaulted.place}"
    environ = {"PORTCULLIS_SECRETS": str(folder / "secrets.yaml"), "PORTCULLIS_DEBUG": "1"}
    vaulted.issuer.groups = {"ann": ["ds"]}
    Scanned(None, folder, vaulted).put(FIRST_KEY)  # type: ignore[arg-type] # before it runs
    registry_uri = f"postgresql+psycopg://{vaulted.place}"
    with registry_server(folder, vaulted.issuer, uri, registry_uri, environ) as running:
        yield Scanned(running, folder, vaulted)
    # At stop each process gave its token and its accounts back; that of this function is left.
    assert vaulted.users() <= {given["username"]}
    vaulted.set_up.put("registry", VALUES["registry"])


def sign_in(browser: httpx.Client, vaulted: Vaulted) -> httpx.Response:
    vaulted.issuer.signs_in = "ann"
    to_provider = browser.get("/portcullis/login")
    back = httpx.get(to_provider.headers["location"])
    return browser.get(back.headers["location"])


def test_nothing_secret_is_anywhere_after_use_rotation_and_failures(scanned: Scanned) -> None:
    answers: list[httpx.Response] = []

    def noted(response: httpx.Response) -> None:
        response.read()
        answers.append(response)

    origin = scanned.running.origin
    hooks: dict[str, Any] = {"response": [noted]}
    with httpx.Client(base_url=origin, timeout=60, event_hooks=hooks) as browser:
        _use(browser, scanned)
        _rotate(browser, scanned)
        _scan_processes(scanned)
        _fail(browser, scanned)
        _scan_processes(scanned)

    marks = scanned.marks()
    for answer in answers:
        shown = answer.content + repr(answer.headers.raw).encode()
        assert hits_in(shown, marks) == [], answer.url
    _scan_files(scanned.folder, marks)
    assert "code=" not in scanned.running.output.read_text()
    _scan_database(scanned.vaulted, marks)


def _use(browser: httpx.Client, scanned: Scanned) -> None:
    assert sign_in(browser, scanned.vaulted).status_code == 303
    until = time.monotonic() + 2 * LEASE_SECONDS
    number = 0
    while time.monotonic() < until:
        number += 1
        answer = browser.post(
            f"{API}/experiments/create",
            json={"name": f"scan {number}"},
            headers={"origin": scanned.running.origin},
        )
        assert answer.status_code == 200, answer.text
        listed = browser.get(f"{API}/registered-models/search", params={"max_results": 1})
        assert listed.status_code == 200, listed.text
        time.sleep(0.1)
    assert browser.get("/").status_code == 200


def _rotate(browser: httpx.Client, scanned: Scanned) -> None:
    """A session outlives one rotation of its key; the client's secret is the provider's new one."""
    scanned.put(SECOND_KEY)
    time.sleep(1.5)
    assert browser.get("/").status_code == 200
    with httpx.Client(base_url=scanned.running.origin, timeout=60) as other:
        assert sign_in(other, scanned.vaulted).status_code == 303
    scanned.put(SECOND_KEY, "another secret")
    time.sleep(1.5)
    with httpx.Client(base_url=scanned.running.origin, timeout=60) as other:
        assert sign_in(other, scanned.vaulted).status_code in (401, 403, 502, 503)
    # The key was written twice since: what the first one sealed is no session any more.
    assert browser.get("/", headers={"accept": "application/json"}).status_code in (303, 401)
    scanned.put(SECOND_KEY)
    time.sleep(1.5)
    assert sign_in(browser, scanned.vaulted).status_code == 303


def _fail(browser: httpx.Client, scanned: Scanned) -> None:
    """Bad bodies, a provider that is away, and a database that lets nobody in any more."""
    own = {"origin": scanned.running.origin}
    browser.post(f"{API}/experiments/create", content=b"{", headers=own)
    browser.get(f"{API}/runs/get", params={"run_id": "no' such"})
    scanned.vaulted.issuer.is_down = True
    time.sleep(1.2)
    assert browser.get(f"{API}/experiments/get", params={"experiment_id": "0"}).status_code >= 400
    scanned.vaulted.issuer.is_down = False

    role = scanned.vaulted.bao.ask(f"database/roles/{REGISTRY}", None)
    scanned.vaulted.bao.ask(
        f"database/roles/{REGISTRY}",
        b'{"db_name": "portcullis", "creation_statements": ["SELECT 1/0"]}',
    )
    scanned.vaulted.bao.ask("sys/leases/revoke-prefix/database/creds")
    failed = browser.get(f"{API}/experiments/get", params={"experiment_id": "0"})
    assert failed.status_code >= 500
    scanned.vaulted.bao.ask(
        f"database/roles/{REGISTRY}", json.dumps(json.loads(role)["data"]).encode()
    )
    time.sleep(1.5)
    again = browser.get(f"{API}/experiments/get", params={"experiment_id": "0"})
    assert again.status_code == 200, again.text


def _scan_processes(scanned: Scanned) -> None:
    """Look into what the kernel shows of the server's processes, to root alone."""
    marks = scanned.marks()
    config = str(scanned.folder / "server.yaml").encode()
    counted = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environ = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
            limits = (process / "limits").read_text()
        except OSError:
            continue
        if config not in environ:
            continue
        counted += 1
        assert hits_in(environ, marks) == []
        assert hits_in(command, marks) == []
        cores = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert cores.split()[4:6] == ["0", "0"], cores
    assert counted >= 2  # mlflow's command, and the process that serves


def _scan_files(folder: Path, marks: list[bytes]) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"server.log", "audit.jsonl", "server.yaml"} <= {path.name for path in files}
    for path in files:
        assert hits_in(path.read_bytes(), marks) == [], path


def _scan_database(vaulted: Vaulted, marks: list[bytes]) -> None:
    with psycopg.connect(vaulted.owner_url) as link:
        tables = link.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (name,) in tables.fetchall():
            rows = link.execute(f'SELECT t::text FROM "{name}" t').fetchall()
            assert hits_in("\n".join(row[0] for row in rows).encode(), marks) == [], name


def test_the_scan_finds_what_it_looks_for() -> None:
    for text in (CLIENT_SECRET, FIRST_KEY, S3_KEYS["secret_access_key"]):
        marks = [*forms_of(text)]
        for before in ("", "x", "yz"):
            for shown in (
                text.encode(),
                quote(text, safe="").encode(),
                base64.b64encode(f"{before}{text}tail".encode()),
                base64.urlsafe_b64encode(f"{before}{text}".encode()),
                text.encode().hex().encode(),
            ):
                assert hits_in(b"before " + shown + b" after", marks), (text, before, shown)
    assert hits_in(b"password " + b"ZQ" * 12, [])
    assert hits_in(b"token s.Abcdefghijklmnopqrstuvwx", [])
