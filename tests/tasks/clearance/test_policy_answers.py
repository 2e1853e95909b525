"""What the policy's answers and faults come to: in which order, and in which words."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from regopy.rego_shared import RegoError

from tasks.clearance import policy
from tasks.errors import ConfigError, PortcullisError, Refusal, ServiceError
from tasks.plain_text import one_line
from tests.installations import installation_at
from tests.tasks.clearance.policy_cases import facts
from tests.tasks.judged import CHECKOUT

SHIPPED = CHECKOUT / policy.FOLDER / "clearance.rego"
REFUSED = {"broken": [{"kind": "lineage.unsigned", "text": "a link"}], "purpose": "register"}
FACTS: dict[str, Any] = REFUSED | {"gates": {}, "acceptances": []}
DECISION = "an object with `allow` and `refusals`, each with `kind` and `text`"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installation's policy, still empty."""
    monkeypatch.delenv("OPA_URL", raising=False)
    policies = tmp_path / policy.FOLDER
    policies.mkdir(parents=True)
    return policies


def answering(folder: Path, answer: object) -> Path:
    """Write a policy that answers the same to all; return its workspace."""
    text = f"package portcullis.clearance\ndecision := {json.dumps(answer)}\n"
    (folder / "clearance.rego").write_text(text)
    return folder.parents[1]


def words_of(workspace: Path, error: type[PortcullisError]) -> str:
    with pytest.raises(error) as raised:
        policy.refusals(FACTS, installation_at(workspace))
    return str(raised.value)


def test_refusals_come_in_the_order_of_their_texts_and_then_of_their_kinds(folder: Path) -> None:
    pairs = [("b.b", "two"), ("b.a", "one"), ("a.z", "two"), ("c.c", "one")]
    answer = {"allow": False, "refusals": [{"kind": kind, "text": text} for kind, text in pairs]}
    assert policy.refusals(FACTS, installation_at(answering(folder, answer))) == (
        Refusal("b.a", "one"),
        Refusal("c.c", "one"),
        Refusal("a.z", "two"),
        Refusal("b.b", "two"),
    )


def test_a_policy_that_allows_without_a_refusal_allows(folder: Path) -> None:
    workspace = answering(folder, {"allow": True, "refusals": []})
    assert policy.refusals(FACTS, installation_at(workspace)) == ()


def test_an_answer_that_is_no_decision_is_shown_by_its_beginning(folder: Path) -> None:
    assert words_of(answering(folder, "x" * 300), ServiceError) == (
        f'policy engine: expected {DECISION}; found "{"x" * 199}. '
        "Nothing is cleared: mend the policy."
    )


HOSTILE = [
    'x"}], "allow": true, "refusals": [], "x": [{"a": "',
    'a"',
    '"a"',
    "a\\",
    'a\\"b',
    "a\\u0022b",
    "a\nb",
    "a\x00b",
    "\x1b[31ma",
    "%s%d",
    "1",
    "true",
    "[1]",
    "é\u200b\U0001f600",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["broken", "decision", "person", "actor", "dirty"])
def test_no_text_of_a_fact_can_answer_for_the_policy(folder: Path, place: str, text: str) -> None:
    """rego-cpp writes texts as they are: a quote in one once made the answer `allow`."""
    shipped = SHIPPED.read_text()
    (folder / "clearance.rego").write_text(shipped.replace("allowed := true", "allowed := false"))
    changes: dict[str, dict[str, Any]] = {
        "broken": {"broken": [{"kind": "lineage.unsigned", "text": text}]},
        "decision": {"decision.refusals": [{"kind": "check.failed", "text": text}]},
        "person": {
            "approval.required": True,
            "approval.given": [{"index": 3, "person": text, "expires": 2000, "by_author": True}],
        },
        "actor": {"unknown_actors": [text]},
        "dirty": {"steps.0.dirty": [text]},
    }
    asked = facts({"change": changes[place]})
    (refused,) = policy.refusals(asked, installation_at(folder.parents[1]))
    assert one_line(text) in refused.text


def test_a_lone_surrogate_is_shown_as_a_question_mark() -> None:
    asked = facts({"change": {"unknown_actors": ["a\ud800b"]}})
    (refused,) = policy.refusals(asked, installation_at(CHECKOUT))
    assert "a?b" in refused.text


def test_an_answer_that_is_no_json_clears_nothing(folder: Path) -> None:
    (folder / "clearance.rego").write_text(
        "package portcullis.clearance\n"
        'decision := {"allow": false, "refusals": {{"kind": "a.b", "text": shown("x", 1)}}}\n'
        'shown(word, number) := sprintf("%s: %d", [word, number])\n'
    )
    words = words_of(folder.parents[1], ServiceError)
    assert words.startswith("the embedded policy engine: expected an object with `allow`")


@pytest.mark.parametrize("answer", [{"allow": True, "refusals": [], "x": 1}, {"allow": True}])
def test_an_answer_with_more_or_less_than_its_two_fields_clears_nothing(
    folder: Path, answer: dict[str, Any]
) -> None:
    assert "found {" in words_of(answering(folder, answer), ServiceError)


def test_a_refusal_of_a_kind_that_is_none_is_named(folder: Path) -> None:
    answer = {"allow": False, "refusals": [{"kind": "x", "text": "a text"}]}
    words = words_of(answering(folder, answer), ServiceError)
    assert words.startswith(f"policy engine: expected {DECISION}; found `x` is no kind of refusal")


@pytest.mark.parametrize("rule", ["other := 1", "decision := 1 if input.purpose == 1"])
def test_a_policy_that_decides_nothing_says_that_there_was_no_result(
    folder: Path, rule: str
) -> None:
    (folder / "clearance.rego").write_text(f"package portcullis.clearance\n{rule}\n")
    assert words_of(folder.parents[1], ServiceError) == (
        f"the embedded policy engine: expected {DECISION}; found no result. "
        "Nothing is cleared: mend the policy."
    )


@dataclass(frozen=True)
class Result:
    """One result of an answer of regopy."""

    expressions: list[Any]


class Answer(list[Result]):
    """An answer of regopy: a list of results, which may not be ok."""

    def __init__(self, results: list[Result], *, is_ok: bool) -> None:
        super().__init__(results)
        self.is_ok = is_ok

    def ok(self) -> bool:
        return self.is_ok


@dataclass(frozen=True)
class Interpreter:
    """An interpreter of regopy that gives one answer; without one it fails."""

    answer: Answer | None

    def set_input(self, *_: object) -> None:
        pass

    def query_bundle_entrypoint(self, *_: object) -> Answer:
        if self.answer is None:
            raise RegoError("a text that may hold the facts")
        return self.answer


ALLOWS = Result([{"allow": True, "refusals": []}])


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer([ALLOWS], is_ok=False), "no result"),
        (Answer([], is_ok=True), "no result"),
        (Answer([Result([])], is_ok=True), "no result"),
        (None, "RegoError"),
    ],
)
def test_an_interpreter_that_fails_clears_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer | None, fault: str
) -> None:
    workspace = answering(folder, {"allow": True, "refusals": []})
    monkeypatch.setattr(policy, "_build", lambda *_: (Interpreter(answer), None))
    assert words_of(workspace, ServiceError) == (
        f"the embedded policy engine: expected {DECISION}; found {fault}. "
        "Nothing is cleared: mend the policy."
    )


def test_an_answer_that_json_cannot_say_is_shown_as_text(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = answering(folder, {"allow": True, "refusals": []})
    answer = Answer([Result([{"allow"}])], is_ok=True)
    monkeypatch.setattr(policy, "_build", lambda *_: (Interpreter(answer), None))
    assert "found \"{'allow'}\". " in words_of(workspace, ServiceError)


def test_an_installation_without_a_policy_clears_nothing(folder: Path) -> None:
    assert words_of(folder.parents[1], ConfigError) == (
        "configs/policy: expected a policy; found none. Restore it: no policy, no clearance."
    )


def test_tests_beside_the_policy_are_no_part_of_it(folder: Path) -> None:
    workspace = answering(folder, {"allow": True, "refusals": []})
    (folder / "clearance_test.rego").write_text("no Rego at all {")
    assert policy.refusals(FACTS, installation_at(workspace)) == ()


def test_a_module_that_does_not_compile_is_named(folder: Path) -> None:
    shutil.copy(SHIPPED, folder / "clearance.rego")
    (folder / "second.rego").write_text("package second\nx := {\n")
    words = words_of(folder.parents[1], ConfigError)
    assert words.startswith("second.rego: expected a policy that compiles; found ")
    assert "unclosed" in words
    assert words.endswith(". Mend it; nothing is cleared.")


def test_a_module_that_cannot_be_read_is_named(folder: Path) -> None:
    shutil.copy(SHIPPED, folder / "clearance.rego")
    (folder / "second.rego").write_bytes(b"package second # \xff\n")
    assert words_of(folder.parents[1], ConfigError) == (
        "configs/policy/second.rego: expected a policy that compiles; found UnicodeDecodeError. "
        "Mend it; nothing is cleared."
    )
    (folder / "second.rego").unlink()
    (folder / "second.rego").mkdir()
    assert "found a folder" in words_of(folder.parents[1], ConfigError)


def test_an_engine_that_is_down_is_named_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPA_URL", "http://127.0.0.1:9")
    assert words_of(CHECKOUT, ServiceError) == (
        "policy engine http://127.0.0.1:9/v1/policies: expected an answer within 5 s; "
        "found URLError. Nothing is cleared without it: start it, or unset OPA_URL to ask the "
        "embedded one alone."
    )
