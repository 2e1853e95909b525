"""The page of the stage `subgroups`."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np

from tasks.config.words import NO_WORDS, Words
from tasks.gates import Check, Outcome
from tasks.reports import Figure, Page, Section, Table, figure, group_text, write_page
from tasks.reports.figures import ACCENT, GRID, INK, SECOND, WARN
from tasks.stages.subgroups.confirming import Subgroup
from tasks.stages.subgroups.judging import TEXTS
from tasks.stages.subgroups.measuring import SubgroupsReport
from tasks.stages.subgroups.params import SubgroupsLimits, SubgroupsParams
from tasks.stages.subgroups.searching import SubgroupMeasure

# A form beside the colour, for those who do not see it.
COLOURS = {Outcome.PASS: ACCENT, Outcome.FAIL: WARN, Outcome.UNDECIDED: SECOND}
MARKERS = {Outcome.PASS: "o", Outcome.FAIL: "X", Outcome.UNDECIDED: "D"}
FRAME_HEIGHT = 1.5  # inches
LINE_HEIGHT = 0.36
LABEL_WIDTH = 48  # letters in a line of a label
MOST_SEGMENTS = 15
PARITY = {SubgroupMeasure.DISPARATE_IMPACT: 1.0}


def write_subgroups_page(
    folder: Path,
    case: str,
    report: SubgroupsReport,
    checks: tuple[Check, ...],
    params: SubgroupsParams,
    limits: SubgroupsLimits,
    words: Words = NO_WORDS,
) -> None:
    """Draw the worst subgroups of each measure and write the page."""
    # The judge answers in the order of the report; calibration comes last.
    judged = list(zip(report.subgroups, checks, strict=False))
    lines = {
        SubgroupMeasure.FALSE_DECLINE_DIFFERENCE: limits.false_decline_difference,
        SubgroupMeasure.DISPARATE_IMPACT: limits.disparate_impact,
        SubgroupMeasure.UNDERRATED_BY: limits.underrated_by,
    }
    figures = []
    for measure, limit in lines.items():
        shown = [(item, check) for item, check in judged if item.measure is measure]
        if shown:
            file = f"{measure}.png"
            _draw(folder / file, measure, shown, limit, words)
            figures.append(Figure(file=file, title=_title(measure), caption=CAPTION))

    write_page(folder, _page(case, report, checks, params, tuple(figures), words))


CAPTION = (
    "The line and its mark are the confirmation on people set aside, with a 95 % interval: blue "
    "dots pass, red crosses fail, ochre diamonds are undecided. The hollow mark is what the search "
    "saw; the dashed line is the limit."
)


def _title(measure: SubgroupMeasure) -> str:
    text = TEXTS[measure]
    return f"{text[0].upper()}{text[1:]}"


def _draw(
    path: Path,
    measure: SubgroupMeasure,
    judged: Sequence[tuple[Subgroup, Check]],
    limit: float,
    words: Words,
) -> None:
    labels = [
        fill(
            f"{group_text(subgroup.attribute, subgroup.group, words)}, n = {subgroup.people:,}",
            LABEL_WIDTH,
        )
        for subgroup, _ in judged
    ]
    height = FRAME_HEIGHT + LINE_HEIGHT * sum(1 + label.count("\n") / 2 for label in labels)
    with figure(path, width=9.5, height=height) as axes:
        axes.axvline(PARITY.get(measure, 0.0), color=GRID, lw=1.5)
        axes.axvline(limit, color=WARN, lw=1.5, ls="--")
        for line, (subgroup, check) in enumerate(judged):
            colour = COLOURS.get(check.outcome, INK)
            if subgroup.search_value is not None:
                axes.plot(subgroup.search_value, line, "o", mfc="none", mec=INK, ms=7)
            if subgroup.value is None or subgroup.interval is None:
                continue
            # The interval of 95 %, not the one-sided end that is judged: the table has that, as
            # "confirmed".
            axes.plot(subgroup.interval, [line, line], color=colour, lw=2.5)
            axes.plot(subgroup.value, line, MARKERS.get(check.outcome, "o"), color=colour, ms=7)

        axes.set_yticks(np.arange(len(labels)), labels)
        # Axes count upwards, people read downwards.
        axes.set_ylim(len(labels) - 0.4, -0.6)
        # Above the labels, too: over the axes alone a long one would be cut off.
        axes.figure.suptitle(_title(measure), x=0, ha="left", fontsize=12, weight="bold")
        axes.grid(visible=False, axis="y")


def _page(
    case: str,
    report: SubgroupsReport,
    checks: tuple[Check, ...],
    params: SubgroupsParams,
    figures: tuple[Figure, ...],
    words: Words,
) -> Page:
    searched = max(report.searched.values(), default=0)
    return Page(
        case=case,
        title=f"Subgroups: {case}",
        lead=f"{report.rows:,} decisions about {report.people:,} people, divided by "
        f"{'; '.join(map(words.label_of, report.attributes))}: {searched:,} conjunctions of at "
        f"most {params.depth} attributes have {params.smallest_people:,} people in either half and "
        "were searched. "
        "A pass says that no fault of the worst was confirmed, where one as large as declared "
        "would have been. It says nothing of subgroups that were not kept, of smaller ones, or of "
        "other columns.",
        opening=figures,
        checks=checks,
        words=words,
        sections=(
            Section(
                heading="The worst subgroups",
                text=(
                    "Searched on one half of the people, by size times disparity; confirmed on "
                    f"the other. Who is decided “{words.unfavourable}” is compared with everybody "
                    "else, within the same audited values. What is confirmed is so for all of them "
                    f"together, with {1 - params.significance:.0%}; it is held against the limit.",
                    *_unsearched_in_words(report, words),
                ),
                parts=(_subgroups_table(report, checks, words),),
            ),
            _calibration_section(report, params, words),
        ),
    )


def _unsearched_in_words(report: SubgroupsReport, words: Words) -> tuple[str, ...]:
    """Return a sentence for each measure by which an attribute was not searched: it is no pass."""
    return tuple(
        f"Not measured ({TEXTS[measure]}), for too few people to be compared: "
        f"{', '.join(map(words.label_of, attributes))}."
        for measure, attributes in report.unsearched.items()
        if attributes
    )


def _subgroups_table(report: SubgroupsReport, checks: tuple[Check, ...], words: Words) -> Table:
    return Table(
        head=(
            "Measure",
            "Subgroup",
            "Compared within",
            "Search",
            "People",
            "Confirmation",
            "95 % interval",
            "People",
            "Confirmed",
        ),
        rows=tuple(
            (
                TEXTS[item.measure],
                group_text(item.attribute, item.group, words),
                item.compared_within or "everybody",
                _number(item.search_value),
                f"{item.search_people:,}",
                _number(item.value),
                "not measured"
                if item.interval is None
                else "[{:.3f}, {:.3f}]".format(*item.interval),
                f"{item.people:,}",
                _number(check.value),
            )
            for item, check in zip(report.subgroups, checks, strict=False)
        ),
    )


def _calibration_section(report: SubgroupsReport, params: SubgroupsParams, words: Words) -> Section:
    calibration = report.multicalibration
    segments = calibration.segments

    return Section(
        heading="Calibration in every segment",
        text=(
            f"The cumulated error of the scores (Kuiper), worst first, of {len(segments):,} "
            f"segments of {params.smallest_people:,} people or more. By chance the worst of so "
            f"many reaches {calibration.deviations_of_chance:.2f} standard deviations in "
            f"{params.significance:.0%} of well calibrated models, at most. Where few rows are bad "
            "it reaches further, as the column of chance counts. The last column is the "
            "mean error of a segment that would be seen.",
        ),
        parts=(
            Table(
                head=("Segment", "Rows", "Error", "Standard deviations", "Chance", "Visible"),
                rows=tuple(
                    (
                        group_text(item.attribute, item.group, words),
                        f"{item.rows:,}",
                        f"{item.error:.4f}",
                        f"{item.deviations:.2f}",
                        f"{item.p_value:.2g}",
                        f"{item.smallest_visible:.3f}",
                    )
                    for item in segments[:MOST_SEGMENTS]
                ),
            ),
        ),
    )


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
