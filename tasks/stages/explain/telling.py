"""How well many columns together tell a protected group from all others.

Weak proxies add up: eight columns, none of which tells anything by itself, can name a group. So a
classifier is asked, gradient-boosted trees, which also find what no ranking of one column can: a
code of which every second value is one group's. It is asked about people that it has not learnt
from, one row each, so that the rows are independent and the interval is right.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict
from scipy.stats import norm, rankdata

from tasks.formats.shown import SMALLEST_SHOWN_ROWS, small_group_names
from tasks.model.families import Matrix
from tasks.stages.explain.params import ProxyParams

CONFIDENCE = 0.95  # of the interval, both sides
ROUNDS = 40
FEWEST_ROWS_A_VALUE = 5  # of a code, beside the leaf's own minimum: fewer teach only noise
MOST_VALUES = 255  # LightGBM's bins: with more, a code is no code
SETTINGS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.15,
    "min_data_in_leaf": 10,
    "min_data_in_bin": 1,
    "feature_fraction": 0.5,
    "feature_pre_filter": False,
    # As mild as the leaves: by default a value of fewer than a hundred rows is not looked at.
    "min_data_per_group": FEWEST_ROWS_A_VALUE,
    "cat_smooth": 2.0,
    "cat_l2": 2.0,
    "max_cat_threshold": 128,
    # The same rows give the same figures.
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Membership:
    """A protected group, and who of the chosen people is in it."""

    attribute: str
    group: str  # of ten people or more, so that its name may be shown
    is_member: np.ndarray  # booleans, shape (people,)
    is_asked: np.ndarray  # whose attribute is known, booleans, shape (people,)


class UnmeasuredGroup(BaseModel):
    """A protected group that is too small to be told; None stands for every group of the attribute.

    A group of fewer than ten people has a number for a name.
    """

    model_config = ConfigDict(frozen=True)

    attribute: str
    group: str | None


@dataclass(frozen=True)
class Area:
    """An AUC with its interval."""

    value: float
    low: float
    high: float


def choose_rows(
    persons: "pd.Series[int]", protected: pd.DataFrame, params: ProxyParams, seed: int
) -> np.ndarray:
    """Return positions of rows to ask about: at most one a person, in order.

    They are `params.people` people, chosen by a hash of their number, so that an erasure moves
    nobody else in or out; and of a group that would have fewer than `smallest_group` of them, the
    next by the same hash. AUC does not depend on how many are in the group, so that taking more of
    a small one sharpens the figure and does not move it.
    """
    numbers = persons.to_numpy(np.uint64)
    # Hashed by person, and the first row of each in that order: who has many rows is not drawn
    # sooner.
    order = np.argsort(pd.util.hash_array(numbers ^ np.uint64(seed)), kind="stable")
    _, first = np.unique(numbers[order], return_index=True)
    one_each = order[np.sort(first)]

    is_chosen = np.zeros(len(persons), dtype=bool)
    is_chosen[one_each[: params.people]] = True
    for attribute in protected.columns:
        groups = protected[attribute]
        for name in groups.dropna().unique():
            members = one_each[(groups == name).to_numpy()[one_each]]
            is_chosen[members[: params.smallest_group]] = True
    return np.flatnonzero(is_chosen)


def memberships(protected: pd.DataFrame, rows: np.ndarray) -> tuple[Membership, ...]:
    """Return the groups to ask about, of the people in `rows`.

    Of two groups only the first is asked about, for the other is its mirror image. A group of fewer
    than ten people, or beside fewer than ten others, cannot be told by anything: it is not asked
    about, and `unmeasured_groups` names it.
    """
    asked = []
    for attribute in protected.columns:
        groups = protected[attribute].iloc[rows]
        is_asked = groups.notna().to_numpy()
        names = sorted(groups.dropna().unique(), key=str)
        for name in names[:1] if len(names) == 2 else names:
            is_member = (groups == name).to_numpy(dtype=bool, na_value=False)
            others = int(is_asked.sum()) - int(is_member.sum())
            if min(int(is_member.sum()), others) >= SMALLEST_SHOWN_ROWS:
                asked.append(Membership(str(attribute), f"{name}", is_member, is_asked))

    return tuple(asked)


def unmeasured_groups(
    protected: pd.DataFrame, rows: np.ndarray, asked: tuple[Membership, ...]
) -> tuple[UnmeasuredGroup, ...]:
    """Return what `memberships` could not ask about: small groups, and attributes as a whole."""
    unmeasured: list[UnmeasuredGroup] = []
    for attribute in map(str, protected.columns):
        # Also where nobody's group is known: what nobody was asked about is not what nothing tells.
        if not any(membership.attribute == attribute for membership in asked):
            unmeasured.append(UnmeasuredGroup(attribute=attribute, group=None))
            continue

        # Where one of two groups is small, nothing was asked: these are groups of three or more.
        people = protected[attribute].iloc[rows].value_counts()
        names = small_group_names(set(map(str, people.index)))
        small = int((people.between(1, SMALLEST_SHOWN_ROWS - 1)).sum())
        unmeasured += [
            UnmeasuredGroup(attribute=attribute, group=next(names)) for _ in range(small)
        ]
    return tuple(unmeasured)


def tell_group(columns: Matrix, membership: Membership, params: ProxyParams, seed: int) -> Area:
    """Return how well `columns`, shape (people, columns), tell the group from all others."""
    asked = np.flatnonzero(membership.is_asked)
    labels = membership.is_member[asked]
    return _cross_fitted_area(columns[asked], labels, params, np.random.default_rng([seed, 1]))


def tell_by_chance(
    columns: Matrix, membership: Membership, params: ProxyParams, seed: int
) -> float:
    """Return the mean AUC with the labels dealt out anew: what the columns tell of nothing at all.

    It is 0.5 but for luck, or the way of asking flatters itself, and the true figure is too high by
    as much. What it cannot say is that people repeat each other: copies of one person in several
    folds tell each other's group. That is for `validate` to refuse, which counts duplicates.
    """
    asked = np.flatnonzero(membership.is_asked)
    areas = []
    for number in range(params.permutations):
        rng = np.random.default_rng([seed, 2, number])
        labels = rng.permutation(membership.is_member[asked])
        areas.append(_cross_fitted_area(columns[asked], labels, params, rng).value)

    return float(np.mean(areas))


def high_by_chance(membership: Membership, params: ProxyParams) -> float:
    """Return what the mean AUC of as many permutations stays below but once in forty.

    By the variance of the rank sum: (m + n + 1) / 12mn for m people inside and n outside.
    """
    members = int(membership.is_member.sum())
    others = int(membership.is_asked.sum()) - members
    variance = (members + others + 1) / (12 * members * others) / params.permutations
    return float(0.5 + norm.ppf(0.5 + CONFIDENCE / 2) * np.sqrt(variance))


def area_of(scores: Matrix, is_member: np.ndarray) -> Area:
    """Return the AUC of `scores` and its interval by DeLong, DeLong and Clarke-Pearson (1988).

    Where the two sides hardly overlap, their variance is next to nothing, however few people there
    are; it is at least that of a share of as many people as the smaller side has, half a person off
    certainty.
    """
    ranks = rankdata(scores)
    inside = ranks[is_member]
    outside = ranks[~is_member]
    members = len(inside)
    others = len(outside)

    above = (inside - rankdata(scores[is_member])) / others
    below = 1 - (outside - rankdata(scores[~is_member])) / members
    area = float(above.mean())
    variance = above.var(ddof=1) / members + below.var(ddof=1) / others
    fewest = min(members, others)
    clipped = min(max(area, 0.5 / fewest), 1 - 0.5 / fewest)
    floor = clipped * (1 - clipped) / fewest if area != clipped else 0.0
    reach = float(norm.ppf(0.5 + CONFIDENCE / 2) * np.sqrt(max(variance, floor)))
    return Area(area, max(area - reach, 0.0), min(area + reach, 1.0))


def _cross_fitted_area(
    columns: Matrix, labels: np.ndarray, params: ProxyParams, rng: np.random.Generator
) -> Area:
    """Return the AUC of scores that each come from a fit without the person."""
    import lightgbm

    folds = np.empty(len(labels), dtype=np.int64)
    for side in (labels, ~labels):  # as many members in each fold, or a fit could have none
        folds[side] = rng.permutation(int(side.sum())) % params.folds

    # Codes are made of all people, for they hold no label: nothing of it is learnt.
    table, codes = _with_codes(columns)
    settings = SETTINGS | {"seed": int(rng.integers(2**31))}
    data = lightgbm.Dataset(
        table, labels.astype(float), params=settings, categorical_feature=codes, free_raw_data=False
    ).construct()
    scores = np.empty(len(labels))
    for fold in range(params.folds):
        is_asked = folds == fold
        # Kept as it was trained: else it is written as text and read again, for the same scores.
        fitted = lightgbm.train(
            settings,
            data.subset(np.flatnonzero(~is_asked)),
            ROUNDS,
            keep_training_booster=True,
        )
        scores[is_asked] = fitted.predict(table[is_asked])
    return area_of(scores, labels)


def _with_codes(columns: Matrix) -> tuple[Matrix, list[int]]:
    """Return the columns, and once more as codes those that have few values; which those are.

    As a number, a code is cut at thresholds, and one of sixty values of which every second is a
    group's takes more cuts than trees have. As a code, it is split into any two sets at once.
    """
    codes = []
    for column in columns.T:
        values, code = np.unique(column, return_inverse=True)
        if 2 < len(values) <= min(MOST_VALUES, len(column) / FEWEST_ROWS_A_VALUE):
            codes.append(code.astype(float))

    width = columns.shape[1]
    return np.column_stack([columns, *codes]), list(range(width, width + len(codes)))
