"""Redact a frame that nobody declared: each column typed, explained, and treated by its kind."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from tasks.keystore.pseudonyms import pseudonyms
from tasks.redaction.api import MODEL, find_personal_data, open_row_linker
from tasks.redaction.columns.looks import look
from tasks.redaction.columns.structured import coarse_dates, coarse_networks
from tasks.redaction.linking import KINDS
from tasks.redaction.spans import mask, merge, without_masks
from tasks.redaction.texts import readable, unread

# By kind, what becomes of a column; every other kind is masked as free text, which hides the most.
PSEUDONYMISED = ("name", "email", "phone", "ssn", "account", "card", "iban", "street", "city")
COARSENED: dict[str, Callable[["pd.Series[Any]"], "pd.Series[Any]"]] = {
    "date": lambda values: coarse_dates(values, "year"),
    "ip": coarse_networks,
}
KEPT = ("number", "category")


def redact_columns(
    frame: pd.DataFrame,
    secret: bytes,
    kinds: dict[str, str],
    dropped: frozenset[str],
    settings: dict[str, Any],
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the frame without identities, and column -> why it was treated as it was.

    Arguments and errors are those of `api.redact_frame`.
    """
    unknown = (set(kinds) | dropped) - set(map(str, frame.columns))
    if unknown:
        raise KeyError(f"no such column: {', '.join(sorted(unknown))}")

    kind_by_column, reasons = _type_columns(frame, kinds, dropped)
    result = pd.DataFrame(index=frame.index)
    for name, kind in kind_by_column.items():
        result[name] = _treat(frame, name, kind, secret, kind_by_column, settings)
    return result, reasons


def _type_columns(
    frame: pd.DataFrame, kinds: dict[str, str], dropped: frozenset[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return column -> kind without the dropped ones, and column -> reason of all."""
    kind_by_column: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for name in map(str, frame.columns):
        if name in dropped:
            reasons[name] = "dropped, as asked"
        elif name in kinds:
            kind_by_column[name] = kinds[name]
            reasons[name] = f"{kinds[name]}, as declared"
        else:
            column_look = look(name, frame[name])
            kind_by_column[name] = column_look.kind if column_look.is_clear else "text"
            reasons[name] = f"{kind_by_column[name]}: {column_look.why}"
    return kind_by_column, reasons


def _treat(
    frame: pd.DataFrame,
    name: str,
    kind: str,
    secret: bytes,
    kind_by_column: dict[str, str],
    settings: dict[str, Any],
) -> "pd.Series[Any]":
    """Return one column as it may stay."""
    if kind in KEPT:
        return frame[name]
    if kind in COARSENED:
        # `where`: as a string a missing value would be the word "nan"
        return COARSENED[kind](frame[name].astype("str").where(frame[name].notna()))
    if kind in PSEUDONYMISED:
        return pseudonyms(secret, frame[name])
    masked = _mask_column(frame, name, kind_by_column, settings)
    return pd.Series(masked, index=frame.index, dtype="str")


def _mask_column(
    frame: pd.DataFrame, name: str, kind_by_column: dict[str, str], settings: dict[str, Any]
) -> list[str | None]:
    """Mask a column of texts: what the row says about its person, then whatever else is found.

    Unlike a declared use case a frame may have several columns of one kind (a first and a last
    name), so each column is linked by itself.
    """
    linker = open_row_linker(settings.get("model", MODEL))
    personal = [column for column, kind in kind_by_column.items() if kind in KINDS]
    values = frame[personal].astype("str").where(frame[personal].notna(), "")
    cells = list(frame[name])
    texts = [readable(cell) for cell in cells]
    spans_by_text = find_personal_data(texts, **settings)

    masked: list[str | None] = []
    for cell, text, spans, row in zip(
        cells, texts, spans_by_text, values.itertuples(index=False, name=None), strict=True
    ):
        if not text:
            masked.append(unread(cell))
            continue
        own_spans = [
            span
            for column, value in zip(personal, row, strict=True)
            for span in linker.link(text, {kind_by_column[column]: value})
        ]
        masked.append(mask(text, without_masks(text, merge(own_spans, spans))))
    return masked
