"""Redact a frame that nobody declared: each column typed, explained, and treated by its kind.

Columns are taken by their places: a label may be a number, missing, or there twice.
"""

import re
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tasks.keystore.pseudonyms import pseudonyms
from tasks.redaction.api import find_personal_data, known_masks, open_row_linker
from tasks.redaction.characters import well_formed
from tasks.redaction.columns.structured import coarse_networks
from tasks.redaction.columns.undeclared import is_number, kind_of
from tasks.redaction.finding.patterns.plain import to_plain
from tasks.redaction.linking import KINDS
from tasks.redaction.linking.dates import days
from tasks.redaction.spans import Span, mask, merge, without_masks
from tasks.redaction.stability import search_until_stable
from tasks.redaction.texts import is_missing, readable, unread

# By kind, what becomes of a column; every other kind is masked as free text, which hides the most.
PSEUDONYMISED = (
    *("name", "email", "phone", "ssn", "account", "card", "iban", "street", "city", "zip"),
)
COARSENED: dict[str, Callable[["pd.Series[Any]"], "pd.Series[Any]"]] = {
    "date": lambda values: _years(values),
    "ip": coarse_networks,
}
KEPT = ("number", "category")
# What a category may be called all the same: a region, a branch.
CATEGORY_KINDS = frozenset(("LOCATION", "ORGANIZATION", "NRP"))
DATE_SIGNS = re.compile(r"[\w\s:.,/+'-]{1,60}")  # of a date, and of a time of day after it
UNNAMED_INDEX = "index"  # what an index without a name is called


@dataclass(frozen=True)
class _TypedColumn:
    """One column, or one level of the index, by its place.

    Attributes:
        label: As it stands in the frame.
        values: With rows counted from 0, so that no label of a row is there twice.
        kind: None: it is dropped.
        why: The reason for its kind.
        strays: The places of cells that are not of the kind: masked as free text where the others
            stay as they are.
    """

    label: Hashable
    values: "pd.Series[Any]"
    kind: str | None
    why: str
    strays: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What the caller, and the report, call it."""
        return str(self.label)


MaskColumn = Callable[[_TypedColumn], list[str | None]]


def redact_columns(
    frame: pd.DataFrame,
    secret: bytes,
    kinds: dict[str, str],
    dropped: frozenset[str],
    settings: dict[str, Any],
    *,
    until_stable: bool,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the frame without identities, and column -> why it was treated as it was.

    Columns of one name share an entry of the reasons. Arguments and errors are those of
    `api.redact_frame`.
    """
    levels = _index_levels(frame.index)
    columns = [(label, frame.iloc[:, place]) for place, label in enumerate(frame.columns)]
    kinds = {str(name): kind for name, kind in kinds.items()}
    dropped = frozenset(map(str, dropped))
    # Refused, not passed over: a misspelt name in `drop` would leave the column in.
    unknown = (set(kinds) | dropped) - {str(label) for label, _ in (*columns, *levels)}
    if unknown:
        raise KeyError(f"no such column: {', '.join(sorted(unknown))}")

    type_column = partial(_type, kinds=kinds, dropped=dropped, settings=settings)
    typed = [type_column(label, values) for label, values in columns]
    typed_levels = [type_column(label, values) for label, values in levels]
    everything = [*typed, *typed_levels]
    remaining = [column for column in typed if column.kind is not None]
    mask_column = partial(
        _mask_column, everything=everything, settings=settings, until_stable=until_stable
    )
    treated = [_treat(column, secret, mask_column) for column in remaining]
    # Numbered first and labelled after: a dict by label would lose one of two columns of one label.
    result = pd.DataFrame(dict(enumerate(treated)), index=range(len(frame)))
    result.columns = frame.columns[[column.kind is not None for column in typed]]
    result.index = frame.index
    if levels:
        result.index = _index_of(len(frame), typed_levels, secret, mask_column)

    reasons: dict[str, list[str]] = {}
    for column in everything:
        reasons.setdefault(column.name, []).append(column.why)
    return result, {name: "; ".join(dict.fromkeys(whys)) for name, whys in reasons.items()}


def _index_levels(index: "pd.Index[Any]") -> list[tuple[Hashable, "pd.Series[Any]"]]:
    """Return an index's levels with their names; none of one that only counts the rows."""
    # Any other index may hold whatever a column may: an account number, or a name.
    if isinstance(index, pd.RangeIndex):
        return []
    return [
        (UNNAMED_INDEX if index.names[level] is None else index.names[level], pd.Series(values))
        for level, values in enumerate(index.get_level_values(i) for i in range(index.nlevels))
    ]


def _index_of(
    rows: int,
    levels: list[_TypedColumn],
    secret: bytes,
    mask_column: MaskColumn,
) -> "pd.Index[Any]":
    """Return an index of the levels that remain, as they may stay; without any, rows counted."""
    remaining = [level for level in levels if level.kind is not None]
    if not remaining:
        return pd.RangeIndex(rows)

    values = [_treat(level, secret, mask_column) for level in remaining]
    names = [None if level.label == UNNAMED_INDEX else level.label for level in remaining]
    if len(remaining) == 1:
        only: pd.Index[Any] = pd.Index(values[0], name=names[0])
        return only

    return pd.MultiIndex.from_arrays(values, names=names)


def _type(
    label: Hashable,
    values: "pd.Series[Any]",
    *,
    kinds: dict[str, str],
    dropped: frozenset[str],
    settings: dict[str, Any],
) -> _TypedColumn:
    """Return a column with its kind: as declared, or by its name and values."""
    name = str(label)
    # Counted from 0, as the masked texts come back: by the frame's own labels, which may be there
    # twice, pandas would put values beside other rows.
    values = values.reset_index(drop=True)
    if name in dropped:
        return _TypedColumn(label, values, None, "dropped, as asked")
    if name in kinds:
        return _TypedColumn(label, values, kinds[name], f"{kinds[name]}, as declared")

    kind, why = kind_of(name, values)
    column = _TypedColumn(label, values, kind, f"{kind}: {why}")
    strays = _strays(column, settings) if kind in KEPT else ()
    if not strays:
        return column
    return replace(
        column, why=f"{column.why}; {len(strays)} cells masked as free text", strays=strays
    )


def _strays(column: _TypedColumn, settings: dict[str, Any]) -> tuple[int, ...]:
    """Return the places of cells that may not stay in a column of numbers or categories.

    What a column is was told by most of its first values, and these may hold names. So every value
    has to be a number, or a text in which nobody's data is found.
    """
    texts: dict[int, str] = {}
    strays: list[int] = []
    for place, value in enumerate(column.values):
        if isinstance(value, str):
            # A number of a category may be a telephone's, and is read.
            if not (column.kind == "number" and is_number(value)):
                texts[place] = value
        elif not pd.api.types.is_scalar(value) or isinstance(value, (bytes, bytearray)):
            strays.append(place)

    personal = _personal(set(texts.values()), settings)
    # Of a remark between numbers more may be found beside its row.
    is_text_a_stray = column.kind == "number"
    strays += [place for place, text in texts.items() if is_text_a_stray or text in personal]
    return tuple(sorted(strays))


def _personal(texts: Collection[str], settings: dict[str, Any]) -> frozenset[str]:
    """Return the texts in which personal data is found, or that are too long to be read."""
    short = sorted(text for text in texts if readable(text))
    spans_by_text = find_personal_data(short, **settings) if short else []
    found = [
        text
        for text, spans in zip(short, spans_by_text, strict=True)
        if any(_is_about_somebody(span, spans) for span in spans)
    ]
    return frozenset((*found, *(text for text in texts if text and not readable(text))))


def _treat(column: _TypedColumn, secret: bytes, mask_column: MaskColumn) -> "pd.Series[Any]":
    """Return one column as it may stay."""
    kind = column.kind
    if kind in KEPT:
        return _keep(column, mask_column) if column.strays else column.values
    if kind in COARSENED:
        return COARSENED[kind](_as_texts(column.values))
    if kind in PSEUDONYMISED:
        return pseudonyms(secret, _as_texts(column.values))
    # Also for a kind that nobody knows: masked as text, it hides more than if it were kept.
    return pd.Series(mask_column(column), dtype="str")


def _keep(column: _TypedColumn, mask_column: MaskColumn) -> "pd.Series[Any]":
    """Return a column as it is, but its strays as free text."""
    cells = list(column.values)
    # Only the strays are read, each beside its row; of all others nothing is asked.
    strays: list[Any] = [None] * len(cells)
    for place in column.strays:
        strays[place] = cells[place]
    masked = mask_column(replace(column, values=pd.Series(strays, dtype="object")))
    for place in column.strays:
        cells[place] = masked[place]

    are_texts = all(isinstance(cell, str) or is_missing(cell) for cell in cells)
    return pd.Series(cells, dtype="str" if are_texts else "object")


def _as_texts(values: "pd.Series[Any]") -> "pd.Series[str]":
    """Return values of any type as well-formed texts; missing stays missing."""
    # one by one: as a string a missing value would be the word "nan"
    texts = [None if is_missing(value) else well_formed(_as_text(value)) for value in values]
    return pd.Series(texts, dtype="str")


def _is_about_somebody(span: Span, spans: list[Span]) -> bool:
    """Say whether a span is no region's name, as "Virginia" is one rather than somebody's."""
    is_place = any(
        other.kind in CATEGORY_KINDS
        and other.score > span.score
        and other.start <= span.start
        and span.end <= other.end
        for other in spans
    )
    return span.kind not in CATEGORY_KINDS and not is_place


def _as_text(value: Any) -> str:
    """Return a value as it is written; a whole number without the `.0` of a column with gaps."""
    # Else row link would look for the account 8123455.0, and a join find other pseudonyms.
    is_float = isinstance(value, (float, np.floating))
    return str(int(value)) if is_float and float(value).is_integer() else str(value)


def _years(values: "pd.Series[str]") -> "pd.Series[str]":
    """Return the years of dates in any form of which one year can be meant; others are missing."""
    by_date = {value: _year(value) for value in values.dropna().unique()}
    return values.map(by_date).astype("str")


def _year(value: str) -> str | None:
    plain = to_plain(value).text.strip()
    years = {year for year, _, _ in days(plain)} if DATE_SIGNS.fullmatch(plain) else set()
    return f"{years.pop():04}" if len(years) == 1 else None


def _mask_column(
    column: _TypedColumn,
    everything: list[_TypedColumn],
    settings: dict[str, Any],
    *,
    until_stable: bool,
) -> list[str | None]:
    """Mask a column of texts: what the row says about its person, then whatever else is found.

    Unlike a declared use case a frame may have several columns of one kind (a first and a last
    name), so each column is linked by itself.
    """
    linker = open_row_linker(settings.get("model"), settings.get("language", "en"))
    personal = [other for other in everything if other.kind in KINDS]
    columns_of_values = [_as_texts(other.values).fillna("") for other in personal]
    kinds_of_values = [str(other.kind) for other in personal]
    rows = list(zip(*columns_of_values, strict=True)) if personal else [()] * len(column.values)
    cells = list(column.values)
    texts = [readable(cell) for cell in cells]
    masks = known_masks(settings.get("recognisers"))

    def search(numbers: list[int], texts: list[str]) -> Iterable[tuple[Span, ...]]:
        spans_by_text = find_personal_data(texts, **settings)
        for number, text, spans in zip(numbers, texts, spans_by_text, strict=True):
            own_spans = [
                span
                for kind, value in zip(kinds_of_values, rows[number], strict=True)
                for span in linker.link(text, ((kind, value),))
            ]
            yield without_masks(text, merge(own_spans, spans), masks)

    if until_stable:
        spans_by_text: Iterable[tuple[Span, ...]] = search_until_stable(texts, search)
    else:
        spans_by_text = search(list(range(len(texts))), texts)
    return [
        mask(text, spans) if text else unread(cell)
        for cell, text, spans in zip(cells, texts, spans_by_text, strict=True)
    ]
