"""The page of the stage `fairness`."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tasks.config.words import NO_WORDS, Words
from tasks.disparity.counts import DecidedRows
from tasks.disparity.estimates import Estimate
from tasks.gates import Check
from tasks.reports import Figure, Page, Section, Table, group_text, write_page
from tasks.stages.fairness.figures import (
    draw_forest,
    draw_frontier,
    forest_of_decisions,
    forest_of_errors,
    gravest_first,
)
from tasks.stages.fairness.measuring import FairnessReport, GroupReport
from tasks.stages.fairness.params import FairnessLimits
from tasks.stages.fairness.power import RATIO_AT_LIMIT, RATIO_OF_BIAS, PowerTable
from tasks.stages.fairness.registered import AbsentFromTest, RegisteredGroup

COLOURS = (
    "Blue dots pass, red crosses fail, ochre diamonds are undecided; the dashed line is the limit"
)


def write_fairness_page(
    folder: Path,
    case: str,
    report: FairnessReport,
    checks: tuple[Check, ...],
    power: PowerTable,
    protected: pd.DataFrame,
    rows: DecidedRows,
    limits: FairnessLimits,
    registered: tuple[RegisteredGroup | AbsentFromTest, ...] = (),
    words: Words = NO_WORDS,
) -> None:
    """Draw the figures and write the page, failures first.

    `registered` compares the registered model's decisions with those that are judged; the other
    arguments are those of `measure_fairness`.
    """
    draw_forest(folder / "decisions.png", report, checks, forest_of_decisions(limits), words)
    draw_forest(folder / "errors.png", report, checks, forest_of_errors(limits), words)
    draw_frontier(folder / "frontier.png", report, protected, rows, limits.disparate_impact)
    write_page(folder, _page(case, report, gravest_first(checks), power, registered, words))


def _page(
    case: str,
    report: FairnessReport,
    checks: tuple[Check, ...],
    power: PowerTable,
    registered: tuple[RegisteredGroup | AbsentFromTest, ...],
    words: Words,
) -> Page:
    rows_without_group = [
        f"{words.label_of(name)}: {rows:,}"
        for name, rows in report.rows_without_group.items()
        if rows
    ]
    evaluated_rows = "the part “test”, by the registered model"
    if report.evaluated_on == "out_of_fold":
        evaluated_rows = "all rows, out of fold: by models of the folds, not the registered one"

    excused = "".join(
        f" Not judged: {words.attribute_of(attribute.attribute)}, excused by {attribute.by} on "
        f"{attribute.date}: {attribute.reason}."
        for attribute in report.excused_attributes
    )

    return Page(
        case=case,
        title=f"Fairness: {case}",
        lead=f"{report.rows:,} decisions about {report.people:,} people on {evaluated_rows}. "
        f"Rows with an unknown group: {', '.join(rows_without_group) or 'none'}.{excused}",
        opening=(
            Figure(
                file="decisions.png",
                title=f"Decisions “{words.favourable}” and “{words.unfavourable}”, by group",
                caption=f"Every group towards its privileged group, with 95 % intervals. {COLOURS}"
                ", the dotted one the screen of 0.9. An arrow leaves the figure.",
            ),
            Figure(
                file="errors.png",
                title="Whom the model errs about",
                caption=f"{COLOURS}.",
            ),
        ),
        checks=checks,
        words=words,
        sections=(
            _figures(words),
            _power_section(power, words),
            Section(
                heading="Groups",
                text=(
                    "Impact ratio, parity, opportunity and odds differences are computed by "
                    "AIF360. Intervals are at 95 %, and span what rows of unknown group could "
                    "make of the figure.",
                ),
                parts=(
                    _rates_table(report, words),
                    *(_group_table(group, words) for group in _compared(report)),
                ),
            ),
            _registered_section(registered, words),
        ),
    )


def _registered_section(
    registered: tuple[RegisteredGroup | AbsentFromTest, ...], words: Words
) -> Section:
    rows = tuple(
        (
            group_text(group.attribute, group.group, words),
            f"{group.people:,}",
            *_registered_cells(group),
        )
        for group in registered
    )
    head = ("Group", "People", "Share by the folds", "By the registered", "Difference", "Alike")

    return Section(
        heading="The registered model on people it never saw",
        text=(
            f"Shares decided “{words.favourable}”. Both decide about the people of the part "
            "“test”, whom neither learnt from. The difference has a paired 95 % interval; the "
            "last column is the share of rows that both decide alike.",
        ),
        parts=(Table(head=head, rows=rows),),
    )


def _registered_cells(group: RegisteredGroup | AbsentFromTest) -> tuple[str, str, str, str]:
    if isinstance(group, AbsentFromTest):
        return ("not measured", "not measured", "not measured", "not measured")

    return (
        f"{group.judged_rate:.3f}",
        f"{group.registered_rate:.3f}",
        f"{group.difference:+.3f} [{group.interval[0]:+.3f}, {group.interval[1]:+.3f}]",
        f"{group.agreement:.1%}",
    )


def _figures(words: Words) -> Section:
    return Section(
        heading="Figures",
        parts=(
            Figure(
                file="frontier.png",
                title="Trade-off between fairness and accuracy",
                caption="Every point of the line is this model with another cut-off, from "
                f"99.5 % to 50 % of rows decided “{words.favourable}”.",
            ),
        ),
    )


def _power_section(power: PowerTable, words: Words) -> Section:
    rows = tuple(
        (
            group_text(group.attribute, group.group, words),
            f"{group.rows:,}",
            f"{group.false_block:.0%}",
            f"{group.missed_at_limit:.0%}",
            f"{group.missed_bias:.0%}",
        )
        for group in power.groups
    )
    return Section(
        heading="What so many rows can tell",
        text=(
            f"From {power.replicates:,} simulated portfolios at parity and of each bias, at a "
            f"share “{words.favourable}” of {power.base_rate:.0%}: by this plan the gate blocks "
            f"{power.gate_false_block:.0%} of models that treat all groups alike. More rows of "
            "the groups that are blocked most often lower that; a looser limit would lower it, "
            "too, and miss biases.",
        ),
        parts=(
            Table(
                head=(
                    "Group",
                    "Rows",
                    "Blocked at parity",
                    f"Missed at a ratio of {RATIO_AT_LIMIT:g}",
                    f"Missed at {RATIO_OF_BIAS:g}",
                ),
                rows=rows,
            ),
        ),
    )


def _rates_table(report: FairnessReport, words: Words) -> Table:
    groups = sorted(
        (*report.references, *report.groups),
        key=lambda group: (group.attribute, -group.approval_rate),
    )
    return Table(
        title=f"Share “{words.favourable}”",
        head=("Group", "Rows", "People", "Share", "95 % interval"),
        rows=tuple(
            (
                group_text(group.attribute, group.group, words)
                + (", privileged" if group.group == group.privileged else ""),
                f"{group.rows:,}",
                f"{group.people:,}",
                f"{group.approval_rate:.3f}",
                "[{:.3f}, {:.3f}]".format(*group.approval_interval),
            )
            for group in groups
        ),
    )


def _compared(report: FairnessReport) -> Iterator[GroupReport]:
    """Yield all groups that are compared with another; a privileged one may be, too."""
    yield from report.groups
    for group in report.references:
        if any(estimate.towards is not None for estimate in group.estimates):
            yield group


def _group_table(group: GroupReport, words: Words) -> Table:
    people = "" if group.people == group.rows else f" of {group.people:,} people"
    is_privileged = group.group == group.privileged
    return Table(
        title=f"{group.group} compared with "
        f"{'groups that are better off' if is_privileged else group.privileged} "
        f"({words.attribute_of(group.attribute)}), {group.rows:,} rows{people}",
        head=("Measure", "Value", "95 % interval"),
        rows=tuple(_estimate_row(estimate) for estimate in group.estimates),
    )


def _estimate_row(estimate: Estimate) -> tuple[str, ...]:
    value = "not measured" if estimate.value is None else f"{estimate.value:.3f}"
    interval = "not measured" if estimate.value is None else "none"
    if estimate.interval:
        low, high = estimate.interval
        interval = f"[{low:.3f}, {high:.3f}]"
    name = estimate.measure.text
    if estimate.approval_rate is not None:
        name = f"{name.partition(',')[0]}, at an approval rate of {estimate.approval_rate:g}"
    if estimate.towards is not None:
        name = f"{name}, towards {estimate.towards}"
    return name, value, interval
