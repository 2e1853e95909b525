"""Join the sources to one row per application. Pure: frames in, frame and report out."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.config.cases import Columns, Role
from tasks.errors import DataError, SourceError
from tasks.keystore.pseudonyms import normal_forms, pseudonyms
from tasks.stages.ingest.deriving import derive
from tasks.stages.ingest.params import Aggregate, IngestParams, Join

if TYPE_CHECKING:
    from pandas.core.groupby import DataFrameGroupBy

Codes = np.ndarray[Any, np.dtype[np.intp]]
NO_KEY = -1


class Erased(Protocol):
    """On which day a subject was erased, if ever: a mapping, or the key store's tombstones."""

    def get(self, subject: str, /) -> date | None:
        """Return the day."""

    def __len__(self) -> int:
        """Return how many there are."""


NOBODY: Mapping[str, date] = {}


class SourceCount(BaseModel):
    """What a source gave, and what came of it, in rows."""

    model_config = ConfigDict(frozen=True)

    rows: int
    matched_rows: int  # their key is in the base source
    unmatched_rows: int  # it is not, or they have none: they are left out
    superseded_rows: (
        int  # matched, but a later row of the same key stands for them, or they were aggregated
    )
    without_partner_rows: int  # rows of the base source that found none here


class IngestReport(BaseModel):
    """What ingest did. Counts only."""

    model_config = ConfigDict(frozen=True)

    rows: int
    subjects: int
    erased_rows: int  # left out because their subjects were erased
    returned_rows: int  # kept, because they are dated after their subject's erasure
    repeated_rows: int  # equal in every column to another row
    sources: dict[str, SourceCount]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    missing_ratio: dict[str, float]


def join_sources(
    frames: Mapping[str, pd.DataFrame],
    columns: Columns,
    params: IngestParams,
    secret: bytes,
    tombstones: Erased = NOBODY,
) -> tuple[pd.DataFrame, IngestReport]:
    """Return one row per row of the base source, and what was done.

    `subject` (pseudonym) and `person` come first; `person` numbers people by first appearance in the base source, so
    that splits by person are the same wherever the pipeline runs, whatever its secrets, and an erasure moves nobody
    else. Columns with role `dropped` are not in the result, nor are rows about subjects in `tombstones` that are not
    dated (`params.dated_by`) after the day of the erasure.

    Raises:
        SourceError: A source does not fit to the base as its join declares it.
        DataError: A row is about nobody known, or no row is left.
    """
    subject = columns.only(Role.SUBJECT)
    rows = frames[params.base]
    counts = {params.base: _count(len(rows), len(rows), len(rows), 0)}
    for join in params.joins:
        rows, counts[join.source] = _joined(
            rows, frames[join.source], join, is_subject=join.by == subject
        )
    decoded = {
        name: rows[name].mask(rows[name].isin(codes)) for name, codes in params.missing.items()
    }
    rows = rows.assign(**decoded)
    for name, rule in params.derive.items():
        rows = rows.assign(**{name: derive(name, rows, rule)})
    kept = [name for name, column in columns.root.items() if column.role is not Role.DROPPED]
    if unknown := int(rows[subject].isna().sum()):
        raise DataError(
            f"column `{subject}`",
            expected="a subject for every row",
            found=f"{unknown:,} rows without",
            remedy="A row about nobody known can be neither protected nor erased: have the source mended.",
        )
    result = rows[kept]
    repeated = int(result[rows[subject].duplicated(keep=False)].duplicated().sum())
    result.insert(0, "subject", pseudonyms(secret, rows[subject]))
    result.insert(1, "person", pd.factorize(result["subject"])[0])
    result, erased, returned = drop_erased(
        result, tombstones, rows[params.dated_by] if params.dated_by else None
    )
    report = IngestReport(
        rows=len(result),
        subjects=int(result["subject"].nunique()),
        erased_rows=erased,
        returned_rows=returned,
        repeated_rows=repeated,
        sources=counts,
        kept=tuple(kept),
        dropped=columns.named(Role.DROPPED),
        missing_ratio={
            name: round(float(result[name].isna().mean()), 6)
            for name in kept
            if result[name].isna().any()
        },
    )
    return result, report


def drop_erased(
    rows: pd.DataFrame, tombstones: Erased, dates: "pd.Series[str] | None" = None
) -> tuple[pd.DataFrame, int, int]:
    """Return the rows that may stay, how many were left out, and how many stay although their subject was erased.

    A source file that is delivered again must not bring an erased person back; a row dated after the erasure is a new
    relationship. A row without a date, or in a source without dates, stays out until a person lifts the tombstone.

    Raises:
        DataError: Nobody is left.
    """
    if not len(tombstones):
        return rows, 0, 0
    erased_on = pd.to_datetime(rows["subject"].map(tombstones.get))
    is_erased = erased_on.notna()
    dated = (
        pd.Series(pd.NaT, rows.index, dtype="datetime64[ns]") if dates is None else _moments(dates)
    )
    is_back = is_erased & (dated.dt.normalize() > erased_on)
    is_out = is_erased & ~is_back
    if is_out.all():
        raise DataError(
            "ingest",
            expected="rows about somebody",
            found="only erased subjects",
            remedy="Deliver other data.",
        )
    return rows[~is_out].reset_index(drop=True), int(is_out.sum()), int(is_back.sum())


def _moments(dates: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    """Return ISO 8601 texts as moments in UTC; what is none is missing."""
    return pd.to_datetime(dates, errors="coerce", utc=True, format="ISO8601").dt.tz_localize(None)


def _joined(
    rows: pd.DataFrame, other: pd.DataFrame, join: Join, *, is_subject: bool
) -> tuple[pd.DataFrame, SourceCount]:
    where = f"source `{join.source}`"
    if join.by not in rows or rows[join.by].dtype != other[join.by].dtype:
        raise SourceError(
            where,
            expected=f"the key `{join.by}` on both sides, of one kind",
            found="it on one side" if join.by not in rows else "two kinds",
            remedy="Mend `by`, or declare the column's `kind`.",
        )
    mine, theirs = _keys(rows[join.by], other[join.by], is_subject=is_subject)
    is_known = (theirs != NO_KEY) & np.isin(theirs, mine)
    matched = other[is_known].assign(**{join.by: theirs[is_known]})
    partners = _partners(where, matched, join)
    lonely = int((~np.isin(mine, partners.index)).sum())
    if join.required and lonely:
        raise SourceError(
            where,
            expected="a partner for every row",
            found=f"{lonely:,} rows without",
            remedy="Ask its owner for the rest, or set `required: false`.",
        )
    found = partners.reindex(mine).set_axis(rows.index)
    return pd.concat([rows, found], axis=1), _count(len(other), len(matched), len(partners), lonely)


def _partners(where: str, matched: pd.DataFrame, join: Join) -> pd.DataFrame:
    """Return one row per key, indexed by it."""
    groups = matched.groupby(join.by, sort=False)
    made = {name: _aggregated(groups, one) for name, one in join.aggregate.items()}
    aggregates = pd.DataFrame(made)
    if join.take == "none":
        return aggregates
    if join.take == "latest":
        ordered = matched.sort_values(str(join.order_by), kind="stable", na_position="first")
        matched = ordered.drop_duplicates(join.by, keep="last")
    if doubled := int(matched[join.by].duplicated().sum()):
        raise SourceError(
            where,
            expected=f"one row per `{join.by}`",
            found=f"{doubled:,} more",
            remedy="Mend the delivery, or set `take: latest` with `order_by`.",
        )
    one_each = matched.set_index(join.by)
    return one_each.join(aggregates) if made else one_each


def _aggregated(groups: "DataFrameGroupBy[Any, Any]", one: Aggregate) -> "pd.Series[float]":
    made = (
        groups.size()
        if one.by == "count"
        else groups[one.column].agg("nunique" if one.by == "distinct" else one.by)
    )
    return made.astype("float64")


def _keys(
    mine: "pd.Series[Any]", theirs: "pd.Series[Any]", *, is_subject: bool
) -> "tuple[Codes, Codes]":
    """Return a number for each row of both sides, equal where the keys are; `NO_KEY` where there is none.

    Subjects are compared as their pseudonyms are, whatever their case and spacing.
    """
    both = pd.concat([mine, theirs], ignore_index=True)
    if is_subject and not pd.api.types.is_numeric_dtype(both):
        both = normal_forms(both)
    codes, _ = pd.factorize(both)
    return codes[: len(mine)], codes[len(mine) :]


def _count(rows: int, matched: int, partners: int, lonely: int) -> SourceCount:
    return SourceCount(
        rows=rows,
        matched_rows=matched,
        unmatched_rows=rows - matched,
        superseded_rows=matched - partners,
        without_partner_rows=lonely,
    )
