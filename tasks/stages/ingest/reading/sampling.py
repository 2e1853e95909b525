"""Look at the header and the first rows of a source: all that is wrong with them, at once.

For `./portcullis sync --sources`. Nothing is kept, and no value is ever told.
"""

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from tasks.config.collecting import FaultList
from tasks.config.sources import FileSource, PackagedSource, Source, SqlSource, packaged_path
from tasks.formats.shown import count_of, positions_of
from tasks.settings import Settings
from tasks.stages.ingest.params import IngestParams, Recode
from tasks.stages.ingest.reading.delivery import ExpectedDelivery, convert_columns
from tasks.stages.ingest.reading.file import read_csv, read_first_rows
from tasks.stages.ingest.reading.query import blocks_of_query

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ROWS = 1000


def source_faults(
    source: Source,
    expected: ExpectedDelivery,
    params: IngestParams,
    settings: Settings,
    faults: FaultList,
) -> int:
    """Add what is wrong with the first rows of a source; return how many rows were looked at.

    Columns that are absent or too many, values of another kind with their rows, keys that come
    twice where a join takes one row, and codes that no rule lists.
    """
    frame = None
    with faults.kept():
        frame = _first_rows(source, expected, settings)
    if frame is None:
        return 0

    converted, column_faults = convert_columns(frame, expected)
    for fault in column_faults:
        place = f"{fault.what} in {fault.where}"
        faults.add(
            expected.error("values of the declared kinds", place, f"{fault.remedy.capitalize()}.")
        )
    wrong = {fault.column for fault in column_faults}
    if not len(frame):
        faults.add(expected.error("at least one row", "none", "Ask its owner for the delivery."))
    for join in params.joins:
        if join.source == expected.source and join.take == "one" and join.by not in wrong:
            _check_key(converted[join.by], expected, faults)
    for name, rule in params.derive.items():
        if isinstance(rule, Recode) and rule.column in converted and rule.column not in wrong:
            _check_codes(name, rule, converted[rule.column], expected, faults)
    return len(frame)


def _first_rows(
    source: Source, expected: ExpectedDelivery, settings: Settings
) -> "pd.DataFrame | None":
    """Return the first rows as they are stored; None of what is invented here and has no fault."""
    match source:
        case FileSource():
            return read_first_rows(source, expected, SAMPLE_ROWS)
        case SqlSource():
            import pandas as pd

            asked = blocks_of_query(source, expected, settings, block_rows=SAMPLE_ROWS)
            with closing(asked) as blocks:
                return pd.concat(islice(blocks, 2), ignore_index=True)
        case PackagedSource():
            path = str(packaged_path(source.package, source.path))
            return read_csv(path, expected, row_key=source.row_key, most_rows=SAMPLE_ROWS)
        case _:
            return None


def _check_key(keys: "pd.Series[Any]", expected: ExpectedDelivery, faults: FaultList) -> None:
    is_repeated = keys.duplicated() & keys.notna()
    rows = [int(row) + 1 for row in is_repeated.to_numpy().nonzero()[0]]
    if rows:
        faults.add(
            expected.error(
                f"one row for each `{keys.name}`",
                f"{count_of(rows, 'row')} of a key that an earlier row has: {positions_of(rows)}",
                "Mend the delivery, or set `take: latest` with `order_by`.",
            )
        )


def _check_codes(
    name: str,
    rule: Recode,
    codes: "pd.Series[Any]",
    expected: ExpectedDelivery,
    faults: FaultList,
) -> None:
    is_unlisted = codes.notna() & ~codes.isin(list(rule.labels))
    rows = [int(row) + 1 for row in is_unlisted.to_numpy().nonzero()[0]]
    if rows:
        faults.add(
            expected.error(
                f"codes in `{rule.column}` that `{name}` has a label for",
                f"{count_of(rows, 'row')} with others: {positions_of(rows)}",
                "Add the codes to `labels`, as they are written, or have the source mended.",
            )
        )
