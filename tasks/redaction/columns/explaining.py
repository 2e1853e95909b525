"""Explain what became of each column: what it was declared as, what it looks like, and what a person should check."""

import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.config.cases import Column, Columns, Role
from tasks.redaction.columns.looks import IDENTIFYING, TELLING_SHARE, ColumnLook, look

KEPT = (Role.FEATURE, Role.PROTECTED, Role.TARGET)
ALIKE = {
    "account": {"card", "iban", "number", "phone"},
    "name": {"text"},
    "city": {"text", "category", "name"},
}
PLAIN_KINDS = ("number", "flag", "category")


class ColumnReport(BaseModel):
    """One column, explained. Never a value of it."""

    model_config = ConfigDict(frozen=True)

    role: str
    declared: str
    looks_like: str
    why: str
    fate: str
    check: str  # what a person should look at; empty: nothing


def explain_columns(
    rows: pd.DataFrame, columns: Columns, fates: dict[str, str]
) -> dict[str, ColumnReport]:
    """Explain every declared column; `rows` are the first of the data, before redaction."""
    explained = {}
    for name, column in columns.root.items():
        seen = look(name, rows[name]) if name in rows else None
        explained[name] = ColumnReport(
            role=column.role.value,
            declared=column.kind,
            looks_like=seen.kind if seen else "not read",
            why=seen.why if seen else "ingest drops it",
            fate=fates[name],
            check=_check(column, seen) if seen else "",
        )
    return explained


def _check(column: Column, seen: ColumnLook) -> str:
    """Return what a person should look at, as one sentence."""
    if column.role is Role.GOLD:
        return ""
    if column.role in KEPT:
        telling = {kind: share for kind, share in seen.forms.items() if share >= TELLING_SHARE}
        if telling:
            kinds = ", ".join(f"{kind} ({share:.0%})" for kind, share in sorted(telling.items()))
            return f"It is kept as it is, but values look like {kinds}: should it be an identifier?"
        if seen.kind in IDENTIFYING or (seen.kind == "text" and column.kind not in PLAIN_KINDS):
            return f"It is kept as it is, but looks like {seen.kind}: should it be an identifier or free text?"
        return ""
    if column.role is Role.FREE_TEXT and seen.kind != "text" and seen.is_clear:
        return (
            f"It is masked as free text, but looks like {seen.kind}: as an identifier it would go."
        )
    is_same = seen.kind == column.kind or seen.kind in ALIKE.get(column.kind, ())
    if (
        column.role is not Role.FREE_TEXT
        and column.kind != "text"
        and not is_same
        and seen.is_clear
    ):
        return f"It is declared as {column.kind}, but looks like {seen.kind}: row link goes by it."
    return ""
