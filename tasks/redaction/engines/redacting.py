"""Redact rows chunk by chunk: structured columns here, free texts by an engine, in one process or in many."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Protocol

import pandas as pd

from tasks.config.cases import Columns, Role
from tasks.redaction.columns.explaining import explain_columns
from tasks.redaction.columns.structured import redact_structured
from tasks.redaction.linking import KINDS
from tasks.redaction.params import RedactParams
from tasks.redaction.tally import Tally
from tasks.redaction.texts import MaskedChunk, TextChunk

TRIAL_TEXTS = 200  # texts of the data on which what is faster has to prove itself
PEOPLE = (
    Role.SUBJECT,
    Role.IDENTIFIER,
    Role.QUASI,
)  # roles of the columns that say who a row is about


class Engine(Protocol):
    """Masks chunks of texts, in this process, in several, or on several machines."""

    def mask(self, chunks: Iterable[TextChunk]) -> Iterator[MaskedChunk]:
        """Yield every chunk masked, in order, reading ahead no more than it can work on."""


OpenEngine = Callable[[list[str]], Engine]  # from the texts on which it has to prove itself


def redact_groups(
    groups: Iterable[pd.DataFrame],
    columns: Columns,
    params: RedactParams,
    secret: bytes,
    open_engine: OpenEngine,
    progress: Callable[[int], None],
) -> Iterator[tuple[pd.DataFrame, Tally]]:
    """Yield each group of rows without identities, in the same order, and what was found in it.

    `open_engine` is called only where there is free text: it takes seconds to load. What comes out does not depend on
    the engine, nor on how many workers it has. `progress` is told of further rows that are done.
    """
    first, rest = _first(groups)
    explained = {} if first is None else explain_columns(first, columns, _fates(columns, params))
    texts = columns.named(Role.FREE_TEXT)
    if not texts:
        for group in rest:
            yield (
                redact_structured(group, columns, params, secret),
                Tally(rows=len(group), explained=explained),
            )
            progress(len(group))
        return
    sizes: deque[int] = deque()  # chunks by group, of those that are read but not yet written
    kept: deque[pd.DataFrame] = deque()  # the structured part of chunks that the engine works on

    def chunks(of: Iterable[pd.DataFrame]) -> Iterator[TextChunk]:
        for group in of:
            parts = _parts(group, params.chunk_rows)
            sizes.append(len(parts))
            for part in parts:
                kept.append(redact_structured(part, columns, params, secret))
                yield text_chunk(part, columns)

    done: list[pd.DataFrame] = []
    tally = Tally(explained=explained)
    for masked in open_engine(_trial(first, texts)).mask(chunks(rest)):
        done.append(_with_texts(kept.popleft(), masked))
        tally.add(masked.tally)
        progress(masked.tally.rows)
        if len(done) == sizes[0]:
            sizes.popleft()
            yield pd.concat(done, ignore_index=True) if len(done) > 1 else done[0], tally
            done, tally = [], Tally(explained=explained)


def text_chunk(rows: pd.DataFrame, columns: Columns) -> TextChunk:
    """Return what an engine needs of some rows: the texts, who each row is about, and planted answers."""
    gold = {columns.root[name].describes: name for name in columns.named(Role.GOLD)}
    texts = columns.named(Role.FREE_TEXT)
    return TextChunk(
        {name: list(rows[name]) for name in texts},
        _people(rows, columns),
        {name: list(rows[gold[name]]) for name in texts if name in gold},
    )


def _fates(columns: Columns, params: RedactParams) -> dict[str, str]:
    return {name: _fate(name, columns, params) for name in columns.root}


def _parts(group: pd.DataFrame, rows: int) -> list[pd.DataFrame]:
    return [group.iloc[start : start + rows] for start in range(0, len(group), rows)] or [group]


def _first(groups: Iterable[pd.DataFrame]) -> tuple[pd.DataFrame | None, Iterable[pd.DataFrame]]:
    iterator = iter(groups)
    first = next(iterator, None)
    return first, chain([] if first is None else [first], iterator)


def _trial(rows: pd.DataFrame | None, texts: tuple[str, ...]) -> list[str]:
    if rows is None:
        return []
    cells: Iterator[Any] = (cell for name in texts for cell in rows[name].iloc[:TRIAL_TEXTS])
    return [cell for cell in cells if isinstance(cell, str) and cell][:TRIAL_TEXTS]


def _with_texts(structured: pd.DataFrame, masked: MaskedChunk) -> pd.DataFrame:
    for name, cells in masked.cells.items():
        structured[name] = pd.array(cells, dtype="str")
    return structured


def _people(rows: pd.DataFrame, columns: Columns) -> list[dict[str, str]]:
    """Return, per row, what its columns say who it is about: kind of column -> value."""
    naming = [name for name in columns.named(*PEOPLE) if columns.root[name].kind in KINDS]
    kinds = [columns.root[name].kind for name in naming]
    filled = rows[naming].astype("str").fillna("")
    return [
        dict(zip(kinds, values, strict=True))
        for values in filled.itertuples(index=False, name=None)
    ]


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
