"""Explain a model: globally, and every declined applicant; measure whether the explanations can be relied on."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.errors import DataError
from tasks.model import Scorer
from tasks.model.families import Matrix
from tasks.stages.explain.params import ExplainParams, ReasonMap
from tasks.stages.explain.proxies import proxy_strengths
from tasks.stages.explain.reasons import group_contributions, reason_table, top_reasons
from tasks.stages.explain.shapley import Explainer
from tasks.stages.explain.stability import Overlap, measure_overlap

FEWEST_BACKGROUND_ROWS = 20


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Proxy(_Frozen):
    """A feature that tells a protected group from others, and how much the model leans on it."""

    feature: str
    attribute: str
    group: str
    auc: float
    shap_share: float
    strength: float


class ExplainReport(_Frozen):
    """What was explained, and how far it can be relied on. Counts and shares only."""

    explained_rows: int
    declined_rows: int
    background_rows: int
    background_margin: float
    background_standard_error: float
    reason_map_version: str
    additivity_error: float | None
    shap_share: dict[str, float]
    proxies: tuple[Proxy, ...]
    reasons: dict[str, int]  # code -> declined applicants who were told it
    declined_without_reason: int
    top_reasons_overlap: Overlap
    fidelity: float | None


@dataclass(frozen=True)
class Explained:
    """The report, the reasons of each declined applicant, and what the figures are drawn from."""

    report: ExplainReport
    reasons: pd.DataFrame
    matrix: Matrix  # of the rows in the global figures
    contributions: Matrix
    base: float
    typical: Matrix  # medians of the declined, shape (1, inputs): a composite, nobody's row
    typical_contributions: Matrix


def explain(
    rows: pd.DataFrame,
    predictions: pd.DataFrame,
    scorer: Scorer,
    refits: tuple[Scorer, ...],
    protected: pd.DataFrame,
    known: ReasonMap,
    params: ExplainParams,
) -> Explained:
    """Explain the model's decisions about `rows` (in the order of `predictions`).

    `refits` are models of the same inputs, fitted with other seeds on most of the training people.

    Raises:
        DataError: Fewer than 20 rows can serve as the background.
    """
    matrix, scores = scorer.matrix(rows), predictions["score"].to_numpy()
    inputs = tuple(one.feature for one in scorer.inputs)
    learnt = predictions["part"].to_numpy() == "train"

    def choose(of: Matrix, cutoff: float, draw: int) -> Matrix:
        return _background(matrix, of, learnt, cutoff, params, draw=draw)

    background = choose(scores, scorer.cutoff, 0)
    explainer = Explainer(scorer, background)
    declined = np.flatnonzero(~predictions["approved"].to_numpy(bool))
    shown = _sample(len(rows), params)
    contributions, of_declined = (
        explainer.contributions(matrix[shown]),
        explainer.contributions(matrix[declined]),
    )
    error = _additivity(explainer, contributions, scorer.booster.margin(matrix[shown]))
    error = max(error, _additivity(explainer, of_declined, scorer.booster.margin(matrix[declined])))
    grouped = group_contributions(of_declined, inputs, known.reasons)
    top = top_reasons(grouped)
    mass = np.abs(contributions).mean(axis=0)
    shares = {
        feature: float(mass[[f == feature for f in inputs]].sum() / max(mass.sum(), 1e-300))
        for feature in scorer.features
    }
    proxies = proxy_strengths(matrix, inputs, shares, protected)
    told = Counter(known.reasons[index].code for index in top.ravel() if index >= 0)
    typical = (
        np.median(matrix[declined], axis=0, keepdims=True)
        if len(declined)
        else np.zeros((0, matrix.shape[1]))
    )
    margins = scorer.booster.margin(background)
    report = ExplainReport(
        explained_rows=len(shown),
        declined_rows=len(declined),
        background_rows=len(background),
        background_margin=explainer.base,
        background_standard_error=float(margins.std(ddof=1) / np.sqrt(len(margins))),
        reason_map_version=known.version,
        additivity_error=error if np.isfinite(error) else None,
        shap_share=dict(sorted(shares.items(), key=lambda item: -item[1])),
        proxies=tuple(
            Proxy(feature=f, attribute=a, group=g, auc=auc, shap_share=shares[f], strength=s)
            for s, auc, f, a, g in proxies[:20]
        ),
        reasons=dict(sorted(told.items())),
        declined_without_reason=int((top[:, 0] < 0).sum()),
        top_reasons_overlap=measure_overlap(
            matrix, scores, scorer, refits, declined, top, choose, known, params
        ),
        fidelity=_fidelity(matrix, background, scorer, declined, top, inputs, known, params),
    )
    table = reason_table(predictions["subject"].iloc[declined], declined, top, grouped, known)
    return Explained(
        report,
        table,
        matrix[shown],
        contributions,
        explainer.base,
        typical,
        explainer.contributions(typical),
    )


def _background(
    matrix: Matrix,
    scores: Matrix,
    learnt: np.ndarray,
    cutoff: float,
    params: ExplainParams,
    *,
    draw: int,
) -> Matrix:
    """Return the people that decisions are compared with, by the declared rule, out of the training rows."""
    eligible = (
        np.flatnonzero(learnt & (scores >= cutoff))
        if params.background == "near_cutoff"
        else np.flatnonzero(learnt)
    )
    if len(eligible) < FEWEST_BACKGROUND_ROWS:
        raise DataError(
            "background of explanations",
            expected=f"at least {FEWEST_BACKGROUND_ROWS} rows",
            found=str(len(eligible)),
            remedy="Choose another `explain.background`, or another cut-off.",
        )
    rng = np.random.default_rng([params.seed, draw])
    if params.background == "near_cutoff":
        nearest = eligible[np.argsort(scores[eligible], kind="stable")][
            : 2 * params.background_rows
        ]
        eligible = nearest
    chosen = rng.choice(eligible, size=min(params.background_rows, len(eligible)), replace=False)
    background: Matrix = matrix[np.sort(chosen)]
    return background


def _sample(rows: int, params: ExplainParams) -> np.ndarray:
    if rows <= params.explain_rows:
        return np.arange(rows)
    return np.sort(
        np.random.default_rng([params.seed, 1_000]).choice(rows, params.explain_rows, replace=False)
    )


def _additivity(explainer: Explainer, contributions: Matrix, margins: Matrix) -> float:
    """Return the worst distance between base plus contributions and the model's own log-odds."""
    if not len(margins):
        return 0.0
    return float(np.max(np.abs(explainer.base + contributions.sum(axis=1) - margins)))


def _fidelity(
    matrix: Matrix,
    background: Matrix,
    scorer: Scorer,
    declined: np.ndarray,
    top: np.ndarray,
    inputs: tuple[str, ...],
    known: ReasonMap,
    params: ExplainParams,
) -> float | None:
    """Return for which share of the declined the named factors matter more than others; None where nobody was.

    Moving the named ones to the background's median must raise the score more than moving as many others at random.
    """
    if not len(declined):
        return None
    rng = np.random.default_rng([params.seed, 2_000])
    centre = np.median(background, axis=0)
    named, others = matrix[declined].copy(), matrix[declined].copy()
    columns = [
        np.array([feature in group.features for feature in inputs]) for group in known.reasons
    ]
    for row, reasons in enumerate(top):
        picked = reasons[reasons >= 0]
        rest = np.setdiff1d(np.arange(len(columns)), picked)
        for target, choice in ((named, picked), (others, rng.permutation(rest)[: len(picked)])):
            for index in choice:
                target[row, columns[index]] = centre[columns[index]]
    before = scorer.booster.margin(matrix[declined])
    better = scorer.booster.margin(named) - before > scorer.booster.margin(others) - before
    return float(better.mean())
