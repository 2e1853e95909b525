"""How the columns of the accepted version go together: a correlation for each pair of scores.

A correlation is a figure over all rows and points at nobody, with one exception: between two scores
that only tell yes from no it gives away, beside their shares, how many rows are in both. Where one
of the four counts is below ten it is withheld. What is kept holds no row, so that nobody has to be
erased from it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import model_validator

from tasks.config.strict import StrictModel
from tasks.stages.validate.reference.cells import SMALLEST_CELL, CellCodes
from tasks.stages.validate.reference.scores import Component, RowScores, score_rows

DECIMALS = 3
WITHHELD = "."
CHUNK_ROWS = 65_536  # so that memory does not grow with the rows

SMALLEST_VARIANCE = 1e-10  # below it a score is constant, but for rounding

# Of pairs of scores, shape (components, components).
Matrix = np.ndarray[Any, np.dtype[np.float64]]


class Associations(StrictModel):
    """Correlations of scores, one line of text a score, so that a person can compare two versions.

    Line i has the correlations of score i with the scores before it, in thousandths; a point stands
    for one that is withheld.
    """

    scores: tuple[str, ...]
    thousandths: tuple[str, ...]

    @model_validator(mode="after")
    def _is_triangle(self) -> "Associations":
        if len(self.scores) != len(self.thousandths):
            raise ValueError("a line of correlations for each score")
        for place, line in enumerate(self.thousandths):
            texts = line.split()
            if len(texts) != place:
                raise ValueError("a correlation with every score before it")
            if any(text != WITHHELD and abs(int(text)) > 10**DECIMALS for text in texts):
                raise ValueError("correlations between -1000 and 1000")
        return self

    def matrix(self) -> Matrix:
        """Return the correlations, symmetric, with NaN for what is withheld and 1 in the middle."""
        correlations = np.eye(len(self.scores))
        for place, line in enumerate(self.thousandths):
            values = [
                np.nan if text == WITHHELD else int(text) / 10**DECIMALS for text in line.split()
            ]
            correlations[place, :place] = values
            correlations[:place, place] = values
        return correlations


def keep_associations(
    components: tuple[Component, ...], codes: dict[str, CellCodes]
) -> Associations:
    """Return what may be kept of how the scores of some rows go together."""
    correlations = correlate(RowScores(components, codes)) if components else np.eye(0)
    # Withheld before it is rounded and written: what is not in the file cannot be asked of it.
    correlations[_is_withheld(components, codes)] = np.nan

    lines = []
    for place in range(len(components)):
        values = np.round(correlations[place, :place] * 10**DECIMALS)
        lines.append(" ".join(WITHHELD if np.isnan(v) else str(int(v)) for v in values))
    return Associations(
        scores=tuple(component.name for component in components), thousandths=tuple(lines)
    )


def correlate(scores: RowScores) -> Matrix:
    """Return Pearson's correlations of scores; 0 with a score that does not vary."""
    total = np.zeros((len(scores.components), len(scores.components)))
    for part in standardised_chunks(scores):
        total += part.T @ part
    return total / len(scores)


def standardised_chunks(scores: RowScores) -> Iterator[Matrix]:
    """Yield scores with mean 0 and variance 1, some rows at a time; one that is constant is 0.

    In double precision: sums in another order, as another processor may make them, then differ far
    behind the last decimal that is kept.
    """
    sums = np.zeros(len(scores.components))
    squares = np.zeros(len(scores.components))
    for chunk in scores.chunks(CHUNK_ROWS):
        part = chunk.astype(np.float64)
        sums += part.sum(axis=0)
        squares += (part * part).sum(axis=0)
    mean = sums / len(scores)
    # Scores lie between 0 and 1, so that this difference loses nothing that matters.
    variance = squares / len(scores) - mean * mean
    varies = variance > SMALLEST_VARIANCE
    scale = np.where(varies, 1 / np.sqrt(np.where(varies, variance, 1.0)), 0.0)

    for chunk in scores.chunks(CHUNK_ROWS):
        yield (chunk.astype(np.float64) - mean) * scale


def _is_withheld(
    components: tuple[Component, ...], codes: dict[str, CellCodes]
) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Return which pairs tell yes from no, and have less than ten rows in one of the four cells."""
    is_binary = np.array([component.is_binary for component in components], dtype=bool)
    is_withheld = np.zeros((len(components), len(components)), dtype=bool)
    if not is_binary.any():
        return is_withheld

    highest = np.array([max(component.of_cell) for component in components], dtype=np.float32)
    binary = tuple(component for component in components if component.is_binary)
    both = np.zeros((len(binary), len(binary)))
    rows = len(next(iter(codes.values())))
    for start in range(0, rows, CHUNK_ROWS):
        part = {name: cells[start : start + CHUNK_ROWS] for name, cells in codes.items()}
        is_high = (score_rows(binary, part) == highest[is_binary]).astype(np.float32)
        both += is_high.T @ is_high
    high_rows = both.diagonal()
    only_one = high_rows[:, None] - both
    smallest = np.minimum.reduce(
        [both, only_one, only_one.T, rows - high_rows[:, None] - high_rows[None, :] + both]
    )
    is_withheld[np.ix_(is_binary, is_binary)] = smallest < SMALLEST_CELL
    np.fill_diagonal(is_withheld, False)
    return is_withheld
