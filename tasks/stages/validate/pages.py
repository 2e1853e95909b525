"""The page of the stage `validate`."""

import math

from tasks.config.words import NO_WORDS, Words
from tasks.gates import Check
from tasks.reports import Cell, Link, Page, Section, Table, column_cell
from tasks.stages.validate.quality import QualityReport
from tasks.stages.validate.reference.agreement import Agreement
from tasks.stages.validate.reference.cells import SMALLEST_CELL
from tasks.stages.validate.reference.label_rates import RateShift


def quality_page(
    case: str, report: QualityReport, checks: tuple[Check, ...], words: Words = NO_WORDS
) -> Page:
    """Return the page of a use case: checks first, then the figures that they rest on."""
    return Page(
        case=case,
        title=f"Data quality: {case}",
        lead=f"{report.rows:,} rows after redaction.",
        checks=checks,
        words=words,
        sections=(
            _labels_and_groups(report, words),
            _drift(report, words),
            *_associations(report, words),
            _missing_values(report, words),
        ),
    )


def _labels_and_groups(report: QualityReport, words: Words) -> Section:
    labels = tuple((label, f"{share:.1%}") for label, share in report.label_shares.items())
    groups = tuple(
        (
            column_cell(attribute, words),
            group,
            f"fewer than {SMALLEST_CELL}" if rows is None else f"{rows:,}",
        )
        for attribute, counts in report.group_rows.items()
        for group, rows in counts.items()
    )

    return Section(
        heading="Labels and protected groups",
        text=(Link(text="The result of each expectation", href="../docs/index.html"),),
        parts=(
            Table(title="Labels", head=("Label", "Share of rows"), rows=labels),
            Table(title="Protected groups", head=("Attribute", "Group", "Rows"), rows=groups),
        ),
    )


def _drift(report: QualityReport, words: Words) -> Section:
    heading = "Drift from the accepted version"
    if report.reference is None or not report.reference.drift:
        return Section(
            heading=heading, text=("Not measured: no version of the data has been accepted yet.",)
        )

    # What was not measured comes first, as the worst: it needs somebody's attention.
    drifts = report.reference.drift.items()
    columns = sorted(drifts, key=lambda item: -item[1].psi if item[1] else -math.inf)
    rows = tuple(
        (column_cell(name, words), f"{drift.psi:.4f}", f"{drift.chance:.4f}")
        if drift
        else (column_cell(name, words), "not measured", "not measured")
        for name, drift in columns
    )
    return Section(
        heading=heading,
        text=(
            "The population stability index (PSI) of each column. By convention 0.1 is a small "
            "and 0.25 a large shift. If nothing had changed, chance alone would exceed the value "
            "in the last column one time in twenty.",
        ),
        parts=(Table(head=("Column", "PSI", "PSI by chance (95 %)"), rows=rows),),
    )


def _associations(report: QualityReport, words: Words) -> tuple[Section, ...]:
    """Return what became of the accepted associations, labels and tails; least agreement first."""
    if report.reference is None:
        return ()

    sections = []
    if (associations := report.reference.associations) is not None:
        sections.append(
            Section(
                heading="Agreement with the accepted version",
                text=(
                    "How much is left of what the columns of the accepted version said about one "
                    "another: 1 where nothing changed, less by about the share of rows that are "
                    "wrong. Chance explains losses up to the value in the last column. Where it "
                    "says that a loss could not be seen, nothing watches over the column but its "
                    "own drift.",
                ),
                parts=(
                    Table(
                        title="Sources and the label",
                        head=("What", "Kept", "Loss by chance"),
                        rows=_agreement_rows(
                            {"the label": associations.label}
                            | {f"source {name}": a for name, a in associations.sources.items()},
                            words,
                        ),
                    ),
                    Table(
                        title="Columns",
                        head=("Column", "Kept", "Loss by chance"),
                        rows=_agreement_rows(associations.columns, words),
                    ),
                ),
            )
        )

    if (labels := report.reference.labels) is not None:
        shifts = {"": {"all rows": labels.overall}} | labels.shown_groups
        sections.append(
            Section(
                heading=f"Rate of label {labels.label} beside the accepted version",
                parts=(
                    Table(
                        head=("Attribute", "Group", "Accepted", "Delivered", "Shift by chance"),
                        rows=tuple(
                            (column_cell(attribute, words), group, *_rate_cells(shift))
                            for attribute, groups in shifts.items()
                            for group, shift in groups.items()
                        )
                        + tuple(
                            (
                                column_cell(attribute, words),
                                f"without an accepted rate: {groups:,}",
                                *_rate_cells(None),
                            )
                            for attribute, groups in labels.without_rate.items()
                            if groups
                        ),
                    ),
                ),
            )
        )

    return tuple(sections)


def _agreement_rows(
    agreements: dict[str, Agreement | None], words: Words
) -> tuple[tuple[Cell, ...], ...]:
    ordered = sorted(agreements.items(), key=lambda item: item[1].kept if item[1] else math.inf)
    return tuple(
        (column_cell(name, words), f"{item.kept:.2f}", f"{item.chance:.2f}")
        if item
        else (column_cell(name, words), "a loss could not be seen", "not measured")
        for name, item in ordered
    )


def _rate_cells(shift: RateShift | None) -> tuple[str, str, str]:
    if shift is None:
        return ("too few rows", "not measured", "not measured")
    return (f"{shift.accepted:.1%}", f"{shift.delivered:.1%}", f"{shift.chance:.1%}")


def _missing_values(report: QualityReport, words: Words) -> Section:
    heading = "Missing values"
    ratios = {name: ratio for name, ratio in report.missing_ratio.items() if ratio}
    if not ratios:
        return Section(heading=heading, text=("No feature or protected attribute has any.",))

    columns = sorted(ratios.items(), key=lambda item: -item[1])
    rows = tuple((column_cell(name, words), f"{ratio:.2%}") for name, ratio in columns)
    return Section(heading=heading, parts=(Table(head=("Column", "Share missing"), rows=rows),))
