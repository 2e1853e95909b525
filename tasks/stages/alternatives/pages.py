"""The page of the stage `alternatives`: the frontier first, then what was tried and confirmed."""

from pathlib import Path

from tasks.config.words import NO_WORDS, Words
from tasks.gates import Check
from tasks.reports import Figure, Page, Section, Table, group_text, write_page
from tasks.stages.alternatives.choosing import (
    SHIPPED_INDEX,
    AlternativesReport,
    ConfigurationFigures,
    Interval,
)
from tasks.stages.alternatives.drawing import Spread, draw_frontier
from tasks.stages.alternatives.params import AlternativesParams

NOT_MEASURED = "not measured"
MOST_DOMINATED = 12  # rows of the second table; the report has all


def write_alternatives_page(
    folder: Path,
    case: str,
    report: AlternativesReport,
    checks: tuple[Check, ...],
    params: AlternativesParams,
    words: Words = NO_WORDS,
) -> None:
    """Draw the frontier and write the page."""
    opening: tuple[Figure, ...] = ()
    if report.configurations:
        draw_frontier(folder / "frontier.png", report, params.loss_of_auc, words)
        opening = (
            Figure(
                file="frontier.png",
                title="What other configurations would do",
                caption="Each point is a configuration, averaged over seeds. "
                + _reading(report, words)
                + " Higher up, good and bad rows are told apart better. "
                "Lines are 95 % intervals of people and seeds. Configurations that another "
                "one dominates are light.",
            ),
        )

    write_page(folder, _page(case, report, checks, params, opening, words))


def _reading(report: AlternativesReport, words: Words) -> str:
    """Return how the picture's level axis is read."""
    measured = [item for item in report.configurations if item.decline_ratio is not None]
    if Spread.of(measured).is_decline:
        return f"To the left, the worst group is decided “{words.unfavourable}” less often."
    return (
        f"No configuration decides “{words.unfavourable}” of any group more often than of its "
        "privileged group: to the right of 1, the worst group is decided "
        f"“{words.favourable}” more often."
    )


def _page(
    case: str,
    report: AlternativesReport,
    checks: tuple[Check, ...],
    params: AlternativesParams,
    opening: tuple[Figure, ...],
    words: Words,
) -> Page:
    compared = [_group_in_words(group, words) for group in report.groups]
    return Page(
        case=case,
        title=f"Less discriminatory alternatives: {case}",
        lead=f"{len(report.configurations):,} configurations, {report.seeds} seeds and "
        f"{report.folds} folds: {report.fits:,} fits on {report.rows:,} rows. Every one decides "
        f"“{words.favourable}” of {report.approval_rate:.1%}, as the model does.",
        opening=opening,
        checks=checks,
        words=words,
        sections=(
            _confirmation(report, params),
            Section(
                heading="The frontier",
                text=(
                    "No other configuration has a higher AUC and a lower decline ratio than "
                    "these. The decline ratio is that of the worst group towards its privileged "
                    "group, never below 1. At the plan's other approval rates it stands in the "
                    "last columns.",
                    f"Compared groups: {', '.join(compared) or 'none'}.",
                    *_uncompared_in_words(report, words),
                ),
                parts=_tables(report, words),
            ),
        ),
    )


def _uncompared_in_words(report: AlternativesReport, words: Words) -> tuple[str, ...]:
    if not report.uncompared:
        return ()
    names = ", ".join(map(words.attribute_of, report.uncompared))
    return (f"Not measured, for no group is large enough to be compared: {names}.",)


def _confirmation(report: AlternativesReport, params: AlternativesParams) -> Section:
    loss = f"within a loss of AUC of {params.loss_of_auc:g}"
    text = f"No alternative is {loss}."
    if report.chosen is not None:
        chosen = report.chosen
        text = (
            f"Of the alternatives {loss}, one half of the people chose {chosen.name}. On the "
            f"other half its decline ratio is {chosen.decline_ratio:.3g}, the shipped model's "
            f"{chosen.shipped_decline_ratio:.3g}: lower by {chosen.reduction:.1%}, and by at "
            f"least {chosen.least_reduction:.1%} (one-sided, 95 %). Its AUC there is "
            f"{chosen.auc:.3f}, the shipped model's {chosen.shipped_auc:.3f}."
        )

    return Section(
        heading="What was confirmed",
        text=(
            text,
            "The best of many is partly the luckiest. So one alternative is chosen on half of "
            "the people, and measured on those who had no part in the choice.",
        ),
    )


def _tables(report: AlternativesReport, words: Words) -> tuple[Table, ...]:
    if not report.configurations:
        return ()

    shipped = report.configurations[SHIPPED_INDEX]
    ordered = sorted(
        report.configurations, key=lambda item: (item.decline_ratio or float("inf"), -item.auc)
    )
    frontier = [item for item in ordered if item.is_efficient or item is shipped]
    # Nearest to the frontier in AUC first: what is far worse tells nothing.
    dominated = sorted(
        (item for item in ordered if item not in frontier), key=lambda item: -item.auc
    )
    tables = [_table("", frontier, report, words)]
    if dominated:
        title = f"Dominated, the {min(len(dominated), MOST_DOMINATED)} with the highest AUC"
        tables.append(_table(title, dominated[:MOST_DOMINATED], report, words))

    return tuple(tables)


def _table(
    title: str, items: list[ConfigurationFigures], report: AlternativesReport, words: Words
) -> Table:
    cutoffs = tuple(report.configurations[SHIPPED_INDEX].decline_ratio_at)
    return Table(
        title=title,
        head=(
            "Learner / mitigation / features",
            "AUC",
            "Decline ratio",
            "Worst group",
            "Impact ratio",
            "Scores lower, SD",
            *(f"Decline ratio at {float(rate):.0%}" for rate in cutoffs),
        ),
        rows=tuple(
            (
                item.name + (" (within the loss)" if item.is_within_loss else ""),
                _shown(item.auc, item.auc_interval, ".3f"),
                _shown(item.decline_ratio, item.decline_ratio_interval, ".2f"),
                _group_in_words(item.worst_group, words),
                _shown(item.impact_ratio, item.impact_ratio_interval, ".2f"),
                _shown(item.mean_difference, item.mean_difference_interval, ".2f"),
                *(_shown(ratio, None, ".2f") for ratio in item.decline_ratio_at.values()),
            )
            for item in items
        ),
    )


def _group_in_words(group: str, words: Words) -> str:
    """Return a group of the report, "black (race)", with what its attributes are called."""
    name, _, attribute = group.removesuffix(")").rpartition(" (")
    return group_text(attribute, name, words) if name else group


def _shown(value: float | None, interval: Interval | None, form: str) -> str:
    if value is None:
        return NOT_MEASURED
    text = format(value, form)
    return text if interval is None else f"{text} [{interval[0]:{form}}, {interval[1]:{form}}]"
