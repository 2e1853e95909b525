"""Measure whether scores mean what they say in every segment.

The multicalibration error is the largest of a statistic over segments, as MCGrad has it (Tax et al.
2026, "MCGrad: Multicalibration at Web Scale", KDD; the package `mcgrad` of the same authors,
MIT). The statistic is that of Kuiper: rows in order of their score, label less score cumulated, and
the range of that walk (Arrieta-Ibarra, Gujral, Tannen, Tygert and Xu 2022, "Metrics of Calibration
for Probabilistic Predictions", JMLR 23). It needs no bins of its own and sees a score that is too
high here and too low there.

If the scores are right, the walk over its standard deviation becomes a Brownian motion.
"""

import math
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.disparity.counts import joint_name
from tasks.stages.subgroups.cells import Cells, Subset, Total

# Terms of the series: below 1e-12 from one standard deviation on, at which chance is nearly 1.
TERMS = 12


class Segment(BaseModel):
    """How well calibrated one segment is."""

    model_config = ConfigDict(frozen=True)

    attribute: str
    group: str
    rows: int
    error: float  # the range of the cumulated error, per row
    deviations: float  # the same in standard deviations
    p_value: float  # that chance does so much, among all segments
    smallest_visible: float  # the mean error of the segment that chance would not explain


class Multicalibration(BaseModel):
    """All segments, the worst by standard deviations first."""

    model_config = ConfigDict(frozen=True)

    segments: tuple[Segment, ...]
    deviations_of_chance: float  # what the worst of so many segments reaches by chance

    @property
    def error_in_deviations(self) -> float:
        """The multicalibration error in standard deviations, as MCGrad reports it."""
        return self.segments[0].deviations if self.segments else math.nan


@dataclass(frozen=True)
class _Walks:
    """Of each conjunction of a subset: the range of its walk, its variance, its rows."""

    subset: Subset | None
    indices: np.ndarray
    ranges: np.ndarray
    variances: np.ndarray
    rows: np.ndarray


def measure_multicalibration(
    cells: Cells, depth: int, smallest_people: int, significance: float
) -> Multicalibration:
    """Return the calibration of all rows, and of every conjunction of so many people."""
    # All rows first: the judge asks of this segment whether anything could be seen at all.
    walks = [_walks(cells, None, smallest_people)]
    walks += [_walks(cells, subset, smallest_people) for subset in cells.subsets(depth)]
    segments = sum(len(item.indices) for item in walks)
    # Bonferroni: segments overlap, so that the worst of them reaches less by chance than this.
    critical = range_of_chance(significance / max(segments, 1))

    found = [
        _segment(cells, item, position, segments, critical)
        for item in walks
        for position in range(len(item.indices))
    ]
    ordered = sorted(found, key=lambda item: -item.deviations)
    return Multicalibration(segments=tuple(ordered), deviations_of_chance=critical)


def _walks(cells: Cells, subset: Subset | None, smallest_people: int) -> _Walks:
    totals = cells.totals.sum(axis=1)
    arrays = [totals, cells.residuals, cells.variances]
    if subset is None:
        totals, residuals, variances = (item.sum(axis=0)[None] for item in arrays)
    else:
        totals, residuals, variances = (
            cells.sum_by(subset, item).reshape(-1, item.shape[1]) for item in arrays
        )

    indices = np.flatnonzero(totals[:, Total.PEOPLE] >= smallest_people)
    walk = np.cumsum(residuals[indices], axis=1)
    # A score that is too low everywhere only rises from there: without the 0 the first part's error
    # would be missing from the range.
    # The walk begins at 0.
    ranges = np.maximum(walk.max(axis=1), 0) - np.minimum(walk.min(axis=1), 0)
    return _Walks(
        subset,
        indices,
        ranges,
        # If the scores are right, a label has the variance s (1 - s). Taken from scores and not
        # from labels: it is the variance under what is tested.
        variances[indices].sum(axis=1) * cells.design,
        totals[indices, Total.ROWS],
    )


def _segment(cells: Cells, walks: _Walks, position: int, segments: int, critical: float) -> Segment:
    width = float(walks.ranges[position])
    variance = float(walks.variances[position])
    rows = int(walks.rows[position])
    parts: tuple[tuple[str, str], ...] = (("all rows", "all"),)
    if walks.subset is not None:
        parts = cells.names_of(walks.subset, int(walks.indices[position]))

    return Segment(
        attribute=" and ".join(name for name, _ in parts),
        group=joint_name(level for _, level in parts),
        rows=rows,
        error=width / rows,
        deviations=width / math.sqrt(variance) if variance > 0 else 0.0,
        p_value=min(1.0, segments * chance_of_range(_tested_deviations(width, variance))),
        smallest_visible=_visible(critical, variance) / rows,
    )


def _tested_deviations(width: float, variance: float) -> float:
    """Return the range in standard deviations, less where few labels make up the variance.

    Bernstein's inequality (Boucheron, Lugosi and Massart 2013, "Concentration Inequalities", 2.8):
    far out, a sum of labels has heavier tails than a normal one, as if its variance grew by a third
    of what it reaches. Where bad rows are rare this keeps a handful of them from being news.
    """
    total = variance + width / 3
    return width / math.sqrt(total) if total > 0 else 0.0


def _visible(critical: float, variance: float) -> float:
    """Return the range at which `_tested_deviations` reaches the critical value."""
    # w² = critical² (variance + w / 3), solved for w.
    linear = critical**2 / 3
    return (linear + math.sqrt(linear**2 + 4 * critical**2 * variance)) / 2


def chance_of_range(deviations: float) -> float:
    """Return the probability that a Brownian motion on [0, 1] has at least this range.

    Feller (1951), "The Asymptotic Distribution of the Range of Sums of Independent Random
    Variables", Annals of Mathematical Statistics 22, 427-432: four times the alternating sum of k
    erfc(k x / sqrt 2).
    """
    if deviations < 0.5:  # the series converges slowly, and chance is 1 to six digits
        return 1.0

    alternating = 0.0
    for k in range(1, TERMS + 1):
        sign = 1 if k % 2 else -1
        alternating += sign * k * math.erfc(k * deviations / math.sqrt(2))

    return min(1.0, max(0.0, 4 * alternating))


def range_of_chance(probability: float) -> float:
    """Return the range that a Brownian motion reaches with this probability, by bisection."""
    low, high = 0.5, 12.0
    # 60 halvings of 11.5 leave less than a double can tell.
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chance_of_range(middle) > probability else (low, middle)
    return high
