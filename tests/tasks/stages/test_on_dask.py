"""Each heavy stage's work on a real cluster that loses a worker: the same bytes as in one process.

Redaction is in `tests/tasks/redaction/engines`, for its texts are masked chunk by chunk.
"""

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
from tasks.stages.explain import reasons
from tasks.stages.explain.reasons import decide_in_parts
from tasks.stages.workspace import StageRun
from tests.cases import write_case
from tests.dask_cluster import Cluster, cluster
from tests.installations import installation_at
from tests.models import applicants, decision_model
from tests.tasks.stages.train.portfolio import COLUMNS, portfolio, train_params

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
