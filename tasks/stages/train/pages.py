"""The page of the stage `train`."""

from pathlib import Path

import numpy as np

from tasks.gates import Check
from tasks.learning.performance import Performance, roc_points
from tasks.model.families import Matrix
from tasks.reports import Figure, Page, Section, Table, figure, write_page
from tasks.reports.figures import GRID, SECOND, WARN

HISTOGRAM_BINS = 40
AXIS_MARGIN = 0.05  # free space below the lowest point of the calibration curve


def write_performance_page(
    folder: Path,
    case: str,
    performance: Performance,
    checks: tuple[Check, ...],
    scores: Matrix,
    labels: Matrix,
    cutoff: float,
) -> None:
    """Draw the figures from out-of-fold scores and write the page.

    `scores` and `labels` have shape (rows,); `cutoff` is the registered model's.
    """
    _draw_roc(folder / "roc.png", performance, scores, labels)
    _draw_calibration(folder / "calibration.png", performance)
    _draw_scores(folder / "scores.png", scores, labels, cutoff)
    write_page(folder, _page(case, performance, checks))


def _draw_roc(path: Path, performance: Performance, scores: Matrix, labels: Matrix) -> None:
    false_positive_rates, true_positive_rates = zip(*roc_points(scores, labels), strict=True)
    # Square, so that a degree of the curve means the same in both directions.
    with figure(path, width=5.2, height=5.0) as axes:
        axes.plot(
            false_positive_rates,
            true_positive_rates,
            lw=2,
            label=f"Model, AUC {_with_interval(performance)}",
        )
        axes.plot([0, 1], [0, 1], color=GRID, lw=1.5, label="Chance, AUC 0.5")
        axes.set(
            title="ROC curve",
            xlabel="False positive rate (bad cases approved)",
            ylabel="True positive rate (good cases approved)",
        )
        axes.legend(loc="lower right")


def _draw_calibration(path: Path, performance: Performance) -> None:
    predicted = [table_row.predicted for table_row in performance.reliability]
    observed = [table_row.observed for table_row in performance.reliability]
    lowest = max(min(*predicted, *observed) - AXIS_MARGIN, 0)
    with figure(path, width=5.2, height=5.0) as axes:
        axes.plot([0, 1], [0, 1], color=GRID, lw=1.5, label="Perfect calibration")
        axes.plot(predicted, observed, "o-", ms=5, label="Model")
        axes.set(
            title="Calibration",
            xlabel="Mean predicted probability",
            ylabel="Observed share of good cases",
            xlim=(lowest, 1.01),
            ylim=(lowest, 1.01),
        )
        axes.legend(loc="upper left")


def _draw_scores(path: Path, scores: Matrix, labels: Matrix, cutoff: float) -> None:
    bins = np.linspace(scores.min(), 1, HISTOGRAM_BINS + 1).tolist()
    with figure(path) as axes:
        # Densities, not counts: bad cases are few, and would be too low to see.
        axes.hist(scores[labels == 1], bins=bins, density=True, alpha=0.75, label="Good cases")
        axes.hist(
            scores[labels == 0],
            bins=bins,
            density=True,
            alpha=0.65,
            color=WARN,
            label="Bad cases",
        )
        axes.axvline(cutoff, color=SECOND, lw=1.5, ls="--", label=f"Cut-off {cutoff:.3f}")
        axes.set(
            title="Scores by actual outcome",
            xlabel="Score (predicted probability of the favourable label)",
            ylabel="Density",
        )
        axes.legend(loc="upper left")


def _page(case: str, performance: Performance, checks: tuple[Check, ...]) -> Page:
    return Page(
        title=f"Model performance: {case}",
        lead="All figures are out of fold: each row is scored by a model that was trained "
        "without any row of the same person.",
        checks=checks,
        sections=(_measures(performance), _confusion_matrix(performance), _figures()),
    )


def _measures(performance: Performance) -> Section:
    rows = (
        ("Rows", f"{performance.rows:,}"),
        ("AUC (95 % interval, DeLong)", _with_interval(performance)),
        ("Accuracy", f"{performance.accuracy:.3f}"),
        ("Accuracy of the majority label", f"{performance.majority_accuracy:.3f}"),
        (
            "Balanced accuracy (0.5 for the majority label)",
            f"{performance.balanced_accuracy:.3f}",
        ),
        ("Brier score", f"{performance.brier:.4f}"),
        ("Expected calibration error", f"{performance.calibration_error:.4f}"),
        ("Approval rate", f"{performance.approval_rate:.1%}"),
    )
    return Section(heading="Measures", parts=(Table(head=("Measure", "Value"), rows=rows),))


def _confusion_matrix(performance: Performance) -> Section:
    counts = {name: f"{rows:,}" for name, rows in performance.confusion.items()}
    table = Table(
        head=("Decision", "Good cases", "Bad cases"),
        rows=(
            ("Approved", counts["approved_good"], counts["approved_bad"]),
            ("Declined", counts["declined_good"], counts["declined_bad"]),
        ),
    )
    return Section(
        heading="Confusion matrix",
        text=("Good cases have the favourable label in the data, bad cases the other one.",),
        parts=(table,),
    )


def _figures() -> Section:
    return Section(
        heading="Figures",
        parts=(
            Figure(
                file="roc.png",
                title="ROC curve",
                caption="At cut-offs that are 101 quantiles of the scores.",
            ),
            Figure(
                file="calibration.png",
                title="Calibration",
                caption="Ten bins with equal numbers of rows. Points below the diagonal are "
                "predicted too favourably.",
            ),
            Figure(
                file="scores.png",
                title="Scores",
                caption="The dashed line is the cut-off of the registered model. "
                "Areas are equal: good and bad cases are scaled separately.",
            ),
        ),
    )


def _with_interval(performance: Performance) -> str:
    """Return the AUC with its 95 % interval, as `0.830 [0.801, 0.859]`."""
    low, high = performance.auc_interval
    return f"{performance.auc:.3f} [{low:.3f}, {high:.3f}]"
