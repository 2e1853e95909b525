"""The figures of the page: all groups at a glance, and what another cut-off would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.config.words import NO_WORDS, Words
from tasks.disparity.counts import DecidedRows, group_names
from tasks.gates import Check, Outcome
from tasks.gates.limits import limit_text
from tasks.reports import figure, group_text, panels
from tasks.reports.figures import ACCENT, GRID, INK, SECOND, WARN
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.fairness.judging import SCREEN_RATIO
from tasks.stages.fairness.measuring import FairnessReport, GroupReport
from tasks.stages.fairness.params import FairnessLimits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Cut-offs of the trade-off curve: quantiles of the scores, from approving 99.5 % to approving 50 %.
FRONTIER_QUANTILES = np.linspace(0.005, 0.5, 60)

# Heights of figures with one line per group, in inches.
FRAME_HEIGHT = 1.4
LINE_HEIGHT = 0.34

# A form beside the colour, for those who do not see it.
COLOURS = {Outcome.PASS: ACCENT, Outcome.FAIL: WARN, Outcome.UNDECIDED: SECOND}
MARKERS = {Outcome.PASS: "o", Outcome.FAIL: "X", Outcome.UNDECIDED: "D"}
ONE_LABEL = "not measured: all rows that are judged have one label"
GRAVITY = (Outcome.FAIL, Outcome.UNDECIDED, Outcome.PASS, Outcome.NOT_MEASURED)


@dataclass(frozen=True)
class ForestPanel:
    """One measure of all groups; ratios lie on a logarithmic scale, on which 2 is as far as 1/2."""

    check_id: FairnessCheck
    title: str
    parity: float
    limit: float
    lowest: float
    highest: float
    ticks: tuple[float, ...] = ()  # of a ratio
    screen: float | None = None

    @property
    def shown_limit(self) -> str:
        """The limit, as checks print it."""
        return limit_text("≥" if self.limit < self.parity else "≤", self.limit)


def forest_of_decisions(limits: FairnessLimits) -> tuple[ForestPanel, ...]:
    """Return the panels about who is approved and declined."""
    return (
        ForestPanel(
            FairnessCheck.DISPARATE_IMPACT_RATIO,
            "Impact ratio",
            parity=1,
            limit=limits.disparate_impact,
            lowest=0.4,
            highest=1.6,
            ticks=(0.5, 0.8, 1, 1.25),
            screen=SCREEN_RATIO,
        ),
        ForestPanel(
            FairnessCheck.DECLINE_RATIO,
            "Decline ratio",
            parity=1,
            limit=limits.decline_ratio,
            lowest=0.2,
            highest=10,
            ticks=(0.2, 0.5, 1, 2, 5, 10),
        ),
        ForestPanel(
            FairnessCheck.ODDS_RATIO,
            "Odds ratio",
            parity=1,
            limit=limits.odds_ratio,
            lowest=0.2,
            highest=10,
            ticks=(0.2, 0.5, 1, 2, 5, 10),
        ),
        ForestPanel(
            FairnessCheck.STANDARDISED_MEAN_DIFFERENCE,
            "Scores lower, SD",
            parity=0,
            limit=limits.standardised_mean_difference,
            lowest=-1,
            highest=1.5,
        ),
    )


def forest_of_errors(limits: FairnessLimits) -> tuple[ForestPanel, ...]:
    """Return the panels about whom the model errs about."""
    return (
        ForestPanel(
            FairnessCheck.EQUAL_OPPORTUNITY_DIFFERENCE,
            "Equal opportunity",
            parity=0,
            limit=limits.equal_opportunity_difference,
            lowest=0,
            highest=0.5,
        ),
        ForestPanel(
            FairnessCheck.AVERAGE_ABS_ODDS_DIFFERENCE,
            "Average absolute odds",
            parity=0,
            limit=limits.average_abs_odds_difference,
            lowest=0,
            highest=0.5,
        ),
        ForestPanel(
            FairnessCheck.UNDERRATED_BY,
            "Underrated by",
            parity=0,
            limit=limits.underrated_by,
            lowest=-0.2,
            highest=0.2,
        ),
    )


def gravest_first(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks in their order, failures first."""
    return tuple(sorted(checks, key=lambda check: GRAVITY.index(check.outcome)))


def draw_forest(
    path: Path,
    report: FairnessReport,
    checks: Sequence[Check],
    forest: tuple[ForestPanel, ...],
    words: Words = NO_WORDS,
) -> None:
    """Draw every group's interval of each measure, with the limit; failing groups first."""
    by_key = {
        (FairnessCheck(check.id), check.about.attribute, check.about.group): check
        for check in checks
    }
    groups = order_of_groups(report, checks)
    with panels(path, len(forest), height=FRAME_HEIGHT + LINE_HEIGHT * len(groups)) as all_axes:
        for axes, panel in zip(all_axes, forest, strict=True):
            axes.axvline(panel.parity, color=GRID, lw=1.5)
            axes.axvline(panel.limit, color=WARN, lw=1.5, ls="--")
            if panel.screen is not None:
                axes.axvline(panel.screen, color=WARN, lw=1, ls=":")
            for height, group in enumerate(groups):
                check = by_key.get((panel.check_id, group.attribute, group.group))
                if check is not None:
                    _draw_check(axes, panel, check, height)

            if panel.ticks:
                axes.set_xscale("log")
                axes.set_xticks(panel.ticks, [f"{tick:g}" for tick in panel.ticks])
                axes.xaxis.minorticks_off()
            axes.set_xlim(panel.lowest, panel.highest)
            axes.set_title(f"{panel.title} {panel.shown_limit}", fontsize=10)
            axes.grid(visible=False, axis="y")

        labels = [
            f"{group_text(group.attribute, group.group, words)}, n = {group.rows:,}"
            for group in groups
        ]
        all_axes[0].set_yticks(range(len(groups)), labels)
        # Axes count upwards, people read downwards.
        all_axes[0].set_ylim(len(groups) - 0.4, -0.6)


def _draw_check(axes: "Axes", panel: ForestPanel, check: Check, height: int) -> None:
    """Draw one interval in the colour of its outcome; an arrow where it leaves the panel."""
    colour = COLOURS.get(check.outcome, INK)
    if check.interval is None or check.value is None:
        axes.text(panel.parity, height, "?", color=colour, ha="center", va="center", weight="bold")
        return

    # Clipped to the panel: an interval that reaches to 40 would leave the others no width. The
    # arrow says that it goes on; the table of the page has the figures.
    low, high = (float(np.clip(end, panel.lowest, panel.highest)) for end in check.interval)
    axes.plot([low, high], [height, height], color=colour, lw=2.5, solid_capstyle="butt")
    for end, edge, marker in ((0, panel.lowest, "<"), (1, panel.highest, ">")):
        is_beyond = check.interval[0] < edge if end == 0 else check.interval[1] > edge
        if is_beyond:
            axes.plot(edge, height, marker, color=colour, ms=6, clip_on=False)
    if panel.lowest <= check.value <= panel.highest:
        marker = MARKERS.get(check.outcome, "o")
        axes.plot(check.value, height, marker, color=colour, ms=7, clip_on=False)


def order_of_groups(report: FairnessReport, checks: Sequence[Check]) -> list[GroupReport]:
    """Return all groups but the privileged ones, those with the gravest outcomes first."""
    gravity: dict[tuple[str | None, str | None], list[int]] = {}
    for check in checks:
        key = (check.about.attribute, check.about.group)
        gravity.setdefault(key, []).append(GRAVITY.index(check.outcome))

    def order(group: GroupReport) -> tuple[int, int]:
        outcomes = gravity.get((group.attribute, group.group), [len(GRAVITY)])
        return min(outcomes), -outcomes.count(min(outcomes))

    return sorted(report.groups, key=order)


def draw_frontier(
    path: Path, report: FairnessReport, protected: pd.DataFrame, rows: DecidedRows, limit: float
) -> None:
    """Draw balanced accuracy against the lowest disparate impact ratio, over cut-offs.

    Rows of one label have no balanced accuracy: then the figure says so, and has no points.
    """
    attributes = [
        AttributeCodes.of(protected, group)
        for group in report.references
        if group.attribute in protected.columns  # a combination is no column
    ]
    # Of the scores at hand: no model is fitted again, so that the line shows what a cut-off alone
    # can do.
    cutoffs = np.quantile(rows.scores, FRONTIER_QUANTILES)
    points = [trade_off(rows.scores >= cutoff, rows.is_good, attributes) for cutoff in cutoffs]
    ratios, accuracies = zip(*points, strict=True)
    model_ratio, model_accuracy = trade_off(rows.is_approved, rows.is_good, attributes)

    with figure(path) as axes:
        if model_accuracy is None:
            axes.text(0.5, 0.5, ONE_LABEL, ha="center", va="center", transform=axes.transAxes)
        else:
            axes.plot(ratios, accuracies, color=ACCENT, lw=2, label="Other cut-offs")
            axes.plot(model_ratio, model_accuracy, "D", color=INK, ms=8, label="This model")
        axes.axvline(limit, color=WARN, lw=1.5, ls="--", label=f"Limit {limit:g}")
        axes.set(
            title="Trade-off between fairness and accuracy",
            xlabel="Lowest disparate impact ratio of any group",
            ylabel="Balanced accuracy",
        )
        axes.legend(loc="best")


@dataclass(frozen=True)
class AttributeCodes:
    """The groups of one attribute as numbers, for many decisions about the same rows."""

    codes: np.ndarray  # number of each row's group, -1 where it is not known; shape (rows,)
    is_known: np.ndarray  # shape (rows,)
    privileged: int

    @classmethod
    def of(cls, protected: pd.DataFrame, reference: GroupReport) -> "AttributeCodes":
        """Return the codes of the attribute whose privileged group `reference` is about."""
        codes, names = pd.factorize(group_names(protected[reference.attribute]))
        return cls(codes, codes >= 0, list(names).index(reference.group))

    def lowest_ratio(self, is_approved: np.ndarray) -> float:
        """Return the lowest approval rate of any group, as a ratio to the privileged group's.

        1 where the privileged group's rate is 0: nobody is approved less often than it.
        """
        codes = self.codes[self.is_known]
        approvals = np.bincount(codes, weights=is_approved[self.is_known].astype(float))
        rates = approvals / np.bincount(codes)
        privileged_rate = rates[self.privileged]
        return float((rates / privileged_rate).min()) if privileged_rate > 0 else 1.0


def trade_off(
    is_approved: np.ndarray, is_good: np.ndarray, attributes: Sequence[AttributeCodes]
) -> tuple[float, float | None]:
    """Return the lowest disparate impact ratio of decisions, and their balanced accuracy.

    The accuracy is None where all rows have one label: of the other nobody is told apart.
    """
    lowest = min((attribute.lowest_ratio(is_approved) for attribute in attributes), default=1.0)
    # A part `test` of a few dozen rows may have no bad one; the mean over none is NaN.
    if is_good.all() or not is_good.any():
        return lowest, None

    true_approval_rate = is_approved[is_good].mean()
    true_decline_rate = (~is_approved[~is_good]).mean()
    return lowest, float((true_approval_rate + true_decline_rate) / 2)
