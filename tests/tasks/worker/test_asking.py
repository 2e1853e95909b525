"""Which stages are told what the ledger says, and what they are told."""

from pathlib import Path

import pytest

from tasks.attestation.artefacts import declared
from tasks.errors import DataError, Refusal, RefusalKind
from tasks.path import STAGES
from tasks.stages.train.checks import TrainCheck
from tasks.stages.validate.checks import ValidateCheck
from tasks.stages.workspace import CLEARANCE, StageRun
from tasks.worker.asking import ask_before, find_stale, write_clearance
from tasks.worker.run_folder import open_run_folder
from tasks.worker.snapshot import open_snapshot
from tests.installations import installation_at
from tests.tasks.judged import CASE, check, put_verdict, sign_for

ASKED = ("train", "register")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.pipeline.runner.list_stale", lambda *_: ())
    monkeypatch.delenv("DVC_EXP_BASELINE_REV", raising=False)


def told(root: Path, stage: str) -> tuple[Refusal, ...] | None:
    """Return what a stage is told; None for nothing at all."""
    here = installation_at(root)
    with (
        open_snapshot(here, here.home / "trees") as (_, snapshot),
        open_run_folder(declared(stage, CASE, snapshot), root, snapshot) as run,
    ):
        write_clearance(run, ask_before(stage, CASE, run, snapshot, here))
        if not (run.path / CLEARANCE).exists():
            return None
        return StageRun(stage, CASE, installation_at(run.path)).clearance


@pytest.mark.parametrize("stage", [name for name in STAGES if name not in ASKED])
def test_a_stage_that_nobody_has_to_clear_is_told_nothing(signed: Path, stage: str) -> None:
    assert told(signed, stage) is None


@pytest.mark.parametrize("stage", ASKED)
def test_what_is_cleared_is_told_so(signed: Path, stage: str) -> None:
    assert told(signed, stage) == ()


def test_train_is_told_of_a_gate_that_guards_it(signed: Path) -> None:
    put_verdict(signed, "validate", checks=(check(ValidateCheck.DRIFT, 0.4),))
    sign_for(signed, "validate")
    assert any("validate" in refusal.text for refusal in told(signed, "train") or ())


def test_train_is_not_told_of_a_gate_that_comes_later(signed: Path) -> None:
    put_verdict(signed, "train", checks=(check(TrainCheck.AUC_LOWER_END, 0.4),))
    sign_for(signed, "train")
    assert told(signed, "train") == ()
    assert told(signed, "register") != ()


def test_an_experiment_never_registers(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "abc")
    (refusal,) = find_stale(CASE, installation_at(signed))
    assert refusal.kind == RefusalKind.EXPERIMENT_RUNNING
    assert "dvc exp run" in refusal.text


def test_what_dvc_calls_stale_is_told_before_the_ledger_s_refusals(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.pipeline.runner.list_stale", lambda *_: ("train@tiny: changed",))
    first = (told(signed, "register") or ())[0]
    assert first.kind == RefusalKind.SOURCE_CHANGED
    assert "train@tiny: changed" in first.text


def test_without_a_model_there_is_nothing_to_ask_about(signed: Path) -> None:
    (signed / "data" / CASE / "train" / "model").rename(signed / "aside")
    with pytest.raises(DataError, match="found nothing"):
        told(signed, "register")


def test_a_stage_that_somebody_starts_by_hand_is_told_nothing(signed: Path) -> None:
    assert StageRun("train", CASE, installation_at(signed)).clearance == ()


def test_what_dvc_cannot_look_at_is_a_refusal_and_no_crash(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(*_: object) -> None:
        raise FileNotFoundError("data/tiny/train/model/x")

    monkeypatch.setattr("tasks.pipeline.runner.list_stale", vanish)
    (refusal,) = find_stale(CASE, installation_at(signed))
    assert refusal.kind == RefusalKind.SOURCE_CHANGED
    assert "FileNotFoundError" in refusal.text
