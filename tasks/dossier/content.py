"""What the pages of a dossier hold, whatever they are written as.

A table's row is labels and one answer: labels name what is asked, and say nothing about the system;
whatever does is a claim with its references.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks.dossier.claims import Claim, Reference, Statable


@dataclass(frozen=True)
class AnsweredRow:
    """A row: labels, and the answer, which is shown with its references.

    `figures` are cells between them that a claim's evidence says (value, interval, limit); a row
    whose answer is no claim has none.
    """

    labels: tuple[str, ...]
    answer: Statable
    figures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse figures that no evidence stands behind."""
        # A value beside `MISSING` would read as known.
        if self.figures and not isinstance(self.answer, Claim):
            raise ValueError("figures stand in a row whose answer is a claim")


@dataclass(frozen=True)
class PlainRow:
    """A row of what is looked up and not claimed: the register of law, the list of entries.

    `anchor` is what links lead to; `href` leads to a file of the folder, from the first cell.
    """

    cells: tuple[str, ...]
    anchor: str = ""
    href: str = ""


@dataclass(frozen=True)
class DossierTable:
    """A table: headings, and rows of one of both kinds."""

    head: tuple[str, ...]
    rows: tuple[AnsweredRow | PlainRow, ...]
    title: str = ""


@dataclass(frozen=True)
class FlowNode:
    """A box of the diagram. `kind` says how it is drawn: party, store, step or gap."""

    name: str
    lines: tuple[str, ...]
    kind: str
    column: int
    row: int
    reference: Reference | None = None


@dataclass(frozen=True)
class FlowDiagram:
    """The diagram of data flow: boxes, arrows between them, and the same in words."""

    title: str
    nodes: tuple[FlowNode, ...]
    # Between boxes and not between names: a source may be named as a stage is.
    arrows: tuple[tuple[FlowNode, FlowNode], ...]
    words: str


@dataclass(frozen=True)
class Chapter:
    """A heading, what to know, and the tables and diagrams that show it.

    `text` are sentences about the page itself: how it is read. They claim nothing.
    """

    heading: str
    text: tuple[str, ...] = ()
    parts: tuple[DossierTable | FlowDiagram, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class DossierPage:
    """One page. `is_about_law` is set of pages that may cite what is withdrawn or ahead."""

    name: str
    title: str
    lead: str
    chapters: tuple[Chapter, ...]
    is_about_law: bool = False
    banner: tuple[str, tuple[str, ...], str] | None = field(default=None)

    def answers(self) -> Iterator[Statable]:
        """Yield every answer on the page."""
        for row in self.answered_rows():
            yield row.answer

    def answered_rows(self) -> Iterator[AnsweredRow]:
        """Yield every row that has an answer."""
        for chapter in self.chapters:
            for part in chapter.parts:
                if isinstance(part, DossierTable):
                    yield from (row for row in part.rows if isinstance(row, AnsweredRow))

    def known_nodes(self) -> Iterator[FlowNode]:
        """Yield the boxes of diagrams that evidence stands behind."""
        for chapter in self.chapters:
            for part in chapter.parts:
                if isinstance(part, FlowDiagram):
                    yield from (node for node in part.nodes if node.reference)

    def references(self) -> Iterator[Reference]:
        """Yield every reference to evidence on the page."""
        for answer in self.answers():
            yield from answer.references
        yield from (node.reference for node in self.known_nodes() if node.reference)

    def texts(self) -> Iterator[str]:
        """Yield every text on the page, as a reader sees it."""
        yield from (self.title, self.lead)
        if self.banner:
            yield from (self.banner[0], *self.banner[1])

        for chapter in self.chapters:
            yield from (chapter.heading, *chapter.text, *chapter.commands)

            for part in chapter.parts:
                if isinstance(part, FlowDiagram):
                    yield from (part.title, part.words)
                    yield from (line for node in part.nodes for line in (node.name, *node.lines))
                    continue

                yield from (part.title, *part.head)
                for row in part.rows:
                    if isinstance(row, PlainRow):
                        yield from row.cells
                    else:
                        yield from (*row.labels, *row.figures, row.answer.text)
