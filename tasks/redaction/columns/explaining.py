"""Explain what became of each column: declared as what, looking like what, and what to check."""

import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.config.cases import Column, Columns, Role
from tasks.redaction.columns.looks import IDENTIFYING, TELLING_SHARE, ColumnLook, look

KEPT_ROLES = (Role.FEATURE, Role.PROTECTED, Role.TARGET)
# declared kind -> looks that are no contradiction to it
ALIKE = {
    "account": {"card", "iban", "number", "phone"},
    "name": {"text"},
    "city": {"text", "category", "name"},
}
# declared kinds of columns whose values may well be several words ("two to four years")
PLAIN_KINDS = ("number", "flag", "category")


class ColumnReport(BaseModel):
    """One column, explained. Never a value of it.

    Attributes:
        role: As declared.
        declared: The kind, as declared.
        looks_like: The kind that its name and first values suggest.
        why: What suggests it.
        fate: What became of its values.
        check: What a person should look at; empty: nothing.
    """

    model_config = ConfigDict(frozen=True)

    role: str
    declared: str
    looks_like: str
    why: str
    fate: str
    check: str


def explain_columns(
    rows: pd.DataFrame, columns: Columns, fates: dict[str, str]
) -> dict[str, ColumnReport]:
    """Explain every declared column.

    `rows` are the first of the data, before redaction; `fates` says of each column what becomes of
    it. A declared column that is not among the rows was dropped by ingest.
    """
    explained = {}
    for name, column in columns.root.items():
        column_look = look(name, rows[name]) if name in rows else None
        explained[name] = ColumnReport(
            role=column.role.value,
            declared=column.kind,
            looks_like=column_look.kind if column_look else "not read",
            why=column_look.why if column_look else "ingest drops it",
            fate=fates[name],
            check=_describe_doubt(column, column_look) if column_look else "",
        )

    return explained


def _describe_doubt(column: Column, column_look: ColumnLook) -> str:
    """Return what a person should look at, as one sentence; empty where there is no doubt."""
    if column.role is Role.GOLD:
        return ""
    if column.role in KEPT_ROLES:
        return _describe_doubt_about_kept(column, column_look)

    kind = column_look.kind
    if column.role is Role.FREE_TEXT:
        if kind == "text" or not column_look.is_clear:
            return ""
        return f"It is masked as free text, but looks like {kind}: as an identifier it would go."

    is_same = kind == column.kind or kind in ALIKE.get(column.kind, ())
    if column.kind == "text" or is_same or not column_look.is_clear:
        return ""
    return f"It is declared as {column.kind}, but looks like {kind}: row link goes by it."


def _describe_doubt_about_kept(column: Column, column_look: ColumnLook) -> str:
    """Return what is doubtful about a column whose values reach later stages as they are.

    Here an unclear look counts too: what is missed is an identity that stays.
    """
    telling = {kind: share for kind, share in column_look.forms.items() if share >= TELLING_SHARE}
    if telling:
        kinds = ", ".join(f"{kind} ({share:.0%})" for kind, share in sorted(telling.items()))
        return f"It is kept as it is, but values look like {kinds}: should it be an identifier?"

    kind = column_look.kind
    if kind in IDENTIFYING or (kind == "text" and column.kind not in PLAIN_KINDS):
        return (
            f"It is kept as it is, but looks like {kind}: should it be an identifier or free text?"
        )
    return ""
