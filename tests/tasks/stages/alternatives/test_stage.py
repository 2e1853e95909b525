"""The stage leaves report, page and verdict, and measures nothing of other rows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.errors import DataError
from tasks.formats.digests import sha256_of
from tasks.gates import Outcome, Verdict
from tasks.stages.alternatives.stage import JUDGED, run
from tasks.stages.workspace import StageRun
from tests.cases import write_case
from tests.installations import installation_at
from tests.tasks.stages.alternatives.portfolio import (
    COLUMNS,
    GRID,
    LIMITS,
    TRAIN,
    people,
)

CASE = {
    "columns": COLUMNS.model_dump(mode="json", exclude_none=True),
    "train": TRAIN.model_dump(mode="json", exclude_none=True),
    "fairness": {"privileged": {"race": "a"}, "cutoffs": [0.8], "seed": 1},
    "alternatives": {**json.loads(json.dumps(GRID)), "loss_of_auc": 0.05},
    "limits": {"alternatives": LIMITS.model_dump(mode="json")},
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that learnt a prejudice by a proxy."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    write_case(tmp_path, "loan", CASE)
    rows = people(3000, prejudice=0.15)
    predictions = pd.DataFrame(
        {"subject": rows["subject"], "oof_approved": np.arange(len(rows)) % 5 > 0}
    )
    stage_run(tmp_path, "redact").write_rows(rows)
    stage_run(tmp_path, "train").write_rows(predictions, "predictions")
    return tmp_path


def stage_run(workspace: Path, stage: str = "alternatives") -> StageRun:
    return StageRun(stage, "loan", installation_at(workspace))


def verdict_of(workspace: Path) -> Verdict:
    return stage_run(workspace, "decide").read_verdict("alternatives")


def test_a_dominated_model_fails_and_page_and_report_show_the_frontier(workspace: Path) -> None:
    run(stage_run(workspace))
    data = workspace / "data" / "loan"
    verdict = verdict_of(workspace)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.about == {name: sha256_of(data / name) for name in JUDGED}
    assert "linear / unmitigated / without proxy" in verdict.refusals()[0].text

    report = json.loads((data / "alternatives" / "report.json").read_text(encoding="utf-8"))
    assert report["fits"] == 8
    assert report["approval_rate"] == pytest.approx(0.8)
    page = (data / "alternatives" / "page" / "index.html").read_text(encoding="utf-8")
    assert "8 fits on 3,000 rows" in page
    assert (data / "alternatives" / "page" / "frontier.png").is_file()


def test_the_page_is_the_same_again(workspace: Path) -> None:
    digests = []
    for _ in range(2):
        run(stage_run(workspace))
        digests.append(sha256_of(workspace / "data" / "loan" / "alternatives" / "page"))
    assert digests[0] == digests[1]


def test_predictions_of_other_rows_are_refused(workspace: Path) -> None:
    rows = people(2999)
    stage_run(workspace, "redact").write_rows(rows)
    with pytest.raises(DataError, match="in the rows' order"):
        run(stage_run(workspace))
