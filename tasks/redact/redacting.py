"""Redact a frame: structured columns by their kind, free text by row link and by the finder; count everything."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.case import Columns, Role
from tasks.redact.leakage import Leakage, LeakageCount, Ratio, surviving
from tasks.redact.linking import KINDS, link
from tasks.redact.params import RedactParams
from tasks.redact.spans import Span, mask, merge, without_masks
from tasks.redact.structured import redact_structured

WITHHELD = "[WITHHELD]"
LONGEST_TEXT = 1_000_000  # characters; spaCy refuses more, and what is not analysed is withheld


class Finder(Protocol):
    """Finds personal data in texts without knowing whose they are."""

    @property
    def recogniser(self) -> str:
        """Which recogniser of names is at work, and why; said in the report."""

    def prove(self, texts: list[str]) -> None:
        """Try what is faster against what it stands for, on texts of the data; fall back where they differ."""

    def find(self, texts: list[str]) -> Iterator[list[Span]]:
        """Yield the spans of each text, in order."""


class RedactReport(BaseModel):
    """What was found, what became of it, and what leaked. Counts only."""

    model_config = ConfigDict(frozen=True)

    rows: int
    texts: int
    withheld: Ratio
    surviving_identifiers: int
    entities: dict[str, dict[str, int]]  # column -> kind -> how many were masked
    columns: dict[str, str]  # column -> what became of it
    leakage: Leakage | None  # None: the data carries no planted answers
    recogniser: str  # which recogniser of names was at work, and why


@dataclass
class _Tally:
    """What is counted while texts go by."""

    entities: dict[str, Counter[str]] = field(default_factory=dict)
    leakage: LeakageCount = field(default_factory=LeakageCount)
    texts: int = 0
    withheld: int = 0
    survivors: int = 0
    recogniser: str = "none: the data holds no free text"


def redact(
    rows: pd.DataFrame,
    columns: Columns,
    params: RedactParams,
    secret: bytes,
    open_finder: Callable[[], Finder],
    progress: Callable[[int, int], None],
) -> tuple[pd.DataFrame, RedactReport]:
    """Return `rows` without identities, in the same order, and what was found.

    Missing text stays missing. A cell that is no text, or too long to analyse, is withheld whole and counted; none is
    ever passed on unread. `open_finder` is called only where there is free text: its engine takes seconds to load.
    `progress` is told how many texts of how many are done.
    """
    result = redact_structured(rows, columns, params, secret)
    tally = _Tally()
    gold = {columns.root[name].describes: name for name in columns.named(Role.GOLD)}
    if texts := columns.named(Role.FREE_TEXT):
        finder, people = open_finder(), _people(rows, columns)
        finder.prove([cell for name in texts for cell in rows[name] if isinstance(cell, str)])
        tally.recogniser = finder.recogniser
        for name in texts:
            tally.entities[name] = Counter()
            answers = list(rows[gold[name]]) if name in gold else [None] * len(rows)
            cells: list[str | None] = []
            for start in range(0, len(rows), params.chunk_rows):
                part = slice(start, start + params.chunk_rows)
                cells += _redact_cells(name, list(rows[name].iloc[part]), people[part], answers[part], finder, tally)
                progress(len(cells), len(rows))
            result[name] = pd.array(cells, dtype="str")
    return result, _report(rows, columns, params, tally, has_gold=bool(gold))


def _redact_cells(
    column: str,
    cells: list[Any],
    people: list[dict[str, str]],
    answers: list[str | None],
    finder: Finder,
    tally: _Tally,
) -> list[str | None]:
    texts = [cell if isinstance(cell, str) and len(cell) <= LONGEST_TEXT else "" for cell in cells]
    masked: list[str | None] = []
    for cell, text, found, person, gold in zip(cells, texts, finder.find(texts), people, answers, strict=True):
        if not text:
            masked.append(_unread(cell))
            tally.withheld += masked[-1] == WITHHELD
            continue
        spans = without_masks(text, merge(link(text, person), found))
        redacted = mask(text, spans)
        masked.append(redacted)
        tally.texts += 1
        tally.entities[column].update(span.kind for span in spans)
        tally.survivors += surviving(redacted, person)
        if gold is not None:
            tally.leakage.add(text, gold, spans)
    return masked


def _unread(cell: object) -> str | None:
    """Return what stands for a cell that was not analysed: empty stays empty, missing stays missing."""
    if isinstance(cell, str) and cell == "":
        return ""
    return None if cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell)) else WITHHELD


def _people(rows: pd.DataFrame, columns: Columns) -> list[dict[str, str]]:
    """Return, per row, what its columns say who it is about: kind of column -> value."""
    naming = [name for name in columns.named(Role.SUBJECT, Role.IDENTIFIER) if columns.root[name].kind in KINDS]
    kinds = [columns.root[name].kind for name in naming]
    filled = rows[naming].astype("str").fillna("")
    return [dict(zip(kinds, values, strict=True)) for values in filled.itertuples(index=False, name=None)]


def _report(
    rows: pd.DataFrame, columns: Columns, params: RedactParams, tally: _Tally, *, has_gold: bool
) -> RedactReport:
    return RedactReport(
        rows=len(rows),
        texts=tally.texts,
        withheld=Ratio(count=tally.withheld, of=tally.texts + tally.withheld),
        surviving_identifiers=tally.survivors,
        entities={name: dict(sorted(counter.items())) for name, counter in tally.entities.items()},
        columns={name: _fate(name, columns, params) for name in columns.root},
        leakage=tally.leakage.measured() if has_gold else None,
        recogniser=tally.recogniser,
    )


def _fate(name: str, columns: Columns, params: RedactParams) -> str:
    column = columns.root[name]
    match column.role:
        case Role.FEATURE | Role.PROTECTED | Role.TARGET:
            return f"kept as {column.role.value}"
        case Role.FREE_TEXT:
            return f"masked by row link and the {params.mode} recognisers"
        case Role.QUASI:
            return f"made coarser ({column.kind})"
        case Role.SUBJECT:
            return "replaced by the pseudonym `subject`"
        case Role.IDENTIFIER if name in params.tokenised:
            return "replaced by a pseudonym"
        case _:
            return "dropped"
