"""Compose the page of a release out of its record and the verdicts that lie beside it. Pure."""

from dataclasses import dataclass, replace

from tasks.config.words import NO_WORDS, Words
from tasks.errors import APPROVAL_KINDS, Refusal, RefusalKind
from tasks.gates import Check, Outcome
from tasks.path import STAGES
from tasks.release_page.changes import Change, compare_checks
from tasks.release_page.gates import GateRow
from tasks.release_page.margins import draw_margins
from tasks.release_page.record import ReleaseRecord
from tasks.reports import (
    Banner,
    Figure,
    Link,
    Page,
    Section,
    Table,
    count_outcomes,
    format_number,
    name_columns,
)

MOST_CHANGES = 25  # of figures alone; another outcome or limit is always shown
# One picture for each question that a board asks; the rest is on the pages of the gates.
PICTURES = (
    (
        "fairness",
        "decisions.png",
        "Who is approved and who is declined",
        "Every group towards its privileged group, with 95 % intervals; the dashed line is the "
        "limit. Blue dots pass, red crosses fail, ochre diamonds are undecided.",
    ),
    (
        "explain",
        "importance.png",
        "What the model leans on",
        "Mean absolute SHAP value of each feature, as a share of the whole.",
    ),
    (
        "train",
        "roc.png",
        "How well good and bad cases are told apart",
        "Out of fold: of people whom no model that scored them has learnt from.",
    ),
    (
        "alternatives",
        "frontier.png",
        "What other configurations would do",
        "Each point is a configuration: the red diamond is the shipped model.",
    ),
)
MOST_UNDECIDED_FIRST = 10
KINDS_OF_CHECKS = (RefusalKind.CHECK_FAILED, RefusalKind.CHECK_UNDECIDED)


@dataclass(frozen=True)
class ReleaseFacts:
    """What a page shows besides verdicts and record.

    Attributes:
        title: The use case's own, in words.
        purpose: What its model decides.
        digests: What a reader may want to compare, by name: the model, the rows, the decision.
        registered_as: Name and alias in the registry; empty where nothing is registered.
        pages: The stages whose pages are beside this one.
        pictures: Files of theirs that are there, as `stage/file`.
        words: Labels of columns, and what the outcomes are called.
        is_listed: Whether the list of releases lies above it, as in `data/`.
        has_dossier: Whether the dossier lies beside it.
    """

    title: str
    purpose: str
    digests: dict[str, str]
    registered_as: str
    pages: frozenset[str]
    pictures: frozenset[str]
    words: Words = NO_WORDS
    is_listed: bool = False
    has_dossier: bool = False


def compose_release(record: ReleaseRecord, rows: tuple[GateRow, ...], facts: ReleaseFacts) -> Page:
    """Return the page: what it came to, what refuses, pictures, gates, changes, what to do next."""
    links = {stage: page_link(stage, stage) for stage in sorted(facts.pages)}
    # On a copy for this page: the verdict's own measures are what others compare and sign.
    rows = tuple(_in_words(row, facts.words) for row in rows)
    # What refuses and what to do about it stand before any picture: most who open the page of a
    # blocked release want nothing else.
    first, later = _refusing(record, rows, links)
    sections = (
        *first,
        _next(record, rows, facts),
        *_dossier(facts),
        *_pictures(rows, links, facts),
        _gates(rows, links),
        *later,
        *_changes(record, rows),
        *_attempts(record),
        *_glossary(facts.words),
        _proof(record, facts),
    )

    return Page(
        title=f"{facts.title}: release",
        case=record.case,
        is_release=True,
        is_listed=facts.is_listed,
        lead=facts.purpose,
        banner=_banner(record, rows, facts),
        sections=sections,
    )


def _in_words(row: GateRow, words: Words) -> GateRow:
    """Return a row whose checks name attributes and features by their labels, too."""
    if row.verdict is None or not words.columns:
        return row
    checks = tuple(
        replace(check, measure=name_columns(check.measure, check.about, words))
        for check in row.verdict.checks
    )
    return replace(row, verdict=replace(row.verdict, checks=checks))


def _glossary(words: Words) -> tuple[Section, ...]:
    """Return what columns and outcomes are called; nothing where that is said nowhere."""
    rows = [(label.label or name, label.unit or "", name) for name, label in words.columns.items()]
    text: tuple[str, ...] = ()
    if (outcomes := words.outcomes) is not None:
        favourable, other = outcomes.favourable, outcomes.unfavourable
        text = (f"The favourable outcome is “{favourable}”, the other “{other}”.",)
    table = Table(head=("Column", "Unit", "Name in data and configuration"), rows=tuple(rows))
    if not rows and not text:
        return ()
    return (Section(heading="Words", text=text, parts=(table,) if rows else ()),)


def page_link(stage: str, text: str) -> Link:
    """Return a link to a stage's page from any page of a release."""
    return Link(text=text, href=f"../{stage}/page/index.html")


def _banner(record: ReleaseRecord, rows: tuple[GateRow, ...], facts: ReleaseFacts) -> Banner:
    checks = [check for row in rows if row.verdict for check in row.verdict.checks]
    # Of how many gates is said, too: "all pass" of two gates that ran would read as all.
    judged = sum(row.verdict is not None for row in rows)
    counted = f"{judged} of {len(rows)} gates judged. Checks: {count_outcomes(checks) or 'none'}."
    if not record.is_blocked:
        name = f" as {facts.registered_as}" if facts.registered_as else ""
        version = f", version {record.version}" if record.version else ""
        return Banner(
            outcome=Outcome.PASS,
            title=f"Registered{name}{version}",
            lines=(record.outcome, counted),
        )

    kinds = {refusal.kind for refusal in record.refusals}
    # In the colour of undecided only where nothing else refuses: a failed check is never the lesser
    # of two reasons.
    is_undecided = kinds == {RefusalKind.CHECK_UNDECIDED}
    reasons = len(record.refusals)
    return Banner(
        outcome=Outcome.UNDECIDED if is_undecided else Outcome.FAIL,
        title="Blocked: nothing was registered",
        lines=(f"{reasons} {'reason' if reasons == 1 else 'reasons'}. {counted}",),
    )


def _refusing(
    record: ReleaseRecord, rows: tuple[GateRow, ...], links: dict[str, Link]
) -> tuple[tuple[Section, ...], tuple[Section, ...]]:
    """Return what refuses, each reason once: what comes first, and what may come later.

    Checks are shown with their figures, all else in words. Many undecided checks come later: what
    failed must not be lost among them.
    """
    # By gate and check, as refusals name them: one reason is shown once.
    refused = {
        (row.gate, check.key): check
        for row in rows
        if row.verdict is not None
        for check in row.verdict.checks
        if check.outcome.is_blocking
    }
    if not record.is_blocked:
        return _accepted(refused, links), ()

    # Whose check stands in the table is not named once more in words.
    in_words = tuple(
        refusal.text
        for refusal in dict.fromkeys(record.refusals)
        if (refusal.gate, refusal.check) not in refused
    )
    failed = {key: check for key, check in refused.items() if check.outcome is Outcome.FAIL}
    undecided = {key: check for key, check in refused.items() if key not in failed}
    is_later = len(undecided) > MOST_UNDECIDED_FIRST
    shown = failed if is_later else {**failed, **undecided}
    if is_later:
        in_words += (f"{len(undecided)} checks are undecided, listed below.",)

    parts = (_check_table(shown, links),) if shown else ()
    first = (Section(heading="Why it is blocked", points=in_words, parts=parts),)
    later = (Section(heading="Undecided checks", parts=(_check_table(undecided, links),)),)
    return first, later if is_later else ()


def _accepted(refused: dict[tuple[str, str], Check], links: dict[str, Link]) -> tuple[Section, ...]:
    if not refused:
        return ()
    return (
        Section(
            heading="Undecided, and accepted",
            text=("A second person accepted these by name and by signature, until a day.",),
            parts=(_check_table(refused, links),),
        ),
    )


def _check_table(checks: dict[tuple[str, str], Check], links: dict[str, Link]) -> Table:
    ordered = sorted(checks.items(), key=lambda item: item[1].outcome is not Outcome.FAIL)
    return Table(
        head=("Measure", "Outcome", "Value", "Limit", "Missed by", "Gate", "Why"),
        rows=tuple(
            (
                check.measure,
                check.outcome.text,
                _value(check),
                check.limit,
                format_number(-check.margin) if check.margin and check.margin < 0 else "",
                links.get(gate, gate),
                "; ".join(part for part in (check.reason, check.would_decide) if part),
            )
            for (gate, _), check in ordered
        ),
    )


def _value(check: Check) -> str:
    if check.value is None:
        return "not measured"
    text = format_number(check.value)
    if check.interval is None:
        return text
    return f"{text} [{format_number(check.interval[0])}, {format_number(check.interval[1])}]"


def _next(record: ReleaseRecord, rows: tuple[GateRow, ...], facts: ReleaseFacts) -> Section:
    case = record.case
    if not record.is_blocked:
        return Section(
            heading="Next",
            text=("Check every link yourself, or hand the proof to somebody outside:",),
            commands=(
                f"./portcullis verify {case}",
                f"./portcullis bundle {case} --output {case}.zip",
            ),
        )

    lines, commands = _remedies(record.refusals, case, facts.digests.get("model", ""))
    skipped = [row.gate for row in rows if row.verdict is None]
    if skipped:
        lines.append(
            f"Not run in this release, because an earlier gate was shut: {', '.join(skipped)}."
        )
    return Section(heading="Next", points=tuple(lines), commands=tuple(commands))


def _dossier(facts: ReleaseFacts) -> tuple[Section, ...]:
    if not facts.has_dossier:
        return ()
    link = Link(text="The dossier", href="../dossier/index.html")
    return (Section(heading="For auditors and authorities", text=(link,)),)


def _remedies(
    refusals: tuple[Refusal, ...], case: str, model_sha256: str
) -> tuple[list[str], list[str]]:
    # By kind and never by text: a remedy must not hang on how a reason is put.
    kinds = {refusal.kind for refusal in refusals}
    model = f"sha256:{model_sha256}" if model_sha256 else "sha256:…"
    lines: list[str] = []
    commands: list[str] = []
    if RefusalKind.CHECK_FAILED in kinds:
        lines.append("Failed: mend the model or the data, never the limit. Then release again.")

    if RefusalKind.CHECK_UNDECIDED in kinds:
        lines.append(
            "Undecided: too little to tell. More rows decide it, or a second person accepts the "
            "check by name, with a reason and a last day."
        )
        commands.append(f"./portcullis power {case}")

    # To accept what is undecided opens nothing while something has failed.
    if RefusalKind.CHECK_UNDECIDED in kinds and RefusalKind.CHECK_FAILED not in kinds:
        commands += [
            f"./portcullis approve {case} --model {model} --undecided {gate} --reason … --expires …"
            for gate in dict.fromkeys(
                refusal.gate for refusal in refusals if refusal.kind == RefusalKind.CHECK_UNDECIDED
            )
        ]

    if kinds & APPROVAL_KINDS:
        lines.append("A second person has to approve this very model.")
        commands.append(f"./portcullis approve {case} --model {model} --reason … --expires …")

    if kinds - APPROVAL_KINDS - set(KINDS_OF_CHECKS):
        lines.append("Mend what the reasons above name, then release again.")

    commands.append(f"./portcullis release {case}")
    return lines, commands


def _captioned(stage: str, title: str, caption: str, words: Words) -> tuple[str, str]:
    """Return title and caption of a picture, in the case's own words for its outcomes."""
    if words.outcomes is None or stage != "fairness":
        return title, caption
    title = (
        f"Whose cases are “{words.outcomes.favourable}”, and whose “{words.outcomes.unfavourable}”"
    )
    return title, f"{caption} Approved means “{words.outcomes.favourable}” here."


def _pictures(
    rows: tuple[GateRow, ...], links: dict[str, Link], facts: ReleaseFacts
) -> tuple[Section, ...]:
    margins = draw_margins(rows, links)
    judged = {row.gate for row in rows if row.verdict is not None}
    figures = []
    for stage, file, title, caption in PICTURES:
        # A picture may lie there from an earlier release: that of a gate that has not judged is not
        # of this one.
        if stage in judged and f"{stage}/{file}" in facts.pictures:
            shown, told = _captioned(stage, title, caption, facts.words)
            figures.append(Figure(file=f"../{stage}/page/{file}", title=shown, caption=told))

    parts = (*((margins,) if margins else ()), *figures)
    return (Section(heading="At a glance", parts=parts),) if parts else ()


def _gates(rows: tuple[GateRow, ...], links: dict[str, Link]) -> Section:
    return Section(
        heading="Gates",
        parts=(
            Table(
                head=("Gate", "What it asks", "Outcome", "Checks"),
                rows=tuple(
                    (
                        links.get(row.gate, row.gate),
                        STAGES[row.gate].purpose.rpartition("gate: ")[2],
                        row.verdict.outcome.text if row.verdict else row.outcome.strip("— "),
                        count_outcomes(list(row.verdict.checks)) if row.verdict else "none",
                    )
                    for row in rows
                ),
            ),
        ),
    )


def _changes(record: ReleaseRecord, rows: tuple[GateRow, ...]) -> tuple[Section, ...]:
    heading = "What differs from the last release"
    if "train" not in record.reached:
        text = "No model was made in this release, so there is nothing to compare."
        return (Section(heading=heading, text=(text,)),)
    if record.earlier is None:
        text = "No other model of this use case was registered before."
        return (Section(heading=heading, text=(text,)),)

    checks = [check for row in rows if row.verdict for check in row.verdict.checks]
    judged = {row.gate for row in rows if row.verdict}
    # Of a gate that did not run in this release every check would else read as dropped.
    before = [check for check in record.earlier.checks if check.id.split(".")[0] in judged]
    changes = compare_checks(before, checks)
    grave = sum(change.is_of_outcome or change.is_of_limit for change in changes)
    # The grave ones come first, and all of them are shown: only mere figures are cut, and counted.
    shown = changes[: grave + MOST_CHANGES]
    lines = [
        f"Compared with model {record.earlier.model_sha256[:12]}…, let in by entry "
        f"{record.earlier.entry} of the ledger: of {len(checks)} checks "
        f"{sum(change.is_of_outcome for change in changes)} came to another outcome, "
        f"{sum(change.is_of_limit for change in changes)} have another limit, and "
        f"{len(changes)} differ in any way."
    ]
    if len(changes) > len(shown):
        lines.append(f"{len(changes) - len(shown)} more differ in their figure alone.")
    return (Section(heading=heading, text=tuple(lines), parts=_change_tables(shown)),)


def _change_tables(changes: tuple[Change, ...]) -> tuple[Table, ...]:
    if not changes:
        return ()
    return (
        Table(
            head=("Measure", "Last release", "This release", "Moved by"),
            rows=tuple((change.measure(), *change.texts()) for change in changes),
        ),
    )


def _attempts(record: ReleaseRecord) -> tuple[Section, ...]:
    if not record.attempts:
        return ()
    first, *lines = record.attempts
    return (Section(heading="Attempts on the same data", text=(f"{first}.",), points=tuple(lines)),)


def _proof(record: ReleaseRecord, facts: ReleaseFacts) -> Section:
    table = Table(head=("What", "SHA-256"), rows=tuple(facts.digests.items()))
    return Section(
        heading="What this is about",
        text=(
            "This page is for reading and proves nothing: the ledger does, and "
            f"./portcullis verify {record.case} reads it.",
        ),
        parts=(table,) if facts.digests else (),
    )
