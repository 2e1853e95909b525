"""Explain a model: globally, and every declined applicant.

Measure whether the explanations can be relied on.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.adverse_action.people import choose_people
from tasks.engines import Engine
from tasks.engines.local import OneProcess
from tasks.errors import DataError
from tasks.formats.shown import SMALLEST_SHOWN_ROWS
from tasks.model import DecisionModel, Decisions, Scorer
from tasks.model.families import Matrix
from tasks.model.scorer import compact_matrix_of, probability
from tasks.stages.explain.params import ExplainParams
from tasks.stages.explain.proxies import (
    JointProxy,
    ReasonProxy,
    measure_joint_proxies,
    proxy_strengths,
    unranked_attributes,
)
from tasks.stages.explain.reasons import decide_in_parts, reason_table
from tasks.stages.explain.soundness import Soundness, measure_cohesion, measure_soundness
from tasks.stages.explain.stability import Overlap, count_approvals, measure_overlap
from tasks.stages.explain.telling import UnmeasuredGroup


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Proxy(_Frozen):
    """A feature that tells a protected group from others, and how much the model leans on it.

    A figure is None where it came out as no number.
    """

    feature: str
    attribute: str
    group: str
    auc: float | None
    shap_share: float | None
    strength: float | None


class ExplainReport(_Frozen):
    """What was explained, and how far it can be relied on. Counts and shares only."""

    explained_rows: int
    declined_rows: int
    composite_rows: int
    people_behind_each_value: int  # behind each value, at least
    composite_margin: float
    composite_standard_error: float
    reason_map_version: str
    additivity_error: float | None
    shap_share: dict[str, float]
    proxies: tuple[Proxy, ...]
    unranked_attributes: tuple[str, ...]  # of fewer than two groups: `proxies` has none of them
    joint_proxies: tuple[JointProxy, ...]  # every group that is large enough to be asked about
    unmeasured_groups: tuple[UnmeasuredGroup, ...]  # every other: too small, or not known
    reason_proxies: tuple[ReasonProxy, ...]  # strongest first
    cohesion: dict[str, float]  # code, of several features -> the association that ties them
    reasons: dict[str, int]  # code -> declined applicants who were told it
    declined_without_reason: int
    soundness: Soundness
    top_reasons_overlap: Overlap
    refits: int
    flipped_ratio: float | None  # of declined, whom a refit approves; the mean over refits
    flipped_rows: int  # declined whom at least one refit approves: listed with their reasons


@dataclass(frozen=True)
class Explained:
    """The report, the reasons of each declined applicant, and what the figures are drawn from."""

    report: ExplainReport
    reasons: pd.DataFrame
    matrix: Matrix  # of the rows in the global figures
    contributions: Matrix
    base: float
    # Medians of the declined, nobody's row, shape (1, inputs); of fewer than ten, (0, inputs).
    typical: Matrix
    typical_contributions: Matrix


def explain(
    rows: pd.DataFrame,
    predictions: pd.DataFrame,
    model: DecisionModel,
    refits: tuple[Scorer, ...],
    protected: pd.DataFrame,
    params: ExplainParams,
    proxy_strength: float,
    engine: Engine | None = None,
) -> Explained:
    """Explain the model's decisions about `rows` (in the order of `predictions`).

    Every decision and its reasons come from `model.decide`, which is what a registered model
    answers with. `rows` has `person`, too, by whose number people are chosen. `refits` are models
    of the same inputs, fitted with other seeds to bootstrap samples of the training people.
    `proxy_strength` is the limit that the strength of proxies will be judged by. `engine` is where
    the rows are decided about, part by part: it changes nothing.

    Raises:
        DataError: The model does not give the scores that `train` recorded, or too few people can
            serve as a background.
    """
    scorer = model.scorer
    decisions = decide_in_parts(engine or OneProcess(), model, rows)
    # Bit by bit, and before anything is explained: all gates have judged the recorded decisions.
    _require_recorded_scores(decisions, predictions)

    # Of all rows in half the memory; what is explained of it is of double precision, as everywhere.
    matrix = compact_matrix_of(rows, scorer.inputs)
    is_known = scorer.is_known(rows)
    named = decisions.reasons
    # Numbers of people tell them apart as their pseudonyms do, and are compared in no time.
    subjects, _ = pd.factorize(predictions["subject"])
    has_learnt = predictions["part"].to_numpy() == "train"

    learnt_rows = matrix[has_learnt]
    everybody = np.ones(len(learnt_rows), dtype=bool)

    def choose(by: Scorer, draw: int) -> Matrix:
        # Of those that were learnt from alone: scoring all for each refit took a quarter of the
        # time at 100,000 rows. The model itself has scored them.
        scores = (
            decisions.scores[has_learnt]
            if by is scorer
            else probability(by.booster.margin(learnt_rows))
        )
        positions = choose_people(
            scores, subjects[has_learnt], everybody, by.cutoff, params.background, draw=draw
        )
        chosen: Matrix = learnt_rows[positions].astype(np.float64)
        return chosen

    # Global figures are of a sample; reasons are given to every declined applicant.
    shown = _sample(len(rows), params)
    shown_rows = matrix[shown].astype(np.float64)
    contributions = model.explainer.contributions(shown_rows)
    declined = decisions.declined

    mass = np.abs(contributions).mean(axis=0)
    features = np.array(scorer.input_features)
    shares = {
        # Over all inputs of a feature: a category has one each. A model without any mass has shares
        # of 0.
        feature: float(mass[features == feature].sum() / max(mass.sum(), 1e-300))
        for feature in scorer.features
    }
    proxies = proxy_strengths(matrix, scorer.input_features, shares, protected)
    joint_proxies, reason_proxies, unmeasured = measure_joint_proxies(
        matrix, model, shares, rows["person"], protected, params, proxy_strength
    )

    codes = [group.code for group in model.reasons.reasons]
    told = Counter(codes[index] for index in named.top.ravel() if index >= 0)
    approving = count_approvals(matrix, refits, decisions)
    margins = scorer.booster.margin(model.composites.matrix)
    # Of the global figures, and of what each declined applicant is told.
    error = _worst_error(
        _additivity(model, contributions, scorer.booster.margin(shown_rows)),
        _additivity(model, named.grouped, scorer.booster.margin(matrix[declined])),
    )
    report = ExplainReport(
        explained_rows=len(shown),
        declined_rows=len(declined),
        composite_rows=len(margins),
        people_behind_each_value=model.composites.people_behind_each_value,
        composite_margin=model.explainer.base,
        composite_standard_error=float(margins.std(ddof=1) / np.sqrt(len(margins))),
        reason_map_version=model.reasons.version,
        additivity_error=error,
        shap_share=dict(sorted(shares.items(), key=lambda item: -item[1])),
        proxies=tuple(
            Proxy(
                feature=feature,
                attribute=attribute,
                group=group,
                auc=_finite(auc),
                shap_share=_finite(shares[feature]),
                strength=_finite(strength),
            )
            # The report is for people. The judge names those above the limit among these, and the
            # strongest is always there, and before it what is no number.
            for strength, auc, feature, attribute, group in proxies[:20]
        ),
        unranked_attributes=unranked_attributes(protected),
        joint_proxies=joint_proxies,
        unmeasured_groups=unmeasured,
        reason_proxies=reason_proxies,
        cohesion=measure_cohesion(shown_rows, scorer.input_features, model.reasons),
        reasons=dict(sorted(told.items())),
        declined_without_reason=int((named.top[:, 0] < 0).sum()),
        soundness=measure_soundness(named, model.reasons, named.top),
        top_reasons_overlap=measure_overlap(
            matrix, is_known, model, refits, decisions, choose, params
        ),
        refits=len(refits),
        flipped_ratio=float(approving.mean() / len(refits)) if len(declined) else None,
        flipped_rows=int((approving > 0).sum()),
    )

    typical = _typical_row(matrix[declined].astype(np.float64))
    return Explained(
        report=report,
        reasons=reason_table(predictions["subject"], decisions, model.reasons, approving),
        matrix=shown_rows,
        contributions=contributions,
        base=model.explainer.base,
        typical=typical,
        typical_contributions=model.explainer.contributions(typical),
    )


def _require_recorded_scores(decisions: Decisions, predictions: pd.DataFrame) -> None:
    """Refuse to explain other decisions than those that were recorded, and judged for fairness."""
    is_same = np.array_equal(decisions.scores, predictions["score"].to_numpy()) and np.array_equal(
        decisions.approved, predictions["approved"].to_numpy(bool)
    )
    if not is_same:
        raise DataError(
            "train/predictions.parquet",
            expected="the scores that the model gives",
            found="others",
            remedy="Run `train` again, on this machine: "
            "its model and its predictions are of two runs.",
        )


def _sample(rows: int, params: ExplainParams) -> np.ndarray:
    if rows <= params.explain_rows:
        return np.arange(rows)
    return np.sort(
        np.random.default_rng([params.seed, 1_000]).choice(rows, params.explain_rows, replace=False)
    )


def _additivity(model: DecisionModel, contributions: Matrix, margins: Matrix) -> float:
    """Return the worst distance between base plus contributions and the model's own log-odds."""
    if not len(margins):
        return 0.0
    return float(np.max(np.abs(model.explainer.base + contributions.sum(axis=1) - margins)))


def _typical_row(declined_rows: Matrix) -> Matrix:
    """Return medians input by input, shape (1, inputs); no row where fewer than ten are declined.

    Together the medians of many are nobody's row, and may be on a page. The median of one person is
    their own figure, and that of a few is somebody's who can be told.
    """
    if len(declined_rows) < SMALLEST_SHOWN_ROWS:
        return np.zeros((0, declined_rows.shape[1]))
    return np.median(declined_rows, axis=0, keepdims=True)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _worst_error(*errors: float) -> float | None:
    """Return the largest; None, which is undecided, where one is no number."""
    # Not `max` of Python: whether it keeps a NaN depends on where that stands.
    worst = float(np.max(errors))
    return _finite(worst)
