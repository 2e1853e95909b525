"""The page of the stage `train`."""

from pathlib import Path

import numpy as np

from tasks.gates import Check
from tasks.model.families import Matrix
from tasks.reports import Figure, Page, Section, Table, figure, write_page
from tasks.reports.figures import GRID, SECOND, WARN
from tasks.stages.train.performance import Performance, roc


def write_performance_page(
    folder: Path,
    case: str,
    found: Performance,
    checks: tuple[Check, ...],
    scores: Matrix,
    labels: Matrix,
    cutoff: float,
) -> None:
    """Draw the figures from out-of-fold scores and write the page."""
    with figure(folder / "roc.png") as axes:
        false, true = zip(*roc(scores, labels), strict=True)
        axes.plot(
            false,
            true,
            lw=2,
            label=f"model, AUC {found.auc:.3f} [{found.auc_interval[0]:.3f}, {found.auc_interval[1]:.3f}]",
        )
        axes.plot([0, 1], [0, 1], color=GRID, lw=1.5, label="chance")
        axes.set(
            title="Who is told apart",
            xlabel="Share of bad cases above the line",
            ylabel="Share of good cases above it",
        )
        axes.legend(loc="lower right")
    with figure(folder / "calibration.png") as axes:
        axes.plot([0, 1], [0, 1], color=GRID, lw=1.5)
        axes.plot(
            [b.predicted for b in found.reliability],
            [b.observed for b in found.reliability],
            "o-",
            ms=5,
        )
        low = max(min(min(b.predicted, b.observed) for b in found.reliability) - 0.05, 0)
        axes.set(
            title="Does 0.8 mean 80 %?",
            xlabel="Mean predicted probability",
            ylabel="Observed share",
            xlim=(low, 1.01),
            ylim=(low, 1.01),
        )
    with figure(folder / "scores.png") as axes:
        bins = np.linspace(scores.min(), 1, 41).tolist()
        axes.hist(scores[labels == 1], bins=bins, density=True, alpha=0.75, label="good in fact")
        axes.hist(
            scores[labels == 0],
            bins=bins,
            density=True,
            alpha=0.65,
            color=WARN,
            label="bad in fact",
        )
        axes.axvline(cutoff, color=SECOND, lw=1.5, ls="--", label=f"cut-off {cutoff:.3f}")
        axes.set(
            title="Scores by what happened",
            xlabel="Score: probability of the favourable label",
            ylabel="Density",
        )
        axes.legend(loc="upper left")
    write_page(folder, _page(case, found, checks))


def _page(case: str, found: Performance, checks: tuple[Check, ...]) -> Page:
    confusion = found.confusion
    measures = (
        ("rows, each scored by a model that never saw its person", f"{found.rows:,}"),
        (
            "area under the ROC curve (95 % interval, DeLong)",
            f"{found.auc:.3f} [{found.auc_interval[0]:.3f}, {found.auc_interval[1]:.3f}]",
        ),
        ("accuracy", f"{found.accuracy:.3f}"),
        ("accuracy of always giving the majority's answer", f"{found.majority_accuracy:.3f}"),
        ("balanced accuracy (the majority's answer has 0.5)", f"{found.balanced_accuracy:.3f}"),
        ("Brier score", f"{found.brier:.4f}"),
        ("calibration error", f"{found.calibration_error:.4f}"),
        ("approved", f"{found.approval_rate:.1%}"),
    )
    return Page(
        title=f"Performance: {case}",
        lead="Out of fold: every row is scored by a model that was trained without its person.",
        checks=checks,
        sections=(
            Section(heading="Measures", parts=(Table(head=("measure", "value"), rows=measures),)),
            Section(
                heading="Errors",
                parts=(
                    Table(
                        head=("", "good in fact", "bad in fact"),
                        rows=(
                            (
                                "approved",
                                f"{confusion['approved_good']:,}",
                                f"{confusion['approved_bad']:,}",
                            ),
                            (
                                "declined",
                                f"{confusion['declined_good']:,}",
                                f"{confusion['declined_bad']:,}",
                            ),
                        ),
                    ),
                ),
            ),
            Section(
                heading="Figures",
                parts=(
                    Figure(
                        file="roc.png", title="ROC curve", caption="At 101 quantiles of the score."
                    ),
                    Figure(
                        file="calibration.png",
                        title="Calibration",
                        caption="Ten bins of equally many rows.",
                    ),
                    Figure(
                        file="scores.png",
                        title="Scores",
                        caption="The dashed line is the registered model's cut-off.",
                    ),
                ),
            ),
        ),
    )
