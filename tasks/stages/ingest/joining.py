"""Join the sources to one row per application. Pure: frames in, frame and report out.

The order of the steps matters. Sources are joined before codes are decoded and columns derived,
since a rule may read columns of several sources. People are numbered before erased ones are left
out, so that an erasure changes nobody else's number; and so are third persons masked in texts, so
that an erased person who is still delivered is known there.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.config.cases import Columns, Role
from tasks.engines import Engine
from tasks.engines.local import OneProcess
from tasks.errors import DataError, SourceError
from tasks.keystore.pseudonyms import normal_forms, pseudonyms
from tasks.stages.ingest.deriving import derive
from tasks.stages.ingest.matching import NO_KEY, KeyCodes, match_keys
from tasks.stages.ingest.packed_table import BLOCK_ROWS, PackedTable
from tasks.stages.ingest.params import Aggregate, IngestParams, Join
from tasks.stages.ingest.third_persons import (
    MaskedTexts,
    TextsOfPart,
    ThirdPersonMask,
    mask_part,
)

if TYPE_CHECKING:
    from pandas.core.groupby import DataFrameGroupBy


class ErasureDays(Protocol):
    """The day on which each erased subject was erased: a mapping, or the key store's tombstones."""

    def get(self, subject: str, /) -> date | None:
        """Return the day on which a subject (pseudonym) was erased; None if never."""

    def __len__(self) -> int:
        """Return how many subjects were erased."""


NO_ROW = -1  # the place of no row of a source
# Masked together: an engine has several such pieces on their way, which are small beside a row
# group; and of packed columns no more is unpacked for one.
MASKED_ROWS = BLOCK_ROWS
NOBODY: Mapping[str, date] = {}


class SourceCount(BaseModel):
    """How many rows a source delivered, and what became of them.

    `rows = matched_rows + unmatched_rows`, and `matched_rows - superseded_rows` is how many keys
    gave a row. `without_partner_rows` counts rows of the base, not of this source.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    matched_rows: int  # their key is in the base source
    unmatched_rows: int  # their key is not in the base, or missing: they are left out
    superseded_rows: int  # matched, but a later row of the key was taken, or they were aggregated
    without_partner_rows: int  # rows of the base source without a row here
    agreeing_ratio: float | None  # of its matched rows, in the columns that have to agree


class IngestReport(BaseModel):
    """What ingest did. Counts and names of columns only."""

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
    third_persons: Literal["masked", "kept"]
    masked_rows: int  # with a mention of a known third person that was masked in a free text
    masked_mentions: dict[str, int]  # by what stands in their place


class JoinedSources:
    """The sources joined to one row per row of the base, ready to be written part by part.

    `subject` (pseudonym) and `person` come first. `person` numbers people 0, 1, 2, … by first
    appearance in the base source, so that splits by person are the same wherever the pipeline runs,
    whatever its secrets, and an erasure changes nobody else's side. Columns with role `dropped` are
    not in the result, nor are rows about subjects in `tombstones` that are not dated
    (`params.dated_by`) after the day of the erasure.

    Rows stay packed. Columns that a join or a rule reads are unpacked one at a time; all of them,
    and third persons masked, part by part.
    """

    def __init__(
        self,
        sources: Mapping[str, PackedTable],
        columns: Columns,
        params: IngestParams,
        secret: bytes,
        tombstones: ErasureDays = NOBODY,
        *,
        today: date,
    ) -> None:
        """Join.

        Args:
            sources: What each source delivered.
            columns: How the use case declares its columns.
            params: How the sources are joined.
            secret: What pseudonyms are made with.
            tombstones: The days of erasures.
            today: The day in UTC: nobody comes back by a row of a day to come.

        Raises:
            SourceError: A source does not fit to the base as its join declares it.
            DataError: A row names no subject, or no row is left.
        """
        subject = columns.only(Role.SUBJECT)
        rows, self._counts = _join_all(sources, params, subject)
        _decode_and_derive(rows, params)
        subjects = rows[subject]
        if nameless_rows := int(subjects.isna().sum()):
            raise DataError(
                f"column `{subject}`",
                expected="a subject for every row",
                found=f"{nameless_rows:,} rows without",
                remedy="A row about nobody known can be neither protected nor erased: "
                "have the source mended.",
            )

        self._subjects = pseudonyms(secret, subjects)
        del subjects
        self._people = pd.factorize(self._subjects)[0]
        self._mask = None
        if params.third_persons == "masked":
            # Before erased people's rows are left out: they are still mentioned in others' texts.
            self._mask = ThirdPersonMask(rows, self._people, sources, columns, params)
        self._masked = MaskedTexts()

        self._third_persons = params.third_persons
        self._dropped = columns.named(Role.DROPPED)
        self._kept = [
            name for name, column in columns.root.items() if column.role is not Role.DROPPED
        ]
        self._rows = rows.only(self._kept)
        self._repeated_rows = self._count_repeated(rows[subject])

        dates = rows[params.dated_by] if params.dated_by else None
        is_left_out, self._returned_rows = find_erased(
            self._subjects, tombstones, dates, today=today
        )
        self._places = np.flatnonzero(~is_left_out)
        # What is masked in rows that are left out counts as well.
        self._count_masked(np.flatnonzero(is_left_out))

    @property
    def is_anybody_back(self) -> bool:
        """Whether a row is dated after its subject's erasure."""
        return self._returned_rows > 0

    @property
    def subjects(self) -> "pd.Series[str]":
        """The pseudonym of each row that stays."""
        return self._subjects.iloc[self._places]

    def __len__(self) -> int:
        """Return how many rows stay."""
        return len(self._places)

    def parts(self, rows_at_once: int, engine: Engine | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows that stay, with third persons masked in their texts; one part at least.

        An engine's workers mask them: texts and planted answers go there, with what is known of
        everybody, and nothing else of a row.

        Raises:
            DataError: A planted answer cannot be read.
        """
        pieces = [
            piece
            for places in _slices(self._places, rows_at_once)
            for piece in _slices(places, MASKED_ROWS)
        ]
        waiting: deque[pd.DataFrame] = deque()  # no more than an engine reads ahead

        def texts_of_pieces() -> Iterator[TextsOfPart]:
            for places in pieces:
                waiting.append(self._rows_at(places))
                yield TextsOfPart(waiting[-1][self._masked_columns], self._people[places])

        masked = self._mask_parts(texts_of_pieces(), engine)
        rows: list[pd.DataFrame] = []
        taken = 0
        for places, texts in zip(pieces, masked, strict=True):
            people = {
                "subject": self._subjects.iloc[places].reset_index(drop=True),
                "person": self._people[places],
            }
            rows.append(_with_columns(pd.DataFrame(people), {**waiting.popleft(), **texts}))
            taken += len(places)
            if taken % rows_at_once == 0 or taken == len(self._places):
                part = rows[0] if len(rows) == 1 else pd.concat(rows, ignore_index=True)
                rows.clear()  # whoever writes the part has it once
                yield part
                del part

    def report(self) -> IngestReport:
        """Return what was done. What was masked is told of the parts that were taken."""
        ratios = {name: float(self._rows.missing(name)[self._places].mean()) for name in self._kept}
        return IngestReport(
            rows=len(self._places),
            subjects=int(self.subjects.nunique()),
            erased_rows=len(self._rows) - len(self._places),
            returned_rows=self._returned_rows,
            repeated_rows=self._repeated_rows,
            sources=self._counts,
            kept=tuple(self._kept),
            dropped=self._dropped,
            missing_ratio={name: round(ratio, 6) for name, ratio in ratios.items() if ratio},
            third_persons=self._third_persons,
            masked_rows=self._masked.rows,
            masked_mentions=dict(sorted(self._masked.mentions.items())),
        )

    def _count_repeated(self, subjects: "pd.Series[Any]") -> int:
        """Return how many rows are equal in every column to an earlier one, as they are masked.

        Equal rows have equal subjects: comparing only subjects that come twice spares most of the
        work.
        """
        places = np.flatnonzero(subjects.duplicated(keep=False).to_numpy())
        several = self._rows_at(places)
        masked = self._masked_texts(several, places, MaskedTexts())
        return int(several.assign(**masked).duplicated().sum())

    def _count_masked(self, places: "np.ndarray[Any, Any]") -> None:
        for some in _slices(places, MASKED_ROWS):
            self._masked_texts(self._rows_at(some), some, self._masked)

    def _rows_at(self, places: "np.ndarray[Any, Any]") -> pd.DataFrame:
        """Return some rows, numbered anew; `places` are sorted."""
        return self._rows.take(places, self._kept)

    @property
    def _masked_columns(self) -> list[str]:
        return list(self._mask.columns) if self._mask else []

    def _mask_parts(
        self, parts: Iterator[TextsOfPart], engine: Engine | None
    ) -> "Iterator[dict[str, pd.Series[str]]]":
        """Yield the texts of each part, masked; what was masked is counted."""
        if self._mask is None or not self._masked_columns or not len(self._places):
            yield from ({} for _ in parts)
            return
        for texts, counts in (engine or OneProcess()).map(mask_part, self._mask, parts):
            self._masked.add_counts(counts)
            yield texts

    def _masked_texts(
        self, part: pd.DataFrame, places: "np.ndarray[Any, Any]", masked: MaskedTexts
    ) -> dict[str, "pd.Series[str]"]:
        if self._mask is None or not len(part):
            return {}
        texts, counts = self._mask.mask(part, self._people[places])
        masked.add_counts(counts)
        return texts


def find_erased(
    subjects: "pd.Series[str]",
    tombstones: ErasureDays,
    dates: "pd.Series[str] | None" = None,
    *,
    today: date,
) -> "tuple[np.ndarray[Any, np.dtype[np.bool_]], int]":
    """Return which rows are left out because their subjects were erased, and how many came back.

    A source file that is delivered again must not bring an erased person back; a row dated after
    the day of the erasure is a new relationship and comes back. A row without a date, or from a
    source without dates, stays out until a person lifts the tombstone. So does a row of a day to
    come, until that day: 9999-12-31 is how many a source says "without end".

    Raises:
        DataError: No row is left.
    """
    if not len(tombstones):
        return np.zeros(len(subjects), bool), 0

    erased_on = pd.to_datetime(subjects.map(tombstones.get))
    is_erased = erased_on.notna()
    dated = pd.Series(pd.NaT, subjects.index, dtype="datetime64[ns]")
    if dates is not None:
        dated = _utc_times(dates)
    # Whole days are compared, since a tombstone has no time: a row of the day itself stays out.
    days = dated.dt.normalize()
    is_returned = is_erased & (days > erased_on) & (days <= pd.Timestamp(today))

    is_left_out = is_erased & ~is_returned
    if is_left_out.all():
        raise DataError(
            "ingest",
            expected="rows about somebody",
            found="only erased subjects",
            remedy="Deliver other data.",
        )
    return is_left_out.to_numpy(bool), int(is_returned.sum())


def _slices(places: "np.ndarray[Any, Any]", rows_at_once: int) -> "Iterator[np.ndarray[Any, Any]]":
    """Yield some places at a time; of none an empty slice."""
    for start in range(0, max(len(places), 1), rows_at_once):
        yield places[start : start + rows_at_once]


def _utc_times(dates: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    """Return ISO 8601 texts as times in UTC; a text that is not one is missing."""
    times = pd.to_datetime(dates, errors="coerce", utc=True, format="ISO8601")
    return times.dt.tz_localize(None)


def _join_all(
    sources: Mapping[str, PackedTable], params: IngestParams, subject: str
) -> tuple[PackedTable, dict[str, SourceCount]]:
    """Return the base source's rows with every join's columns, and the counts of each source."""
    base = sources[params.base]
    rows = base.only(base.columns)
    counts = {params.base: _count(len(rows), len(rows), len(rows), 0)}
    for join in params.joins:
        counts[join.source] = _join_one(
            rows, sources[join.source], join, is_subject=join.by == subject
        )
    return rows, counts


def _decode_and_derive(rows: PackedTable, params: IngestParams) -> None:
    """Make codes for "not known" missing in the rows, then add the derived columns to them.

    In this order: a rule must not take a code for a value. A rule may read an earlier rule's
    column.
    """
    for name, codes in params.missing.items():
        values = rows[name]
        rows.set_column(name, values.mask(values.isin(codes)))
    for name, rule in params.derive.items():
        rows.set_column(name, derive(name, rows.frame(dict.fromkeys(rule.inputs)), rule))


def _with_columns(
    rows: pd.DataFrame, columns: "Mapping[Any, pd.Series[Any]] | pd.DataFrame"
) -> pd.DataFrame:
    """Return the rows with other or further columns; none is copied."""
    return pd.DataFrame({**rows, **columns}, copy=False)


def _join_one(
    rows: PackedTable, source: PackedTable, join: Join, *, is_subject: bool
) -> SourceCount:
    """Add the columns of one more source to `rows`, at their right; return what became of it."""
    place = f"source `{join.source}`"
    if join.by not in rows or rows.dtype(join.by) != source.dtype(join.by):
        raise SourceError(
            place,
            expected=f"the key `{join.by}` on both sides, of one kind",
            found="two kinds" if join.by in rows else "it on one side",
            remedy="Mend `by`, or declare the column's `kind`.",
        )

    row_keys, source_keys = match_keys(rows[join.by], source[join.by], is_subject=is_subject)
    is_matched = (source_keys != NO_KEY) & np.isin(source_keys, row_keys)
    # Only what is read here; numbered by the place in the source.
    read = dict.fromkeys((*join.agreeing, *join.inputs))
    matched = source.frame(name for name in read if name != join.by)[is_matched]
    matched[join.by] = source_keys[is_matched]
    agreeing_ratio = _require_agreement(place, rows, row_keys, matched, join)
    aggregates = _aggregates(matched, join)
    taken = _taken_rows(place, matched, join)
    partners = aggregates.index if taken is None else taken.index

    without_partner_rows = int((~np.isin(row_keys, partners)).sum())
    if join.required and without_partner_rows:
        raise SourceError(
            place,
            expected="a partner for every row",
            found=f"{without_partner_rows:,} rows without",
            remedy="Ask its owner for the rest, or set `required: false`.",
        )

    if taken is not None:
        places = taken.reindex(row_keys, fill_value=NO_ROW).to_numpy()
        for name in source.columns:
            # Both sides have the key, and what has to agree; the row keeps its own.
            if name not in {join.by, *join.agreeing}:
                rows.set_column(name, source[name].reindex(places).reset_index(drop=True))
    for name, rule in join.aggregate.items():
        values = aggregates[name].reindex(row_keys).reset_index(drop=True)
        if rule.by in ("count", "distinct"):
            # Nobody's rows are none: only of a row without a key it is not known how many.
            values = values.mask(values.isna() & (row_keys != NO_KEY), 0.0)
        rows.set_column(name, values)
    return _count(len(source), len(matched), len(partners), without_partner_rows, agreeing_ratio)


def _require_agreement(
    place: str, rows: PackedTable, row_keys: KeyCodes, matched: pd.DataFrame, join: Join
) -> float | None:
    """Return the share of matched rows that agree with their partner; None where nothing has to.

    A row that lacks a value on one side is left out. Text is compared as keys are, whatever its
    case and spacing.

    Raises:
        SourceError: Too few rows agree, or none has a value on both sides.
    """
    if join.agree is None:
        return None

    first_of_key = rows.frame(join.agree.columns).set_axis(row_keys)
    first_of_key = first_of_key[~first_of_key.index.duplicated()]
    own = first_of_key.reindex(matched[join.by].to_numpy())
    is_compared = np.ones(len(matched), dtype=bool)
    is_same = np.ones(len(matched), dtype=bool)
    for name in join.agree.columns:
        sides = pd.concat([own[name], matched[name]], ignore_index=True)
        if not pd.api.types.is_numeric_dtype(sides):
            sides = normal_forms(sides)
        # One number for each different value of both sides; a missing one has `NO_KEY`.
        codes, _ = pd.factorize(sides)
        left, right = codes[: len(matched)], codes[len(matched) :]
        is_compared &= (left != NO_KEY) & (right != NO_KEY)
        is_same &= left == right

    compared_rows = int(is_compared.sum())
    ratio = float(is_same[is_compared].mean()) if compared_rows else 0.0
    if ratio < join.agree.ratio:
        raise SourceError(
            place,
            expected=f"{join.agree.ratio:.2%} of rows to agree with their partner in "
            f"{', '.join(join.agree.columns)}",
            found=f"{ratio:.2%} of {compared_rows:,} rows",
            remedy="Its rows are about other people: ask its owner for the right file.",
        )
    return round(ratio, 6)


def _aggregates(matched: pd.DataFrame, join: Join) -> pd.DataFrame:
    """Return one row per key, indexed by the key: what is counted or summed of its rows."""
    groups = matched.groupby(join.by, sort=False)
    return pd.DataFrame({name: _aggregate(groups, rule) for name, rule in join.aggregate.items()})


def _taken_rows(place: str, matched: pd.DataFrame, join: Join) -> "pd.Series[int] | None":
    """Return the place of the row that is taken of each key, indexed by it; None of a log.

    Raises:
        SourceError: A key has several rows, and the join does not say which is taken.
    """
    if join.take == "none":
        return None

    if join.take == "latest":
        # Stable, so that of two rows with one time the later one in the delivery is taken, always.
        order = _order_of(place, matched[str(join.order_by)])
        ordered = matched.loc[order.sort_values(kind="stable", na_position="first").index]
        matched = ordered.drop_duplicates(join.by, keep="last")
    if repeated_keys := int(matched[join.by].duplicated().sum()):
        raise SourceError(
            place,
            expected=f"one row per `{join.by}`",
            found=f"{repeated_keys:,} more",
            remedy="Mend the delivery, or set `take: latest` with `order_by`.",
        )
    return pd.Series(matched.index, matched[join.by])


def _order_of(place: str, values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return numbers as they are, and texts as times in UTC: of two zones the later moment is last.

    Raises:
        SourceError: A text is no time. In the order of its letters 01.02. comes before 31.01.
    """
    if pd.api.types.is_numeric_dtype(values):
        return values
    times = _utc_times(values)
    if unreadable_rows := int((times.isna() & values.notna()).sum()):
        raise SourceError(
            place,
            expected="dates or times to order by",
            found=f"{unreadable_rows:,} rows with something else",
            remedy="Declare it with `kind: date`, and its `format` if that is not ISO 8601.",
        )
    return times


def _aggregate(groups: "DataFrameGroupBy[Any, Any]", rule: Aggregate) -> "pd.Series[float]":
    """Return one number per key. Floats always, so that a key without rows changes no type."""
    if rule.by == "count":
        return groups.size().astype("float64")
    values = groups[rule.column]
    if rule.by == "sum":
        # By itself pandas makes 0 of nothing but missing values: "not known" would be "none".
        return values.sum(min_count=1).astype("float64")
    return values.agg("nunique" if rule.by == "distinct" else rule.by).astype("float64")


def _count(
    rows: int,
    matched: int,
    partners: int,
    without_partner: int,
    agreeing_ratio: float | None = None,
) -> SourceCount:
    """Return the counts of a source of which `partners` rows were taken or made."""
    return SourceCount(
        rows=rows,
        matched_rows=matched,
        unmatched_rows=rows - matched,
        superseded_rows=matched - partners,
        without_partner_rows=without_partner,
        agreeing_ratio=agreeing_ratio,
    )
