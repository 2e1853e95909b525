"""Choose an alternative on one half of the people, and confirm it on the other half.

The best of many is partly the luckiest. Chosen and measured on the same people, it would look
better than the shipped configuration although none is; on people who had no part in the choice it
has no luck left. So one test is made, at its own level, however many configurations were searched.
"""

import math

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.disparity.estimates import finite_or_none
from tasks.disparity.intervals import SMALLEST_FINITE_RATIO, percentile
from tasks.learning.splitting import draws
from tasks.stages.alternatives.configurations import Configuration
from tasks.stages.alternatives.figures import (
    ComparedGroup,
    Resampled,
    approve,
    compared_groups,
    decline_ratios,
    resample,
)
from tasks.stages.alternatives.params import AlternativesParams, JudgedGroups
from tasks.stages.alternatives.searching import SearchedRows

Interval = tuple[float, float]
LEVEL = 0.05  # of the one test, one-sided
# Normal points of the level, and of the power of 0.8 with which a reduction is detectable.
Z_LEVEL = 1.6448536269514722
Z_POWER = 0.8416212335729143
SHIPPED_INDEX = 0


class SearchModel(BaseModel):
    """A part of the report."""

    model_config = ConfigDict(frozen=True)


class ConfigurationFigures(SearchModel):
    """One configuration; figures are means over seeds, intervals at 95 %.

    Disparities are those of the worst group at the shipped model's approval rate, and
    `decline_ratio_at` at each of the plan's cut-offs. A figure is None where it divides by 0.
    """

    name: str
    features: int
    auc: float
    auc_interval: Interval
    decline_ratio: float | None
    decline_ratio_interval: Interval | None
    worst_group: str
    impact_ratio: float | None
    impact_ratio_interval: Interval | None
    mean_difference: float | None
    mean_difference_interval: Interval | None
    decline_ratio_at: dict[str, float | None]
    is_efficient: bool  # on the frontier: none has a higher AUC and a lower decline ratio
    is_within_loss: bool


class ChosenAlternative(SearchModel):
    """The alternative that one half of the people chose, as the other half shows it."""

    name: str
    auc: float  # of both, over the half that confirms
    shipped_auc: float
    decline_ratio: float
    shipped_decline_ratio: float
    reduction: float  # 1 less the ratio of both decline ratios
    least_reduction: float  # lower end, one-sided at 95 %


class AlternativesReport(SearchModel):
    """What was searched, and what came out; no figure is about one person."""

    rows: int
    fits: int
    seeds: int
    folds: int
    approval_rate: float
    groups: tuple[str, ...]
    uncompared: tuple[str, ...]  # attributes, and combinations, without a group among them
    configurations: tuple[ConfigurationFigures, ...]
    chosen: ChosenAlternative | None  # None where no alternative is within the loss of AUC
    confirmed_reduction: float | None  # None where nothing can be measured
    reduction_deviation: float | None  # standard error of the logarithm of a typical reduction
    possible_reduction: float | None  # to parity, from the upper end of the shipped model's ratio


def compare_configurations(
    searched: SearchedRows,
    together: tuple[Configuration, ...],
    judged: JudgedGroups,
    params: AlternativesParams,
    approval_rate: float,
) -> AlternativesReport:
    """Measure all configurations; the first is the shipped one.

    Args:
        searched: Labels, people, groups and scores.
        together: As they were searched, at least one.
        judged: Groups and cut-offs of the plan.
        params: Loss of AUC, draws and seed.
        approval_rate: The share that the shipped model approves.
    """
    groups = compared_groups(searched.protected, judged, params)
    report = AlternativesReport(
        rows=len(searched),
        fits=searched.fits,
        seeds=params.seeds,
        folds=params.folds,
        approval_rate=approval_rate,
        # Once each: a group may be compared with two.
        groups=tuple(dict.fromkeys(f"{group.group} ({group.attribute})" for group in groups)),
        uncompared=tuple(
            attribute
            for attribute in judged.attributes
            if not any(group.attribute == attribute for group in groups)
        ),
        configurations=(),
        chosen=None,
        confirmed_reduction=None,
        reduction_deviation=None,
        possible_reduction=None,
    )
    if not groups:
        return report

    # 1. Decide about all people at the shipped model's rate: a cut-off of one half alone would be
    # another decision.
    approved = approve(searched.scores, searched.labels, approval_rate)
    # 2. Halves by person, so that nobody chooses and confirms with two rows.
    is_choosing = draws(searched.persons, params.seed, "half") < 1 / 2
    choosing_ratio, _ = decline_ratios(
        tuple(group.among(is_choosing) for group in groups), approved[..., is_choosing]
    )
    # 3. Only the confirming half is judged. The whole is for the page, and for who is an
    # alternative.
    confirming = resample(searched, groups, approved, params.draws, params.seed, ~is_choosing)
    whole = resample(searched, groups, approved, params.draws, params.seed)

    is_within_loss = whole.auc[0] >= whole.auc[0, SHIPPED_INDEX] - params.loss_of_auc
    index = choose(is_within_loss, choosing_ratio)
    chosen = None if index is None else confirm(together[index].name, confirming, index)
    # Where nobody of a privileged group is declined there is no ratio to lower: undecided, not 0.
    is_measured = bool(np.isfinite(confirming.decline_ratio[0, SHIPPED_INDEX]))
    return report.model_copy(
        update={
            "configurations": _describe(
                searched, together, judged, params, groups, whole, approved
            ),
            "chosen": chosen,
            "confirmed_reduction": (
                _confirmed(chosen, index, is_within_loss) if is_measured else None
            ),
            "reduction_deviation": (
                typical_deviation(confirming, is_within_loss) if is_measured else None
            ),
            "possible_reduction": possible_reduction(whole) if is_measured else None,
        }
    )


def choose(is_within_loss: np.ndarray, decline_ratio: np.ndarray) -> int | None:
    """Return the alternative with the lowest decline ratio among those within the loss of AUC.

    The first of equals; None where there is none.

    Args:
        is_within_loss: By the AUC over all people: it decides who is an alternative, and is no part
            of what is confirmed. The AUC itself counts, and not its interval: to ask for proof that
            nothing is lost would leave the shipped model in place wherever rows are few.
        decline_ratio: The worst group's, over the people who choose.
    """
    # `isfinite` first: `argmin` takes a NaN for the lowest of all.
    is_candidate = is_within_loss & np.isfinite(decline_ratio)
    is_candidate[SHIPPED_INDEX] = False
    if not is_candidate.any():
        return None
    return int(np.where(is_candidate, decline_ratio, math.inf).argmin())


def confirm(name: str, figures: Resampled, index: int) -> ChosenAlternative | None:
    """Return how the chosen alternative compares on people who had no part in the choice.

    None where a decline ratio divides by 0.
    """
    log_reductions = _log_reductions(figures)[:, index]
    is_finite = np.isfinite(log_reductions)
    # A quantile of draws of which many are nan would be that of another statistic.
    if not is_finite[0] or is_finite.mean() < SMALLEST_FINITE_RATIO:
        return None

    # The first row is the sample itself, and no draw.
    least = float(np.quantile(log_reductions[1:][is_finite[1:]], LEVEL))
    return ChosenAlternative(
        name=name,
        auc=float(figures.auc[0, index]),
        shipped_auc=float(figures.auc[0, SHIPPED_INDEX]),
        decline_ratio=float(figures.decline_ratio[0, index]),
        shipped_decline_ratio=float(figures.decline_ratio[0, SHIPPED_INDEX]),
        reduction=-math.expm1(-float(log_reductions[0])),
        least_reduction=-math.expm1(-least),
    )


def _confirmed(
    chosen: ChosenAlternative | None, index: int | None, is_within_loss: np.ndarray
) -> float | None:
    """Return by what share the decline ratio is lower for certain.

    0 where no alternative is within the loss of AUC; None where one is, and no ratio could be
    measured of it: that nobody could choose is not that there is nothing to choose.
    """
    if index is None:
        has_alternative = np.delete(is_within_loss, SHIPPED_INDEX).any()
        return None if has_alternative else 0.0
    return None if chosen is None else max(chosen.least_reduction, 0.0)


def typical_deviation(figures: Resampled, is_within_loss: np.ndarray) -> float | None:
    """Return the standard error of a logarithm of reduction, the median over the alternatives.

    Of those within the loss of AUC, or of all where none is: configurations that nobody could
    choose differ more from the shipped one, and would make the search look blinder than it is.
    """
    # The median over alternatives, and not that of the chosen one: which was lucky must not decide
    # whether the search could see.
    is_alternative = is_within_loss.copy()
    is_alternative[SHIPPED_INDEX] = False
    if not is_alternative.any():
        is_alternative = np.arange(len(is_within_loss)) != SHIPPED_INDEX

    log_reductions = _log_reductions(figures)[1:, is_alternative]
    is_finite = np.isfinite(log_reductions)
    is_measured = is_finite.mean(axis=0) >= SMALLEST_FINITE_RATIO
    if not is_measured.any():
        return None
    finite = np.where(is_finite, log_reductions, np.nan)[:, is_measured]
    return float(np.median(np.nanstd(finite, axis=0)))


def possible_reduction(figures: Resampled) -> float | None:
    """Return the reduction to parity from the upper end of the shipped model's decline ratio."""
    # The upper end: a ratio that may be 1.5 leaves that much to be found, whatever the point says.
    high = percentile(figures.decline_ratio[1:, SHIPPED_INDEX])[1]
    return 1 - 1 / high if math.isfinite(high) else None


def detectable_reduction(
    deviation: float | None, possible: float | None, material: float
) -> float | None:
    """Return the reduction that the search confirms with a probability of 80 %.

    To be confirmed, its lower end has to exceed `material`. No reduction leads below parity: where
    the shipped model is close to it for certain, nothing larger can have been missed.
    """
    if deviation is None or possible is None:
        return None
    if material >= 1:
        return possible  # nothing exceeds such a limit: all that is possible could be missed

    # Power of a one-sided test: the true reduction has to lie Z_LEVEL + Z_POWER standard errors
    # beyond what has to be exceeded.
    log_reduction = -math.log1p(-material) + (Z_LEVEL + Z_POWER) * deviation
    return min(-math.expm1(-log_reduction), possible)


def _log_reductions(figures: Resampled) -> np.ndarray:
    """Return how much lower than the shipped one's a decline ratio is, by its logarithm."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log(figures.decline_ratio)
        return np.asarray(logarithms[:, [SHIPPED_INDEX]] - logarithms)


def _describe(
    searched: SearchedRows,
    together: tuple[Configuration, ...],
    judged: JudgedGroups,
    params: AlternativesParams,
    groups: tuple[ComparedGroup, ...],
    whole: Resampled,
    approved: np.ndarray,
) -> tuple[ConfigurationFigures, ...]:
    """Return the figures of every configuration over all people."""
    _, worst_groups = decline_ratios(groups, approved)
    at_cutoffs = {
        f"{rate:g}": decline_ratios(groups, approve(searched.scores, searched.labels, rate))[0]
        for rate in judged.cutoffs
    }
    auc = whole.auc[0]
    decline_ratio = whole.decline_ratio[0]

    return tuple(
        ConfigurationFigures(
            name=configuration.name,
            features=len(configuration.features),
            auc=float(auc[index]),
            auc_interval=percentile(whole.auc[1:, index]),
            decline_ratio=_finite(decline_ratio[index]),
            decline_ratio_interval=_interval(whole.decline_ratio[1:, index]),
            worst_group=f"{worst_groups[index].group} ({worst_groups[index].attribute})",
            impact_ratio=_finite(whole.impact_ratio[0, index]),
            impact_ratio_interval=_interval(whole.impact_ratio[1:, index]),
            mean_difference=_finite(whole.mean_difference[0, index]),
            mean_difference_interval=_interval(whole.mean_difference[1:, index]),
            decline_ratio_at={name: _finite(ratios[index]) for name, ratios in at_cutoffs.items()},
            is_efficient=is_efficient(index, auc, decline_ratio),
            is_within_loss=bool(auc[index] >= auc[SHIPPED_INDEX] - params.loss_of_auc),
        )
        for index, configuration in enumerate(together)
    )


def is_efficient(index: int, auc: np.ndarray, decline_ratio: np.ndarray) -> bool:
    """Say whether none is at least as good in both figures and better in one; shapes (n,)."""
    # Comparisons with NaN are false: a configuration that was not measured dominates nobody.
    is_as_good = (auc >= auc[index]) & (decline_ratio <= decline_ratio[index])
    is_better = (auc > auc[index]) | (decline_ratio < decline_ratio[index])
    return bool(np.isfinite(decline_ratio[index]) and not (is_as_good & is_better).any())


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _interval(values: np.ndarray) -> Interval | None:
    return finite_or_none(percentile(values))
