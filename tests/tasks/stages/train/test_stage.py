"""The stage `train`: what shuts it before a row is unsealed, and what it leaves."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.errors import ConfigError, DataError, Refusal, RefusalKind, RefusedError
from tasks.formats.digests import sha256_of
from tasks.gates import CheckId, digest_of
from tasks.model import DecisionModel
from tasks.model.loading import require_judged_code
from tasks.path import BEFORE_TRAINING, STAGES
from tasks.stages.redact.checks import RedactCheck
from tasks.stages.train import stage
from tasks.stages.train.params import TrainLimits
from tasks.stages.validate.checks import ValidateCheck
from tasks.stages.workspace import CLEARANCE, StageRun
from tests.cases import sync_cases, write_case
from tests.installations import installation_at
from tests.models import BACKGROUND, REASONS
from tests.tasks.judged import check
from tests.tasks.stages.train.portfolio import COLUMNS, portfolio, train_params

LIMITS = TrainLimits(
    auc=0.6,
    highest_auc=0.99,
    highest_feature_auc=0.95,
    slice_purity=0.99,
    overfit_gap=0.2,
    calibration_error=0.2,
    group_calibration_error=0.2,
    gain_over_majority=0.01,
    loss_to_champion=0.1,
    loss_to_challenger=0.2,
    registered_auc_loss=0.1,
    approval_rate_shift=0.2,
)
CHECKS: dict[str, CheckId] = {
    "redact": RedactCheck.OWN_LEAK_RATIO,
    "validate": ValidateCheck.EXACT_DUPLICATE_RATIO,
}
CASE = {
    "sources": {
        "a": {
            "kind": "file",
            "path": "a.csv",
            "format": "csv",
            "owner": "Example Bank",
            "role": "controller",
            "legal_basis": "contract",
            "agreement": "DPA-1",
            "expires": "2026-11-24",
        }
    },
    "columns": COLUMNS.model_dump(mode="json"),
    "train": train_params().model_dump(mode="json"),
    "explain": {
        "reasons": "reasons.yaml",
        "background": BACKGROUND.model_dump(mode="json"),
    },
    "limits": {
        "redact": {"m": 0.5},
        "validate": {"m": 0.5},
        "train": LIMITS.model_dump(mode="json"),
    },
}
OUTPUTS = {
    *STAGES["train"].writes,
    *STAGES["train"].metrics,
    *(plot.name for plot in STAGES["train"].plots),
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A portfolio that both gates before training have passed, and a ledger that clears it."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PORTCULLIS_TODAY", "2026-11-24")
    ledger_says(tmp_path)

    folder = tmp_path / "configs" / "loan"
    folder.mkdir(parents=True)
    (folder / "reasons.yaml").write_text(yaml.safe_dump(REASONS.model_dump(mode="json")))
    write_case(tmp_path, "loan", CASE)
    for name in ("ingest", "redact"):
        stage_run(tmp_path, name).write_rows(portfolio())
    for gate in BEFORE_TRAINING:
        write_verdict(tmp_path, gate)
    return tmp_path


def ledger_says(workspace: Path, *refusals: Refusal) -> None:
    """Tell the stage what the worker was told before it began."""
    values = [refusal.to_dict() for refusal in refusals]
    (workspace / CLEARANCE).write_text(json.dumps(values), encoding="utf-8")


def stage_run(workspace: Path, name: str = "train") -> StageRun:
    return StageRun(name, "loan", installation_at(workspace))


def write_verdict(workspace: Path, gate: str, value: float | None = 1.0) -> None:
    run = stage_run(workspace, gate)
    judged = STAGES[gate].judges
    for artefact in judged:
        run.input(*artefact.split("/"))
    run.write_verdict((check(CHECKS[gate], value),), about=judged)


def refused(workspace: Path) -> list[str]:
    """Return the kinds of the refusals; nothing was read and nothing is left."""
    run = stage_run(workspace)
    with pytest.raises(RefusedError) as refusal:
        stage.run(run)
    assert run.rows_unsealed == 0
    assert not (workspace / "data" / "loan" / "train" / "model").exists()
    return [refusal.kind for refusal in refusal.value.refusals]


def test_behind_open_gates_it_leaves_every_output_of_its_row(workspace: Path) -> None:
    stage.run(stage_run(workspace))
    folder = workspace / "data" / "loan" / "train"
    assert {path.name for path in folder.iterdir()} == OUTPUTS


def test_its_verdict_is_about_the_rows_and_what_was_made_of_them(workspace: Path) -> None:
    stage.run(stage_run(workspace))
    data = workspace / "data" / "loan"
    verdict = stage_run(workspace, "decide").read_verdict("train")
    assert verdict.about == {name: sha256_of(data / name) for name in stage.JUDGED}


def test_its_report_counts_rows_and_fixes_all_limits(workspace: Path) -> None:
    stage.run(stage_run(workspace))
    path = workspace / "data" / "loan" / "train" / "report.json"
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert report["rows"] == {"unsealed": 400, "shredded": 0, "people_shredded": 0}
    assert report["limits_sha256"] == digest_of(CASE["limits"])


def test_the_day_after_an_agreement_expires_it_is_refused(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAY", "2026-11-25")
    assert refused(workspace) == [RefusalKind.AGREEMENT_LAPSED]


@pytest.mark.parametrize("gate", BEFORE_TRAINING)
@pytest.mark.parametrize(
    ("value", "kind"), [(0.1, RefusalKind.CHECK_FAILED), (None, RefusalKind.CHECK_UNDECIDED)]
)
def test_a_gate_that_failed_or_is_undecided_shuts_it(
    workspace: Path,
    gate: str,
    value: float | None,
    kind: RefusalKind,
) -> None:
    write_verdict(workspace, gate, value)
    unsigned = Refusal(RefusalKind.VERDICT_UNSIGNED, f"{gate}: no signed verdict")
    ledger_says(workspace, unsigned)
    assert refused(workspace) == [RefusalKind.VERDICT_UNSIGNED, kind]


def test_an_undecided_gate_that_the_ledger_clears_does_not_shut_it(workspace: Path) -> None:
    write_verdict(workspace, "validate", None)
    stage.run(stage_run(workspace))
    assert (workspace / "data" / "loan" / "train" / "model").is_dir()


def test_a_failed_gate_shuts_it_although_the_ledger_clears(workspace: Path) -> None:
    write_verdict(workspace, "validate", 0.1)
    assert refused(workspace) == [RefusalKind.CHECK_FAILED]


def test_a_verdict_about_other_rows_shuts_it(workspace: Path) -> None:
    stage_run(workspace, "redact").write_rows(portfolio(seed=1))
    assert set(refused(workspace)) == {RefusalKind.SUBJECT_CHANGED}


def test_a_gate_that_left_no_verdict_stops_it(workspace: Path) -> None:
    (workspace / "data" / "loan" / "validate" / "verdict.json").unlink()
    with pytest.raises(DataError, match="an output of stage `validate`"):
        stage.run(stage_run(workspace))


def test_all_refusals_are_shown_at_once(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAY", "2026-11-25")
    for gate in BEFORE_TRAINING:
        write_verdict(workspace, gate, 0.1)
    assert refused(workspace) == [
        RefusalKind.AGREEMENT_LAPSED,
        RefusalKind.CHECK_FAILED,
        RefusalKind.CHECK_FAILED,
    ]


def test_a_feature_without_a_reason_stops_it_before_a_row_is_unsealed(workspace: Path) -> None:
    path = workspace / "configs" / "loan" / "reasons.yaml"
    values = REASONS.model_dump(mode="json")
    values["reasons"].pop()
    path.write_text(yaml.safe_dump(values))
    sync_cases(workspace)

    run = stage_run(workspace)
    with pytest.raises(ConfigError, match="none or several for: town"):
        stage.run(run)
    assert run.rows_unsealed == 0


def test_the_model_that_it_leaves_decides_by_itself(workspace: Path) -> None:
    stage.run(stage_run(workspace))
    model = DecisionModel.load(workspace / "data" / "loan" / "train" / "model")
    require_judged_code(model)
    assert model.reasons == REASONS
    assert set(model.answer(portfolio())["decision"]) == {"approved", "declined"}
