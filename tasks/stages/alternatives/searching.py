"""Fit every configuration and score every row out of fold, once per seed.

The shipped configuration is measured like all others, over the same seeds and folds: a difference
between two configurations is then not one between two divisions of the people.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tasks.config.cases import Columns, Role
from tasks.learning.fitting import fit
from tasks.learning.mitigating import mitigate
from tasks.learning.params import TrainParams
from tasks.learning.splitting import draws, folds
from tasks.learning.training import inputs_of, labels_of, require_both_labels
from tasks.model.families import Matrix
from tasks.model.scorer import matrix_of, probability
from tasks.stages.alternatives.configurations import Configuration
from tasks.stages.alternatives.params import AlternativesParams
from tasks.system.pools import worker_processes
from tasks.under_way import under_way

# Two fits at a time, each on one thread: sums are added up in one order, whoever finishes first. In
# two processes, for LightGBM crashes where two threads of one process fit at a time.
WORKERS = 2
# Of rows, over all fits: fewer are fitted in less time than two processes take to start.
FEWEST_SHARED_ROWS = 50_000
CHUNKS = 4  # of configurations, for each worker and division: few copies of the rows, no long wait
REMEDY = "Run the stage again; with fewer `people` it needs less memory."
ONE_THREAD: dict[str, dict[str, Any]] = {
    "lightgbm": {"num_threads": 1},
    "xgboost": {"nthread": 1},
    "logistic": {},
}


@dataclass(frozen=True)
class SearchedRows:
    """The rows that configurations are compared on, and what each of them scored.

    `scores` has the shape (configurations, seeds, rows).
    """

    labels: Matrix  # 0 or 1, shape (rows,)
    persons: "pd.Series[int]"
    protected: pd.DataFrame
    scores: np.ndarray
    fits: int

    def __len__(self) -> int:
        """The rows."""
        return len(self.labels)


def draw_people(rows: pd.DataFrame, params: AlternativesParams) -> pd.DataFrame:
    """Return the rows of about `params.people` people, or all rows where there are no more.

    By hash, so that time does not grow with the rows, and an erasure changes nobody else.
    """
    # The expected number, not the exact one: each person is drawn by their own hash alone.
    share = params.people / max(rows["person"].nunique(), 1)
    if share >= 1:
        return rows.reset_index(drop=True)
    is_drawn = draws(rows["person"], params.seed, "alternatives") < share
    return rows[is_drawn].reset_index(drop=True)


def search(
    rows: pd.DataFrame,
    columns: Columns,
    searched: Sequence[Configuration],
    params: AlternativesParams,
) -> SearchedRows:
    """Fit and score every configuration, over all seeds and folds.

    Args:
        rows: `person`, features, protected attributes and target.
        columns: Their roles.
        searched: What to fit.
        params: Seeds and folds.

    Raises:
        DataError: The target is incomplete, or a division lacks a label.
        ServiceError: A worker process died.
    """
    labels = labels_of(rows[columns.only(Role.TARGET)], searched[0].train)
    scores = np.empty((len(searched), params.seeds, len(rows)))
    fits = len(searched) * params.seeds * params.folds
    with (
        under_way("fitting alternatives", fits, "models") as work,
        _mapping(len(searched), len(rows) * fits) as each,
    ):
        for seed_index in range(params.seeds):
            fold = folds(rows["person"], params.seed + seed_index, params.folds)
            for number in range(params.folds):
                is_scored = fold == number
                fitting = _Fitting.of(rows, labels, is_scored, searched)
                score = partial(fitting.score, seed=params.seed + seed_index)
                for index, scored in enumerate(each(score, searched)):
                    scores[index, seed_index, is_scored] = scored
                    work.advance()

    attributes = list(columns.named(Role.PROTECTED))
    return SearchedRows(labels, rows["person"], rows[attributes], scores, fits)


Score = Callable[[Configuration], Matrix]
Mapping = Callable[[Score, Sequence[Configuration]], Iterable[Matrix]]


@contextmanager
def _mapping(configurations: int, fitted_rows: int) -> Iterator[Mapping]:
    """Yield what scores all configurations in order: here, or in processes where that is faster."""
    if fitted_rows < FEWEST_SHARED_ROWS:
        yield map
        return
    chunk = math.ceil(configurations / (WORKERS * CHUNKS))
    with worker_processes("alternatives.search", WORKERS, REMEDY) as pool:
        yield partial(pool.map, chunksize=chunk)


Recipe = tuple[str, tuple[str, ...], float | None]


@dataclass(frozen=True)
class _Fitting:
    """One division of the rows: what is learnt from, and what is scored."""

    learnt: Matrix
    scored: Matrix
    features: tuple[str, ...]  # of each input
    names: tuple[str, ...]  # of each input
    teaching: dict[Recipe, tuple[Matrix, Matrix]]  # labels and weights, by mitigation

    @classmethod
    def of(
        cls,
        rows: pd.DataFrame,
        labels: Matrix,
        is_scored: np.ndarray,
        searched: Sequence[Configuration],
    ) -> "_Fitting":
        """Prepare what all configurations need of this division, once."""
        # Once for all configurations: they learn from the same rows, whatever their mitigation
        # makes of the labels.
        require_both_labels("alternatives", labels[~is_scored])
        used = {name for configuration in searched for name in configuration.features}
        # In the rows' order, so that a set's order does not decide that of the inputs.
        features = tuple(str(name) for name in rows.columns if name in used)
        # Medians and categories come from those who are learnt from, as in training.
        # Of all features that any configuration uses; each takes its columns of the one matrix.
        inputs = inputs_of(rows, features, ~is_scored)
        matrix = matrix_of(rows, inputs)

        teaching: dict[Recipe, tuple[Matrix, Matrix]] = {}
        for train in (configuration.train for configuration in searched):
            if _recipe(train) not in teaching:
                groups = rows.loc[~is_scored, list(train.mitigate)]
                teaching[_recipe(train)] = mitigate(groups, labels[~is_scored], train)

        return cls(
            learnt=matrix[~is_scored],
            scored=matrix[is_scored],
            features=tuple(column.feature for column in inputs),
            names=tuple(column.name for column in inputs),
            teaching=teaching,
        )

    def score(self, configuration: Configuration, seed: int) -> Matrix:
        """Fit one configuration and return the scores of the rows that it has not seen."""
        train = configuration.train
        params = train.model_copy(
            update={
                "seed": seed,
                "parameters": {**train.parameters, **ONE_THREAD[train.family]},
            }
        )
        used = [index for index, name in enumerate(self.features) if name in configuration.features]
        names = [self.names[index] for index in used]
        labels, weights = self.teaching[_recipe(train)]
        booster = fit(self.learnt[:, used], labels, weights, names, params)
        return probability(booster.margin(self.scored[:, used]))


def _recipe(train: TrainParams) -> Recipe:
    return train.mitigation, train.mitigate, train.multiplier
