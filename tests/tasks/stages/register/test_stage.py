"""`register` believes no file, and publishes nothing: it lets pass, or says why not."""

import json
from pathlib import Path

import pytest

from tasks.errors import Refusal, RefusalKind, RefusedError
from tasks.stages.decide.stage import run as decide
from tasks.stages.register.stage import run
from tasks.stages.workspace import CLEARANCE, StageRun
from tests.installations import installation_at
from tests.tasks.judged import CASE, CATALOGUES, check, judged, put_verdict


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_TODAY", raising=False)
    root = judged(tmp_path / "checkout")
    decide(StageRun("decide", CASE, installation_at(root)))
    return root


def register(root: Path) -> None:
    run(StageRun("register", CASE, installation_at(root)))


def refused(root: Path, words: str) -> None:
    with pytest.raises(RefusedError) as error:
        register(root)
    assert any(words in line for line in error.value.lines), error.value.lines


def write_clearance(root: Path, *refusals: Refusal) -> None:
    values = [refusal.to_dict() for refusal in refusals]
    (root / CLEARANCE).write_text(json.dumps(values))


def test_what_passed_is_let_through_and_nothing_is_written(root: Path) -> None:
    write_clearance(root)
    register(root)
    assert not (root / "data" / CASE / "register" / "receipt.json").exists()


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_a_failed_gate_keeps_it_shut_even_where_the_decision_says_pass(
    root: Path, gate: str
) -> None:
    failed = next(iter(CATALOGUES[gate]))
    put_verdict(root, gate, checks=(check(failed, 0.4),))
    refused(root, f"{gate}: the measure of {failed} = 0.4")


def test_a_decision_about_something_else(root: Path) -> None:
    path = root / "data" / CASE / "decide" / "decision.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_sha256": "0" * 64}))
    refused(root, "about something else")


def test_what_the_ledger_does_not_clear_is_refused_beside_the_stage_s_own_reasons(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAY", "2040-01-01")
    write_clearance(root, Refusal(RefusalKind.LEDGER_EMPTY, "ledger: it is empty"))
    refused(root, "ledger: it is empty")
    refused(root, "expired on 2031-12-31")


def test_an_undecided_gate_passes_where_the_ledger_clears_and_not_where_it_does_not(
    root: Path,
) -> None:
    put_verdict(root, "fairness", checks=(check(next(iter(CATALOGUES["fairness"])), None),))
    decide(StageRun("decide", CASE, installation_at(root)))
    write_clearance(root)
    register(root)
    write_clearance(root, Refusal(RefusalKind.LEDGER_EMPTY, "ledger: it is empty"))
    refused(root, "not measured")
