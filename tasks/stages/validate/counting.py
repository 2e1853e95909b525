"""What `validate` asks of some of the rows, and how the answers of all parts become one.

Pure, so that parts may be asked anywhere. The combine is associative, and exact: counts are added,
and a row's hashes and values are put one after the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.config.cases import Columns
from tasks.stages.validate.expectations import PartCounts, Suite, SuiteCheck, count_part
from tasks.stages.validate.params import ValidateParams
from tasks.stages.validate.quality import (
    RowHashes,
    measured_columns,
    profiled,
    require_columns,
)
from tasks.stages.validate.reference.holding import HeldRows

SUBJECT = "subject"


@dataclass(frozen=True)
class CountedColumns:
    """What is asked of every part: which columns are counted, hashed and kept."""

    suite: Suite
    columns: Columns
    params: ValidateParams
    counted: tuple[str, ...]  # by the suite, part by part
    kept: tuple[str, ...]  # of which all rows have to be there at once

    @classmethod
    def of(
        cls,
        suite: Suite,
        check: SuiteCheck,
        columns: Columns,
        params: ValidateParams,
        present: tuple[str, ...],
    ) -> "CountedColumns":
        """Return them for rows that have the columns `present`.

        Raises:
            DataError: A declared column is absent.
        """
        # Before any row is opened: a worker that lacked a column would fail once for each part.
        require_columns(measured_columns(columns, params), present)
        # Of columns that are only counted no row stays: a text of a million rows is the most of a
        # delivery.
        counted = tuple(name for name in check.columns_by_part(kept=()) if name in present)
        asked = check.columns()
        whole = {SUBJECT, *profiled(columns)}
        # `asked is None`: an expectation about the table's columns, or with a condition, may look
        # at any.
        kept = tuple(
            name
            for name in present
            if name in whole or asked is None or (name in asked and name not in counted)
        )
        return cls(suite, columns, params, counted, kept)

    def needed(self, present: tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns that are read at all."""
        asked = {*self.kept, *self.counted, *self.params.near_duplicate_columns}
        return tuple(name for name in present if name in asked)


@dataclass(frozen=True)
class CountedPart:
    """What was found in some of the rows."""

    counts: PartCounts
    hashes: RowHashes
    kept: HeldRows


def count_rows_of_part(asked: CountedColumns, rows: pd.DataFrame) -> CountedPart:
    """Return what is asked of some of the rows."""
    return CountedPart(
        count_part(asked.suite, rows[list(asked.counted)]),
        RowHashes.of(rows, asked.columns, asked.params),
        HeldRows.of(rows[list(asked.kept)]),
    )


@dataclass(frozen=True)
class CountedRows:
    """What is kept of all rows: their columns, whom each is about by number, and their hashes."""

    kept: HeldRows
    people: "np.ndarray[Any, Any]"
    hashes: RowHashes


def combine_parts(check: SuiteCheck, parts: Iterable[CountedPart]) -> CountedRows:
    """Return what is kept of all rows; counts are added to the check.

    Where nothing but equality is asked of pseudonyms, numbers take their place.
    """
    kept = []
    hashes = []
    for part in parts:
        check.add_counts(part.counts)
        kept.append(part.kept)
        hashes.append(part.hashes)

    rows = HeldRows.joined(kept)
    del kept  # the pseudonyms among them
    people = rows.number(SUBJECT)
    # A number would hide a pseudonym that is missing.
    if people.min(initial=0) >= 0 and check.asks_only_what_is_equal(SUBJECT):
        rows = rows.with_column(SUBJECT, people)

    return CountedRows(rows, people, RowHashes.combined(hashes))
