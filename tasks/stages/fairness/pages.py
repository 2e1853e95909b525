"""The page of the stage `fairness`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.gates import Check
from tasks.reports import Figure, Page, Section, Table, figure, write_page
from tasks.reports.figures import ACCENT, GRID, INK, SECOND, WARN
from tasks.stages.fairness.measuring import Estimate, FairnessReport, GroupReport

FRONTIER_POINTS = 60


def write_fairness_page(
    folder: Path,
    case: str,
    report: FairnessReport,
    checks: tuple[Check, ...],
    protected: pd.DataFrame,
    actual: np.ndarray,
    approved: np.ndarray,
    scores: np.ndarray,
    limit: float,
) -> None:
    """Draw the figures and write the page; `limit` is the disparate impact ratio's."""
    _draw_rates(folder / "rates.png", report, limit)
    _draw_calibration(folder / "calibration.png", report)
    _draw_frontier(folder / "frontier.png", report, protected, actual, approved, scores, limit)
    write_page(folder, _page(case, report, checks))


def _draw_rates(path: Path, report: FairnessReport, limit: float) -> None:
    everyone = sorted(
        (*report.groups, *report.references), key=lambda one: (one.attribute, -one.approval_rate)
    )
    with figure(path, height=1.4 + 0.34 * len(everyone)) as axes:
        privileged = {one.attribute: one.approval_rate for one in report.references}
        for height, one in enumerate(reversed(everyone)):
            low, high = one.approval_interval
            is_reference = one.group == one.privileged
            axes.plot(
                [low, high], [height, height], color=SECOND if is_reference else ACCENT, lw=2.5
            )
            axes.plot(
                one.approval_rate, height, "o", color=SECOND if is_reference else ACCENT, ms=6
            )
            owed = privileged[one.attribute] * limit
            axes.plot([owed, owed], [height - 0.35, height + 0.35], color=WARN, lw=1.5)
        labels = [f"{one.group} ({one.attribute}), n = {one.rows:,}" for one in reversed(everyone)]
        axes.set_yticks(range(len(everyone)), labels)
        axes.set(
            title="Approval rates with 95 % intervals",
            xlabel=f"Share approved. Red: {limit:g} of the privileged group's rate",
        )
        axes.grid(visible=False, axis="y")


def _draw_calibration(path: Path, report: FairnessReport) -> None:
    everyone = sorted(
        (*report.groups, *report.references), key=lambda one: (one.attribute, one.group)
    )
    with figure(path, height=1.4 + 0.34 * len(everyone)) as axes:
        axes.axvline(0, color=GRID, lw=1.5)
        for height, one in enumerate(reversed(everyone)):
            gap = next(
                estimate for estimate in one.estimates if estimate.measure == "underrated by"
            )
            if gap.value is not None and gap.interval is not None:
                axes.plot(gap.interval, [height, height], color=ACCENT, lw=2.5)
                axes.plot(gap.value, height, "o", color=ACCENT, ms=6)
        axes.set_yticks(
            range(len(everyone)), [f"{one.group} ({one.attribute})" for one in reversed(everyone)]
        )
        axes.set(
            title="Calibration within groups",
            xlabel="Observed share less mean score (right: underrated)",
        )
        axes.grid(visible=False, axis="y")


def _draw_frontier(
    path: Path,
    report: FairnessReport,
    protected: pd.DataFrame,
    actual: np.ndarray,
    approved: np.ndarray,
    scores: np.ndarray,
    limit: float,
) -> None:
    """Draw balanced accuracy against the lowest disparate impact ratio over cut-offs, and where the model stands."""
    singles = [
        _Family.of(protected, one)
        for one in report.references
        if one.attribute in protected.columns
    ]
    points = []
    for cut in np.quantile(scores, np.linspace(0.005, 0.5, FRONTIER_POINTS)):
        points.append(_standing(scores >= cut, actual, singles))
    here = _standing(approved.astype(bool), actual, singles)
    with figure(path) as axes:
        ratios, accuracies = zip(*points, strict=True)
        axes.plot(
            ratios, accuracies, color=ACCENT, lw=2, label="cut-offs from approving 99.5 % to 50 %"
        )
        axes.plot(*here, "D", color=INK, ms=8, label="this model")
        axes.axvline(limit, color=WARN, lw=1.5, ls="--", label=f"limit {limit:g}")
        axes.set(
            title="What fairness costs",
            xlabel="Lowest disparate impact ratio of any group",
            ylabel="Balanced accuracy",
        )
        axes.legend(loc="best")


@dataclass(frozen=True)
class _Family:
    """The groups of one attribute: each row's number, -1 where it is not known, and the privileged one's."""

    codes: np.ndarray
    known: np.ndarray
    privileged: int

    @classmethod
    def of(cls, protected: pd.DataFrame, reference: GroupReport) -> "_Family":
        codes, names = pd.factorize(protected[reference.attribute].astype("str"))
        return cls(codes, codes >= 0, list(names).index(reference.group))

    def lowest_ratio(self, yes: np.ndarray) -> float:
        """Return the lowest approval rate of any group, as a ratio to the privileged one's; 1 where that is 0."""
        sizes = np.bincount(self.codes[self.known])
        rates = np.bincount(self.codes[self.known], weights=yes[self.known].astype(float)) / sizes
        return float((rates / rates[self.privileged]).min()) if rates[self.privileged] > 0 else 1.0


def _standing(yes: np.ndarray, actual: np.ndarray, singles: list[_Family]) -> tuple[float, float]:
    lowest = min((one.lowest_ratio(yes) for one in singles), default=1.0)
    good = actual == 1
    return lowest, float((yes[good].mean() + (~yes[~good]).mean()) / 2)


def _page(case: str, report: FairnessReport, checks: tuple[Check, ...]) -> Page:
    unknown = ", ".join(
        f"{name}: {rows}" for name, rows in report.rows_without_group.items() if rows
    )
    where = (
        "out of fold, on every row" if report.evaluated_on == "out_of_fold" else "on the test part"
    )
    return Page(
        title=f"Fairness: {case}",
        lead=f"{report.rows:,} decisions, {where}. Rows whose group is not known: {unknown or 'none'}.",
        checks=checks,
        sections=(
            Section(
                heading="Figures",
                parts=(
                    Figure(
                        file="rates.png",
                        title="Approval rates",
                        caption="Wilson intervals. Ochre: the privileged group.",
                    ),
                    Figure(
                        file="frontier.png",
                        title="Frontier",
                        caption="Every point is the same model with another cut-off.",
                    ),
                    Figure(
                        file="calibration.png",
                        title="Calibration",
                        caption="Wilson intervals of the observed share.",
                    ),
                ),
            ),
            Section(
                heading="Groups",
                text=(
                    "AIF360's metrics, with the intervals, Fisher's exact test and the sizes that it lacks.",
                ),
                parts=tuple(_table(one) for one in report.groups),
            ),
        ),
    )


def _table(one: GroupReport) -> Table:
    return Table(
        title=f"{one.group} against {one.privileged} ({one.attribute}), {one.rows:,} rows",
        head=("measure", "value", "95 % interval", "p"),
        rows=tuple(_row(estimate) for estimate in one.estimates),
    )


def _row(estimate: Estimate) -> tuple[str, ...]:
    value = "not measured" if estimate.value is None else f"{estimate.value:.3f}"
    interval = (
        f"[{estimate.interval[0]:.3f}, {estimate.interval[1]:.3f}]" if estimate.interval else "none"
    )
    p_value = "" if estimate.p_value is None else f"{estimate.p_value:.2g}"
    return estimate.measure, value, interval, p_value
