"""Which features stand in for a protected group, alone and together, and how much hangs on them.

Alone, a feature is asked how well it ranks a group. Together, all inputs are asked, all SHAP values
(what of the inputs reaches the score), and the inputs of each reason, beside their part of all SHAP
mass; `telling` has the classifier.
"""

import math
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict
from scipy.stats import rankdata

from tasks.formats.shown import SMALLEST_SHOWN_ROWS, small_group_names
from tasks.model import DecisionModel
from tasks.model.families import Inputs, Matrix
from tasks.stages.explain.params import ExplainParams
from tasks.stages.explain.telling import (
    UnmeasuredGroup,
    choose_rows,
    high_by_chance,
    memberships,
    tell_by_chance,
    tell_group,
    unmeasured_groups,
)
from tasks.under_way import counted


class JointProxy(BaseModel):
    """How well all inputs, or all contributions, tell one protected group from others."""

    model_config = ConfigDict(frozen=True)

    told_by: Literal["inputs", "contributions"]
    attribute: str
    group: str
    people: int
    auc: float
    interval: tuple[float, float]
    chance: float  # with the labels dealt out anew
    chance_high: float  # what chance alone reaches, but once in forty

    @property
    def strength(self) -> float:
        """What is certain of it: the interval's lower end, less what the asking flatters by.

        Only what chance cannot give is taken off: with few people, or few permutations, the luck of
        the draw would hide as much as it takes off.
        """
        return self.interval[0] - max(self.chance - self.chance_high, 0.0)


class ReasonProxy(BaseModel):
    """How well the inputs of one reason tell a protected group, and how much hangs on them."""

    model_config = ConfigDict(frozen=True)

    code: str
    attribute: str
    group: str
    auc: float
    auc_low: float
    shap_share: float

    @property
    def strength(self) -> float:
        """2 (AUC - 0.5) at the interval's lower end, times the share of all SHAP mass."""
        return 2 * max(self.auc_low - 0.5, 0.0) * self.shap_share


def proxy_strengths(
    matrix: Inputs, inputs: tuple[str, ...], shares: dict[str, float], protected: pd.DataFrame
) -> list[tuple[float, float, str, str, str]]:
    """Return (strength, AUC, feature, attribute, group), strongest first.

    AUC is how well the feature alone tells the group from all others; strength = 2 |AUC - 0.5|
    times the feature's share of all SHAP mass. One that is no number comes first. Of two groups
    only the first is asked about: the other is its mirror image. A group of fewer than ten rows has
    a number for a name: what so few share may be a person's name that slipped into the column.

    An attribute of `unranked_attributes` has no strength at all.
    """
    unranked = unranked_attributes(protected)
    asked: list[tuple[str, str, bytes, np.ndarray]] = []  # attribute, group, who is known, members
    known: dict[bytes, np.ndarray] = {}
    for attribute in protected.columns:
        if attribute in unranked:
            continue
        groups = protected[attribute]
        is_known = groups.notna().to_numpy()
        pattern = is_known.tobytes()
        known[pattern] = is_known
        # In order of name, so that the group that is asked about does not hang on who comes first.
        names = sorted(groups.dropna().unique(), key=str)
        rows = groups.value_counts()
        rare = [name for name in names if rows[name] < SMALLEST_SHOWN_ROWS]
        shown_names = dict(zip(rare, small_group_names(set(map(str, names))), strict=False))
        for group in names[:1] if len(names) == 2 else names:
            inside = (groups == group).to_numpy()[is_known]
            shown = shown_names.get(group, f"{group}")
            asked.append((str(attribute), shown, pattern, inside))

    found = []
    for position, feature in enumerate(inputs):
        # Once for all attributes that the same people have. A column at a time: ranking all at once
        # takes several times the memory of the matrix.
        ranks_of = {
            pattern: rankdata(matrix[is_known, position]) for pattern, is_known in known.items()
        }
        for attribute, shown, pattern, inside in asked:
            auc = _auc(ranks_of[pattern], inside)
            found.append((2 * abs(auc - 0.5) * shares[feature], auc, feature, attribute, shown))
    return sorted(found, key=lambda one: (_strongest_first(one[0]), one[2], one[3], one[4]))


def unranked_attributes(protected: pd.DataFrame) -> tuple[str, ...]:
    """Return the attributes that have fewer than two known groups: no feature can rank any."""
    return tuple(str(name) for name in protected.columns if protected[name].nunique() < 2)


def _strongest_first(strength: float) -> float:
    """Return what strengths are ordered by: one that is no number must not end behind the others.

    Compared with NaN, whatever follows it would stay where it is.
    """
    return -math.inf if math.isnan(strength) else -strength


def measure_joint_proxies(
    matrix: Inputs,
    model: DecisionModel,
    shares: dict[str, float],
    persons: "pd.Series[int]",
    protected: pd.DataFrame,
    params: ExplainParams,
    least_strength: float,
) -> tuple[tuple[JointProxy, ...], tuple[ReasonProxy, ...], tuple[UnmeasuredGroup, ...]]:
    """Return how well groups are told by everything together, and by each reason, strongest first.

    And last, the groups that could not be asked about. The cost does not grow with the rows: people
    are a sample.

    Args:
        matrix: The model's inputs, shape (rows, inputs).
        model: The model, whose explainer gives the contributions.
        shares: Of each feature, the share of all SHAP mass.
        persons: Whom each row is about.
        protected: Protected attributes, missing where not known; shape (rows, attributes).
        params: How many people, folds and permutations.
        least_strength: What a reason's strength is judged by. It is at most the reason's share of
            all SHAP mass, so that reasons with a smaller share need not be asked about.
    """
    asked_about = params.proxies
    chosen = choose_rows(persons, protected, asked_about, params.seed)
    inputs = matrix[chosen].astype(np.float64)
    tables: dict[Literal["inputs", "contributions"], Matrix] = {
        "inputs": inputs,
        "contributions": model.explainer.contributions(inputs),
    }
    columns_of = {
        group.code: np.array([name in group.features for name in model.scorer.input_features])
        for group in model.reasons.reasons
    }
    share_of = {
        group.code: sum(shares.get(feature, 0.0) for feature in group.features)
        for group in model.reasons.reasons
    }

    joint = []
    by_reason = []
    asked_groups = memberships(protected, chosen)
    for membership in counted("looking for proxies", asked_groups, "groups"):
        for told_by, table in tables.items():
            area = tell_group(table, membership, asked_about, params.seed)
            proxy = JointProxy(
                told_by=told_by,
                attribute=membership.attribute,
                group=membership.group,
                people=int(membership.is_member.sum()),
                auc=area.value,
                interval=(area.low, area.high),
                chance=tell_by_chance(table, membership, asked_about, params.seed),
                chance_high=high_by_chance(membership, asked_about),
            )
            joint.append(proxy)
        for code, columns in columns_of.items():
            # The strength is at most the share: it cannot exceed the limit, whatever the classifier
            # finds.
            if share_of[code] <= least_strength:
                continue
            area = tell_group(inputs[:, columns], membership, asked_about, params.seed)
            by_reason.append(
                ReasonProxy(
                    code=code,
                    attribute=membership.attribute,
                    group=membership.group,
                    auc=area.value,
                    auc_low=area.low,
                    shap_share=share_of[code],
                )
            )
    by_reason.sort(
        key=lambda proxy: (
            _strongest_first(proxy.strength),
            proxy.code,
            proxy.attribute,
            proxy.group,
        )
    )
    unmeasured = unmeasured_groups(protected, chosen, asked_groups)
    return tuple(joint), tuple(by_reason), unmeasured


def _auc(ranks: Matrix, inside: np.ndarray) -> float:
    """Return the Mann-Whitney AUC with ties halved; 0.5 where a side is empty."""
    count = int(inside.sum())
    if count in (0, len(inside)):
        return 0.5
    return float((ranks[inside].sum() - count * (count + 1) / 2) / (count * (len(inside) - count)))
