"""The stage `fairness`: whom its figures are about, what it writes, when it measures nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.errors import ConfigError, DataError
from tasks.formats.digests import sha256_of
from tasks.gates import Outcome, Verdict
from tasks.stages.fairness.stage import JUDGED, run
from tasks.stages.workspace import StageRun
from tests.cases import change_case, write_case
from tests.installations import installation_at
from tests.tasks.stages.fairness.portfolio import LIMITS, decisions, fairness_params

RATES = {"a": (120, 0.6), "b": (120, 0.3)}
CASE = {
    "columns": {"race": {"role": "protected", "source": "s", "kind": "category"}},
    "fairness": fairness_params().model_dump(mode="json"),
    "limits": {"fairness": LIMITS.model_dump(mode="json")},
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Decisions about two groups, of which one is approved half as often."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    write_case(tmp_path, "loan", CASE)
    protected, rows = decisions(RATES)
    subjects = [f"{row:032x}" for row in range(len(protected))]
    predictions = pd.DataFrame(
        {
            "subject": subjects,
            "actual": rows.is_good.astype(int),
            "oof_approved": rows.is_approved,
            "oof_score": rows.scores,
            # On the held-out part everybody is approved: another figure than out of fold.
            "approved": np.ones(len(protected), dtype=bool),
            "score": rows.scores,
            "part": np.where(np.arange(len(protected)) % 2 == 0, "test", "train"),
        }
    )
    stage_run(tmp_path, "redact").write_rows(
        protected.assign(subject=subjects, person=np.arange(len(protected)))
    )
    stage_run(tmp_path, "train").write_rows(predictions, "predictions")
    return tmp_path


def stage_run(workspace: Path, stage: str = "fairness") -> StageRun:
    return StageRun(stage, "loan", installation_at(workspace))


def measured(workspace: Path) -> dict[str, Any]:
    run(stage_run(workspace))
    path = workspace / "data" / "loan" / "fairness" / "report.json"
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def verdict_of(workspace: Path) -> Verdict:
    return stage_run(workspace, "decide").read_verdict("fairness")


def test_it_leaves_a_report_a_page_and_a_verdict_that_fails_for_the_disadvantaged_group(
    workspace: Path,
) -> None:
    measured(workspace)
    assert (workspace / "data" / "loan" / "fairness" / "page" / "index.html").is_file()
    assert verdict_of(workspace).outcome is Outcome.FAIL


def test_its_verdict_is_about_the_rows_and_the_predictions_that_it_read(workspace: Path) -> None:
    measured(workspace)
    data = workspace / "data" / "loan"
    assert verdict_of(workspace).about == {name: sha256_of(data / name) for name in JUDGED}


def test_by_default_every_row_is_measured_by_its_decision_out_of_fold(workspace: Path) -> None:
    report = measured(workspace)
    assert report["rows"] == 240


def test_on_the_held_out_part_only_its_rows_and_its_decisions_count(workspace: Path) -> None:
    change_case(workspace, "loan", lambda case: case["fairness"].update(evaluate_on="test"))
    report = measured(workspace)
    assert report["rows"] == 120


def test_people_are_counted_by_the_rows_column_person(workspace: Path) -> None:
    rows = stage_run(workspace).read_rows("redact")
    rows["person"] = np.arange(len(rows)) // 2
    stage_run(workspace, "redact").write_rows(rows)
    report = measured(workspace)
    assert (report["rows"], report["people"]) == (240, 120)
    assert {group["people"] for group in report["groups"]} == {60}


def test_a_protected_column_that_the_section_does_not_name_blocks(workspace: Path) -> None:
    def forget(case: dict[str, Any]) -> None:
        case["columns"]["old"] = {"role": "protected", "source": "s", "kind": "flag"}

    change_case(workspace, "loan", forget)
    rows = stage_run(workspace).read_rows("redact").assign(old=1)
    stage_run(workspace, "redact").write_rows(rows)
    measured(workspace)
    check = next(check for check in verdict_of(workspace).checks if check.about.attribute == "old")
    assert check.outcome is Outcome.UNDECIDED


@pytest.mark.parametrize("change", ["order", "row"])
def test_predictions_about_other_rows_are_refused_and_nothing_is_judged(
    workspace: Path, change: str
) -> None:
    train = stage_run(workspace, "train")
    predictions = stage_run(workspace).read_rows("train", "predictions")
    changed = predictions.iloc[::-1] if change == "order" else predictions.iloc[:-1]
    train.write_rows(changed.reset_index(drop=True), "predictions")

    with pytest.raises(DataError, match=r"one per row.*dvc repro train@loan"):
        run(stage_run(workspace))
    assert not (workspace / "data" / "loan" / "fairness" / "verdict.json").exists()


def test_a_privileged_group_of_a_column_that_is_not_protected_is_refused(workspace: Path) -> None:
    change_case(workspace, "loan", lambda case: case["fairness"].update(privileged={"town": "x"}))
    with pytest.raises(ConfigError, match="town"):
        run(stage_run(workspace))
