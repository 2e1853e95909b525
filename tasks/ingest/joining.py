"""Join the sources to one row per application. Pure: frames in, frame and report out."""

from typing import TYPE_CHECKING

import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.case import Columns, Role
from tasks.errors import DataError, SourceError
from tasks.ingest.deriving import derive
from tasks.ingest.params import IngestParams, Join
from tasks.pseudonyms import pseudonyms

if TYPE_CHECKING:
    from collections.abc import Mapping

DERIVED = "derived"  # the "source" of a column that ingest computes
NUMBERS = ("number", "flag")


class SourceCount(BaseModel):
    """What a source gave, and what came of it."""

    model_config = ConfigDict(frozen=True)

    rows: int
    columns: int
    matched_rows: int
    unmatched_rows: int


class IngestReport(BaseModel):
    """What ingest did. Counts only."""

    model_config = ConfigDict(frozen=True)

    rows: int
    subjects: int
    sources: dict[str, SourceCount]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    missing_ratio: dict[str, float]


def check_columns(name: str, frame: pd.DataFrame, columns: Columns, params: IngestParams) -> None:
    """Stop on a column that is not declared (nothing unasked-for is taken in), absent, or not of its declared kind.

    Raises:
        SourceError: Names the columns, never a value.
    """
    declared = {column for column, is_ in columns.root.items() if is_.source == name}
    keys = {join.by for join in params.joins if join.source == name}
    found = set(frame.columns)
    if undeclared := sorted(found - declared - keys):
        raise SourceError(
            f"source `{name}`",
            expected="declared columns only",
            found=f"undeclared: {', '.join(undeclared)}",
            remedy="Declare each in `columns:` (role `dropped` where it is not needed), or have it left out.",
        )
    if absent := sorted((declared | keys) - found):
        raise SourceError(
            f"source `{name}`",
            expected="every declared column",
            found=f"absent: {', '.join(absent)}",
            remedy="Ask the owner what changed.",
        )
    words = [
        column for column in sorted(declared)
        if columns.root[column].kind in NUMBERS and columns.root[column].role is not Role.DROPPED
        and not pd.api.types.is_numeric_dtype(frame[column])
    ]  # fmt: skip
    if words:
        raise SourceError(
            f"source `{name}`",
            expected="numbers",
            found=f"something else in: {', '.join(words)}",
            remedy="Mend the delivery, or declare another `kind`.",
        )


def join_sources(
    frames: "Mapping[str, pd.DataFrame]", columns: Columns, params: IngestParams, secret: bytes
) -> tuple[pd.DataFrame, IngestReport]:
    """Return one row per row of the base source, and what was done.

    `subject` (pseudonym) and `person` come first; `person` numbers people by first appearance in the base source, so
    that splits by person are the same wherever the pipeline runs, whatever its secrets. Every source has been through
    `check_columns`. Columns with role `dropped` are not in the result.
    """
    rows = frames[params.base].copy()
    counts = {params.base: _count(rows, len(rows), 0)}
    for join in params.joins:
        rows, counts[join.source] = _joined(rows, frames[join.source], join)
    for column, codes in params.missing.items():
        rows[column] = rows[column].mask(rows[column].isin(codes))
    for column, derivation in params.derive.items():
        rows[column] = derive(column, rows, derivation)
    kept = [name for name, column in columns.root.items() if column.role is not Role.DROPPED]
    if absent := [name for name in kept if name not in rows]:
        raise DataError(
            "ingest",
            expected="every declared column after the join",
            found=f"absent: {', '.join(absent)}",
            remedy="Add the source that holds it to `ingest.joins`, or a rule to `ingest.derive`.",
        )
    subject = columns.only(Role.SUBJECT)
    if rows[subject].isna().any():
        raise DataError(
            f"column `{subject}`",
            expected="a subject for every row",
            found=f"{int(rows[subject].isna().sum())} without",
            remedy="A row about nobody known can be neither protected nor erased: have the source mended.",
        )
    result = rows[kept].copy()
    result.insert(0, "subject", pseudonyms(secret, rows[subject]))
    result.insert(1, "person", pd.factorize(result["subject"])[0])
    report = IngestReport(
        rows=len(result),
        subjects=int(result["subject"].nunique()),
        sources=counts,
        kept=tuple(kept),
        dropped=columns.named(Role.DROPPED),
        missing_ratio={name: round(float(result[name].isna().mean()), 6) for name in kept if result[name].isna().any()},
    )
    return result, report


def _joined(rows: pd.DataFrame, other: pd.DataFrame, join: Join) -> tuple[pd.DataFrame, SourceCount]:
    where = f"source `{join.source}`"
    if join.by not in rows or join.by not in other:
        raise SourceError(where, expected=f"the key `{join.by}` on both sides", found="it on one", remedy="Mend `by`.")
    given = len(other)
    if join.take == "latest":
        other = other.sort_values(join.order_by or join.by, kind="stable").drop_duplicates(join.by, keep="last")
    if doubled := int(other[join.by].duplicated().sum()):
        raise SourceError(
            where,
            expected=f"one row per `{join.by}`",
            found=f"{doubled} more",
            remedy="Mend the delivery, or set `take: latest` with `order_by`.",
        )
    known = other[join.by].isin(rows[join.by])
    merged = rows.merge(other, on=join.by, how="left", validate="many_to_one")
    lonely = int((~rows[join.by].isin(other[join.by])).sum())
    if join.required and lonely:
        raise SourceError(
            where,
            expected="a partner for every row",
            found=f"{lonely} rows without",
            remedy="Ask its owner for the rest.",
        )
    return merged, _count(other, int(known.sum()), given - int(known.sum()))


def _count(frame: pd.DataFrame, matched: int, unmatched: int) -> SourceCount:
    return SourceCount(rows=matched + unmatched, columns=frame.shape[1], matched_rows=matched, unmatched_rows=unmatched)
