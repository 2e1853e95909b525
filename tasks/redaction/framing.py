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

PSEUDONYMISED = ("name", "email", "phone", "ssn", "account", "card", "iban", "street", "city")
COARSER: dict[str, Callable[["pd.Series[Any]"], "pd.Series[Any]"]] = {
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
    """Return the frame without identities and why each column was treated as it was (see `api.redact_frame`)."""
    unknown = (set(kinds) | dropped) - set(map(str, frame.columns))
    if unknown:
        raise KeyError(f"no such column: {', '.join(sorted(unknown))}")
    typed, reasons = _typed(frame, kinds, dropped)
    result = pd.DataFrame(index=frame.index)
    for name, kind in typed.items():
        result[name] = _treated(frame, name, kind, secret, typed, settings)
    return result, reasons


def _typed(
    frame: pd.DataFrame, kinds: dict[str, str], dropped: frozenset[str]
) -> tuple[dict[str, str], dict[str, str]]:
    typed, reasons = {}, {}
    for name in map(str, frame.columns):
        if name in dropped:
            reasons[name] = "dropped, as asked"
        elif name in kinds:
            typed[name] = kinds[name]
            reasons[name] = f"{kinds[name]}, as declared"
        else:
            seen = look(name, frame[name])
            typed[name] = seen.kind if seen.is_clear else "text"
            reasons[name] = f"{typed[name]}: {seen.why}"
    return typed, reasons


def _treated(
    frame: pd.DataFrame,
    name: str,
    kind: str,
    secret: bytes,
    typed: dict[str, str],
    settings: dict[str, Any],
) -> "pd.Series[Any]":
    if kind in KEPT:
        return frame[name]
    if kind in COARSER:
        return COARSER[kind](frame[name].astype("str").where(frame[name].notna()))
    if kind in PSEUDONYMISED:
        return pseudonyms(secret, frame[name])
    return pd.Series(_masked(frame, name, typed, settings), index=frame.index, dtype="str")


def _masked(
    frame: pd.DataFrame, name: str, typed: dict[str, str], settings: dict[str, Any]
) -> list[str | None]:
    """Mask a column of texts: what the row says about its person first, then whatever else is found."""
    linker = open_row_linker(settings.get("model", MODEL))
    naming = [column for column, kind in typed.items() if kind in KINDS]
    values = frame[naming].astype("str").where(frame[naming].notna(), "")
    cells = list(frame[name])
    texts = [readable(cell) for cell in cells]
    people = [
        list(zip(naming, row, strict=True)) for row in values.itertuples(index=False, name=None)
    ]
    masked: list[str | None] = []
    for cell, text, found, person in zip(
        cells, texts, find_personal_data(texts, **settings), people, strict=True
    ):
        if not text:
            masked.append(unread(cell))
            continue
        linked = [
            span for column, value in person for span in linker.link(text, {typed[column]: value})
        ]
        masked.append(mask(text, without_masks(text, merge(linked, found))))
    return masked
