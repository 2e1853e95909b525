"""How much of the accepted associations a delivery still has, and which one moved most.

*Agreement* is a weighted sum of a delivery's correlations over that of the accepted ones. It is 1
where nothing changed and falls by about the share of rows that are wrong: to 0 for a column that
was shuffled, or a file that was joined on the wrong rows. Weights are the accepted correlations
themselves; for the label, those of a ridge regression on all scores, which sees a noisy label
sooner.

Accepted correlations are measured, too, with an error: the sum of their squares is too large by the
sum of their variances, which is taken off (for a regression, by its effective degrees of freedom).
The standard error is that of the sum's influence function (for a correlation r of standardised
scores, s t - r (s^2 + t^2) / 2), so that neither normal nor independent columns are assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.stages.validate.reference.associations import (
    Associations,
    Matrix,
    correlate,
    standardised_chunks,
)
from tasks.stages.validate.reference.cells import MISSING, OTHER, CellCodes, ColumnProfile
from tasks.stages.validate.reference.scores import Component, RowScores, components_of

# Of two rare flags the correlation is far from normal: a score has to vary in so many rows.
SMALLEST_MINORITY = 100
# What must not go unseen: that all agreement is gone, in 95 of 100 deliveries, and a correlation
# that moved by a half.
Z_95 = 1.645
LARGEST_UNSEEN = 0.5
# Of the eigenvalues of a correlation matrix, which are 1 on average: enough to tame copies of one
# column, too little to lose sight of what several columns say together (ADR 62).
RIDGE = 0.1

Vector = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Agreement(BaseModel):
    """The share of accepted association that is still there, and the loss that chance explains."""

    model_config = ConfigDict(frozen=True)

    kept: float
    chance: float

    @property
    def beyond_chance(self) -> float:
        """`kept`, or 1 where chance explains the loss."""
        return self.kept if 1 - self.kept > self.chance else 1.0


class AssociationShift(BaseModel):
    """A correlation of two scores, accepted and delivered, and the shift that chance explains."""

    model_config = ConfigDict(frozen=True)

    first: str
    second: str
    accepted: float
    delivered: float
    chance: float

    @property
    def beyond_chance(self) -> float:
        """By how much it moved, or 0 where chance explains that."""
        shift = abs(self.delivered - self.accepted)
        return shift if shift > self.chance else 0.0


class AssociationReport(BaseModel):
    """What became of the accepted associations; None where the rows are too few to see a loss.

    `largest_shift` is that which is beyond chance by most, or came nearest to it.
    """

    model_config = ConfigDict(frozen=True)

    label: Agreement | None
    columns: dict[str, Agreement | None]
    sources: dict[str, Agreement | None]
    largest_shift: AssociationShift | None


@dataclass(frozen=True)
class Versions:
    """The accepted version and a delivery, ready to be compared.

    Attributes:
        profiles: The accepted cells of each column that both have.
        associations: What was kept of the accepted version.
        rows: Its rows.
        effective_rows: Its rows, as `effective_rows` counts them.
        codes: The delivery's cells.
        effective_delivered: The delivery's rows, as `effective_rows` counts them.
    """

    profiles: Mapping[str, ColumnProfile]
    associations: Associations
    rows: int
    effective_rows: float
    codes: Mapping[str, CellCodes]
    effective_delivered: float


def effective_rows(people: "np.ndarray[Any, Any]") -> float:
    """Return n^2 / sum m^2 for people with m rows each: as if a person's rows were copies.

    That is the most which several rows of a person may cost (Kish 1965, design effect with a
    correlation of 1 within).
    """
    if not len(people):
        return 0.0
    counts = np.bincount(pd.factorize(people)[0]).astype(float)
    return float(len(people) ** 2 / (counts**2).sum())


def compare_associations(
    versions: Versions, *, target: str, sources: Mapping[str, str], significance: float
) -> AssociationReport:
    """Compare a delivery's associations with the accepted ones.

    Args:
        versions: Both versions.
        target: The column of the label.
        sources: The source of each column that was delivered as it is.
        significance: The share of good deliveries in which chance may exceed what it is said to
            explain, for the label, for any column, for any source and for any pair.
    """
    # No column that varies: nothing is measured, and the gate says undecided.
    if not components_of(versions.profiles) or not versions.associations.scores:
        return AssociationReport(label=None, columns={}, sources={}, largest_shift=None)
    kept = _Comparison(versions)
    columns = list(dict.fromkeys(component.column for component in kept.components))
    names = sorted({sources[name] for name in columns if name in sources})

    label = kept.agreement_of_label(target, significance)
    by_column = kept.agreements({name: kept.is_column(name) for name in columns}, significance)
    by_source: dict[str, Agreement | None] = {}
    # A source is compared with all that is not of it: of one source alone there is nothing to join.
    for name in names if len(names) > 1 else []:
        is_source = np.array([sources.get(c.column) == name for c in kept.components])
        by_source |= kept.agreements(
            {name: is_source}, significance / len(names), is_partner=~is_source
        )
    # Of a source whose columns are all constant, say, nothing can be seen: that is to be told, or
    # its join looks like one that was looked at.
    if by_source:
        by_source |= dict.fromkeys(sorted({*sources.values()} - {*names}))
    return AssociationReport(
        label=label,
        columns=by_column,
        sources=by_source,
        largest_shift=kept.largest_shift(significance),
    )


class _Comparison:
    """Both versions' correlations, and a delivery's scores for their errors."""

    def __init__(self, versions: Versions) -> None:
        every = components_of(versions.profiles)
        places = {name: place for place, name in enumerate(versions.associations.scores)}
        self.components: tuple[Component, ...] = tuple(c for c in every if c.name in places)
        kept = [places[component.name] for component in self.components]

        accepted = versions.associations.matrix()[np.ix_(kept, kept)]
        column = np.array([component.column for component in self.components], dtype=object)
        # Scores of one column go together by what they are, and say nothing about the delivery.
        self.is_used: Mask = (column[:, None] != column[None, :]) & ~np.isnan(accepted)
        self.accepted: Matrix = np.nan_to_num(accepted)
        self.scores = RowScores(self.components, versions.codes)
        self.delivered: Matrix = correlate(self.scores)
        self.versions = versions

    def is_column(self, name: str) -> Mask:
        """Return which scores are of a column."""
        return np.array([component.column == name for component in self.components])

    def agreements(
        self,
        things: Mapping[str, Mask],
        significance: float,
        *,
        is_partner: Mask | None = None,
    ) -> dict[str, Agreement | None]:
        """Return how much each thing, which is some of the scores, still agrees with the others."""
        is_pair = self.is_used if is_partner is None else self.is_used & is_partner[None, :]
        weights = np.where(is_pair, self.accepted, 0.0)
        # The variance of a sample correlation of normal scores, to first order.
        error = (1 - self.accepted**2) ** 2 / self.versions.effective_rows
        of_thing = np.column_stack([is_thing.astype(float) for is_thing in things.values()])
        expected = of_thing.T @ (weights**2 - np.where(is_pair, error, 0.0)).sum(axis=1)
        return self._agreements(tuple(things), weights, of_thing, expected, significance)

    def agreement_of_label(self, target: str, significance: float) -> Agreement | None:
        """Return how well the accepted regression of the label still tells it."""
        is_label = self.is_column(target)
        if not is_label.any():
            return None
        label = int(is_label.argmax())
        told_by = np.flatnonzero(self.is_used[label])
        if not len(told_by):
            return None

        # What is withheld is taken for 0, which may leave a matrix that is none of correlations.
        known = np.where(self.is_used | np.eye(len(is_label), dtype=bool), self.accepted, 0.0)
        known = known[np.ix_(told_by, told_by)]
        values, vectors = np.linalg.eigh(known)
        # A matrix with pairs taken for 0 may have eigenvalues below 0; divided by, they would turn
        # a slope round.
        values = np.clip(values, 0.0, None)
        slopes = (vectors / (values + RIDGE)) @ vectors.T @ self.accepted[label, told_by]
        explained = float(slopes @ self.accepted[label, told_by])
        freedom = float((values / (values + RIDGE)).sum())
        noise = freedom * max(1 - explained, 0.0) / self.versions.effective_rows

        weights = np.zeros_like(self.accepted)
        weights[label, told_by] = slopes
        of_thing = is_label.astype(float)[:, None]
        expected = np.array([explained - noise])
        return self._agreements((target,), weights, of_thing, expected, significance)[target]

    def _agreements(
        self,
        names: tuple[str, ...],
        weights: Matrix,
        of_thing: Matrix,
        expected: Vector,
        significance: float,
    ) -> dict[str, Agreement | None]:
        """Return agreements of weighted correlations; None for what could be lost and not seen."""
        is_there = expected > 0
        # One-sided: agreement only falls by a fault. Bonferroni over the things that are there.
        z = NormalDist().inv_cdf(1 - significance / max(int(is_there.sum()), 1))
        divisor = np.where(is_there, expected, 1.0)
        kept = of_thing.T @ (weights * self.delivered).sum(axis=1) / divisor
        error = np.sqrt(self._variances(weights, of_thing) * self._precision()) / divisor

        # A loss of all agreement is a loss of 1: it is seen in 95 of 100 deliveries if it exceeds
        # the threshold by Z_95 errors. Written so that a NaN is not seen.
        is_seen = is_there & ((z + Z_95) * error <= 1)
        return {
            name: Agreement(kept=round(float(kept[k]), 4), chance=round(float(z * error[k]), 4))
            if is_seen[k]
            else None
            for k, name in enumerate(names)
        }

    def largest_shift(self, significance: float) -> AssociationShift | None:
        """Return the pair of scores that moved most beyond chance; None where a half is unseen."""
        varies = self._varies_enough()
        is_pair = np.triu(self.is_used & varies[:, None] & varies[None, :])
        pairs = int(is_pair.sum())
        if not pairs:
            return None

        # Two-sided, for a correlation may move either way, and over all pairs.
        z = NormalDist().inv_cdf(1 - significance / (2 * pairs))
        # Few rows may show less variation than there is: that of normal columns is the least.
        variances = np.maximum(self._pair_variances(), (1 - self.accepted**2) ** 2)
        chance = z * np.sqrt(variances * self._precision())
        if np.median(chance[is_pair]) > LARGEST_UNSEEN:
            return None

        shift = np.abs(self.delivered - self.accepted)
        is_beyond = is_pair & (shift > chance)
        if is_beyond.any():
            place = int(np.where(is_beyond, shift, -1.0).argmax())
        else:
            place = int(np.where(is_pair, shift - chance, -np.inf).argmax())
        first, second = np.unravel_index(place, shift.shape)
        # Two decimals: a third might tell how many rows are in a small cell.
        return AssociationShift(
            first=self.components[first].name,
            second=self.components[second].name,
            accepted=round(float(self.accepted[first, second]), 3),
            delivered=round(float(self.delivered[first, second]), 2),
            chance=round(float(chance[first, second]), 3),
        )

    def _precision(self) -> float:
        """Return what a variance for one row is multiplied by: both versions have errors."""
        return 1 / self.versions.effective_rows + 1 / self.versions.effective_delivered

    def _varies_enough(self) -> Mask:
        """Return which scores vary in enough rows, accepted or delivered.

        Were it both, a rare flag could come to say the label unseen.
        """
        varied = []
        for component in self.components:
            cells = self.versions.profiles[component.column]
            delivered = np.bincount(self.versions.codes[component.column])
            shares = [cells.shares.get(name, 0.0) for name in (*cells.own_cells, OTHER, MISSING)]
            accepted = np.array(shares) * self.versions.rows
            varied.append(max(_minority(component, accepted), _minority(component, delivered)))

        return np.array(varied) >= SMALLEST_MINORITY

    def _variances(self, weights: Matrix, of_thing: Matrix) -> Vector:
        """Return the variance of each thing's influence function, for one row."""
        product = weights * self.delivered
        own = product.sum(axis=1) / 2
        others = product.T / 2

        total = np.zeros(of_thing.shape[1])
        for part in standardised_chunks(self.scores):
            squares = part * part
            influence = part * (part @ weights.T) - squares * own - squares @ others
            total += ((influence @ of_thing) ** 2).sum(axis=0)
        return total / len(self.scores)

    def _pair_variances(self) -> Matrix:
        """Return the variance of each correlation's influence function, for one row."""
        size = len(self.components)
        both_squared = np.zeros((size, size))
        cubed = np.zeros((size, size))
        for part in standardised_chunks(self.scores):
            squares = part * part
            both_squared += squares.T @ squares
            cubed += (squares * part).T @ part

        both_squared /= len(self.scores)
        cubed /= len(self.scores)
        fourth = np.diag(both_squared)
        r = self.delivered
        quarter = fourth[:, None] + 2 * both_squared + fourth[None, :]
        return both_squared - r * (cubed + cubed.T) + r * r / 4 * quarter


def _minority(component: Component, rows: "np.ndarray[Any, Any]") -> float:
    """Return how many rows do not have a component's most common score; `rows` are of its cells."""
    by_score: dict[float, float] = {}
    for score, count in zip(component.of_cell, rows, strict=False):
        by_score[score] = by_score.get(score, 0.0) + float(count)
    return sum(by_score.values()) - max(by_score.values())
