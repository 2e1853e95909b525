"""The page of the stage `explain`.

Shows no single person's row: the waterfall is of a composite.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tasks.config.words import NO_WORDS, Words
from tasks.formats.shown import SMALLEST_SHOWN_ROWS
from tasks.gates import Check
from tasks.model import DecisionModel, ReasonMap
from tasks.reports import Figure, Page, Section, Table, column_cell, figure, group_text, write_page
from tasks.reports.figures import ACCENT
from tasks.stages.explain.explaining import Explained, ExplainReport

SHOWN_FEATURES = 15
DEPENDENCES = 3
NOT_MEASURED = "not measured"


def write_explain_page(
    folder: Path,
    case: str,
    model: DecisionModel,
    found: Explained,
    checks: tuple[Check, ...],
    words: Words = NO_WORDS,
) -> None:
    """Draw the figures and write the page."""
    names = _input_names(found, model, words)
    share = list(found.report.shap_share.items())[:SHOWN_FEATURES]
    with figure(folder / "importance.png", height=1.2 + 0.3 * len(share)) as axes:
        axes.barh(
            [words.label_of(name) for name, _ in reversed(share)],
            [100 * value for _, value in reversed(share)],
            color=ACCENT,
        )
        axes.set(title="What the model leans on", xlabel="Share of all SHAP mass, %")
        axes.grid(visible=False, axis="y")

    _draw(
        folder / "beeswarm.png",
        lambda shap: shap.plots.beeswarm(_values(shap, found, names), max_display=12, show=False),
    )
    top = [
        names[index]
        for index in np.argsort(-np.abs(found.contributions).mean(axis=0))[:DEPENDENCES]
    ]
    for name in top:
        column = names.index(name)
        with figure(folder / f"dependence_{column:02d}.png") as axes:
            axes.scatter(
                found.matrix[:, column],
                found.contributions[:, column],
                s=9,
                alpha=0.45,
                color=ACCENT,
                linewidths=0,
            )
            axes.set(
                title=f"How {name} moves the score",
                xlabel=name,
                ylabel=f"Contribution, log-odds of “{words.favourable}”",
            )

    if len(found.typical):
        _draw(
            folder / "waterfall.png",
            lambda shap: shap.plots.waterfall(
                _typical(shap, found, names), max_display=12, show=False
            ),
        )

    write_page(
        folder,
        _page(
            case, found, model.reasons, checks, [names.index(name) for name in top], names, words
        ),
    )


def _draw(path: Path, plot: Callable[[Any], Any]) -> None:
    """Save one of SHAP's own plots; its jitter is seeded so that a rerun gives the same bytes."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import shap

    np.random.seed(0)  # shap shuffles points with the global generator
    plt.close("all")
    plot(shap)
    plt.gcf().savefig(path, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close("all")


def _input_names(found: Explained, model: DecisionModel, words: Words) -> list[str]:
    """Return the inputs' names, with a number for each category that few of the rows have.

    What so few rows share may be a person's name that slipped into the column.
    """
    names = []
    for position, column in enumerate(model.scorer.inputs):
        rows = np.count_nonzero(found.matrix[:, position])
        is_rare = column.category is not None and rows < SMALLEST_SHOWN_ROWS
        label = words.label_of(column.feature)
        if column.category is not None:
            label += f"=rare {position:d}" if is_rare else f"={column.category}"
        names.append(label)

    return names


def _values(shap: Any, found: Explained, names: list[str]) -> Any:
    base = np.full(len(found.matrix), found.base)
    return shap.Explanation(
        found.contributions, base_values=base, data=found.matrix, feature_names=names
    )


def _typical(shap: Any, found: Explained, names: list[str]) -> Any:
    return shap.Explanation(
        found.typical_contributions[0],
        base_values=found.base,
        data=np.round(found.typical[0], 3),
        feature_names=names,
    )


def _page(
    case: str,
    found: Explained,
    known: ReasonMap,
    checks: tuple[Check, ...],
    top: list[int],
    names: list[str],
    words: Words,
) -> Page:
    report = found.report
    texts = {group.code: group.text for group in known.reasons}
    drivers = report.soundness.drivers
    reasons = sorted(report.reasons.items(), key=lambda item: -item[1])
    figures = [
        Figure(
            file="importance.png",
            title="Importance",
            caption="Mean absolute SHAP value, as a share of the whole.",
        ),
        Figure(
            file="beeswarm.png",
            title="Beeswarm",
            caption="A point a person; red is a high value of the feature.",
        ),
        *(
            Figure(file=f"dependence_{column:02d}.png", title=f"Dependence on {names[column]}")
            for column in top
        ),
    ]
    if len(found.typical):
        caption = (
            f"A composite of those decided “{words.unfavourable}”: the median of each feature. "
            "Nobody's own row is shown."
        )
        figures.append(
            Figure(
                file="waterfall.png",
                title=f"Why the typical case decided “{words.unfavourable}” is so",
                caption=caption,
            )
        )

    return Page(
        case=case,
        title=f"Explanation: {case}",
        lead=f"{report.explained_rows:,} rows in the figures; "
        f"{report.declined_rows:,} decided “{words.unfavourable}”, each with reasons.",
        opening=tuple(figures),
        checks=checks,
        words=words,
        sections=(
            Section(
                heading="Reasons told",
                text=(
                    f"Reason map {report.reason_map_version}. "
                    f"At most four each, none with less than {known.least_share:.0%} of what is "
                    "adverse about the person. Each raises the score when its features are "
                    "neutralised, and its words are true of the feature that is most adverse.",
                    f"Compared with {report.composite_rows:,} composite rows that are nobody's, "
                    f"each value from at least {report.people_behind_each_value} people; "
                    "the registered model carries them.",
                ),
                parts=(
                    Table(
                        head=("Code", "Reason", "Told to", "Because of"),
                        rows=tuple(
                            (c, texts[c], f"{n:,}", _because_of(drivers.get(c, {}), words))
                            for c, n in reasons
                        ),
                    ),
                ),
            ),
            Section(
                heading="For a person to look at",
                text=(
                    f"{report.flipped_rows:,} of those decided “{words.unfavourable}” would be "
                    f"decided “{words.favourable}” by at least one of "
                    f"{report.refits} refits to bootstrap samples of the same people; "
                    f"{report.soundness.untold:,} have a principal factor that the reason map has "
                    "no true words for. They are listed in `explain/reasons.parquet`, sealed, in "
                    "the columns `refits_approving` and `untold`.",
                ),
            ),
            Section(
                heading="Groups told by many columns together",
                text=(
                    "By gradient-boosted trees, of people that they have not learnt from, one row "
                    "each. Inputs are what the model could know; contributions, its SHAP values, "
                    "what it makes of them.",
                ),
                parts=(
                    Table(
                        head=("Group", "Told by", "AUC", "95 % interval", "By chance", "People"),
                        rows=tuple(
                            (
                                group_text(p.attribute, p.group, words),
                                f"all {p.told_by}",
                                f"{p.auc:.3f}",
                                f"{p.interval[0]:.3f} to {p.interval[1]:.3f}",
                                f"{p.chance:.3f}",
                                f"{p.people:,}",
                            )
                            for p in report.joint_proxies
                        )
                        + _unmeasured_rows(report, words),
                    ),
                    Table(
                        head=("Reason", "Group", "AUC", "At least", "Share of SHAP mass"),
                        rows=tuple(
                            (
                                p.code,
                                group_text(p.attribute, p.group, words),
                                f"{p.auc:.3f}",
                                f"{p.auc_low:.3f}",
                                f"{p.shap_share:.1%}",
                            )
                            for p in report.reason_proxies[:10]
                        ),
                    ),
                ),
            ),
            Section(
                heading="Proxies",
                text=(
                    "How well a feature alone tells a protected group from others, "
                    "times the model's reliance on it.",
                ),
                parts=(
                    Table(
                        head=("Feature", "Group", "AUC", "Share of SHAP mass", "Strength"),
                        rows=tuple(
                            (
                                column_cell(p.feature, words),
                                group_text(p.attribute, p.group, words),
                                _number(p.auc, ".3f"),
                                _number(p.shap_share, ".1%"),
                                _number(p.strength, ".4f"),
                            )
                            for p in report.proxies[:10]
                        )
                        + tuple(
                            ("any", group_text(name, "any group", words), *[NOT_MEASURED] * 3)
                            for name in report.unranked_attributes
                        ),
                    ),
                ),
            ),
        ),
    )


def _unmeasured_rows(report: ExplainReport, words: Words) -> tuple[tuple[str, ...], ...]:
    """Return a line for each group that nothing could be asked about: they are no pass."""
    return tuple(
        (
            group_text(item.attribute, item.group or "any group", words),
            "all inputs, all contributions",
            *[NOT_MEASURED] * 3,
            f"fewer than {SMALLEST_SHOWN_ROWS:d} on a side",
        )
        for item in report.unmeasured_groups
    )


def _number(value: float | None, form: str) -> str:
    return NOT_MEASURED if value is None else format(value, form)


def _because_of(drivers: dict[str, int], words: Words) -> str:
    """Return which features of a reason were most adverse, and to how many, most often first."""
    ordered = sorted(drivers.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{words.label_of(feature)} {people:,}" for feature, people in ordered)
