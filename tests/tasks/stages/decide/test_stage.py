"""`decide` writes what the verdicts say, whatever that is, and guesses nothing that is absent."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigError, DataError, EvidenceError, RefusalKind
from tasks.stages.decide.stage import run
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.workspace import StageRun
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import CASE, check, judged, put_verdict


def decided(root: Path) -> dict[str, Any]:
    run(StageRun("decide", CASE, installation_at(root)))
    path = root / "data" / CASE / "decide" / "decision.json"
    decision: dict[str, Any] = json.loads(path.read_text())
    return decision


def test_all_gates_passed(tmp_path: Path) -> None:
    found = decided(judged(tmp_path))
    assert found["outcome"] == "pass"
    assert found["refusals"] == []
    assert found["model_sha256"] == found["about"]["train/model"]


def test_a_failed_gate_is_written_down_and_stops_nothing_here(tmp_path: Path) -> None:
    root = judged(tmp_path)
    put_verdict(root, "fairness", checks=(check(FairnessCheck.THEIL_INDEX, 0.4),))
    found = decided(root)
    assert found["outcome"] == "fail"
    assert [refusal["kind"] for refusal in found["refusals"]] == [RefusalKind.CHECK_FAILED]
    assert found["refusals"][0]["text"].startswith("fairness: the measure of")


def test_a_gate_that_never_ran_leaves_the_decision_open(tmp_path: Path) -> None:
    root = judged(tmp_path)
    (root / "data" / CASE / "explain" / "verdict.json").unlink()
    found = decided(root)
    assert found["outcome"] == "undecided"
    assert found["refusals"] == [{"kind": "verdict.missing", "text": "explain: no verdict"}]


def test_no_model_and_no_limits_are_errors(tmp_path: Path) -> None:
    root = judged(tmp_path)
    change_case(root, CASE, lambda values: values.update(limits={}))
    with pytest.raises(ConfigError, match="limits"):
        decided(root)
    root = judged(tmp_path / "other")
    for path in (root / "data" / CASE / "train" / "model").iterdir():
        path.unlink()
    (root / "data" / CASE / "train" / "model").rmdir()
    with pytest.raises(DataError, match="train/model"):
        decided(root)


def test_a_verdict_of_a_time_before_checks_had_ids_is_an_error_that_says_so(tmp_path: Path) -> None:
    root = judged(tmp_path)
    path = root / "data" / CASE / "explain" / "verdict.json"
    values = json.loads(path.read_text())
    del values["checks"][0]["id"]
    path.write_text(json.dumps(values))
    with pytest.raises(EvidenceError, match=r"each of its checks with an id.* explain@tiny"):
        decided(root)
