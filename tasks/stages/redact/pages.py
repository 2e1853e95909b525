"""The page of the stage `redact`."""

from tasks.config.words import NO_WORDS, Words
from tasks.gates import Check
from tasks.redaction.leakage import FEWEST_SIGNS, Ratio
from tasks.redaction.tally import RedactReport
from tasks.reports import Page, Section, Table, column_cell


def redaction_page(
    case: str, report: RedactReport, checks: tuple[Check, ...], words: Words = NO_WORDS
) -> Page:
    """Return the page: checks, then what a person should look at, then every column and kind."""
    explained = report.explained
    doubts = tuple(
        (column_cell(name, words), column.check)
        for name, column in explained.items()
        if column.check
    )
    columns = tuple(
        (
            column_cell(name, words),
            column.role,
            column.declared,
            column.looks_like,
            column.why,
            column.fate,
        )
        for name, column in explained.items()
    )
    masked = tuple(
        (column_cell(column, words), kind, f"{count:,}")
        for column, kinds in report.entities.items()
        for kind, count in kinds.items()
    )

    return Page(
        case=case,
        title=f"Redaction: {case}",
        lead=(
            f"{report.rows:,} rows, {report.texts:,} texts masked, "
            f"{report.withheld.count:,} withheld. Names by: {report.recogniser}."
            + _short_identifiers(report)
        ),
        checks=checks,
        words=words,
        sections=(
            Section(
                heading="What a person should check",
                text=("What is declared and what the first values look like do not agree.",)
                if doubts
                else ("Every column looks like what it was declared as.",),
                parts=(Table(head=("Column", "Check"), rows=doubts),) if doubts else (),
            ),
            Section(
                heading="Columns",
                text=(
                    "The declaration decides; "
                    "the look of up to 200 values is there to be compared with it.",
                ),
                parts=(
                    Table(
                        head=(
                            "Column",
                            "Role",
                            "Declared",
                            "Looks like",
                            "Why",
                            "What became of it",
                        ),
                        rows=columns,
                    ),
                ),
            ),
            Section(
                heading="What was masked in texts",
                text=(
                    "Types that begin with OWN are about the row's own person "
                    "and name the column that said so.",
                ),
                parts=(Table(head=("Column", "Type", "Masked"), rows=masked),) if masked else (),
            ),
            *_leakage_sections(report),
            *_service_sections(report),
        ),
    )


def _short_identifiers(report: RedactReport) -> str:
    """Return how many identifiers the gate did not look for; empty where it looked for all."""
    if not report.short_identifiers:
        return ""
    return (
        f" {report.short_identifiers:,} times an identifier of fewer than {FEWEST_SIGNS:d} letters "
        "and digits was not looked for in its row's text: it would stand anywhere by chance."
    )


def _leakage_sections(report: RedactReport) -> tuple[Section, ...]:
    """Return what leaked against planted answers; nothing where the data carries none."""
    leakage = report.leakage
    if leakage is None:
        return ()

    totals = (
        ("the row's own person", leakage.own),
        ("third persons", leakage.third),
        ("words taken needlessly", leakage.over),
    )
    types = tuple(leakage.leaked_by_type.items())
    head = ("Of whom", "Leaked", "Of", "Share")
    return (
        Section(
            heading="Leakage against planted answers",
            parts=(
                Table(
                    title="By person", head=head, rows=tuple(_ratio_row(*total) for total in totals)
                ),
                Table(title="By type", head=head, rows=tuple(_ratio_row(*kind) for kind in types)),
            ),
        ),
    )


def _service_sections(report: RedactReport) -> tuple[Section, ...]:
    """Return what left for services of others, and what one found in a bucket; none unasked."""
    sections: list[Section] = []
    if report.sent:
        head = ("Service", "Whose", "Agreement", "Sent", "Columns", "Texts", "Bytes", "USD")
        rows = tuple(
            (
                sent.service,
                sent.processor,
                sent.agreement,
                sent.sends,
                ", ".join(sent.columns),
                f"{sent.texts:,}",
                f"{sent.bytes:,}",
                f"{sent.usd:,.2f}",
            )
            for sent in report.sent
        )
        sections.append(
            Section(heading="What left the house", parts=(Table(head=head, rows=rows),))
        )

    if bucket := report.bucket:
        found = tuple((name, f"{count:,}") for name, count in bucket.occurrences.items())
        sections.append(
            Section(
                heading=f"What Amazon Macie found in {bucket.bucket}",
                text=(
                    f"Job {bucket.job}: {bucket.objects:,} objects with personal data."
                    + (f" Not known whether that is all: {bucket.doubt}." if bucket.doubt else ""),
                ),
                parts=(Table(head=("Category", "Occurrences"), rows=found),) if found else (),
            )
        )

    return tuple(sections)


def _ratio_row(name: str, ratio: Ratio) -> tuple[str, str, str, str]:
    return (
        name,
        f"{ratio.count:,}",
        f"{ratio.of:,}",
        # Not 0%: nothing was measured.
        "nothing to count" if ratio.value is None else f"{ratio.value:.3%}",
    )
