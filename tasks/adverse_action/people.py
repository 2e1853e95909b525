"""Choose the people that decisions are compared with, out of those that the model learnt from."""

import numpy as np
import pandas as pd

from tasks.adverse_action.params import BackgroundParams
from tasks.errors import DataError
from tasks.model.families import Matrix

FEWEST_PEOPLE = 20


def choose_people(
    scores: Matrix,
    subjects: np.ndarray,
    has_learnt: np.ndarray,
    cutoff: float,
    params: BackgroundParams,
    *,
    draw: int,
) -> np.ndarray:
    """Return the positions of the chosen people's rows, one row a person, in order.

    Args:
        scores: The model's, shape (rows,).
        subjects: Who each row is about, shape (rows,).
        has_learnt: Which rows the model learnt from, booleans of shape (rows,).
        cutoff: The score from which on it approves.
        params: The declared rule.
        draw: 0 for the people behind the model's composites, more for others to try them against.

    Raises:
        DataError: Too few people can serve.
    """
    is_eligible = has_learnt & (scores >= cutoff) if params.people == "near_cutoff" else has_learnt
    eligible = np.flatnonzero(is_eligible)
    if params.people == "near_cutoff":
        # The nearest to the cut-off first; of equal scores the first rows, so that a rerun takes
        # the same.
        eligible = eligible[np.argsort(scores[eligible], kind="stable")]

    # A person who applied twice must not count as two behind a value: the first row stands for
    # them, which is the one nearest to the cut-off.
    eligible = eligible[~pd.Series(subjects[eligible]).duplicated().to_numpy()]

    # Composites need a whole group of people, and their quantiles say of whom a sentence is true.
    fewest = max(FEWEST_PEOPLE, params.smallest_group)
    if len(eligible) < fewest:
        raise DataError(
            "background of explanations",
            expected=f"at least {fewest} people",
            found=str(len(eligible)),
            remedy="Choose another `explain.background`, or another cut-off.",
        )

    if params.people == "near_cutoff":
        # Twice as many as are drawn, so that other draws give other people to try the reasons
        # against.
        eligible = eligible[: 2 * params.rows]
    rng = np.random.default_rng([params.seed, draw])
    chosen = rng.choice(eligible, size=min(params.rows, len(eligible)), replace=False)
    return np.sort(chosen)
