"""The page of the stage `train`."""

from pathlib import Path

import numpy as np

from tasks.config.words import NO_WORDS, Words
from tasks.gates import Check, Outcome
from tasks.learning.leaks import FeatureLeak
from tasks.learning.performance import Performance, roc_points
from tasks.model.families import Matrix
from tasks.reports import (
    Figure,
    Page,
    Section,
    Table,
    column_cell,
    figure,
    group_text,
    write_page,
)
from tasks.reports.figures import GRID, SECOND, WARN
from tasks.stages.train.checks import TrainCheck
from tasks.stages.train.measuring import GroupCalibration, HeldOut, ModelReport

HISTOGRAM_BINS = 40
MOST_LEAKS_SHOWN = 15
AXIS_MARGIN = 0.05  # free space below the lowest point of the calibration curve


def write_performance_page(
    folder: Path,
    case: str,
    report: ModelReport,
    checks: tuple[Check, ...],
    scores: Matrix,
    labels: Matrix,
    cutoff: float,
    words: Words = NO_WORDS,
) -> None:
    """Draw the figures from out-of-fold scores and write the page.

    `scores` and `labels` have shape (rows,); `cutoff` is the registered model's.
    """
    performance = report.performance
    _draw_roc(folder / "roc.png", performance, scores, labels, words)
    _draw_calibration(folder / "calibration.png", performance)
    measured = [group for group in report.groups if group.calibration is not None]
    if measured:
        _draw_groups(folder / "groups.png", measured, checks, words)

    _draw_scores(folder / "scores.png", scores, labels, cutoff)
    write_page(folder, _page(case, report, checks, words, has_groups=bool(measured)))


def _draw_roc(
    path: Path, performance: Performance, scores: Matrix, labels: Matrix, words: Words
) -> None:
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
            xlabel=f"False positive rate (bad cases decided “{words.favourable}”)",
            ylabel=f"True positive rate (good cases decided “{words.favourable}”)",
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


def _draw_groups(
    path: Path, groups: list[GroupCalibration], checks: tuple[Check, ...], words: Words
) -> None:
    """Draw mean score and observed share of each group, and what chance explains between them."""
    failing = {
        (check.about.attribute, check.about.group)
        for check in checks
        if check.id == TrainCheck.GROUP_CALIBRATION and check.outcome is Outcome.FAIL
    }
    with figure(path, height=1.4 + 0.34 * len(groups)) as axes:
        for place, group in enumerate(reversed(groups)):
            calibration = group.calibration
            if calibration is None:
                continue
            chance = calibration.chance_error
            is_failing = (group.attribute, group.group) in failing
            axes.plot(
                [max(calibration.predicted - chance, 0), min(calibration.predicted + chance, 1)],
                [place, place],
                color=GRID,
                lw=8,
                solid_capstyle="butt",
                label="Explained by chance" if place == 0 else None,
            )
            axes.plot(
                calibration.predicted,
                place,
                "o",
                color=SECOND,
                label="Mean score" if place == 0 else None,
            )
            axes.plot(
                calibration.observed,
                place,
                "D",
                color=WARN if is_failing else "black",
                label="Observed share" if place == 0 else None,
            )

        axes.set_yticks(
            range(len(groups)),
            [group_text(group.attribute, group.group, words) for group in reversed(groups)],
        )
        axes.set(title="Calibration by group", xlabel="Share with the favourable label")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncol=3)


def _draw_scores(path: Path, scores: Matrix, labels: Matrix, cutoff: float) -> None:
    # The same bins for both labels, or heights could not be compared.
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


def _page(
    case: str, report: ModelReport, checks: tuple[Check, ...], words: Words, *, has_groups: bool
) -> Page:
    return Page(
        case=case,
        title=f"Model performance: {case}",
        lead="What is not marked as the registered model's is out of fold: each row is scored by a "
        "model of a fold, which was trained without any row of the same person. The registered "
        "model is one more fit, with a cut-off of its own; it is judged on the people of the part "
        "“test”, whom it never saw.",
        opening=_figures(),
        checks=checks,
        words=words,
        sections=(
            _measures(report.performance, words),
            _comparison(report),
            _registered(report.held_out, words),
            _group_calibration(report.groups, words, has_groups=has_groups),
            _leaks(report, words),
            _confusion_matrix(report.performance, words),
        ),
    )


def _comparison(report: ModelReport) -> Section:
    challenger = report.challenger
    overfit = report.overfit
    rows: list[tuple[str, ...]] = [
        ("Model, out of fold", _with_interval(report.performance), ""),
        ("Registered model, rows it learnt from", f"{overfit.training_auc:.3f}", ""),
    ]
    if challenger is not None:
        low, high = challenger.interval
        rows.insert(
            1,
            (
                "Challenger, a logistic regression",
                f"{challenger.auc:.3f}",
                f"{-challenger.difference:+.3f} [{-high:+.3f}, {-low:+.3f}]",
            ),
        )

    return Section(
        heading="Challenger and overfitting",
        text=(
            "The challenger learns on the same folds from the same inputs. A model that gains "
            "nothing on it could be replaced by one that everybody can read.",
        ),
        parts=(Table(head=("Model", "AUC", "The model gains (95 % interval)"), rows=tuple(rows)),),
    )


def _registered(held_out: HeldOut, words: Words) -> Section:
    lost, interval = held_out.auc_lost, held_out.auc_lost_interval
    shown_loss = "not measured"
    if lost is not None and interval is not None:
        shown_loss = f"{lost:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]"
    shown_auc = "not measured"
    if held_out.auc is not None and held_out.auc_interval is not None:
        low, high = held_out.auc_interval
        shown_auc = f"{held_out.auc:.3f} [{low:.3f}, {high:.3f}]"

    rows = [
        ("Rows of the part “test”", f"{held_out.rows:,}"),
        ("AUC (95 % interval, DeLong)", shown_auc),
        ("AUC lost to the models of the folds, same rows", shown_loss),
    ]
    if held_out.calibration is not None and held_out.approval_rate is not None:
        rows += [
            ("Mean score", f"{held_out.calibration.predicted:.3f}"),
            ("Observed share", f"{held_out.calibration.observed:.3f}"),
            (f"Share “{words.favourable}”, by its own cut-off", f"{held_out.approval_rate:.1%}"),
            (f"Share “{words.favourable}” expected", f"{held_out.expected_approval_rate:.1%}"),
        ]
    return Section(
        heading="The registered model on people it never saw",
        text=(
            "This model decides; all other figures of this page are those of the models of the "
            "folds, which try its recipe on every row.",
        ),
        parts=(Table(head=("Measure", "Value"), rows=tuple(rows)),),
    )


def _group_calibration(
    groups: tuple[GroupCalibration, ...], words: Words, *, has_groups: bool
) -> Section:
    rows = []
    for group in groups:
        calibration = group.calibration
        figures = ("too few", *["not measured"] * 4)
        if calibration is not None:
            figures = (
                f"{calibration.predicted:.3f}",
                f"{calibration.observed:.3f}",
                f"{calibration.overrated_by:+.3f}",
                f"{calibration.error:.3f}",
                f"{calibration.chance_error:.3f}",
            )
        rows.append(
            (column_cell(group.attribute, words), group.group, f"{group.people:,}", *figures)
        )

    head = (
        "Attribute",
        "Group",
        "People",
        "Mean score",
        "Observed",
        "Overrated by",
        "Error",
        "Explained by chance",
    )
    drawing = Figure(
        file="groups.png",
        title="Calibration by group",
        caption="The bar spans the error that a calibrated model exceeds once in twenty times. "
        "A group whose check fails has a red observed share; it may fail by its curve alone.",
    )
    table = Table(head=head, rows=tuple(rows))

    return Section(
        heading="Calibration by group",
        text=(
            "The error is the expected calibration error within the group: a group may be rated "
            "rightly on average and wrongly at both ends. A mitigation that lifts a group's scores "
            "above its label rate shows here as overrating.",
        ),
        parts=(drawing, table) if has_groups else (table,),
    )


def _leaks(report: ModelReport, words: Words) -> Section:
    # The first few: the report has all features, and an honest case has nothing to see here.
    leaks = sorted(report.leaks, key=_suspicion, reverse=True)[:MOST_LEAKS_SHOWN]
    rows = tuple(
        (
            column_cell(leak.feature, words),
            f"{leak.auc:.3f}",
            f"{max(leak.purity, 0.0):.2f}",
            leak.slice_kind if leak.purity > 0 else "none",
            f"{leak.slice_rows:,}" if leak.purity > 0 else "",
        )
        for leak in leaks
    )

    return Section(
        heading="Leak alarms",
        text=(
            "AUC of each feature alone, whichever way it points; and of its purest slice how much "
            "of the outcome that is rare there is gone, at least (exact bound over all slices of "
            "all features). A feature that is filled in after the decision shows in one of them, "
            f"even if for a part of the rows only. The {len(rows)} most telling features.",
        ),
        parts=(Table(head=("Feature", "AUC", "Purity", "Slice", "Rows"), rows=rows),),
    )


def _suspicion(leak: FeatureLeak) -> float:
    """Return how telling a feature is: the larger of both figures, from 0 to 1."""
    return max(2 * leak.auc - 1, leak.purity)


def _measures(performance: Performance, words: Words) -> Section:
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
        ("Expected calibration error, chance included", f"{performance.calibration_error:.4f}"),
        (f"Share “{words.favourable}”", f"{performance.approval_rate:.1%}"),
    )
    return Section(heading="Measures", parts=(Table(head=("Measure", "Value"), rows=rows),))


def _confusion_matrix(performance: Performance, words: Words) -> Section:
    counts = {name: f"{rows:,}" for name, rows in performance.confusion.items()}
    table = Table(
        head=("Decision", "Good cases", "Bad cases"),
        rows=(
            (f"“{words.favourable}”", counts["approved_good"], counts["approved_bad"]),
            (f"“{words.unfavourable}”", counts["declined_good"], counts["declined_bad"]),
        ),
    )

    return Section(
        heading="Confusion matrix",
        text=("Good cases have the favourable label in the data, bad cases the other one.",),
        parts=(table,),
    )


def _figures() -> tuple[Figure, ...]:
    return (
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
    )


def _with_interval(performance: Performance) -> str:
    """Return the AUC with its 95 % interval, as `0.830 [0.801, 0.859]`."""
    low, high = performance.auc_interval
    return f"{performance.auc:.3f} [{low:.3f}, {high:.3f}]"
