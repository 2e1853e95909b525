"""The stage `subgroups`: what it reads and writes, and what its page shows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.errors import DataError
from tasks.formats.digests import sha256_of
from tasks.gates import Outcome, Verdict
from tasks.stages.subgroups.stage import JUDGED, run
from tasks.stages.workspace import StageRun
from tests.cases import change_case, write_case
from tests.installations import installation_at
from tests.tasks.stages.subgroups.portfolio import LIMITS, PARAMS, portfolio

PROTECTED = {"role": "protected", "source": "s", "kind": "category"}
CASE = {
    "columns": {"sex": PROTECTED, "age": PROTECTED, "debt": {"role": "feature", "source": "s"}},
    "subgroups": PARAMS.model_dump(mode="json"),
    "limits": {"subgroups": LIMITS.model_dump(mode="json")},
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Decisions of which those about two conjunctions are worse than either attribute shows."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    write_case(tmp_path, "loan", CASE)
    small = portfolio(3_000, planted=0.5)
    subjects = [f"{row:032x}" for row in range(3_000)]
    predictions = pd.DataFrame(
        {
            "subject": subjects,
            "actual": small.rows.is_good.astype(int),
            "oof_approved": small.rows.is_approved,
            "oof_score": small.rows.scores,
            # On the held-out part everybody is approved.
            "approved": np.ones(3_000, dtype=bool),
            "score": small.rows.scores,
            "part": np.where(np.arange(3_000) % 2 == 0, "test", "train"),
        }
    )
    rows = small.protected.assign(
        debt=small.audited["debt"], subject=subjects, person=np.arange(3_000)
    )
    stage_run(tmp_path, "redact").write_rows(rows)
    stage_run(tmp_path, "train").write_rows(predictions, "predictions")
    return tmp_path


def stage_run(workspace: Path, stage: str = "subgroups") -> StageRun:
    return StageRun(stage, "loan", installation_at(workspace))


def measured(workspace: Path) -> dict[str, Any]:
    run(stage_run(workspace))
    path = workspace / "data" / "loan" / "subgroups" / "report.json"
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def verdict_of(workspace: Path) -> Verdict:
    return stage_run(workspace, "decide").read_verdict("subgroups")


def test_it_leaves_a_report_a_page_and_a_verdict_that_fails_for_the_subgroup(
    workspace: Path,
) -> None:
    measured(workspace)
    page = workspace / "data" / "loan" / "subgroups" / "page"
    assert (page / "index.html").is_file()
    assert (page / "false_decline_difference.png").is_file()
    assert verdict_of(workspace).outcome is Outcome.FAIL


def test_its_verdict_is_about_the_rows_and_the_predictions_that_it_read(workspace: Path) -> None:
    measured(workspace)
    data = workspace / "data" / "loan"
    assert verdict_of(workspace).about == {name: sha256_of(data / name) for name in JUDGED}


def test_of_the_test_part_only_its_rows_and_the_decisions_of_the_model_are_judged(
    workspace: Path,
) -> None:
    change_case(workspace, "loan", lambda case: case["subgroups"].update(evaluate_on="test"))
    report = measured(workspace)
    assert report["rows"] == 1_500
    declines = [
        item for item in report["subgroups"] if item["measure"] == "false_decline_difference"
    ]
    assert [item["value"] for item in declines] == [0.0] * len(declines)


def test_rows_in_another_order_than_the_predictions_are_refused(workspace: Path) -> None:
    run_of_redact = stage_run(workspace, "redact")
    rows = stage_run(workspace, "redact").read_rows("redact")
    run_of_redact.write_rows(rows.iloc[::-1].reset_index(drop=True))
    with pytest.raises(DataError, match="one per row, in the rows' order"):
        measured(workspace)


def test_the_same_rows_give_the_same_report_and_page(workspace: Path) -> None:
    first = measured(workspace)
    page = sha256_of(workspace / "data" / "loan" / "subgroups" / "page")
    assert measured(workspace) == first
    assert sha256_of(workspace / "data" / "loan" / "subgroups" / "page") == page


def test_no_figure_is_about_fewer_people_than_declared(workspace: Path) -> None:
    report = measured(workspace)
    assert all(item["people"] >= PARAMS.smallest_people for item in report["subgroups"])
    assert all(item["search_people"] >= PARAMS.smallest_people for item in report["subgroups"])
    rows = [item["rows"] for item in report["multicalibration"]["segments"]]
    assert min(rows) >= PARAMS.smallest_people
