"""The policy: its own cases, both engines, and engines that are down, slow or talk nonsense."""

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from regopy import Input, Interpreter

from tasks.clearance import policy
from tasks.errors import ConfigError, Refusal, RefusalKind, ServiceError
from tests.installations import installation_at
from tests.tasks.clearance.policy_cases import CASES, FOLDER, facts
from tests.tasks.judged import CATALOGUES, CHECKOUT

FINE = {
    "broken": [{"kind": "lineage.unsigned", "text": "a link"}],
    "purpose": "register",
    "gates": {},
    "acceptances": [],
}


@pytest.mark.parametrize("name", CASES)
def test_a_case_that_is_written_beside_the_policy(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPA_URL", raising=False)
    refused = policy.refusals(facts(CASES[name]), installation_at(CHECKOUT))
    if CASES[name].get("allow"):
        assert refused == ()
    else:
        assert Refusal.from_dict(CASES[name]["refuse"]) in refused


def test_every_kind_of_refusal_of_the_policy_has_a_case() -> None:
    text = (FOLDER / "clearance.rego").read_text()
    kinds = set(re.findall(r'contains refusal(?:_of_check)?\("([^"]+)"', text))
    tested = {case["refuse"]["kind"] for case in CASES.values() if "refuse" in case}
    assert kinds - tested == {RefusalKind.TREE_DIRTY}  # allowed as shipped: see the next test
    assert kinds <= set(RefusalKind)


def test_the_policy_requires_no_check_that_its_gate_does_not_make() -> None:
    text = (FOLDER / "clearance.rego").read_text()
    section = text[text.index("required_checks := {") : text.index("unblocking :=")]
    required = re.findall(r'"([a-z]+\.[a-z_]+)"', section)
    assert {check_id.partition(".")[0] for check_id in required} == set(CATALOGUES)
    made = {str(check_id) for catalogue in CATALOGUES.values() for check_id in catalogue}
    assert set(required) <= made


def test_a_bank_may_ask_for_a_clean_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPA_URL", raising=False)
    (tmp_path / "configs" / "policy").mkdir(parents=True)
    text = (FOLDER / "clearance.rego").read_text()
    (tmp_path / "configs" / "policy" / "clearance.rego").write_text(
        text.replace("allowed := true", "allowed := false")
    )
    asked = facts({"change": {"steps.0.dirty": ["tasks/x.py"]}})
    line = "train: made from a tree that differs from its commit: tasks/x.py"
    assert policy.refusals(asked, installation_at(tmp_path)) == (
        Refusal(RefusalKind.TREE_DIRTY, line),
    )
    assert policy.refusals(asked, installation_at(CHECKOUT)) == ()
    assert policy.refusals(facts({}), installation_at(tmp_path)) == ()


X = {"kind": "word.word", "text": "x"}


class EngineServer(ThreadingHTTPServer):
    """How a policy engine behaves."""

    mood: str
    answers: int


class Engine(BaseHTTPRequestHandler):
    """OPA's REST interface, with rego-cpp behind it; `mood` makes it misbehave."""

    server: EngineServer

    def do_GET(self) -> None:
        modules = [{"id": path.name, "raw": path.read_text()} for path in FOLDER.glob("*.rego")]
        self.answer({"result": [] if self.server.mood == "another policy" else modules})

    def do_POST(self) -> None:
        self.server.answers += 1
        facts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        if self.server.mood == "slow":
            time.sleep(1.5)
        interpreter = Interpreter()
        interpreter.add_module("clearance.rego", (FOLDER / "clearance.rego").read_text())
        bundle = interpreter.build(None, [policy.RULE])
        interpreter.set_input(Input(facts))
        (decision,) = interpreter.query_bundle_entrypoint(bundle, policy.RULE)[0].expressions
        nonsense: dict[str, Any] = {
            "undefined": {},
            "a bare true": {"result": True},
            "allow and refuse": {"result": {"allow": True, "refusals": [X]}},
            "a refusal without a kind": {"result": {"allow": False, "refusals": ["x"]}},
            "a kind that is none": {"result": {"allow": False, "refusals": [X | {"kind": "x"}]}},
            "refuse without a reason": {"result": {"allow": False, "refusals": []}},
            "a word for true": {"result": {"allow": "true", "refusals": []}},
            "null": {"result": None},
            "a list": [1],
        }
        self.answer(nonsense.get(self.server.mood, {"result": decision}))

    def answer(self, values: dict[str, Any] | list[int]) -> None:
        body = b"<html>" if self.server.mood == "html" else json.dumps(values).encode()
        if self.server.mood == "nests without an end":
            body = b"[" * 200_000
        if self.server.mood == "no HTTP":
            self.wfile.write(b"SSH-2.0-x\r\n")
            return
        if self.server.mood == "never ends":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b" ")
                    time.sleep(0.1)
            return
        if self.server.mood == "without a bound":
            body = b" " * 10_000
        self.send_response(500 if self.server.mood == "error 500" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: str) -> None:
        pass


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineServer]:
    server = EngineServer(("127.0.0.1", 0), Engine)
    server.mood = ""
    server.answers = 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OPA_URL", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", ["as it is", "a failed check", "accepted another check"])
def test_over_http_as_embedded(
    engine: EngineServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    over_http = policy.refusals(facts(CASES[name]), installation_at(CHECKOUT))
    assert engine.answers == 1
    monkeypatch.delenv("OPA_URL")
    assert policy.refusals(facts(CASES[name]), installation_at(CHECKOUT)) == over_http


@pytest.mark.parametrize(
    "mood",
    [
        "slow", "html", "error 500", "undefined", "a bare true", "allow and refuse",
        "refuse without a reason",
        "a refusal without a kind", "a kind that is none",
        "a word for true", "null", "a list", "another policy",
        "nests without an end", "no HTTP", "never ends", "without a bound",
    ],
)  # fmt: skip
def test_an_engine_that_misbehaves_refuses(
    engine: EngineServer, monkeypatch: pytest.MonkeyPatch, mood: str
) -> None:
    engine.mood = mood
    monkeypatch.setattr(policy, "SECONDS", 0.5)
    if mood == "without a bound":
        monkeypatch.setattr(policy, "MOST_ANSWER_BYTES", 9_999)
    with pytest.raises(ServiceError, match=r"policy engine"):
        policy.refusals(FINE, installation_at(CHECKOUT))


def test_an_engine_that_is_down_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPA_URL", "http://127.0.0.1:9")
    with pytest.raises(ServiceError, match="unset OPA_URL"):
        policy.refusals(FINE, installation_at(CHECKOUT))


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", ServiceError, "policy"),
        ("package portcullis.clearance\n", (ServiceError, ConfigError), "polic"),
        ("package portcullis.clearance\ndecision := {", ConfigError, "compiles"),
        ("package portcullis.clearance\ndecision := true\n", ServiceError, "allow"),
        (
            'package portcullis.clearance\ndecision := {"allow": input.nothing}\n',
            ServiceError,
            "allow",
        ),
    ],
)
def test_an_empty_or_broken_policy_refuses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    error: tuple[type[ServiceError], type[ConfigError]] | type[ConfigError],
    words: str,
) -> None:
    monkeypatch.delenv("OPA_URL", raising=False)
    (tmp_path / "configs" / "policy").mkdir(parents=True)
    (tmp_path / "configs" / "policy" / "clearance.rego").write_text(text)
    with pytest.raises(
        (error, ConfigError) if not isinstance(error, tuple) else error, match=words
    ):
        policy.refusals(FINE, installation_at(tmp_path))


def test_no_policy_refuses(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no clearance"):
        policy.refusals(FINE, installation_at(tmp_path))


def test_four_threads_at_once_never_get_each_other_s_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPA_URL", raising=False)
    wrong: list[Refusal] = []

    def ask(number: int) -> None:
        for turn in range(150):
            broken = Refusal(RefusalKind.LINEAGE_UNSIGNED, f"link {number} {turn}")
            asked = FINE | {"broken": [broken.to_dict()]}
            if broken not in policy.refusals(asked, installation_at(CHECKOUT)):
                wrong.append(broken)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
