"""Requests to Vault's Transit engine, answered by a small server of its shape."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tasks.errors import ServiceError
from tasks.system.bao import BaoServer
from tasks.system.transit import DeniedError, ask_transit

TOKEN = "only-for-this-test"


@dataclass
class TransitServer:
    """What the server answers next, and what it was asked."""

    address: str = ""
    status: int = 200
    answer: bytes = b'{"data": {"signature": "vault:v1:abc"}}'
    requests: list[tuple[str, str, Any, str]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[TransitServer]:
    state = TransitServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            state.requests.append((self.command, self.path, body, self.headers["X-Vault-Token"]))
            self.send_response(state.status)
            self.end_headers()
            self.wfile.write(state.answer)

        def log_message(self, *arguments: object) -> None:
            pass

    listening_server = HTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{listening_server.server_port}"
    thread = threading.Thread(target=listening_server.serve_forever)
    thread.start()
    yield state
    listening_server.shutdown()
    thread.join()
    listening_server.server_close()


def ask(address: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return ask_transit(
        BaoServer(address), TOKEN, "keys/root", body, seconds=5, remedy="Start the server."
    )


def test_without_a_body_it_asks_by_get_with_the_token(server: TransitServer) -> None:
    assert ask(server.address) == {"signature": "vault:v1:abc"}
    assert server.requests == [("GET", "/v1/transit/keys/root", None, TOKEN)]


def test_a_body_is_posted_as_json(server: TransitServer) -> None:
    ask(server.address, {"input": "YQ=="})
    assert server.requests[0][:3] == ("POST", "/v1/transit/keys/root", {"input": "YQ=="})


def test_an_empty_body_is_posted_too(server: TransitServer) -> None:
    ask(server.address, {})
    assert server.requests[0][0] == "POST"


def test_a_slash_at_the_end_of_the_address_changes_nothing(server: TransitServer) -> None:
    ask(f"{server.address}/")
    assert server.requests[0][1] == "/v1/transit/keys/root"


@pytest.mark.parametrize("answer", [b"", b'{"data": null}'])
def test_an_answer_without_data_is_empty(server: TransitServer, answer: bytes) -> None:
    server.answer = answer
    assert ask(server.address) == {}


@pytest.mark.parametrize("status", [400, 403, 404, 503])
def test_an_error_status_is_denied_with_its_number_and_without_the_server_s_words(
    server: TransitServer, status: int
) -> None:
    server.status = status
    server.answer = b'{"errors": ["quoted input"]}'
    with pytest.raises(DeniedError, match=f"^HTTP {status}$") as denial:
        ask(server.address)
    assert denial.value.__cause__ is None


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"errors": []}', b'{"data": 3}'])
def test_an_answer_in_another_format_is_a_service_error(
    server: TransitServer, answer: bytes
) -> None:
    server.answer = answer
    with pytest.raises(ServiceError, match="expected Vault or OpenBao to answer") as refusal:
        ask(server.address)
    assert TOKEN not in str(refusal.value)


def test_a_server_that_is_not_there_is_a_service_error_with_the_caller_s_remedy() -> None:
    with pytest.raises(ServiceError, match=r"URLError\. Start the server\.$") as refusal:
        ask("http://127.0.0.1:9")
    assert refusal.value.exit_code == 4
