"""The stage leaves report, page and verdict, about the model that the packages are shipped with."""

import json
from pathlib import Path

import pytest
import yaml

from tasks.clearance.own_limits import RULES_OF
from tasks.errors import ConfigError, EvidenceError
from tasks.formats.digests import sha256_of
from tasks.gates import Outcome, Verdict
from tasks.gates.holding import require_own_limits
from tasks.stages.packages.stage import run
from tasks.stages.workspace import StageRun
from tests.cases import write_case
from tests.installations import installation_at
from tests.tasks.supply_chain.conftest import install, locked

CASE = {
    "packages": {"no_database_because": "a test reaches none"},
    "limits": {"packages": {"vulnerabilities": 0, "forbidden_licences": 0}},
}
DECLARED = {
    "locks": ["shipped.lock"],
    "optional_locks": ["careful.lock"],
    "database": {"kind": "none", "reason": "a test"},
    "allowed_severities": ["low"],
    "licences": {"allowed": ["MIT"]},
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model beside a lock of one package, which is installed."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    site = tmp_path / "site-packages"
    install(site, "alpha", "1.0", "MIT")
    monkeypatch.setattr("tasks.stages.packages.measuring.site_folders", lambda: (str(site),))
    write_case(tmp_path, "loan", CASE)
    (tmp_path / "shipped.lock").write_text(locked("alpha"))
    (tmp_path / "careful.lock").write_text("")
    declare(tmp_path)
    (stage_run(tmp_path, "train").folder / "model").write_text("a model")
    return tmp_path


def declare(workspace: Path, **changes: object) -> None:
    path = workspace / "configs" / "supply-chain.yaml"
    path.write_text(yaml.safe_dump(DECLARED | changes))


def stage_run(workspace: Path, stage: str = "packages") -> StageRun:
    return StageRun(stage, "loan", installation_at(workspace))


def outcomes_of(workspace: Path) -> dict[str, Outcome]:
    verdict = verdict_of(workspace)
    return {check.id: check.outcome for check in verdict.checks}


def verdict_of(workspace: Path) -> Verdict:
    run(stage_run(workspace))
    return stage_run(workspace, "decide").read_verdict("packages")


def test_the_verdict_is_about_the_model_and_holds_to_the_limits_in_force(workspace: Path) -> None:
    verdict = verdict_of(workspace)
    assert verdict.outcome is Outcome.PASS
    assert dict(verdict.about) == {"train/model": sha256_of(workspace / "data/loan/train/model")}
    require_own_limits(verdict, RULES_OF["packages"], CASE)

    # What the stage calls not measured has to be declared in the use case that the worker reads.
    with pytest.raises(EvidenceError):
        require_own_limits(verdict, RULES_OF["packages"], {**CASE, "packages": {}})

    report = json.loads((workspace / "data/loan/packages/report.json").read_text())
    assert report["packages"] == 1
    page = (workspace / "data/loan/packages/page/index.html").read_text()
    assert "a test reaches none" in page


def test_the_same_locks_give_the_same_bytes(workspace: Path) -> None:
    folder = workspace / "data" / "loan" / "packages"
    run(stage_run(workspace))
    first = {name: sha256_of(folder / name) for name in ("page", "report.json", "verdict.json")}
    run(stage_run(workspace))
    assert {name: sha256_of(folder / name) for name in first} == first


def test_a_forbidden_licence_fails_and_an_unknown_one_is_undecided(workspace: Path) -> None:
    declare(workspace, licences={"allowed": ["Apache-2.0"]})
    assert outcomes_of(workspace)["packages.licences"] is Outcome.FAIL
    install(workspace / "site-packages", "beta", "1.0", "")
    (workspace / "shipped.lock").write_text(locked("alpha") + locked("beta"))
    declare(workspace)
    assert outcomes_of(workspace)["packages.licences"] is Outcome.UNDECIDED


def test_a_database_that_is_not_there_is_undecided(workspace: Path) -> None:
    declare(workspace, database={"kind": "mounted", "path": "osv.zip", "most_age_days": 7})
    assert outcomes_of(workspace)["packages.vulnerabilities"] is Outcome.UNDECIDED


def test_a_lock_that_is_not_there_is_an_error_and_leaves_no_verdict(workspace: Path) -> None:
    (workspace / "shipped.lock").unlink()
    with pytest.raises(ConfigError):
        run(stage_run(workspace))
    assert not (workspace / "data/loan/packages/verdict.json").exists()
