"""Tell whether reasons survive what should not matter: backgrounds, refits, small errors.

Each is the mean share of an applicant's reasons that are named again. Refits learn from bootstrap
samples of the same people: what they name otherwise hangs on who happened to be in the data. So do
decisions: whoever is declined and would be approved by a refit is counted, for a person to look at.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.adverse_action.composing import compose
from tasks.errors import DataError
from tasks.model import DecisionModel, Decisions, Scorer
from tasks.model.families import Inputs, Matrix
from tasks.model.reasons import name_reasons
from tasks.model.scorer import probability, single_precision
from tasks.model.shapley import Explainer
from tasks.stages.explain.params import ExplainParams
from tasks.stages.explain.reasons import overlap
from tasks.under_way import under_way

FEW_VALUES = 12  # an input with at most so many values is a code, not a figure that can be off
ChooseBackground = Callable[[Scorer, int], Matrix]  # whose approvals, number of the draw


class Overlap(BaseModel):
    """Mean shares of top reasons that are kept; None where nobody was declined."""

    model_config = ConfigDict(frozen=True)

    people_behind: float | None  # comparing with those people themselves, not with composites
    backgrounds: float | None  # comparing with other people
    refits: float | None
    perturbations: float | None


def count_approvals(matrix: Inputs, refits: tuple[Scorer, ...], decisions: Decisions) -> np.ndarray:
    """Return how many of the refits would approve each declined applicant, shape (declined,)."""
    approving = np.zeros(len(decisions.declined), dtype=np.int64)
    for refit in refits:
        scores = probability(refit.booster.margin(matrix[decisions.declined]))
        approving += scores >= refit.cutoff
    return approving


def measure_overlap(
    matrix: Inputs,
    is_known: np.ndarray,
    model: DecisionModel,
    refits: tuple[Scorer, ...],
    decisions: Decisions,
    choose: ChooseBackground,
    params: ExplainParams,
) -> Overlap:
    """Return how much of the reasons in `decisions`, about the rows of `matrix`, is kept.

    Composites stand in for people in what the model is compared with. Whether they can is measured
    here: the reasons are held against those that the people behind them give, and those that others
    give.

    Raises:
        DataError: There is no refit, or one reads other inputs than the model.
    """
    scorer = model.scorer
    if not refits or any(refit.inputs != scorer.inputs for refit in refits):
        raise DataError(
            "refits",
            expected="at least one model, of the same inputs as the one explained",
            found="others" if refits else "none",
            remedy="Run `train` again.",
        )
    if not len(decisions.declined):
        return Overlap(people_behind=None, backgrounds=None, refits=None, perturbations=None)

    # Spread over all declined: the first rows of a delivery may be of one day, or of one branch.
    declined = decisions.declined
    fewest = min(params.stability_rows, len(declined))
    positions = np.linspace(0, len(declined) - 1, fewest).astype(np.int64)
    chosen = declined[positions]
    rows = matrix[chosen].astype(np.float64)
    expected = decisions.reasons.top[positions]

    figures = _figures_of(matrix)
    draws = range(1, params.stability_draws + 1)
    with under_way("explaining again", 1 + 2 * len(draws) + len(refits), "times") as work:

        def kept(explainer: Explainer, explained: Matrix) -> float:
            named = name_reasons(
                explainer, scorer.inputs, model.reasons, explained, is_known[chosen]
            )
            work.advance()
            return overlap(expected, named.top)

        def kept_by_people(draw: int) -> float:
            people = choose(scorer, draw)
            return kept(Explainer(scorer.booster, people), rows)

        def kept_by_refit(refit: Scorer) -> float:
            people = choose(refit, 0)
            background = params.background
            composites = compose(people, scorer.inputs, background.smallest_group, background.seed)
            return kept(Explainer(refit.booster, composites), rows)

        return Overlap(
            people_behind=kept_by_people(0),
            backgrounds=_mean(kept_by_people(draw) for draw in draws),
            refits=_mean(kept_by_refit(refit) for refit in refits),
            perturbations=_mean(
                kept(model.explainer, _perturbed(rows, figures, params, draw)) for draw in draws
            ),
        )


def _figures_of(matrix: Inputs) -> np.ndarray:
    """Return which inputs are figures and no codes, shape (inputs,)."""
    return np.array([pd.unique(column).size > FEW_VALUES for column in matrix.T])


def _perturbed(chosen: Matrix, figures: np.ndarray, params: ExplainParams, draw: int) -> Matrix:
    """Return the chosen rows with every figure, not the codes, off by a normal relative error."""
    rng = np.random.default_rng([params.seed, 3_000, draw])
    rows = chosen.copy()
    # A code that is a little off would be another code, which nobody has; figures of 0 stay 0.
    rows[:, figures] *= 1 + rng.normal(0, params.perturbation, (len(rows), int(figures.sum())))
    return single_precision(rows)


def _mean(shares: Iterable[float]) -> float:
    return float(np.mean(list(shares)))
