"""The page of the stage `fairness`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.gates import Check
from tasks.reports import Figure, Page, Section, Table, figure, write_page
from tasks.reports.figures import ACCENT, GRID, INK, SECOND, WARN
from tasks.stages.fairness.measuring import Estimate, FairnessReport, GroupReport, Measure

# Cut-offs of the trade-off curve: quantiles of the scores, from approving 99.5 % to approving 50 %.
FRONTIER_QUANTILES = np.linspace(0.005, 0.5, 60)

# Heights of figures with one line per group, in inches.
FRAME_HEIGHT = 1.4
LINE_HEIGHT = 0.34


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
    """Draw the figures and write the page; `limit` is the disparate impact ratio's.

    The other arguments are those of `measure_fairness`.
    """
    _draw_approval_rates(folder / "rates.png", report, limit)
    _draw_calibration(folder / "calibration.png", report)
    _draw_frontier(folder / "frontier.png", report, protected, actual, approved, scores, limit)
    write_page(folder, _page(case, report, checks))


def _draw_approval_rates(path: Path, report: FairnessReport, limit: float) -> None:
    groups = sorted(
        (*report.groups, *report.references),
        key=lambda group: (group.attribute, -group.approval_rate),
    )
    privileged_rates = {group.attribute: group.approval_rate for group in report.references}
    with figure(path, height=FRAME_HEIGHT + LINE_HEIGHT * len(groups)) as axes:
        # Axes count upwards, people read downwards: the last group is drawn at height 0.
        for height, group in enumerate(reversed(groups)):
            color = SECOND if group.group == group.privileged else ACCENT
            axes.plot(group.approval_interval, [height, height], color=color, lw=2.5)
            axes.plot(group.approval_rate, height, "o", color=color, ms=6)
            threshold = privileged_rates[group.attribute] * limit
            axes.plot([threshold, threshold], [height - 0.35, height + 0.35], color=WARN, lw=1.5)

        labels = [
            f"{group.group} ({group.attribute}), n = {group.rows:,}" for group in reversed(groups)
        ]
        axes.set_yticks(range(len(groups)), labels)
        axes.set(title="Approval rates with 95 % intervals", xlabel="Approval rate")
        axes.grid(visible=False, axis="y")


def _draw_calibration(path: Path, report: FairnessReport) -> None:
    groups = sorted(
        (*report.groups, *report.references), key=lambda group: (group.attribute, group.group)
    )
    with figure(path, height=FRAME_HEIGHT + LINE_HEIGHT * len(groups)) as axes:
        axes.axvline(0, color=GRID, lw=1.5)
        for height, group in enumerate(reversed(groups)):
            gap = next(
                estimate
                for estimate in group.estimates
                if estimate.measure is Measure.UNDERRATED_BY
            )
            if gap.value is not None and gap.interval is not None:
                axes.plot(gap.interval, [height, height], color=ACCENT, lw=2.5)
                axes.plot(gap.value, height, "o", color=ACCENT, ms=6)

        labels = [f"{group.group} ({group.attribute})" for group in reversed(groups)]
        axes.set_yticks(range(len(groups)), labels)
        axes.set(
            title="Calibration within groups, with 95 % intervals",
            xlabel="Observed share of good cases minus mean score",
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
    """Draw balanced accuracy against the lowest disparate impact ratio, over cut-offs."""
    attributes = [
        _AttributeCodes.of(protected, group)
        for group in report.references
        if group.attribute in protected.columns  # the intersection is no column
    ]
    cutoffs = np.quantile(scores, FRONTIER_QUANTILES)
    points = [_trade_off(scores >= cutoff, actual, attributes) for cutoff in cutoffs]
    ratios, accuracies = zip(*points, strict=True)
    model_ratio, model_accuracy = _trade_off(approved.astype(bool), actual, attributes)

    with figure(path) as axes:
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
class _AttributeCodes:
    """The groups of one attribute as numbers, for many decisions about the same rows."""

    codes: np.ndarray  # number of each row's group, -1 where it is not known; shape (rows,)
    is_known: np.ndarray  # shape (rows,)
    privileged: int

    @classmethod
    def of(cls, protected: pd.DataFrame, reference: GroupReport) -> "_AttributeCodes":
        """Return the codes of the attribute whose privileged group `reference` is about."""
        codes, names = pd.factorize(protected[reference.attribute].astype("str"))
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


def _trade_off(
    is_approved: np.ndarray, actual: np.ndarray, attributes: Sequence[_AttributeCodes]
) -> tuple[float, float]:
    """Return the lowest disparate impact ratio of decisions, and their balanced accuracy."""
    lowest = min((attribute.lowest_ratio(is_approved) for attribute in attributes), default=1.0)
    is_good = actual == 1
    true_approval_rate = is_approved[is_good].mean()
    true_decline_rate = (~is_approved[~is_good]).mean()
    return lowest, float((true_approval_rate + true_decline_rate) / 2)


def _page(case: str, report: FairnessReport, checks: tuple[Check, ...]) -> Page:
    rows_without_group = [
        f"{name}: {rows:,}" for name, rows in report.rows_without_group.items() if rows
    ]
    evaluated_rows = "the test part"
    if report.evaluated_on == "out_of_fold":
        evaluated_rows = "all rows, out of fold"
    return Page(
        title=f"Fairness: {case}",
        lead=f"{report.rows:,} decisions on {evaluated_rows}. "
        f"Rows with an unknown group: {', '.join(rows_without_group) or 'none'}.",
        checks=checks,
        sections=(
            _figures(),
            Section(
                heading="Groups",
                text=(
                    "Metrics are computed by AIF360. Intervals are at 95 %; p is that of Fisher's "
                    "exact test that both groups are treated alike, before adjustment for the "
                    "number of tests.",
                ),
                parts=tuple(_group_table(group) for group in report.groups),
            ),
        ),
    )


def _figures() -> Section:
    return Section(
        heading="Figures",
        parts=(
            Figure(
                file="rates.png",
                title="Approval rates",
                caption="With Wilson intervals. Ochre: the privileged group. Red: the limit of "
                "the disparate impact ratio, times the privileged group's rate.",
            ),
            Figure(
                file="frontier.png",
                title="Trade-off between fairness and accuracy",
                caption="Every point of the line is this model with another cut-off, from "
                "approving 99.5 % to approving 50 %.",
            ),
            Figure(
                file="calibration.png",
                title="Calibration within groups",
                caption="With Wilson intervals of the observed share. To the right of 0 the "
                "model underrates a group, to the left it overrates it.",
            ),
        ),
    )


def _group_table(group: GroupReport) -> Table:
    return Table(
        title=f"{group.group} compared with {group.privileged} ({group.attribute}), "
        f"{group.rows:,} rows",
        head=("Measure", "Value", "95 % interval", "p"),
        rows=tuple(_estimate_row(estimate) for estimate in group.estimates),
    )


def _estimate_row(estimate: Estimate) -> tuple[str, ...]:
    value = "not measured" if estimate.value is None else f"{estimate.value:.3f}"
    interval = "none"
    if estimate.interval:
        low, high = estimate.interval
        interval = f"[{low:.3f}, {high:.3f}]"
    p_value = "" if estimate.p_value is None else f"{estimate.p_value:.2g}"
    return estimate.measure.text, value, interval, p_value
