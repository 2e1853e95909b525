"""The proxy of `deploy/` before the registry's server: real nginx, as its committed file says.

Only addresses, ports and folders are others here. Skipped where nginx is not installed.
"""

import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.serving.ports import HOST, find_free_port
from tests.certificates import write_certificate
from tests.identity import Issuer, identity_provider
from tests.registry_servers import RunningRegistry, registry_server

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "proxy" / "nginx.conf"
NAME = "registry.example"
ANOTHER_ADDRESS = "127.0.0.2"  # of the loopback, too: who calls is told from the proxy by it
API = "/api/2.0/mlflow"
ARTIFACT_BYTES = 24 << 20

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@dataclass(frozen=True)
class Proxy:
    """A running nginx, and what it stands before."""

    port: int
    folder: Path
    authority: Path
    registry: RunningRegistry
    issuer: Issuer

    def client(self, address: str = HOST) -> httpx.Client:
        """Return a client that believes the proxy's certificate alone, calling from an address."""
        context = ssl.create_default_context(cafile=str(self.authority))
        transport = httpx.HTTPTransport(verify=context, local_address=address)
        return httpx.Client(transport=transport, base_url=f"https://{HOST}:{self.port}")

    def call(
        self, method: str, path: str, client: httpx.Client | None = None, **more: Any
    ) -> httpx.Response:
        """Call as a data scientist, by the registry's name."""
        headers = {
            "host": NAME,
            "authorization": f"Bearer {self.issuer.token('svc-training')}",
            **more.pop("headers", {}),
        }
        with client or self.client() as calling:
            return calling.request(
                method, path, headers=headers, extensions={"sni_hostname": NAME}, **more
            )

    def events(self) -> list[dict[str, Any]]:
        """Return the audit log."""
        return [json.loads(line) for line in self.registry.audit_file.read_text().splitlines()]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("no nginx on this machine (Debian package nginx)")
    folder = tmp_path_factory.mktemp("proxy")
    authority = write_certificate(folder, NAME)
    changes = {"origin": f"https://{NAME}", "most_artifact_bytes": 1 << 31}
    port = find_free_port()
    with (
        identity_provider() as issuer,
        registry_server(tmp_path_factory.mktemp("registry"), issuer, changes=changes) as registry,
    ):
        file = folder / "nginx.conf"
        file.write_text(here(CONFIGURATION.read_text(), folder, port, registry.origin))
        # Started by root, nginx would give its processes an account that cannot enter the folder.
        command = [program, "-e", "stderr", "-c", str(file), "-g", "daemon off; user root;"]
        with (folder / "errors").open("wb") as errors:
            server = subprocess.Popen(command, stdout=errors, stderr=errors)
        try:
            wait_for(port, server, folder / "errors")
            yield Proxy(port, folder, authority, registry, issuer)
        finally:
            server.terminate()
            server.wait(timeout=30)


def here(text: str, folder: Path, port: int, origin: str) -> str:
    """Return the committed configuration with this test's ports and folders."""
    replaced = {
        "/tmp/": f"{folder}/",  # first: other folders below may lie in /tmp
        "listen 8443": f"listen {HOST}:{port}",
        "http://127.0.0.1:5000": origin,
        "/run/tls": str(folder),
        "worker_processes auto": "worker_processes 1",
    }
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return text


def wait_for(port: int, server: "subprocess.Popen[bytes]", errors: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(errors.read_text())


def handshake(proxy: Proxy, name: str, version: ssl.TLSVersion) -> str | None:
    """Return the version of a connection that is limited to one."""
    context = ssl.create_default_context(cafile=str(proxy.authority))
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection((HOST, proxy.port), timeout=10) as link,
        context.wrap_socket(link, server_hostname=name) as secured,
    ):
        return secured.version()


def test_tls_1_3_is_spoken(proxy: Proxy) -> None:
    assert handshake(proxy, NAME, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"


def test_an_older_tls_is_refused(proxy: Proxy) -> None:
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        handshake(proxy, NAME, ssl.TLSVersion.TLSv1_2)


def test_another_name_gets_no_certificate(proxy: Proxy) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        handshake(proxy, "elsewhere.example", ssl.TLSVersion.TLSv1_3)


def test_a_call_by_another_host_than_that_of_its_handshake_reaches_nothing(proxy: Proxy) -> None:
    answer = proxy.call("GET", "/health", headers={"host": "elsewhere.example"})
    assert answer.status_code == 421


def test_a_call_without_tls_reaches_nothing(proxy: Proxy) -> None:
    assert httpx.get(f"http://{HOST}:{proxy.port}/health").status_code == 400


def test_the_audit_log_names_whom_the_proxy_saw_and_not_what_a_client_says(proxy: Proxy) -> None:
    forged = {
        "x-forwarded-for": "203.0.113.9",
        "x-real-ip": "203.0.113.9",
        "forwarded": "for=203.0.113.9",
    }
    path = f"{API}/experiments/search?max_results=1"
    answer = proxy.call("GET", path, proxy.client(ANOTHER_ADDRESS), headers=forged)
    assert answer.status_code == 200
    assert proxy.events()[-1]["src_endpoint"] == {"ip": ANOTHER_ADDRESS}


def test_a_large_artifact_arrives_and_leaves_nothing_on_the_proxy(proxy: Proxy) -> None:
    made = proxy.call("POST", f"{API}/experiments/create", json={"name": "large"}).json()
    values = {"experiment_id": made["experiment_id"]}
    run = proxy.call("POST", f"{API}/runs/create", json=values).json()["run"]["info"]["run_id"]
    content = hashlib.shake_256(b"model").digest(ARTIFACT_BYTES)
    place = f"{made['experiment_id']}/{run}/artifacts/model.bin"
    path = f"/api/2.0/mlflow-artifacts/artifacts/{place}"
    assert proxy.call("PUT", path, content=content).status_code == 200

    stored = (proxy.registry.artifacts / place).read_bytes()
    assert hashlib.sha256(stored).digest() == hashlib.sha256(content).digest()
    assert proxy.call("GET", path).content == content
    assert [item for item in (proxy.folder / "client_body").rglob("*") if item.is_file()] == []
    assert [item for item in (proxy.folder / "proxy").rglob("*") if item.is_file()] == []


@pytest.mark.parametrize("path", [f"/{API}/experiments/search", f"{API}/%65xperiments/search"])
def test_the_registry_reads_a_path_as_the_client_wrote_it(proxy: Proxy, path: str) -> None:
    # Not through a client, which would tidy the path up.
    context = ssl.create_default_context(cafile=str(proxy.authority))
    token = proxy.issuer.token("svc-training")
    with (
        socket.create_connection((HOST, proxy.port), timeout=30) as link,
        context.wrap_socket(link, server_hostname=NAME) as secured,
    ):
        lines = f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {token}\r\n\r\n"
        secured.sendall(lines.encode())
        assert secured.recv(64).split(b" ")[1] == b"400"


def test_no_other_protocol_is_spoken_by_an_upgrade(proxy: Proxy) -> None:
    upgrade = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert proxy.call("GET", "/health", headers=upgrade).status_code == 200


def test_pages_come_from_tls_for_good_and_a_sign_in_leads_back_to_it(proxy: Proxy) -> None:
    with proxy.client() as browser:
        headers = {"host": NAME, "accept": "text/html"}
        answer = browser.get("/", headers=headers, extensions={"sni_hostname": NAME})
        assert answer.status_code == 303
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        login = browser.get(
            answer.headers["location"], headers=headers, extensions={"sni_hostname": NAME}
        )
    assert f"redirect_uri=https%3A%2F%2F{NAME}%2F" in login.headers["location"]
    cookies = login.headers.get_list("set-cookie")
    assert cookies
    assert all("secure" in cookie.lower() for cookie in cookies)
