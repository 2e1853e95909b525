"""The frontier as a picture: AUC against how the worst group fares."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.config.words import NO_WORDS, Words
from tasks.reports import figure
from tasks.reports.figures import ACCENT, GRID, INK, SECOND, WARN
from tasks.stages.alternatives.choosing import (
    SHIPPED_INDEX,
    AlternativesReport,
    ConfigurationFigures,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LIGHT = "#a9b7c2"  # of what is dominated: there, and not to be read one by one
TICKS = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0)
MARGIN = 1.1  # on a logarithmic scale, beyond the outermost end


@dataclass(frozen=True)
class Spread:
    """What lies on the level axis: the decline ratio, or what tells more where no ratio differs.

    The decline ratio is never below 1. Where no configuration declines a group more often than its
    privileged group all are 1, and would be one upright line: then it is the impact ratio.
    """

    is_decline: bool

    @classmethod
    def of(cls, measured: Sequence[ConfigurationFigures]) -> "Spread":
        """Return the axis on which these configurations lie apart."""
        return cls(any((item.decline_ratio or 1) > 1 for item in measured) or not measured)

    def label(self, words: Words) -> str:
        """Return what is written below it."""
        share = f"share “{words.favourable}”"
        if self.is_decline:
            return f"Decline ratio of the worst group, at the shipped model's {share}"
        return f"Impact ratio of the worst group (1: its {share} is the privileged group's)"

    def value(self, item: ConfigurationFigures) -> float:
        """Return where a configuration lies; beyond all where that was not measured."""
        value = item.decline_ratio if self.is_decline else item.impact_ratio
        return math.inf if value is None else value

    def interval(self, item: ConfigurationFigures) -> tuple[float, float]:
        """Return its interval; the point itself where there is none."""
        interval = item.decline_ratio_interval if self.is_decline else item.impact_ratio_interval
        return interval or (self.value(item), self.value(item))


def draw_frontier(
    path: Path, report: AlternativesReport, loss_of_auc: float, words: Words = NO_WORDS
) -> None:
    """Draw every configuration; one whose decline ratio divides by 0 is absent."""
    measured = [item for item in report.configurations if item.decline_ratio is not None]
    shipped = report.configurations[SHIPPED_INDEX]
    others = [item for item in measured if item is not shipped]
    spread = Spread.of(measured)
    efficient = sorted((item for item in others if item.is_efficient), key=spread.value)

    with figure(path, width=8.2, height=5.0) as axes:
        axes.axhspan(shipped.auc - loss_of_auc, shipped.auc, color=GRID, alpha=0.5, lw=0)
        axes.plot([], [], color=GRID, lw=8, label=f"Loss of AUC up to {loss_of_auc:g}")
        axes.axvline(1, color=INK, lw=1)

        _draw_points(
            axes, spread, [item for item in others if not item.is_efficient], "o", LIGHT, 5
        )
        for item in efficient:
            _draw_intervals(axes, spread, item, ACCENT, 1.0)
        _draw_points(axes, spread, efficient, "o", ACCENT, 7)
        if shipped in measured:
            _draw_intervals(axes, spread, shipped, WARN, 2.0)
            _draw_points(axes, spread, [shipped], "D", WARN, 9)
        _draw_chosen(axes, spread, report)

        # Empty lists: an entry of the legend also where there is no such point.
        for marker, colour, label in (
            ("D", WARN, "Shipped model"),
            ("o", ACCENT, "On the frontier"),
            ("o", LIGHT, "Dominated"),
        ):
            axes.plot([], [], marker, color=colour, label=label)
        _scale(axes, spread, [*efficient, shipped], measured)
        axes.set(
            title=f"{len(report.configurations)} configurations, {report.fits:,} fits",
            xlabel=spread.label(words),
            ylabel="AUC, out of fold",
        )
        axes.legend(loc="lower right", fontsize=9)


def _draw_points(
    axes: "Axes",
    spread: Spread,
    items: Sequence[ConfigurationFigures],
    marker: str,
    colour: str,
    size: float,
) -> None:
    ratios = [spread.value(item) for item in items]
    axes.plot(ratios, [item.auc for item in items], marker, color=colour, ms=size)


def _draw_intervals(
    axes: "Axes", spread: Spread, item: ConfigurationFigures, colour: str, width: float
) -> None:
    """Draw both intervals of a configuration as a cross."""
    ratio = spread.value(item)
    low, high = spread.interval(item)
    axes.plot([low, high], [item.auc, item.auc], color=colour, lw=width, alpha=0.6)
    axes.plot([ratio, ratio], list(item.auc_interval), color=colour, lw=width, alpha=0.6)


def _draw_chosen(axes: "Axes", spread: Spread, report: AlternativesReport) -> None:
    """Frame the alternative that one half of the people chose."""
    for item in report.configurations:
        if report.chosen is not None and item.name == report.chosen.name:
            axes.plot(
                [spread.value(item)],
                [item.auc],
                "s",
                ms=13,
                mfc="none",
                mec=SECOND,
                mew=1.8,
                label="Tried on the other half",
            )


def _scale(
    axes: "Axes",
    spread: Spread,
    with_intervals: Sequence[ConfigurationFigures],
    measured: Sequence[ConfigurationFigures],
) -> None:
    """Scale the decline ratio by its logarithm, from parity on; an impact ratio as it is."""
    if not spread.is_decline:
        return

    ends = [end for item in with_intervals for end in spread.interval(item)]
    values = [*ends, *map(spread.value, measured)]
    highest = max([*filter(math.isfinite, values), 1.25]) * MARGIN
    ticks = [tick for tick in TICKS if tick <= highest]
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.minorticks_off()
    axes.set_xlim(1 / MARGIN**0.3, highest)
