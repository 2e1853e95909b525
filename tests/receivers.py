"""Real receivers of the audit log on this machine: a syslog server, and an event collector."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = "0f8e9c12-1111-4222-8333-444455556666"


class SyslogServer:
    """Takes streams of messages that are framed by their lengths; it ends a stream when we do."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.messages: list[bytes] = []
        self.is_breaking_off = False
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that came, in order."""
        return [json.loads(message.partition(b" - ")[2]) for message in self.messages]

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._take(connection)
            except OSError:  # no TLS, or no certificate that we know
                continue
            finally:
                connection.close()

    def _take(self, connection: socket.socket) -> None:
        if self._tls is None:
            self._read(connection)
            return
        # The wrapped socket takes over from the plain one.
        with self._tls.wrap_socket(connection, server_side=True) as stream:
            self._read(stream)
            stream.unwrap()

    def _read(self, stream: socket.socket) -> None:
        if self.is_breaking_off:
            # Unread bytes when it is closed: the sender gets a reset.
            stream.recv(1)
            return
        data = bytearray()
        while chunk := stream.recv(65_536):
            data += chunk
        self.messages += unframed(bytes(data))


def unframed(data: bytes) -> list[bytes]:
    """Return the messages of a stream: RFC 6587, 3.4.1, counts octets."""
    messages = []
    while data:
        length, _, data = data.partition(b" ")
        messages.append(data[: int(length)])
        data = data[int(length) :]
    return messages


class EventCollector:
    """Splunk's collector, by the rules of "Use the HTTP Event Collector" (Splunk Enterprise).

    A wrong token is code 4 (403), no token 2 (401), no data 5 (400), an envelope without `event`
    12 (400), what is no JSON 6 (400), no channel where acknowledgement is on 10 (400), busy 9
    (503).
    """

    def __init__(self, *, is_acknowledging: bool) -> None:
        self.events: list[dict[str, Any]] = []
        self.is_busy = False
        self.is_indexing = True
        self.requests = 0
        self._is_acknowledging = is_acknowledging
        self._pending: dict[str, dict[int, list[dict[str, Any]]]] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                status, answer = collector.answer(
                    self.path, dict(self.headers.items()), self.rfile.read(length)
                )
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Return status and answer of one request."""
        self.requests += 1
        if (given := headers.get("Authorization")) is None:
            return 401, {"text": "Token is required", "code": 2}
        if given != f"Splunk {TOKEN}":
            return 403, {"text": "Invalid token", "code": 4}
        if self.is_busy:
            return 503, {"text": "Server is busy", "code": 9}
        where = urlsplit(path)
        if where.path == "/services/collector/ack":
            return self._acknowledged(parse_qs(where.query)["channel"][0], json.loads(body))
        if where.path != "/services/collector/event":
            return 404, {"text": "The requested URL was not found", "code": 404}
        return self._take(headers.get("X-Splunk-Request-Channel"), body)

    def _take(self, channel: str | None, body: bytes) -> tuple[int, Any]:
        if self._is_acknowledging and channel is None:
            return 400, {"text": "Data channel is missing", "code": 10}
        if channel is not None:
            UUID(channel)
        envelopes = []
        rest = body.decode()
        try:
            while rest := rest.lstrip():
                envelope, end = json.JSONDecoder().raw_decode(rest)
                envelopes.append(envelope)
                rest = rest[end:]
        except ValueError:
            return 400, {"text": "Invalid data format", "code": 6}
        if not envelopes:
            return 400, {"text": "No data", "code": 5}
        known = {"time", "host", "source", "sourcetype", "index", "event", "fields"}
        for number, envelope in enumerate(envelopes):
            if not envelope.get("event"):
                code = 12 if "event" not in envelope else 13
                return 400, {"code": code, "invalid-event-number": number}
            if not envelope.keys() <= known or not isinstance(envelope["time"], int | float):
                return 400, {"text": "Invalid data format", "code": 6}
        events = [envelope["event"] for envelope in envelopes]
        if not self._is_acknowledging:
            self.events += events
            return 200, {"text": "Success", "code": 0}
        pending = self._pending.setdefault(str(channel), {})
        pending[len(pending)] = events
        return 200, {"text": "Success", "code": 0, "ackId": len(pending) - 1}

    def _acknowledged(self, channel: str, asked: dict[str, list[int]]) -> tuple[int, Any]:
        acks = {}
        for number in asked["acks"]:
            acks[str(number)] = self.is_indexing
            if self.is_indexing:
                self.events += self._pending[channel].get(number, [])
                self._pending[channel][number] = []
        return 200, {"acks": acks}


@contextmanager
def event_collector(*, is_acknowledging: bool = False) -> Iterator[EventCollector]:
    """Run a collector."""
    collector = EventCollector(is_acknowledging=is_acknowledging)
    try:
        yield collector
    finally:
        collector.close()


@contextmanager
def syslog_server(tls: ssl.SSLContext | None = None) -> Iterator[SyslogServer]:
    """Run a syslog server."""
    server = SyslogServer(tls)
    try:
        yield server
    finally:
        server.close()


def write_certificate(folder: Path, name: str, host: str = "127.0.0.1") -> Path:
    """Write a certificate that signs itself, and its key, into one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path
