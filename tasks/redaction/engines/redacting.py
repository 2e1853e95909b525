"""Redact rows chunk by chunk: structured columns here, free texts by an engine.

The engine may mask several chunks at once, so the structured part of a chunk waits here until its
texts come back. Chunks come back in order: queues are enough to put them together again.
"""

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
from tasks.redaction.texts import MaskedChunk, Person, TextChunk

TRIAL_TEXTS = 200  # texts of the data on which what is faster has to prove itself
# roles of the columns that say who a row is about
PERSONAL_ROLES = (Role.SUBJECT, Role.IDENTIFIER, Role.QUASI)


class Masker(Protocol):
    """Masks chunks of texts, in this process, in several, or on several machines."""

    def mask(self, chunks: Iterable[TextChunk]) -> Iterator[MaskedChunk]:
        """Yield every chunk masked, in order, reading ahead no more than it can work on."""


OpenMasker = Callable[[list[str]], Masker]  # from the texts on which it has to prove itself


def redact_groups(
    groups: Iterable[pd.DataFrame],
    columns: Columns,
    params: RedactParams,
    secret: bytes,
    open_masker: OpenMasker,
    progress: Callable[[int], None],
) -> Iterator[tuple[pd.DataFrame, Tally]]:
    """Yield each group of rows without identities, in the same order, and what was found in it.

    What comes out does not depend on the engine, nor on how many workers it has.

    Args:
        groups: Ingest's rows; memory is bounded by a group and the chunks under way.
        columns: How the use case declares them.
        params: The `redact:` section of the use case.
        secret: The key of pseudonyms.
        open_masker: Called only where there is free text: it takes seconds to load.
        progress: Called with the number of further rows that are redacted.
    """
    first, all_groups = _peek(groups)
    explained = {} if first is None else explain_columns(first, columns, _fates(columns, params))
    texts = columns.named(Role.FREE_TEXT)
    if not texts:
        for group in all_groups:
            yield (
                redact_structured(group, columns, params, secret),
                Tally(rows=len(group), explained=explained),
            )
            progress(len(group))
        return

    group_chunks: deque[int] = deque()  # chunks by group, of those that are read but not written
    structured: deque[pd.DataFrame] = deque()  # the other columns of chunks under way

    def cut_chunks() -> Iterator[TextChunk]:
        for group in all_groups:
            parts = _parts(group, params.chunk_rows)
            group_chunks.append(len(parts))
            for part in parts:
                structured.append(redact_structured(part, columns, params, secret))
                # The engine reads ahead, so that this runs before earlier chunks come back: hence
                # the two queues.
                yield text_chunk(part, columns)

    redacted: list[pd.DataFrame] = []  # the chunks of the current group so far
    tally = Tally(explained=explained)
    for masked in open_masker(_trial_texts(first, texts)).mask(cut_chunks()):
        redacted.append(_with_texts(structured.popleft(), masked))
        tally.add(masked.tally)
        progress(masked.tally.rows)

        # Groups come out as they came in: row groups of a sealed file are cut at the same rows on
        # every engine.
        if len(redacted) == group_chunks[0]:
            group_chunks.popleft()
            group = pd.concat(redacted, ignore_index=True) if len(redacted) > 1 else redacted[0]
            yield group, tally
            redacted = []
            tally = Tally(explained=explained)


def text_chunk(rows: pd.DataFrame, columns: Columns) -> TextChunk:
    """Return what an engine needs of some rows: texts, who each row is about, planted answers."""
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
    """Return a group in parts of `rows` rows; an empty group is one part, so that it is written."""
    return [group.iloc[start : start + rows] for start in range(0, len(group), rows)] or [group]


def _peek(groups: Iterable[pd.DataFrame]) -> tuple[pd.DataFrame | None, Iterable[pd.DataFrame]]:
    """Return the first group (None: there is none), and all groups, the first included."""
    iterator = iter(groups)
    first = next(iterator, None)
    return first, chain([] if first is None else [first], iterator)


def _trial_texts(rows: pd.DataFrame | None, texts: tuple[str, ...]) -> list[str]:
    """Return texts of the first group, the same for every engine."""
    if rows is None:
        return []
    # From the first group alone, whatever the engine: the texts decide whether the fast recogniser
    # is used, and all workers have to decide alike.
    cells: Iterator[Any] = (cell for name in texts for cell in rows[name].iloc[:TRIAL_TEXTS])
    return [cell for cell in cells if isinstance(cell, str) and cell][:TRIAL_TEXTS]


def _with_texts(structured: pd.DataFrame, masked: MaskedChunk) -> pd.DataFrame:
    for name, cells in masked.cells.items():
        structured[name] = pd.array(cells, dtype="str")
    return structured


def _people(rows: pd.DataFrame, columns: Columns) -> list[Person]:
    """Return, per row, who it is about: each column's kind and value, empty where it is missing.

    Every column counts, however many are of one kind. An identifier of a kind that row link has no
    form for (a customer number as `text`) is looked for as it is written.
    """
    kinds = {name: columns.root[name].kind for name in columns.named(*PERSONAL_ROLES)}
    kinds |= {
        name: "account"
        for name in columns.named(Role.SUBJECT, Role.IDENTIFIER)
        if kinds[name] not in KINDS
    }
    personal = [name for name, kind in kinds.items() if kind in KINDS]
    filled = rows[personal].astype("str").fillna("")

    return [
        tuple(zip((kinds[name] for name in personal), values, strict=True))
        for values in filled.itertuples(index=False, name=None)
    ]


def _fate(name: str, columns: Columns, params: RedactParams) -> str:
    """Return what becomes of a column, for a person to read."""
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
