"""Do the reasons survive what should not matter: other people to compare with, another fit, a small change of figures.

Each is the mean share of an applicant's top reasons that are named again.
"""

from collections.abc import Callable, Iterable

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.errors import DataError
from tasks.model import Scorer
from tasks.model.families import Matrix
from tasks.model.scorer import probability, single_precision
from tasks.stages.explain.params import ExplainParams, ReasonMap
from tasks.stages.explain.reasons import group_contributions, overlap, top_reasons
from tasks.stages.explain.shapley import Explainer

FEW_VALUES = 12  # an input with at most so many different values is a code, not a figure that can be a little off
ChooseBackground = Callable[[Matrix, float, int], Matrix]  # scores, cut-off, number of the draw


class Overlap(BaseModel):
    """Mean shares of top reasons that are kept; None where nobody was declined."""

    model_config = ConfigDict(frozen=True)

    backgrounds: float | None
    refits: float | None
    perturbations: float | None


def measure_overlap(
    matrix: Matrix,
    scores: Matrix,
    scorer: Scorer,
    refits: tuple[Scorer, ...],
    declined: np.ndarray,
    top: np.ndarray,
    background: ChooseBackground,
    known: ReasonMap,
    params: ExplainParams,
) -> Overlap:
    """Return how much of `top`, the reasons of the rows `declined` of `matrix`, is kept; `scores` are the scorer's.

    Raises:
        DataError: There is no refit, or one reads other inputs than the model.
    """
    if not refits or any(refit.inputs != scorer.inputs for refit in refits):
        raise DataError(
            "refits",
            expected="at least one model, of the same inputs as the one explained",
            found="others" if refits else "none",
            remedy="Run `train` again.",
        )
    if not len(declined):
        return Overlap(backgrounds=None, refits=None, perturbations=None)
    chosen = declined[: params.explain_rows]
    rows, expected = matrix[chosen], top[: len(chosen)]
    inputs = tuple(one.feature for one in scorer.inputs)

    def kept(model: Scorer, scores: Matrix, draw: int, explained: Matrix) -> float:
        explainer = Explainer(model, background(scores, model.cutoff, draw))
        grouped = group_contributions(explainer.contributions(explained), inputs, known.reasons)
        return overlap(expected, top_reasons(grouped))

    draws = range(1, params.stability_draws + 1)
    return Overlap(
        backgrounds=_mean(kept(scorer, scores, draw, rows) for draw in draws),
        refits=_mean(
            kept(refit, probability(refit.booster.margin(matrix)), 0, rows) for refit in refits
        ),
        perturbations=_mean(
            kept(scorer, scores, 0, _perturbed(matrix, chosen, params, draw)) for draw in draws
        ),
    )


def _perturbed(matrix: Matrix, chosen: np.ndarray, params: ExplainParams, draw: int) -> Matrix:
    """Return the chosen rows with every figure (not the codes) off by a normal relative error."""
    figures = np.array([len(np.unique(column)) > FEW_VALUES for column in matrix.T])
    rng = np.random.default_rng([params.seed, 3_000, draw])
    rows: Matrix = matrix[chosen]
    rows[:, figures] *= 1 + rng.normal(0, params.perturbation, (len(rows), int(figures.sum())))
    return single_precision(rows)


def _mean(shares: Iterable[float]) -> float:
    return float(np.mean(list(shares)))
