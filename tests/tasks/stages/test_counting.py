"""That the loops in which stages spend their time count all that they do, and all of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.engines.local import OneProcess
from tasks.learning.fitting import fit
from tasks.learning.splitting import folds
from tasks.learning.training import train
from tasks.stages.explain import reasons
from tasks.stages.explain.reasons import decide_in_parts
from tasks.stages.ingest.reading.delivery import ExpectedDelivery
from tasks.stages.ingest.reading.file import read_csv
from tasks.stages.workspace import StageRun
from tasks.under_way import Work
from tests.cases import write_case
from tests.counting import noting_works
from tests.installations import installation_at
from tests.models import applicants, decision_model
from tests.tasks.stages.train.portfolio import COLUMNS, portfolio, train_params


def figures(works: list[Work], what: str) -> list[tuple[int, int, str]]:
    return [(work.done, work.total, work.unit) for work in works if work.what == what]


@pytest.mark.parametrize("family", ["lightgbm", "xgboost"])
def test_each_boosting_round_is_counted(family: str) -> None:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(200, 2))
    labels = (matrix[:, 0] > 0).astype(float)
    with noting_works() as works:
        fit(matrix, labels, np.ones(200), ["a", "b"], train_params(family=family, rounds=7))
    assert figures(works, "boosting") == [(7, 7, "rounds")]


def test_each_fit_is_counted_with_its_rounds_within() -> None:
    params = train_params(rounds=5)
    with noting_works() as works:
        train(portfolio(), COLUMNS, params)
    fold_fits = len(np.unique(folds(portfolio()["person"], params.seed, params.folds)))
    fits = 1 + params.refits + fold_fits
    assert figures(works, "fitting models") == [(fits, fits, "models")]
    assert figures(works, "boosting") == [(5, 5, "rounds")] * fits
    assert works[0].what == "fitting models"  # the outermost, of which time left is told


def test_the_challenger_s_fits_are_counted() -> None:
    params = train_params()
    with noting_works() as works:
        train(portfolio(), COLUMNS, params, is_challenged=True)
    assert figures(works, "fitting the challenger") == [(params.folds, params.folds, "models")]


def test_rows_that_are_decided_about_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "PART_ROWS", 3)
    rows = applicants()
    with noting_works() as works:
        decide_in_parts(OneProcess(), decision_model(), rows)
    assert figures(works, "deciding and explaining") == [(len(rows), len(rows), "rows")]


def test_sealed_rows_are_counted_as_they_are_read(tmp_path: Path) -> None:
    write_case(tmp_path, "loan", {"columns": {"email": {"role": "subject", "source": "a"}}})
    run = StageRun("redact", "loan", installation_at(tmp_path))
    rows = pd.DataFrame({"subject": ["a" * 32, "b" * 32], "income": [1.0, 2.0]})
    run.write_rows(rows)
    for keep in (None, lambda part: part[["income"]]):
        with noting_works() as works:
            run.read_rows("redact", keep=keep)
        assert figures(works, "reading sealed rows") == [(2, 2, "rows")]


def test_a_file_is_counted_by_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("name,income\n" + "ann,1\n" * 1_000)
    size = path.stat().st_size
    expected = ExpectedDelivery(
        source="a",
        declared=frozenset({"name", "income"}),
        read=("name", "income"),
        numbers=frozenset({"income"}),
        flags=frozenset(),
    )
    with noting_works() as works:
        read_csv(str(path), expected)
    assert figures(works, "reading a file") == [(size, size, "bytes")]
