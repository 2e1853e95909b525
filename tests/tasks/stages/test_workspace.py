"""The shell of a stage: it digests what it reads and writes, seals rows, and writes files whole."""

import json
import stat
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import BaseModel

from tasks.config.strict import StrictModel
from tasks.errors import ConfigError, DataError, EvidenceError, SealError
from tasks.formats.digests import sha256_of
from tasks.gates import Check, Verdict, digest_of
from tasks.keystore.shredding import shred
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.workspace import DRAFT, StageRun
from tests.cases import write_case
from tests.installations import installation_at
from tests.tasks.judged import check

ANN = "a" * 32
BO = "b" * 32
ROWS = pd.DataFrame({"subject": [ANN, BO], "town": pd.array(["Springfield", None], dtype="str")})
CASE = {
    "columns": {"email": {"role": "subject", "source": "a"}},
    "fairness": {"seed": 1},
    "limits": {"fairness": {"ratio": 0.8}},
}


class ToyParams(StrictModel):
    """The section of the toy use case."""

    seed: int


class ToyLimits(StrictModel):
    """Its limits."""

    ratio: float


class ToyReport(BaseModel):
    """A report."""

    name: str
    ratio: float


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    write_case(tmp_path, "loan", CASE)
    return tmp_path


def stage_run(workspace: Path, stage: str = "fairness") -> StageRun:
    return StageRun(stage, "loan", installation_at(workspace))


# What the use case holds for it.


def test_a_stage_gets_its_own_section_and_its_own_limits(workspace: Path) -> None:
    run = stage_run(workspace)
    assert run.params(ToyParams).seed == 1
    assert run.limits(ToyLimits).ratio == 0.8
    assert run.columns.named() == ()


def test_a_stage_without_a_section_is_an_error_that_names_it(workspace: Path) -> None:
    with pytest.raises(ConfigError, match="expected a section `train`"):
        stage_run(workspace, "train").params(ToyParams)


# What it reads.


def test_an_input_is_digested_under_its_stage_and_name(workspace: Path) -> None:
    earlier = stage_run(workspace, "train")
    earlier.write_report({"auc": 0.7})
    run = stage_run(workspace)
    path = run.input("train", "report.json")
    assert run.inputs == {"train/report.json": sha256_of(path)}


def test_an_input_that_is_absent_says_which_stage_makes_it(workspace: Path) -> None:
    with pytest.raises(DataError, match=r"an output of stage `train`.*dvc repro train@loan"):
        stage_run(workspace).input("train", "report.json")


def test_json_comes_back_as_it_was_written(workspace: Path) -> None:
    stage_run(workspace, "train").write_report({"auc": 0.7})
    assert stage_run(workspace).read_json("train", "report.json") == {"auc": 0.7}


@pytest.mark.parametrize("text", ["[]", "0.7", '"auc"', "null"])
def test_an_output_that_is_no_object_is_refused_in_one_line(workspace: Path, text: str) -> None:
    (stage_run(workspace, "train").folder / "report.json").write_text(text)
    with pytest.raises(EvidenceError, match="expected a JSON object"):
        stage_run(workspace).read_json("train", "report.json")


def test_rows_are_sealed_on_disk_and_come_back_counted(workspace: Path) -> None:
    earlier = stage_run(workspace, "redact")
    earlier.write_rows(ROWS)
    assert b"Springfield" not in (earlier.folder / "rows.parquet").read_bytes()

    run = stage_run(workspace)
    pd.testing.assert_frame_equal(run.read_rows("redact"), ROWS)
    assert (run.rows_unsealed, run.rows_shredded, run.people_shredded) == (2, 0, 0)
    assert set(run.inputs) == {"redact/rows.parquet"}


def test_rows_written_by_group_come_back_by_group_and_are_counted_unread(workspace: Path) -> None:
    earlier = stage_run(workspace, "redact")
    with earlier.writing_rows() as writer:
        writer.write(ROWS.iloc[:1])
        writer.write(ROWS.iloc[1:])

    run = stage_run(workspace)
    assert run.count_rows("redact") == 2
    assert run.rows_unsealed == 0
    subjects = [list(group["subject"]) for group in run.iter_rows("redact")]
    assert [subject for group in subjects for subject in group] == [ANN, BO]
    assert run.rows_unsealed == 2


def test_rows_of_an_erased_person_are_left_out_and_counted(workspace: Path) -> None:
    earlier = stage_run(workspace, "redact")
    earlier.write_rows(ROWS)
    shred(earlier.keys, [ANN], date(2026, 1, 1))

    run = stage_run(workspace)
    assert list(run.read_rows("redact")["subject"]) == [BO]
    assert (run.rows_unsealed, run.rows_shredded, run.people_shredded) == (1, 1, 1)


def test_sealed_rows_in_the_place_of_another_stage_s_are_refused(workspace: Path) -> None:
    earlier = stage_run(workspace, "ingest")
    earlier.write_rows(ROWS)
    other = stage_run(workspace, "redact")
    (earlier.folder / "rows.parquet").rename(other.folder / "rows.parquet")
    with pytest.raises(SealError):
        stage_run(workspace).read_rows("redact")


# What it writes.


def test_a_report_is_readable_json_with_the_same_bytes_for_the_same_content(
    workspace: Path,
) -> None:
    run = stage_run(workspace)
    run.write_report(ToyReport(name="Größe", ratio=0.5))
    text = (run.folder / "report.json").read_text(encoding="utf-8")
    assert text == '{\n  "name": "Größe",\n  "ratio": 0.5\n}\n'


def test_a_report_with_nan_is_refused_and_the_one_before_it_stays(workspace: Path) -> None:
    run = stage_run(workspace)
    run.write_report({"auc": 0.7})
    with pytest.raises(DataError, match=r"NaN or an infinity in `auc`"):
        run.write_report({"auc": float("nan")})
    assert json.loads((run.folder / "report.json").read_text()) == {"auc": 0.7}


@pytest.mark.parametrize(
    ("report", "field"),
    [
        (ToyReport(name="Ann Canary", ratio=float("inf")), "ratio"),
        ({"groups": [{"rows": 1}, {"rows": float("nan")}]}, "groups.1.rows"),
        ({"rates": {"Ann Canary": (0.5, float("-inf"))}}, "rates.….1"),
        ({"rates": {"email": {"Ann Canary": float("nan")}}}, "rates.email.…"),
    ],
)
def test_a_figure_that_is_no_number_is_named_by_its_field_and_shows_no_value(
    workspace: Path, report: BaseModel | dict[str, Any], field: str
) -> None:
    with pytest.raises(DataError) as refusal:
        stage_run(workspace).write_report(report)
    message = str(refusal.value)
    assert "data/loan/fairness/report.json: expected finite numbers" in message
    assert f"NaN or an infinity in `{field}`." in message
    assert "Canary" not in message


def test_a_file_whose_writing_failed_is_neither_there_nor_left_over(workspace: Path) -> None:
    run = stage_run(workspace)
    with pytest.raises(IsADirectoryError), run.writing("rows.csv") as path:
        path.parent.write_text("half")
    assert list(run.folder.iterdir()) == []
    assert run.outputs == {}


def test_a_file_that_was_written_may_be_read_by_others_and_is_digested(workspace: Path) -> None:
    run = stage_run(workspace)
    with run.writing("rows.csv") as path:
        path.write_text("a\n1\n")
    written = run.folder / "rows.csv"
    assert stat.S_IMODE(written.stat().st_mode) == 0o644
    assert run.outputs == {"fairness/rows.csv": sha256_of(written)}


def test_a_folder_takes_the_place_of_the_one_before_it_whole(workspace: Path) -> None:
    run = stage_run(workspace)
    for name in ("old.html", "new.html"):
        with run.folder_of("page") as page:
            (page / name).write_text(name)
    assert [path.name for path in (run.folder / "page").iterdir()] == ["new.html"]
    assert run.outputs == {"fairness/page": sha256_of(run.folder / "page")}


def test_a_folder_whose_writing_failed_leaves_the_one_before_it(workspace: Path) -> None:
    run = stage_run(workspace)
    with run.folder_of("page") as page:
        (page / "old.html").write_text("old")
    with pytest.raises(IsADirectoryError), run.folder_of("page") as page:
        page.write_text("half")
    assert [path.name for path in (run.folder / "page").iterdir()] == ["old.html"]


def test_drafts_of_a_killed_run_are_removed_and_outputs_are_not(workspace: Path) -> None:
    run = stage_run(workspace)
    run.write_report({"auc": 0.7})
    (run.folder / f"{DRAFT}a.json").write_text("half")
    (run.folder / f"{DRAFT}b" / "page").mkdir(parents=True)
    run.remove_drafts()
    assert [path.name for path in run.folder.iterdir()] == ["report.json"]


# What it judges.


def verdict_of(workspace: Path, *checks: Check) -> Verdict:
    run = stage_run(workspace)
    run.write_report({"ratio": 0.9})
    return run.write_verdict(checks, about=("fairness/report.json",))


def test_a_verdict_is_about_the_bytes_and_the_limits_that_lie_here(workspace: Path) -> None:
    verdict = verdict_of(workspace, check(FairnessCheck.THEIL_INDEX))
    report = workspace / "data" / "loan" / "fairness" / "report.json"
    assert verdict.about == {"fairness/report.json": sha256_of(report)}
    assert verdict.limits_sha256 == digest_of({"ratio": 0.8})


def test_a_verdict_comes_back_as_it_was_written(workspace: Path) -> None:
    verdict = verdict_of(workspace, check(FairnessCheck.THEIL_INDEX))
    assert stage_run(workspace, "decide").read_verdict("fairness") == verdict


def test_what_is_no_verdict_says_how_to_make_one(workspace: Path) -> None:
    stage_run(workspace).write_report({"outcome": "pass"}, "verdict.json")
    with pytest.raises(EvidenceError, match="dvc repro --force --single-item fairness@loan"):
        stage_run(workspace, "decide").read_verdict("fairness")


# Nobody


def test_a_dataset_without_a_row_is_no_dataset_to_judge(workspace: Path) -> None:
    stage_run(workspace, "redact").write_rows(ROWS.iloc[:0])
    with pytest.raises(DataError, match=r"redact/rows: expected at least one row .* no row at all"):
        stage_run(workspace).read_rows("redact")
    with pytest.raises(DataError, match="no row at all"):
        list(stage_run(workspace).iter_rows("redact"))


def test_a_dataset_of_people_who_were_all_erased_is_refused(workspace: Path) -> None:
    stage_run(workspace, "redact").write_rows(ROWS)
    shred(stage_run(workspace).keys, [ANN, BO], date(2026, 11, 27))
    with pytest.raises(DataError, match="2 rows, none of which this key store has a key for"):
        stage_run(workspace).read_rows("redact")
    with pytest.raises(DataError, match="2 rows, none of which"):
        list(stage_run(workspace).iter_rows("redact"))
