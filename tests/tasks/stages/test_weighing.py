"""What `decide` and `register` both rest on, and which refusals stand once the ledger clears."""

import json
from pathlib import Path

import pytest

from tasks.errors import ConfigError, DataError, EvidenceError, Refusal, RefusalKind
from tasks.formats.digests import sha256_of
from tasks.gates import Outcome
from tasks.gates.decision import GateResult
from tasks.path import SUBJECTS
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.weighing import gather, refusals_that_stand
from tasks.stages.workspace import StageRun
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import CASE, check, judged, put_verdict

FAILED = Refusal(RefusalKind.CHECK_FAILED, "fairness: too low")
OPEN = Refusal(RefusalKind.CHECK_UNDECIDED, "explain: too few")
RESULTS = (
    GateResult("train", Outcome.PASS, 4, ()),
    GateResult("explain", Outcome.UNDECIDED, 6, (OPEN,)),
    GateResult("fairness", Outcome.FAIL, 9, (FAILED,)),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return judged(tmp_path)


def work(root: Path, stage: str = "decide") -> StageRun:
    return StageRun(stage, CASE, installation_at(root))


def test_every_gate_that_passed_makes_a_decision_that_passes(root: Path) -> None:
    decision = gather(work(root))
    assert decision.outcome is Outcome.PASS
    assert decision.refusals == ()
    assert [gate.gate for gate in decision.gates] == list(SUBJECTS)


def test_a_decision_is_about_all_that_was_judged_and_every_verdict(root: Path) -> None:
    about = gather(work(root)).about
    assert {name for subjects in SUBJECTS.values() for name in subjects} <= set(about)
    assert {f"{gate}/verdict.json" for gate in SUBJECTS} <= set(about)


@pytest.mark.parametrize("gate", list(SUBJECTS))
def test_a_gate_that_left_no_verdict_is_undecided(root: Path, gate: str) -> None:
    (root / "data" / CASE / gate / "verdict.json").unlink()
    decision = gather(work(root))
    assert decision.outcome is Outcome.UNDECIDED
    assert [refusal.kind for refusal in decision.refusals] == [RefusalKind.VERDICT_MISSING]


def test_what_was_judged_and_lies_here_no_longer_is_named(root: Path) -> None:
    (root / "data" / CASE / "ingest" / "rows.parquet").unlink()
    decision = gather(work(root))
    assert decision.outcome is Outcome.FAIL
    assert [refusal.kind for refusal in decision.refusals] == [RefusalKind.SUBJECT_CHANGED]
    assert "found nothing…" in decision.refusals[0].text


def test_no_file_outside_the_table_is_digested_because_a_verdict_names_it(root: Path) -> None:
    """Else a verdict that somebody wrote has `/dev/zero` read, or any file there is."""
    outside = root / "outside.txt"
    outside.write_text("anything")
    verdict = root / "data" / CASE / "fairness" / "verdict.json"
    values = json.loads(verdict.read_text())
    values["about"] |= {"../../outside.txt": sha256_of(outside)}
    verdict.write_text(json.dumps(values))
    (refusal,) = gather(work(root)).refusals
    assert refusal.kind == RefusalKind.SUBJECT_CHANGED
    assert "found nothing" in refusal.text


def test_a_limit_that_changed_is_told_from_one_that_changed_after_training(root: Path) -> None:
    change_case(root, CASE, lambda values: values["limits"].update(fairness={"m": 0.1}))
    kinds = [refusal.kind for refusal in gather(work(root)).refusals]
    assert kinds == [RefusalKind.LIMITS_CHANGED, RefusalKind.LIMITS_CHANGED_AFTER_TRAINING]


@pytest.mark.parametrize("limits", [None, {}, [], "none"])
def test_a_use_case_without_limits_is_an_error(root: Path, limits: object) -> None:
    change_case(root, CASE, lambda values: values.update(limits=limits))
    with pytest.raises(ConfigError, match="limits"):
        gather(work(root))


def test_without_a_model_there_is_nothing_to_decide_about(root: Path) -> None:
    model = root / "data" / CASE / "train" / "model"
    for path in model.iterdir():
        path.unlink()
    model.rmdir()
    with pytest.raises(DataError, match="train/model"):
        gather(work(root))


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"gate": "explain"}'])
def test_what_is_no_verdict_is_an_error_that_says_how_to_make_one(root: Path, text: str) -> None:
    (root / "data" / CASE / "explain" / "verdict.json").write_text(text)
    with pytest.raises(EvidenceError, match=f"dvc repro .* explain@{CASE}"):
        gather(work(root))


def test_a_verdict_that_lies_in_another_gate_s_place_is_foreign(root: Path) -> None:
    data = root / "data" / CASE
    text = (data / "explain" / "verdict.json").read_text()
    (data / "fairness" / "verdict.json").write_text(text)
    decision = gather(work(root))
    assert RefusalKind.VERDICT_FOREIGN in {refusal.kind for refusal in decision.refusals}
    assert decision.outcome is Outcome.FAIL


def test_every_refusal_stands_where_the_ledger_does_not_clear() -> None:
    assert refusals_that_stand(RESULTS, is_cleared=False) == (OPEN, FAILED)


def test_an_undecided_gate_does_not_stand_where_the_ledger_clears_and_a_failed_one_does() -> None:
    assert refusals_that_stand(RESULTS, is_cleared=True) == (FAILED,)


def test_an_undecided_verdict_about_other_bytes_stands_whatever_the_ledger_says(
    root: Path,
) -> None:
    undecided = check(FairnessCheck.THEIL_INDEX, None)
    put_verdict(root, "fairness", checks=(undecided,), about={})
    decision = gather(work(root))
    assert refusals_that_stand(decision.gates, is_cleared=True) == decision.refusals


def test_a_verdict_is_about_what_is_named_however_much_was_read(root: Path) -> None:
    stage = work(root, "fairness")
    for name in ("model", "predictions.parquet"):
        stage.input("train", name)
    stage.input("redact", "rows.parquet")
    passed = (check(FairnessCheck.THEIL_INDEX),)
    stage.write_verdict(passed, about=SUBJECTS["fairness"])
    written = json.loads((root / "data" / CASE / "fairness" / "verdict.json").read_text())
    assert set(written["about"]) == set(SUBJECTS["fairness"])


def test_a_verdict_about_what_the_stage_never_touched_cannot_be_written(root: Path) -> None:
    passed = (check(FairnessCheck.THEIL_INDEX),)
    with pytest.raises(ValueError, match="train/model, which it never read or wrote"):
        work(root, "fairness").write_verdict(passed, about=("train/model",))


@pytest.mark.parametrize("gate", list(SUBJECTS))
def test_each_gate_judges_what_its_verdict_has_to_be_about(gate: str) -> None:
    import importlib

    stage = importlib.import_module(f"tasks.stages.{gate}.stage")
    assert SUBJECTS[gate] == stage.JUDGED
