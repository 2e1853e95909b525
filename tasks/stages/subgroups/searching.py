"""Search for the subgroups that are treated worst, on one half of the people.

Kearns, Neel, Roth and Wu (2018), "Preventing Fairness Gerrymandering", ICML: a model can be fair to
every group of each attribute, and unfair to one of their conjunctions. Their audit weighs the
disparity of a subgroup by its size, so that a handful of people is not the worst by chance. Here
all conjunctions up to a depth are enumerated, so that nothing rests on a heuristic learner.

Who is declined is compared with everybody else who agrees in all audited features of the
conjunction: black applicants with high obligations with all others who have high obligations.
Against people at large whoever carries more risk would be the worst, under any model that sees it.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tasks.stages.subgroups.cells import CONFIRMED, SEARCHED, Cells, Subset, Total
from tasks.under_way import counted


class SubgroupMeasure(StrEnum):
    """What the worst subgroup is the worst by."""

    FALSE_DECLINE_DIFFERENCE = "false_decline_difference"
    DISPARATE_IMPACT = "disparate_impact"
    UNDERRATED_BY = "underrated_by"


# Whether the measure compares with everybody else, for which something protected has to be among
# the attributes; a score that is too low is wrong about whomever.
COMPARING = {
    SubgroupMeasure.FALSE_DECLINE_DIFFERENCE: True,
    SubgroupMeasure.DISPARATE_IMPACT: True,
    SubgroupMeasure.UNDERRATED_BY: False,
}


@dataclass(frozen=True)
class Candidate:
    """A conjunction, and how bad it looks on the searched half.

    `weight` is size times disparity: the share of all people who are declined (or underrated) more
    than they would be at the rate of everybody else.
    """

    measure: SubgroupMeasure
    subset: Subset
    index: int  # flat, in the subset's shape
    weight: float
    totals: tuple[float, ...]  # of the searched half


@dataclass(frozen=True)
class SearchResult:
    """The worst conjunctions of each measure, and among how many they were found.

    `unsearched` are protected attributes of which not one group could be searched by itself: where
    one divides nobody, no conjunction can tell that it is what people are treated by.
    """

    worst: dict[SubgroupMeasure, tuple[Candidate, ...]]
    searched: dict[SubgroupMeasure, int]
    unsearched: dict[SubgroupMeasure, tuple[str, ...]]


def search_subgroups(cells: Cells, depth: int, smallest_people: int, kept: int) -> SearchResult:
    """Return the `kept` worst conjunctions of each measure, worst first.

    Those of fewer people than `smallest_people` in either half, or with fewer to be compared with,
    are not searched: they could not be confirmed.
    """
    everybody = cells.totals[:, SEARCHED].sum(axis=0)
    candidates: dict[SubgroupMeasure, list[Candidate]] = {name: [] for name in SubgroupMeasure}
    alone: dict[SubgroupMeasure, set[str]] = {name: set() for name in SubgroupMeasure}

    for subset in counted("searching subgroups", tuple(cells.subsets(depth)), "combinations"):
        # Both halves' sums, though only one is searched: the other says here how many people there
        # are to confirm on, and nothing of how they were treated.
        totals = cells.sum_by(subset, cells.totals)
        # The rows with the same audited values: all levels of what is protected together.
        strata = np.broadcast_to(totals.sum(axis=subset.protected, keepdims=True), totals.shape)
        is_large = _have_people(totals, smallest_people)
        is_compared = is_large & _have_people(strata - totals, smallest_people)

        weights = _weights(totals[..., SEARCHED, :], strata[..., SEARCHED, :], everybody)
        for measure, weight in weights.items():
            is_eligible = is_compared if COMPARING[measure] else is_large
            # Without a protected attribute the stratum is the subgroup itself: there is nobody
            # else.
            if COMPARING[measure] and not subset.protected:
                continue
            if len(subset.positions) == 1 and is_eligible.any():
                alone[measure].add(cells.attributes[subset.positions[0]].name)
            candidates[measure] += [
                Candidate(
                    measure,
                    subset,
                    int(index),
                    float(weight.flat[index]),
                    tuple(totals[..., SEARCHED, :].reshape(-1, len(Total))[index]),
                )
                for index in np.flatnonzero(is_eligible)
            ]

    return SearchResult(
        worst={name: _worst(found, kept) for name, found in candidates.items()},
        searched={name: len(found) for name, found in candidates.items()},
        unsearched={
            name: tuple(
                item.name
                for item in cells.attributes
                if item.is_protected and item.name not in searched
            )
            for name, searched in alone.items()
        },
    )


def _have_people(totals: np.ndarray, smallest_people: int) -> np.ndarray:
    """Say which conjunctions have so many people in either half."""
    people = totals[..., Total.PEOPLE]
    return np.asarray(
        (people[..., SEARCHED] >= smallest_people) & (people[..., CONFIRMED] >= smallest_people)
    )


def _weights(
    totals: np.ndarray, strata: np.ndarray, everybody: np.ndarray
) -> dict[SubgroupMeasure, np.ndarray]:
    """Return size times disparity of each conjunction; above 0 it is worse off."""

    def excess(count: Total, base: Total) -> np.ndarray:
        # Strata are empty where a conjunction does not occur; then the sum is 0 as well, and so is
        # the rate.
        rates = strata[..., count] / np.maximum(strata[..., base], 1)
        share = totals[..., count] - rates * totals[..., base]
        return np.asarray(share / max(everybody[base], 1))

    return {
        SubgroupMeasure.FALSE_DECLINE_DIFFERENCE: excess(Total.GOOD_DECLINED, Total.GOOD),
        SubgroupMeasure.DISPARATE_IMPACT: excess(Total.DECLINED, Total.ROWS),
        SubgroupMeasure.UNDERRATED_BY: totals[..., Total.RESIDUAL] / everybody[Total.ROWS],
    }


def _worst(candidates: list[Candidate], kept: int) -> tuple[Candidate, ...]:
    """Return the worst; of several names of the same rows the shortest."""
    worst: list[Candidate] = []
    # Rounded, so that the sum's last bits do not order names of the same rows: the shorter one
    # comes first. Bits differ by the order of summation.
    for candidate in sorted(
        candidates, key=lambda item: (-round(item.weight, 12), len(item.subset.shape))
    ):
        # Equal sums are taken for the same people. Two subgroups that agree in all six would be
        # confirmed alike.
        is_named = any(np.allclose(candidate.totals, other.totals) for other in worst)
        if not is_named:
            worst.append(candidate)
        if len(worst) == kept:
            break

    return tuple(worst)
