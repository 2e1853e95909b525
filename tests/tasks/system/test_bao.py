"""Vault and OpenBao by TLS: a certificate is verified, and its authority may be ours."""

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tasks.errors import ConfigError, ServiceError
from tasks.system.bao import BaoServer, ask_bao

TOKEN = "only-for-this-test"


@dataclass
class SecureServer:
    """Where it is, the file of its authority, and the headers that it was sent."""

    address: str
    ca_file: Path
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureServer]:
    folder = tmp_path_factory.mktemp("tls")
    headers: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"data": {}}')

        def log_message(self, *arguments: object) -> None:
            pass

    _write_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    listening = HTTPServer(("127.0.0.1", 0), Handler)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield SecureServer(f"https://127.0.0.1:{listening.server_port}", folder / "cert.pem", headers)
    listening.shutdown()
    thread.join()
    listening.server_close()


def ask(server: BaoServer) -> object:
    return ask_bao(server, TOKEN, "sys/health", None, seconds=5, remedy="Start it.")


def test_an_authority_of_ones_own_is_trusted_and_the_namespace_is_named(
    server: SecureServer,
) -> None:
    assert ask(BaoServer(server.address, str(server.ca_file), "bank/risk")) == {"data": {}}
    assert server.headers[-1]["x-vault-namespace"] == "bank/risk"
    assert server.headers[-1]["x-vault-token"] == TOKEN


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_unknown_authority_or_another_name_gets_no_token(
    server: SecureServer, host: str
) -> None:
    before = len(server.headers)
    # The certificate is for 127.0.0.1 alone.
    ca_file = "" if host == "127.0.0.1" else str(server.ca_file)
    with pytest.raises(ServiceError, match="expected Vault or OpenBao to answer"):
        ask(BaoServer(server.address.replace("127.0.0.1", host), ca_file))
    assert len(server.headers) == before


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_is_no_authority_is_refused_before_anything_is_asked(
    server: SecureServer, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match="expected the certificate authority"):
        ask(BaoServer(server.address, str(path)))


def _write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bao.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000,
    ],
)
def test_what_answers_in_other_words_is_no_server_of_this_kind(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer_once() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        server = BaoServer(f"http://127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(ServiceError, match="Vault or OpenBao to answer"):
            ask_bao(server, TOKEN, "x", None, seconds=5, remedy="Start it.")
        thread.join()
