"""`register` believes no file: what it refuses never reaches the registry."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import RefusedError
from tasks.registry.client import Published, Release
from tasks.stages.decide.stage import run as decide
from tasks.stages.register.stage import run
from tasks.stages.workspace import StageRun
from tests.installations import installation_at
from tests.tasks.judged import CASE, CATALOGUES, attested, check, judged, put_verdict

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning"
    ),  # MLflow 3.17 leaves SQLite connections to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PORTCULLIS_TODAY", "2026-01-01")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_EXP_BASELINE_REV", raising=False)
    monkeypatch.setattr("tasks.pipeline.runner.list_stale", lambda *_: ())
    root = judged(tmp_path / "checkout")
    decide(StageRun("decide", CASE, installation_at(root)))
    return attested(root)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand in for the registry's door, and remember who went through."""
    releases: list[Any] = []

    def publish(release: Release, root: Path) -> Published:
        from tasks.registry.client import Published, Receipt

        releases.append(release)
        receipt = Receipt(
            name=release.name,
            alias=release.alias,
            model_sha256=release.model_sha256,
            decision_sha256=release.decision_sha256,
        )
        return Published(receipt=receipt, version="1", run_id="r", registry="here", is_new=True)

    monkeypatch.setattr("tasks.registry.publish", publish)
    return releases


def refused(root: Path, words: str, published: list[Any]) -> None:
    with pytest.raises(RefusedError) as error:
        run(StageRun("register", CASE, installation_at(root)))
    assert any(words in line for line in error.value.lines), error.value.lines
    assert published == []
    assert not (root / "data" / CASE / "register" / "receipt.json").exists()


def test_a_cleared_model_goes_in_with_its_evidence(root: Path, published: list[Any]) -> None:
    run(StageRun("register", CASE, installation_at(root)))
    (release,) = published
    assert (
        release.model_sha256
        == json.loads((root / "data" / CASE / "decide" / "decision.json").read_text())[
            "model_sha256"
        ]
    )
    assert release.metrics == {
        str(check_id): 1.0 for catalogue in CATALOGUES.values() for check_id in catalogue
    }
    assert release.tags["portcullis.gate.fairness"] == "pass"
    assert release.tags["portcullis.git_commit"] == "no git"
    assert (root / "data" / CASE / "register" / "receipt.json").is_file()


@pytest.mark.parametrize("gate", ["redact", "validate", "train", "explain", "fairness"])
def test_a_failed_gate_keeps_it_shut_even_where_the_decision_says_pass(
    root: Path, published: list[Any], gate: str
) -> None:
    failed = next(iter(CATALOGUES[gate]))
    put_verdict(root, gate, checks=(check(failed, 0.4),))
    refused(root, f"{gate}: the measure of {failed} = 0.4", published)


def test_a_decision_about_something_else(root: Path, published: list[Any]) -> None:
    path = root / "data" / CASE / "decide" / "decision.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_sha256": "0" * 64}))
    refused(root, "about something else", published)


def test_what_dvc_calls_stale(
    root: Path, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tasks.pipeline.runner.list_stale", lambda *_: ("train@tiny: changed deps tasks/train",)
    )
    refused(root, "changed deps tasks/train", published)


def test_an_experiment_and_a_lapsed_agreement(
    root: Path, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "abc")
    refused(root, "dvc exp run", published)
    monkeypatch.delenv("DVC_EXP_BASELINE_REV")
    monkeypatch.setenv("PORTCULLIS_TODAY", "2040-01-01")
    refused(root, "expired on 2031-12-31", published)
