"""Each heavy stage's work on a real cluster that loses a worker: the same bytes as in one process.

Redaction is in `tests/tasks/redaction/engines`, for its texts are masked chunk by chunk.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.engines.cluster import DaskCluster
from tasks.engines.comparing import digest_answer
from tasks.engines.local import OneProcess
from tasks.formats.digests import sha256_of
from tasks.keystore.shredding import shred
from tasks.learning.training import Trained, train
from tasks.model import save_refits
from tasks.sealed import SealedWriter
from tasks.stages.admit.stage import run as admit_run
from tasks.stages.explain import reasons
from tasks.stages.explain.reasons import decide_in_parts
from tasks.stages.fairness.stage import run as run_fairness
from tasks.stages.ingest.stage import run as run_ingest
from tasks.stages.validate.stage import run as run_validate
from tasks.stages.workspace import StageRun
from tests.cases import write_case
from tests.dask_cluster import Cluster, cluster
from tests.installations import installation_at
from tests.models import applicants, decision_model
from tests.tasks.stages.fairness.portfolio import decisions
from tests.tasks.stages.fairness.test_stage import CASE as FAIRNESS_CASE
from tests.tasks.stages.ingest.test_stage import SOURCE, WITH_NOTES
from tests.tasks.stages.train.portfolio import COLUMNS, portfolio, train_params
from tests.tasks.stages.validate.test_stage import CASE as BANK_CASE
from tests.tasks.stages.validate.test_stage import SUITE as BANK_SUITE

__all__ = ["cluster"]
pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
    ),
]


@dataclass
class Killing:
    """The cluster; a worker of it is killed when half of the partitions were handed out."""

    cluster: Cluster
    after_partitions: int
    has_killed: bool = False

    def map(
        self, function: Callable[[Any, Any], Any], shared: Any, partitions: Iterable[Any]
    ) -> Iterator[Any]:
        engine = DaskCluster(self.cluster.address, 0.0, self.cluster.settings)

        def killing() -> Iterator[Any]:
            for number, partition in enumerate(partitions):
                if number == self.after_partitions and not self.has_killed:
                    self.has_killed = True
                    victim = next(one for one in self.cluster.workers if one.poll() is None)
                    victim.kill()
                    victim.wait()
                    self.cluster.start_worker(threads=2)
                yield partition

        return engine.map(function, shared, killing())

    def describe(self) -> dict[str, str]:
        return {}


def digests_of(trained: Trained, folder: Path) -> tuple[str, str, str]:
    (folder / "model").mkdir(parents=True)
    (folder / "refits").mkdir()
    trained.scorer.save(folder / "model")
    save_refits(folder / "refits", trained.refits)
    return (
        sha256_of(folder / "model"),
        sha256_of(folder / "refits"),
        digest_answer(trained.predictions),
    )


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "logistic"])
def test_train_fits_the_same_models(cluster: Cluster, tmp_path: Path, family: str) -> None:
    params = train_params(family=family, rounds=500 if family == "logistic" else 10)
    engine = Killing(cluster, after_partitions=3)
    here = digests_of(train(portfolio(), COLUMNS, params), tmp_path / "here")
    there = digests_of(train(portfolio(), COLUMNS, params, engine), tmp_path / "there")
    assert engine.has_killed
    assert there == here


def test_the_challenger_scores_the_same(cluster: Cluster) -> None:
    engine = Killing(cluster, after_partitions=1)
    there, here = (
        train(portfolio(), COLUMNS, train_params(), where, is_challenged=True)
        for where in (engine, None)
    )
    assert here.challenger_scores is not None
    assert there.challenger_scores is not None
    np.testing.assert_array_equal(there.challenger_scores, here.challenger_scores)
    assert engine.has_killed


@pytest.mark.parametrize("part_rows", [1, 7, 100_000])
def test_explain_decides_the_same_in_parts_of_any_size(
    monkeypatch: pytest.MonkeyPatch, part_rows: int
) -> None:
    whole = decision_model().decide(applicants())
    monkeypatch.setattr(reasons, "PART_ROWS", part_rows)
    parts = decide_in_parts(OneProcess(), decision_model(), applicants())
    assert digest_answer(parts) == digest_answer(whole)


def test_explain_decides_the_same_there(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "PART_ROWS", 20)
    engine = Killing(cluster, after_partitions=5)
    there = decide_in_parts(engine, decision_model(), applicants())
    assert engine.has_killed
    assert digest_answer(there) == digest_answer(decision_model().decide(applicants()))


def test_explain_decides_about_nobody(cluster: Cluster) -> None:
    nobody = applicants().iloc[:0]
    engine = DaskCluster(cluster.address, 0.0, cluster.settings)
    there = decide_in_parts(engine, decision_model(), nobody)
    assert digest_answer(there) == digest_answer(decision_model().decide(nobody))


# What `validate`, `train`, `explain` and `fairness` read: rows that workers unseal.


def rows_of(folder: Path, engine: dict[str, Any]) -> StageRun:
    """Return the run of a stage of a use case, and seal rows of 400 people for it once."""
    write_case(
        folder, "loan", {"columns": {"a": {"role": "feature", "source": "b"}}, "engine": engine}
    )
    stage_run = StageRun("validate", "loan", installation_at(folder))
    path = folder / "data" / "loan" / "redact" / "rows.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True)
        rows = portfolio()
        with SealedWriter(path, dataset="loan/redact/rows", keys=stage_run.keys) as writer:
            for start in range(0, len(rows), 50):
                writer.write(rows.iloc[start : start + 50])
        shred(stage_run.keys, [rows["subject"][7]], day=pd.Timestamp("2026-01-01").date())
    return stage_run


@pytest.mark.parametrize("kind", ["one_process", "dask"])
def test_rows_that_workers_unseal_are_the_same_rows(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    here = rows_of(tmp_path, {"kind": "one_process"})
    there = rows_of(tmp_path, {"kind": "one_process"})
    columns = ("income", "subject")
    seen: list[int] = []

    def keep(part: pd.DataFrame) -> pd.DataFrame:
        seen.append(len(part))
        return part[["income"]]

    expected = here.read_rows("redact", columns=columns)
    engine = Killing(cluster, after_partitions=4) if kind == "dask" else OneProcess()
    there.__dict__["engine"] = engine
    there.case_values["engine"] = {"kind": "dask", "address": "tcp://127.0.0.1:1"}
    pd.testing.assert_frame_equal(there.read_rows("redact", columns=columns), expected)
    assert (there.rows_unsealed, there.rows_shredded, there.people_shredded) == (
        here.rows_unsealed,
        here.rows_shredded,
        here.people_shredded,
    )
    assert here.rows_shredded == 2

    kept = there.read_rows("redact", columns=columns, keep=keep)
    pd.testing.assert_frame_equal(kept, expected[["income"]])
    assert sum(seen) == len(expected)


# Whole stages: whatever they write is compared.

FIRST_NAMES = ("Ann", "Bo", "Carla", "Dirk", "Eva", "Franz", "Gerda", "Hugo", "Ida", "Jon")
LAST_NAMES = ("Abt", "Bergner", "Clasen", "Dorn", "Ebel", "Falk", "Gross", "Hahn", "Imhof", "Jahn")
PIECES = 40  # row groups of a dataset, and parts of a delivery


def write_in_groups(workspace: Path, case: str, stage: str, rows: pd.DataFrame, name: str) -> None:
    """Seal rows in many row groups, as a large file has them."""
    stage_run = StageRun(stage, case, installation_at(workspace))
    with stage_run.writing_rows(name) as writer:
        for places in np.array_split(np.arange(len(rows)), PIECES):
            writer.write(rows.iloc[places])


def validate_run(workspace: Path) -> StageRun:
    folder = workspace / "configs" / "bank"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "suite.json").write_text(json.dumps(BANK_SUITE))
    write_case(workspace, "bank", BANK_CASE)
    rng = np.random.default_rng(2)
    rows = pd.DataFrame(
        {
            # One person in five has two rows.
            "subject": [f"{number * 5 // 6:032x}" for number in range(600)],
            "income": np.round(np.exp(8 + rng.normal(size=600)), -2),
            "debt": np.round(np.exp(5 + rng.normal(size=600)), -1),
            "sex": rng.choice(["male", "female"], 600),
            "approve": rng.choice([0.0, 1.0], 600),
            "notes": ["call me at canary@example.org", *["[OWN_NAME] called"] * 599],
        }
    ).astype({"sex": "str", "notes": "str"})
    rows.loc[5:60, "sex"] = None
    write_in_groups(workspace, "bank", "redact", rows, "rows")
    return StageRun("validate", "bank", installation_at(workspace))


def fairness_run(workspace: Path) -> StageRun:
    write_case(workspace, "loan", FAIRNESS_CASE)
    protected, rows = decisions({"a": (240, 0.6), "b": (240, 0.3)})
    count = len(protected)
    protected.loc[5:9, "race"] = None
    subjects = [f"{row * 5 // 6:032x}" for row in range(count)]
    predictions = pd.DataFrame(
        {
            "subject": subjects,
            "actual": rows.is_good.astype(int),
            "oof_approved": rows.is_approved,
            "oof_score": rows.scores,
            "approved": rows.is_approved,
            "score": rows.scores,
            "part": np.where(np.arange(count) % 2 == 0, "test", "train"),
        }
    )
    written = protected.assign(subject=subjects, person=np.arange(count) * 5 // 6)
    write_in_groups(workspace, "loan", "redact", written, "rows")
    write_in_groups(workspace, "loan", "train", predictions, "predictions")
    return StageRun("fairness", "loan", installation_at(workspace))


def ingest_run(workspace: Path) -> StageRun:
    names = [f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES]
    lines = ["email,name,notes,approve"]
    for number, name in enumerate(names):
        other = names[(number + 7) % len(names)]
        lines.append(f"p{number}@example.org,{name},{name} came with {other},{number % 2}")
    (workspace / "bank.csv").write_text("\n".join(lines) + "\n")
    source = {**SOURCE, "path": str(workspace / "bank.csv")}
    write_case(workspace, "bank", {**WITH_NOTES, "sources": {"bank": source}})
    admit_run(StageRun("admit", "bank", installation_at(workspace)))
    return StageRun("ingest", "bank", installation_at(workspace))


WHOLE = {
    "validate": (validate_run, run_validate),
    "fairness": (fairness_run, run_fairness),
    "ingest": (ingest_run, run_ingest),
}


@pytest.mark.parametrize("stage", WHOLE)
def test_a_whole_stage_writes_the_same_bytes_there(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(SealedWriter, "rows_at_once", 5)
    prepare, run = WHOLE[stage]

    here = prepare(tmp_path)
    here.case_values["engine"] = {"kind": "one_process"}
    run(here)
    written = files_in(here.folder)
    assert written

    there = StageRun(stage, here.case, installation_at(tmp_path))
    there.case_values["engine"] = {"kind": "dask", "address": cluster.address}
    engine = Killing(cluster, after_partitions=11)
    there.__dict__["engine"] = engine
    run(there)
    assert engine.has_killed
    assert files_in(there.folder) == written
    assert there.outputs == here.outputs
    assert (there.rows_unsealed, there.rows_shredded) == (here.rows_unsealed, here.rows_shredded)


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_counted_is_the_same_however_rows_are_divided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    written = []
    for pieces in (1, 7, 40):
        monkeypatch.setitem(globals(), "PIECES", pieces)
        run_of_stage = validate_run(tmp_path)
        run_validate(run_of_stage)
        files = files_in(run_of_stage.folder)
        # it says by its digest which rows it is about, and their seals hold their positions
        del files["verdict.json"]
        written.append(files)
    assert written[0] == written[1] == written[2]
