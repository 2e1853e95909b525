"""Measure calibration, less what chance alone makes of it.

A model that is perfectly calibrated has an expected calibration error above 0: on few rows the
observed shares scatter. So the error is held against the one that a calibrated model with the same
scores would show, and only what exceeds that is counted.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.learning.performance import Bin, reliability
from tasks.model.families import Matrix

# Rows of a bin: fewer scatter so much that ten bins hide what one would show.
BIN_ROWS = 100
MOST_BINS = 10
DRAWS = 2000  # the quantile of one chance in twenty rests on a hundred of them


class Calibration(BaseModel):
    """How scores and outcomes agree on some rows.

    `error` is the expected calibration error; `chance_error` is what that of a calibrated model
    exceeds with probability `significance`; `beyond_chance` is how much the error exceeds it, or 0.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    predicted: float  # mean score
    observed: float  # share of rows with the favourable label
    error: float
    chance_error: float
    beyond_chance: float
    significance: float
    reliability: tuple[Bin, ...]

    @property
    def overrated_by(self) -> float:
        """By how much the mean score exceeds the observed share; negative where it falls short."""
        return self.predicted - self.observed


def measure_calibration(
    scores: Matrix,
    labels: Matrix,
    *,
    significance: float,
    design_effect: float = 1.0,
    seed: int = 0,
) -> Calibration:
    """Measure calibration on bins of about equally many rows, one for each hundred, at most ten.

    The chance error is simulated: each bin's outcomes are drawn from its mean score. That is as
    wide as drawing each row from its own, or wider (the variance of a sum of Bernoulli variables is
    largest where all have the mean probability), and takes no longer for more rows.

    Args:
        scores: P(favourable label), in [0, 1], shape (rows,); at least one row.
        labels: 0 or 1, shape (rows,).
        significance: How often a calibrated model may exceed the chance error.
        design_effect: How many rows tell as much as one, where people have several.
        seed: Of the draws.
    """
    # At least one bin for the fewest rows; ten at most, for more would only split what a curve
    # shows.
    bins = reliability(scores, labels, min(MOST_BINS, max(1, round(len(labels) / BIN_ROWS))))
    sizes = np.array([table_row.rows for table_row in bins])
    predicted = np.array([table_row.predicted for table_row in bins])
    observed = np.array([table_row.observed for table_row in bins])
    shares = sizes / sizes.sum()
    error = float(shares @ np.abs(predicted - observed))

    # Of fewer independent rows than there are: those of one person repeat each other.
    independent_rows = np.maximum(np.round(sizes / design_effect), 1).astype(np.int64)
    rng = np.random.default_rng(seed)
    drawn = rng.binomial(independent_rows, predicted, size=(DRAWS, len(bins)))
    chance_errors = np.abs(drawn / independent_rows - predicted) @ shares
    # `higher`: no interpolation below a value that was drawn, so that the level is kept.
    chance_error = float(np.quantile(chance_errors, 1 - significance, method="higher"))

    return Calibration(
        rows=len(labels),
        predicted=float(scores.mean()),
        observed=float(labels.mean()),
        error=error,
        chance_error=chance_error,
        beyond_chance=max(error - chance_error, 0.0),
        significance=significance,
        reliability=bins,
    )
