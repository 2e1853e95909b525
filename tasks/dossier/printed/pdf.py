"""Set the pages of a dossier as one PDF by typst; the same content gives the same bytes."""

import json
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.dossier.claims import AnswerStanding
from tasks.dossier.content import Chapter, DossierPage, DossierTable, FlowDiagram, PlainRow
from tasks.errors import ConfigError
from tasks.formats.shown import kind_of_error

TEMPLATE = Path(__file__).parent / "dossier.typ"
# Archives ask for the first; the second is what a reader of the screen needs, and typst refuses
# what lacks it: a language, a title, headings in order, words for each picture.
STANDARDS: Any = ["a-2b", "ua-1"]
# Of a column, in characters: what is short is not broken, and no sentence takes the whole sheet.
SHORT = 18
NARROWEST = 30
WIDEST = 60


def is_typesetter_installed() -> bool:
    """Say whether a PDF can be made here."""
    return find_spec("typst") is not None


def typeset(pages: tuple[DossierPage, ...], about: str, day: date) -> bytes:
    """Return the pages as a PDF that conforms to PDF/A-2b and PDF/UA-1.

    Args:
        pages: The first page first.
        about: Which model, ledger and day they are of: at the foot of each sheet.
        day: The day of the release, which is the document's date: no clock is read.

    Raises:
        ConfigError: The content does not conform, as typst says.
    """
    # Here and not above: it is optional, and a dossier without a PDF needs no typesetter.
    import typst

    content = json.dumps(content_of(pages, about, day), sort_keys=True, ensure_ascii=False)
    try:
        # Fonts of the system differ from machine to machine, and with them the bytes: typst brings
        # its own.
        pdf: bytes = typst.compile(
            TEMPLATE.read_bytes(),
            format="pdf",
            ignore_system_fonts=True,
            sys_inputs={"dossier": content},
            pdf_standards=STANDARDS,
            timestamp=int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()),
        )
    except typst.TypstError as error:
        raise ConfigError(
            "dossier.pdf",
            expected="pages that conform to PDF/A-2b and PDF/UA-1",
            found=kind_of_error(error),
            remedy="Nothing was written: mend tasks/dossier/printed/dossier.typ.",
        ) from error
    return pdf


def content_of(pages: tuple[DossierPage, ...], about: str, day: date) -> dict[str, Any]:
    """Return what the template reads: texts alone, in the order of the pages."""
    return {
        "title": pages[0].title,
        "about": about,
        "day": [day.year, day.month, day.day],
        "pages": [
            {
                "title": page.title,
                "lead": page.lead,
                "banner": [page.banner[0], *page.banner[1]] if page.banner else [],
                "chapters": [_chapter(chapter) for chapter in page.chapters],
            }
            for page in pages
        ],
    }


def _chapter(chapter: Chapter) -> dict[str, Any]:
    return {
        "heading": chapter.heading,
        "text": list(chapter.text),
        "parts": [
            _diagram(part) if isinstance(part, FlowDiagram) else _table(part)
            for part in chapter.parts
        ],
        "commands": list(chapter.commands),
    }


def _diagram(diagram: FlowDiagram) -> dict[str, Any]:
    """Return a diagram in words: what a picture shows has to be said anyway."""
    rows = [
        {"cells": [node.name, "; ".join(node.lines)], "standing": "", "entries": _entry(node)}
        for node in diagram.nodes
    ]
    return _laid_out(f"{diagram.title}. {diagram.words}", ["Box", "In it"], rows)


def _entry(node: Any) -> list[int]:
    return [node.reference.entry] if node.reference else []


def _table(table: DossierTable) -> dict[str, Any]:
    width = len(table.head)
    rows = []
    for row in table.rows:
        if isinstance(row, PlainRow):
            cells = list(row.cells)
            standing = ""
            entries: list[int] = []
        else:
            # As on the screen: of an answer without figures the columns between stay empty.
            blank = [""] * (width - len(row.labels) - len(row.figures) - 1)
            cells = [*row.labels, *row.figures, *blank, row.answer.text]
            standing = _standing(row.answer.standing)
            entries = sorted({reference.entry for reference in row.answer.references})

        # As many cells as the head: typst fills a table cell by cell, and would shift the next row.
        cells += [""] * (width - len(cells))
        rows.append({"cells": cells, "standing": standing, "entries": entries})
    return _laid_out(table.title, list(table.head), rows)


def _laid_out(title: str, head: list[str], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a table with a share of the sheet's width for each column, by what stands in it.

    0 is as much as it needs: a number, a day or a name is never broken. Some column has a share.
    """
    columns = list(zip(head, *(_shown(row) for row in rows), strict=True))
    widths = [0 if _is_short(texts) else _share(texts) for texts in columns]

    # Were all columns as wide as they need, a table of short texts would not fill the sheet.
    if not any(widths):
        widths[-1] = _share(columns[-1])
    return {"title": title, "head": head, "rows": rows, "widths": widths}


def _is_short(texts: tuple[str, ...]) -> bool:
    return max(len(line) for text in texts for line in text.split("\n")) <= SHORT


def _shown(row: dict[str, Any]) -> list[str]:
    """Return the texts of a row as they are set: entries stand behind the answer."""
    *cells, answer = row["cells"]
    entries = ", ".join(map(str, row["entries"]))
    return [*cells, f"{row['standing']}{answer} [entry {entries}]" if entries else answer]


def _share(texts: tuple[str, ...]) -> int:
    """Return how wide a column of sentences is, in characters, beside others of its kind.

    The longest text does not decide beyond a bound, or it would press all others together.
    """
    longest = max(len(line) for text in texts for line in text.split("\n"))
    return max(NARROWEST, min(longest, WIDEST))


def _standing(standing: AnswerStanding) -> str:
    """Return what is said before an answer that does not answer: never by colour alone."""
    if standing is AnswerStanding.AGAINST:
        return "Evidence against: "
    return ""
