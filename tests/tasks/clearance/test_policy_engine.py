"""What is asked of an OPA server, and one whose list of policies is not as it has to be."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tasks.clearance import policy
from tasks.errors import Refusal, ServiceError
from tests.installations import installation_at
from tests.tasks.clearance.policy_cases import CASES, facts
from tests.tasks.judged import CHECKOUT

FACTS = facts({})
RAW = [{"raw": path.read_text()} for path in (CHECKOUT / policy.FOLDER).glob("*.rego")]
ALLOWS = {"result": {"allow": True, "refusals": []}}


@dataclass
class Server:
    """An OPA server: what it answers, and what it was asked."""

    policies: Any = field(default_factory=lambda: {"result": RAW})
    decision: Any = field(default_factory=lambda: ALLOWS)
    address: str = ""
    questions: list[tuple[str, str, str, Any]] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()

    class Engine(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(None, state.policies)

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(asked, state.decision)

        def answer(self, asked: Any, values: Any) -> None:
            kind = self.headers["Content-Type"]
            state.questions.append((self.command, self.path, kind, asked))
            body = json.dumps(values).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.address = f"http://127.0.0.1:{listener.server_port}"
    monkeypatch.setenv("OPA_URL", state.address)
    yield state
    listener.shutdown()
    thread.join()
    listener.server_close()


def refusals() -> tuple[Refusal, ...]:
    return policy.refusals(FACTS, installation_at(CHECKOUT))


def test_an_engine_is_asked_for_its_policies_and_then_for_the_decision(server: Server) -> None:
    assert refusals() == ()
    assert server.questions == [
        ("GET", "/v1/policies", "application/json", None),
        (
            "POST",
            "/v1/data/portcullis/clearance/decision",
            "application/json",
            {"input": FACTS},
        ),
    ]


@pytest.mark.parametrize(
    "policies",
    [
        {"result": []},
        {"result": None},
        {"result": 3},
        {"result": ["text"]},
        {"result": [{"id": "clearance.rego"}]},
        {},
        [],
        None,
    ],
)
def test_an_engine_that_does_not_hold_the_policy_is_not_asked_to_decide(
    server: Server, policies: Any
) -> None:
    server.policies = policies
    with pytest.raises(ServiceError) as raised:
        refusals()
    assert str(raised.value) == (
        f"policy engine {server.address}: expected the policy of configs/policy; found another "
        "for clearance.rego, or none. Load configs/policy into it: its digest is in every verdict."
    )
    assert [method for method, *_ in server.questions] == ["GET"]


def test_an_engine_may_hold_other_policies_beside_ours(server: Server) -> None:
    server.policies = {"result": [{"raw": "package other\n"}, *RAW]}
    assert refusals() == ()


@pytest.mark.parametrize("decision", [[], {}, {"result": None}, None, "allow"])
def test_an_engine_that_decides_nothing_clears_nothing(server: Server, decision: Any) -> None:
    server.decision = decision
    with pytest.raises(ServiceError, match="found null"):
        refusals()


def test_facts_that_json_cannot_say_are_not_sent(server: Server) -> None:
    with pytest.raises(ValueError, match="JSON"):
        policy.refusals(FACTS | {"now": float("nan")}, installation_at(CHECKOUT))
    assert [method for method, *_ in server.questions] == ["GET"]


def test_a_server_that_holds_the_policy_and_allows_everything_replaces_nothing(
    server: Server,
) -> None:
    failed = CASES["a failed check"]
    refused = policy.refusals(facts(failed), installation_at(CHECKOUT))
    assert Refusal.from_dict(failed["refuse"]) in refused
    assert [method for method, *_ in server.questions] == ["GET", "POST"]


def test_a_server_s_refusals_are_added_to_those_of_the_embedded_engine(server: Server) -> None:
    own = {"kind": "bank.holiday", "text": "bank: closed"}
    failed = CASES["a failed check"]
    server.decision = {"result": {"allow": False, "refusals": [own, failed["refuse"]]}}
    assert policy.refusals(facts(failed), installation_at(CHECKOUT)) == (
        Refusal("bank.holiday", "bank: closed"),
        Refusal.from_dict(failed["refuse"]),
    )


def test_a_server_alone_can_refuse(server: Server) -> None:
    own = {"kind": "bank.holiday", "text": "bank: closed"}
    server.decision = {"result": {"allow": False, "refusals": [own]}}
    assert refusals() == (Refusal("bank.holiday", "bank: closed"),)
