"""What a chain says, for programs and for people.

Derived from the statements, and only from them.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from tasks.errors import Refusal, RefusalKind
from tasks.gates import Outcome
from tasks.verifier.approvals import acceptance, approval
from tasks.verifier.lineage import examine
from tasks.verifier.report import report_bytes
from tasks.verifier.text_report import lines_of
from tests.tasks.verifier.signed_log import CASE, SignedLog, digest, report_of

MODEL_SHA256 = digest("train/model")
CONSENT = {
    "person": "ann",
    "role": "validator",
    "reason": "sound",
    "given": "2020-01-01T00:00:00Z",
    "expires": "2099-01-01T00:00:00Z",
}


def report(log: SignedLog, *, is_complete: bool = True) -> dict[str, Any]:
    read = log.read()
    chain = examine(read, CASE, MODEL_SHA256)
    values: dict[str, Any] = json.loads(report_bytes(read, chain, is_complete))
    return values


def text(log: SignedLog) -> str:
    read = log.read()
    return "\n".join(lines_of(read, examine(read, CASE, MODEL_SHA256)))


def approve(log: SignedLog, **change: str) -> int:
    return log.append(approval(CASE, MODEL_SHA256, **(CONSENT | change)), "approval")


def accept(log: SignedLog) -> int:
    statement = acceptance(
        CASE,
        "explain",
        verdict_sha256=report_of("explain").sha256,
        tests=("explain.measure",),
        **CONSENT,
    )
    return log.append(statement, "validation")


def test_it_is_the_same_bytes_every_time(cleared: SignedLog) -> None:
    log = cleared.read()
    chain = examine(log, CASE, MODEL_SHA256)
    assert report_bytes(log, chain, True) == report_bytes(log, chain, True)
    assert report_bytes(log, chain, True).endswith(b"}\n")


def test_the_chain_is_told_step_by_step(cleared: SignedLog) -> None:
    steps = report(cleared)["chain"]
    assert [step["stage"] for step in steps] == ["train", "redact", "ingest", "admit"]
    assert steps[0]["sha256"] == MODEL_SHA256
    assert steps[0]["finishedOn"] == "2026-01-01T00:00:02Z"
    assert steps[0]["dirty"] == ["configs/x.yaml", "tasks/y.py"]


@pytest.mark.parametrize(("is_complete", "start"), [(True, "complete: "), (False, "chain only: ")])
def test_how_much_of_the_log_it_rests_on(cleared: SignedLog, is_complete: bool, start: str) -> None:
    assert report(cleared, is_complete=is_complete)["extent"].startswith(start)


def test_a_verdict_is_told_with_its_counts(cleared: SignedLog) -> None:
    cleared.say_judged("explain", Outcome.UNDECIDED)
    gates = {gate["gate"]: gate for gate in report(cleared)["gates"]}
    assert gates["explain"]["undecided"] == ["explain.measure"]
    assert gates["explain"]["passed"] == 0
    assert gates["train"]["passed"] == 1


def test_decisions_are_told_by_who_took_them(cleared: SignedLog) -> None:
    cleared.say_decided("register", (Refusal(RefusalKind.CHECK_FAILED, "x"),))
    decided, registered = report(cleared)["decisions"]
    assert (decided["by"].split("/")[-2], decided["result"]) == ("decide", "PASSED")
    assert (registered["by"].split("/")[-2], registered["result"]) == ("register", "FAILED")


def test_a_broken_link_is_told_as_text(signed_log: SignedLog) -> None:
    broken = report(signed_log)["broken"]
    assert "no signed statement that stage `train` made" in broken[0]


def test_a_consent_is_told_as_it_was_given(cleared: SignedLog) -> None:
    approve(cleared, expires="2020-01-02T00:00:00Z")
    (consent,) = report(cleared)["consents"]
    assert consent["person"] == "ann"
    assert consent["expires"] == 1577923200
    assert consent["byAuthor"] is False


def test_for_people_each_link_has_a_line(cleared: SignedLog) -> None:
    lines = text(cleared).splitlines()
    assert lines[0] == f"{CASE}: model sha256:{MODEL_SHA256}"
    assert lines[2].startswith("  made by train    tiny/train/model ")
    assert "commit cccccccccccc, tree dirty: configs/x.yaml, tasks/y.py" in lines[2]


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (Outcome.PASS, "pass: 1 passed "),
        (Outcome.UNDECIDED, "undecided: 0 passed, 1 undecided "),
        (Outcome.FAIL, "fail: 0 passed, 1 failed "),
    ],
)
def test_for_people_a_verdict_has_a_line(cleared: SignedLog, outcome: Outcome, counts: str) -> None:
    cleared.say_judged("explain", outcome)
    assert f"  gate    explain  {counts}" in text(cleared)


def test_for_people_a_decision_has_a_line(cleared: SignedLog) -> None:
    assert "  decision decide  PASSED  entry" in text(cleared)
    assert "  decision register" not in text(cleared)


def test_for_people_an_approval_has_a_line(cleared: SignedLog) -> None:
    index = approve(cleared)
    assert f"  approved by ann until 2099-01-01: sound  entry {index}" in text(cleared)


def test_for_people_an_acceptance_names_its_checks(cleared: SignedLog) -> None:
    cleared.say_judged("explain", Outcome.UNDECIDED)
    accept(cleared)
    assert "  accepted explain: explain.measure by ann until 2099-01-01" in text(cleared)


def test_for_people_what_has_expired_stays_and_says_so(cleared: SignedLog) -> None:
    approve(cleared, expires="2020-01-02T00:00:00Z")
    assert "approved by ann until 2020-01-02, counts for nothing now: sound" in text(cleared)


def test_for_people_an_approval_in_another_s_name_has_no_day(cleared: SignedLog) -> None:
    approve(cleared, person="bob")
    assert "approved by ann until no day, counts for nothing now" in text(cleared)


def test_for_people_a_broken_link_is_marked(signed_log: SignedLog) -> None:
    assert "  BROKEN  tiny/train/model: no signed statement" in text(signed_log)


def test_for_people_what_was_made_outside_git(cleared: SignedLog) -> None:
    log = cleared.read()
    chain = examine(log, CASE, MODEL_SHA256)
    step = chain.steps[0]
    run = replace(step.signed.predicate.run, commit="", dirty=())
    predicate = replace(step.signed.predicate, run=run)
    outside = replace(step, signed=replace(step.signed, predicate=predicate))
    lines = lines_of(log, replace(chain, steps=(outside,)))
    assert lines[2].endswith(", outside git")
