"""Measure every configuration: AUC and the worst group's disparity, with their uncertainty.

Figures are averaged over seeds. Their uncertainty is that of another sample of people, and of other
seeds: each bootstrap draw takes people and seeds anew (Owen 2007, "The pigeonhole bootstrap",
Annals of Applied Statistics 1, 386-411), the same for all configurations, so that a difference of
two is measured as a difference of pairs. The first "draw" is the sample itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.disparity.counts import DecidedRows, group_names, group_positions, intersect, joint_name
from tasks.learning.performance import auc_placements
from tasks.model.families import Matrix
from tasks.stages.alternatives.params import AlternativesParams, JudgedGroups
from tasks.stages.alternatives.searching import SearchedRows


@dataclass(frozen=True)
class ComparedGroup:
    """A group, and the one that it is compared with, by the positions of their rows.

    `towards` names the latter.
    """

    attribute: str
    group: str
    members: np.ndarray
    towards: str
    reference: np.ndarray

    def among(self, is_kept: np.ndarray) -> "ComparedGroup":
        """Return the same groups of some of the rows, by their positions among those."""
        position = np.cumsum(is_kept) - 1
        members = self.members[is_kept[self.members]]
        reference = self.reference[is_kept[self.reference]]
        return ComparedGroup(
            self.attribute, self.group, position[members], self.towards, position[reference]
        )


@dataclass(frozen=True)
class Resampled:
    """Figures of every configuration in every draw, each of shape (1 + draws, configurations).

    The first row is the sample itself. `decline_ratio` is that of the worst group and never below
    1, for nobody gains where another group comes to be declined less than the privileged one.
    """

    auc: np.ndarray
    decline_ratio: np.ndarray
    impact_ratio: np.ndarray
    mean_difference: np.ndarray


def compared_groups(
    protected: pd.DataFrame, judged: JudgedGroups, params: AlternativesParams
) -> tuple[ComparedGroup, ...]:
    """Return every group that is large enough to say which configuration is better.

    The groups are those that the gate `fairness` judges, each towards the privileged one, and
    towards any that is larger than that: a group that is worse off, named as privileged, would
    leave nothing to reduce. Rows whose group is not known are in none.
    """
    # Smaller groups are left out here, and judged by `fairness`: their ratios are mostly chance,
    # and do not say which of two models is better.
    names = {name: group_names(protected[name]) for name in judged.privileged}
    groupings = [(name, names[name], group) for name, group in judged.privileged.items()]
    for attributes in judged.intersections:
        privileged = joint_name(judged.privileged[name] for name in attributes)
        joint = intersect(names, attributes, params.smallest_group_rows, privileged)
        groupings.append((" and ".join(attributes), joint, privileged))

    groups: list[ComparedGroup] = []
    for attribute, grouping, privileged in groupings:
        members = {
            name: positions
            for name, positions in group_positions(grouping).items()
            if len(positions) >= params.smallest_group_rows
        }
        own_rows = len(members.get(privileged, ()))
        # By size alone: who is better off depends on the configuration.
        references = [name for name, rows in members.items() if own_rows and len(rows) > own_rows]
        if own_rows:
            references.insert(0, privileged)
        groups += [
            ComparedGroup(attribute, name, positions, reference, members[reference])
            for reference in references
            for name, positions in members.items()
            if name != reference
        ]
    return tuple(groups)


def approve(scores: np.ndarray, labels: Matrix, approval_rate: float) -> np.ndarray:
    """Return the decisions at one approval rate; shapes (…, rows).

    The same share for every configuration and seed: a ratio is not to be lower because more are
    approved.
    """
    approved = np.empty(scores.shape, dtype=bool)
    for index in np.ndindex(scores.shape[:-1]):
        rows = DecidedRows.of(labels, labels, scores[index])
        approved[index] = rows.approved_at(approval_rate)
    return approved


def resample(
    searched: SearchedRows,
    groups: tuple[ComparedGroup, ...],
    approved: np.ndarray,
    draws: int,
    seed: int,
    is_kept: np.ndarray | None = None,
) -> Resampled:
    """Return every configuration's figures in the sample and in each draw of people and seeds.

    Args:
        searched: Labels, people and scores.
        groups: At least one.
        approved: Decisions, shape (configurations, seeds, rows).
        draws: How many.
        seed: Of the draws.
        is_kept: The rows to measure, all if None; shape (rows,).
    """
    kept = np.ones(len(searched), dtype=bool) if is_kept is None else is_kept
    scores = searched.scores[..., kept].astype(np.float32)
    declined = (~approved[..., kept]).astype(np.float32)
    groups = tuple(group.among(kept) for group in groups)

    rng = np.random.default_rng(seed)
    # The same draws for all configurations: a difference between two of them is paired.
    people, names = pd.factorize(searched.persons[kept])
    # A Poisson bootstrap of people: all rows of a person come together, or not at all.
    drawn = rng.poisson(1.0, (draws, len(names))).astype(np.float32)
    weights = np.concatenate([np.ones((1, len(names)), np.float32), drawn])[:, people]
    seeds = scores.shape[1]
    drawn_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), draws)
    # Seeds are drawn like people: of few seeds the spread between them would else not be in the
    # interval.
    seed_weights = np.concatenate([np.ones((1, seeds)), drawn_seeds]) / seeds

    ratios, impacts, differences = zip(
        *_disparities(groups, weights, seed_weights, scores, declined), strict=True
    )
    return Resampled(
        auc=_auc(scores, searched.labels[kept], weights, seed_weights),
        # `np.max` and `np.maximum` keep NaN: one group that cannot be measured leaves the draw
        # unmeasured.
        decline_ratio=np.maximum(np.max(ratios, axis=0), 1.0),
        impact_ratio=np.min(impacts, axis=0),
        mean_difference=np.max(differences, axis=0),
    )


def decline_ratios(
    groups: tuple[ComparedGroup, ...], approved: np.ndarray
) -> tuple[np.ndarray, list[ComparedGroup]]:
    """Return the worst group's decline ratio of each configuration, and which group that is.

    Shapes (configurations,), of decisions of shape (configurations, seeds, rows).
    """
    declined = ~approved
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.array(
            [
                declined[..., group.members].mean(axis=(1, 2))
                / declined[..., group.reference].mean(axis=(1, 2))
                for group in groups
            ]
        )

    worst = ratios.argmax(axis=0)
    return np.maximum(ratios.max(axis=0), 1.0), [groups[index] for index in worst]


def _disparities(
    groups: tuple[ComparedGroup, ...],
    weights: np.ndarray,
    seed_weights: np.ndarray,
    scores: np.ndarray,
    declined: np.ndarray,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield of each group its decline ratio, impact ratio and mean difference of scores.

    Each of shape (draws, configurations).
    """
    references: dict[tuple[str, str], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def rates(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        share = _weighted_mean(weights[:, rows], declined[..., rows])
        mean = _weighted_mean(weights[:, rows], scores[..., rows])
        square = _weighted_mean(weights[:, rows], scores[..., rows] ** 2)
        # Shares are averaged before they are divided: seeds with few declines would make single
        # ratios large. Mean differences are averaged after, for each seed has scores on a scale of
        # its own.
        return _over_seeds(share, seed_weights), mean, square - mean**2

    for group in groups:
        key = (group.attribute, group.towards)
        if key not in references:
            references[key] = rates(group.reference)
        reference_share, reference_mean, reference_variance = references[key]
        share, mean, variance = rates(group.members)
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = np.sqrt((variance + reference_variance) / 2)
            difference = _over_seeds((reference_mean - mean) / deviation, seed_weights)
            yield share / reference_share, (1 - share) / (1 - reference_share), difference


def _weighted_mean(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return means, shape (draws, configurations, seeds); nan where a draw takes nobody."""
    flat = values.reshape(-1, values.shape[-1]).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (weights @ flat.T).astype(np.float64) / weights.sum(axis=1, keepdims=True)
    return np.asarray(means.reshape(len(weights), *values.shape[:-1]))


def _over_seeds(values: np.ndarray, seed_weights: np.ndarray) -> np.ndarray:
    """Return means over seeds, shape (draws, configurations)."""
    return np.asarray(np.einsum("dcs,ds->dc", values, seed_weights))


def _auc(
    scores: np.ndarray, labels: Matrix, weights: np.ndarray, seed_weights: np.ndarray
) -> np.ndarray:
    """Return the AUC, shape (draws, configurations).

    A draw's AUC from DeLong's placements: it moves by the mean placement of those drawn, of good
    and of bad rows, which is exact to first order, and costs no ranking of each draw.
    """
    is_good = labels == 1
    of_good = np.empty((*scores.shape[:-1], int(is_good.sum())), dtype=np.float32)
    of_bad = np.empty((*scores.shape[:-1], int((~is_good).sum())), dtype=np.float32)
    for index in np.ndindex(scores.shape[:-1]):
        of_good[index], of_bad[index] = auc_placements(scores[index], labels)

    whole = of_good.mean(axis=-1, dtype=np.float64)[None]
    moved = _weighted_mean(weights[:, is_good], of_good) - whole
    moved += _weighted_mean(weights[:, ~is_good], of_bad) - whole
    return _over_seeds(whole + moved, seed_weights)
