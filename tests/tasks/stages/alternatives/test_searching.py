"""Scores are out of fold, the same whoever finishes first, and of as many people as declared."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from tasks.errors import DataError
from tasks.stages.alternatives import searching
from tasks.stages.alternatives.configurations import configurations
from tasks.stages.alternatives.searching import SearchedRows, draw_people, search
from tasks.system.pools import worker_processes
from tests.tasks.stages.alternatives.portfolio import COLUMNS, TRAIN, params, people

LEARNERS = {
    family: {"family": family, "rounds": 10} for family in ("lightgbm", "xgboost", "logistic")
}
MITIGATIONS = {
    "none": {"mitigation": "none"},
    "reweighing": {"mitigation": "reweighing", "mitigate": ("race",)},
    "reduction": {"mitigation": "reduction", "mitigate": ("race",), "multiplier": 2},
}


def searched(rows: pd.DataFrame) -> SearchedRows:
    grid = params(learners=LEARNERS, mitigations=MITIGATIONS)
    return search(rows, COLUMNS, configurations(COLUMNS, grid, TRAIN), grid)


def test_every_configuration_scores_every_row_over_every_seed() -> None:
    result = searched(people(300))
    assert result.scores.shape == (19, 2, 300)
    assert result.fits == 19 * 2 * 2
    assert np.isfinite(result.scores).all()
    assert (result.scores.std(axis=-1) > 0).all()


def test_scores_do_not_depend_on_how_many_fits_run_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = people(300)
    in_this_process = searched(rows).scores
    monkeypatch.setattr(searching, "FEWEST_SHARED_ROWS", 0)
    for workers in (1, 2):
        monkeypatch.setattr(searching, "WORKERS", workers)
        assert np.array_equal(searched(rows).scores, in_this_process)


def test_few_fits_start_no_process_and_many_do(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = params()
    together = configurations(COLUMNS, grid, TRAIN)
    rows = people(300)
    fitted_rows = len(rows) * len(together) * grid.seeds * grid.folds
    started: list[str] = []

    @contextmanager
    def count(where: str, workers: int, remedy: str) -> Iterator[ProcessPoolExecutor]:
        started.append(where)
        with worker_processes(where, workers, remedy) as pool:
            yield pool

    monkeypatch.setattr(searching, "worker_processes", count)
    monkeypatch.setattr(searching, "FEWEST_SHARED_ROWS", fitted_rows + 1)
    search(rows, COLUMNS, together, grid)
    assert started == []
    monkeypatch.setattr(searching, "FEWEST_SHARED_ROWS", fitted_rows)
    search(rows, COLUMNS, together, grid)
    assert started == ["alternatives.search"]


def test_a_row_s_own_label_does_not_move_its_score() -> None:
    rows = people(300)
    changed = rows.copy()
    changed["good"] = np.where(changed["person"] == 7, 1 - changed["good"], changed["good"])
    linear = params()
    together = configurations(COLUMNS, linear, TRAIN)
    before, after = (search(frame, COLUMNS, together, linear) for frame in (rows, changed))
    assert np.array_equal(before.scores[..., 7], after.scores[..., 7])
    assert not np.array_equal(before.scores, after.scores)


def test_nothing_about_the_group_is_read_where_a_score_is_made() -> None:
    """Groups may change the model; two people who differ in theirs alone score the same."""
    rows = people(300)
    twins = pd.concat([rows, rows.iloc[:50].assign(race="z")], ignore_index=True)
    twins["person"] = np.r_[np.arange(300), np.arange(50)]  # one person, so one fold
    result = searched(twins)
    assert np.array_equal(result.scores[..., :50], result.scores[..., 300:])


def test_of_more_people_than_declared_some_are_drawn_and_all_of_their_rows() -> None:
    rows = pd.concat([people(1000)] * 2, ignore_index=True)
    drawn = draw_people(rows, params(people=200))
    assert 120 < drawn["person"].nunique() < 280
    assert (drawn["person"].value_counts() == 2).all()


def test_few_people_are_all_taken() -> None:
    assert len(draw_people(people(300), params())) == 300


def test_a_label_that_hardly_occurs_is_refused() -> None:
    rows = people(300).assign(good=1)
    rows.loc[:5, "good"] = 0
    with pytest.raises(DataError, match="at least 10 of each label"):
        searched(rows)
