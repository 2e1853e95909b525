"""Mask the free texts of some rows: the row's own person, and whatever else a finder finds."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tasks.redaction.characters import well_formed
from tasks.redaction.cloud.sending import SecondOpinion
from tasks.redaction.leakage import surviving
from tasks.redaction.spans import Span, mask, merge, without_masks
from tasks.redaction.stability import search_until_stable
from tasks.redaction.tally import Tally

WITHHELD = "[WITHHELD]"
Person = tuple[tuple[str, str], ...]  # kind of column and value, empty where it is missing
LONGEST_TEXT = 1_000_000  # characters; spaCy refuses more, and what is not analysed is withheld


class Finder(Protocol):
    """Finds personal data in texts without knowing whose they are."""

    @property
    def recogniser(self) -> str:
        """Which recogniser of names is at work, and why; stands in the report."""

    @property
    def masks(self) -> re.Pattern[str]:
        """What masks look like that stand in a text already: those of every kind it can find."""

    def prove(self, texts: list[str]) -> None:
        """Try what is faster against what it stands for, on texts of the data.

        Where they differ, only the slower one is used from then on.
        """

    def find(self, texts: list[str]) -> Iterator[list[Span]]:
        """Yield the spans of each text, in order."""


class Linker(Protocol):
    """Finds where a text mentions the person of its own row."""

    def link(self, text: str, person: Iterable[tuple[str, str]]) -> list[Span]:
        """Return the mentions; `person` has the kind and the value of each of its columns."""


@dataclass(frozen=True)
class TextChunk:
    """The free texts of some rows, with what their rows say; all lists have one item a row.

    Attributes:
        cells: Column -> cells, of any type.
        people: About the person of the row, the kind and the value of each column that says so.
        answers: Column -> planted spans as JSON; empty where the data carries none.
    """

    cells: dict[str, list[Any]]
    people: list[Person]
    answers: dict[str, list[str]]


@dataclass(frozen=True)
class MaskedChunk:
    """The same cells masked, and what was counted."""

    cells: dict[str, list[str | None]]
    tally: Tally


class TextRedactor:
    """Masks chunks of texts. Loading takes seconds, so one serves many chunks."""

    def __init__(
        self,
        finder: Finder,
        linker: Linker,
        *,
        until_stable: bool = False,
        second_opinion: SecondOpinion | None = None,
    ) -> None:
        """Take what finds and links.

        Args:
            finder: Finds personal data, whoever's it is.
            linker: Finds the person of the row.
            until_stable: Mask until those two find nothing more.
            second_opinion: Asks detectors that others run, once, about what is left then.
        """
        self._finder = finder
        self._linker = linker
        self._is_until_stable = until_stable
        self._second_opinion = second_opinion

    def prove(self, texts: list[str]) -> None:
        """Let the finder prove itself on texts of the data."""
        self._finder.prove(texts)

    def redact(self, chunk: TextChunk) -> MaskedChunk:
        """Return the chunk's cells masked.

        Missing stays missing, empty stays empty. A cell that is no text, or too long to analyse, is
        withheld whole and counted; none is ever passed on unread.
        """
        tally = Tally(rows=len(chunk.people), recogniser=self._finder.recogniser)
        cells = {name: self._redact_column(name, chunk, tally) for name in chunk.cells}
        return MaskedChunk(cells, tally)

    def _redact_column(self, name: str, chunk: TextChunk, tally: Tally) -> list[str | None]:
        """Return one column's cells masked, counting in `tally`."""
        cells = chunk.cells[name]
        counter = tally.entities.setdefault(name, Counter())
        answers: list[str] | list[None] = chunk.answers.get(name) or [None] * len(cells)
        texts = [readable(cell) for cell in cells]
        # All cells of the column at once: the recogniser of names reads windows of many texts
        # together.
        merged_by_text = self._search(texts, chunk.people, tally)

        masked: list[str | None] = []
        for cell, text, merged, person, answer in zip(
            cells, texts, merged_by_text, chunk.people, answers, strict=True
        ):
            if not text:
                masked.append(unread(cell))
                # Missing and empty cells are neither texts nor withheld: of them nothing could
                # leak.
                tally.withheld += masked[-1] == WITHHELD
                continue

            redacted = mask(text, merged)
            masked.append(redacted)

            tally.texts += 1
            counter.update(span.kind for span in merged)
            # On the masked text, by a search of its own that shares no code with row link: what
            # finds the names cannot also be what says that none is left.
            survivors = surviving(redacted, person)
            tally.survivors += survivors.standing
            tally.short_identifiers += survivors.too_short
            if answer is not None:
                tally.leakage.add(text, answer, merged, self._finder.masks)
        return masked

    def _search(
        self, texts: list[str], people: list[Person], tally: Tally
    ) -> Iterable[tuple[Span, ...]]:
        """Return each text's spans, sorted, disjoint, and beside masks; none of an empty text."""

        def search(numbers: list[int], texts: list[str]) -> Iterator[tuple[Span, ...]]:
            spans_by_text = self._finder.find(texts)
            for number, text, spans in zip(numbers, texts, spans_by_text, strict=True):
                # Row link first: where two spans overlap, `merge` takes the kind of the first, and
                # this one knows whose it is.
                own_spans = self._linker.link(text, people[number]) if text else []
                yield without_masks(text, merge(own_spans, spans), self._finder.masks)

        if self._is_until_stable:
            merged_by_text: Iterable[tuple[Span, ...]] = search_until_stable(texts, search)
        else:
            merged_by_text = search(list(range(len(texts))), texts)
        # Asked once, after both have settled: until nothing more is found would send each text
        # again and again.
        if self._second_opinion is None:
            return merged_by_text

        united, sent = self._second_opinion.add(texts, list(merged_by_text))
        for service, counts in sent.items():
            tally.sent.setdefault(service, Counter()).update(counts)
        return united


def readable(cell: object) -> str:
    """Return the text of a cell that can be analysed, well-formed, else an empty one."""
    return well_formed(cell) if isinstance(cell, str) and len(cell) <= LONGEST_TEXT else ""


def unread(cell: object) -> str | None:
    """Return what stands for a cell that was not analysed.

    Empty stays empty, missing becomes None, anything else is withheld.
    """
    if isinstance(cell, str) and cell == "":
        return ""
    return None if is_missing(cell) else WITHHELD


def is_missing(cell: object) -> bool:
    """Say whether a cell of any type is missing: None, NaN, `pd.NA`, `pd.NaT`."""
    import pandas as pd

    value: Any = cell  # of a list or an array `isna` would say it for each item
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))
