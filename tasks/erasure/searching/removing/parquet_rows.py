"""Take rows out of a Parquet file: schema, metadata, row groups and compression stay."""

import io
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.erasure.searching.removing.edits import apply_edits
from tasks.erasure.searching.removing.mentions import (
    ADDRESS,
    Mention,
    find_mentions,
    identify,
    mask_mentions,
    select_theirs,
)
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.searching.unfolding.tables import ARROW_ERRORS, read_value_texts

# Between two cells: no blank, so that no value reaches from one row into the next.
CELL_BREAK = b"\x1f\x00\x1f"
ARROW_SCHEMA = b"ARROW:schema"


def remove_from_parquet(content: bytes, terms: SearchTerms) -> bytes:
    """Return a Parquet file without the person's rows; mentions in others' rows are masked.

    Raises:
        ValueError: It cannot be read, or not be written as it was.
    """
    sink = io.BytesIO()
    try:
        with pq.ParquetFile(io.BytesIO(content)) as file:
            schema = _mask_metadata(file.schema_arrow, terms)
            with pq.ParquetWriter(sink, schema, **_read_options(file.metadata)) as writer:
                for number in range(file.num_row_groups):
                    table = _clean_group(file.read_row_group(number), terms)
                    if table.num_rows:
                        writer.write_table(table.cast(schema), row_group_size=table.num_rows)
    except ARROW_ERRORS as error:
        raise ValueError from error

    return sink.getvalue()


def _read_options(facts: pq.FileMetaData) -> dict[str, Any]:
    """Return how a file was written, column by column, for the writer of its successor."""
    if not facts.num_row_groups:
        return {}

    group = facts.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]

    return {
        "version": facts.format_version,
        "compression": {
            column.path_in_schema: column.compression.replace("UNCOMPRESSED", "NONE")
            for column in columns
        },
        "use_dictionary": [
            column.path_in_schema for column in columns if column.has_dictionary_page
        ],
        "write_statistics": [column.path_in_schema for column in columns if column.is_stats_set],
        "store_schema": ARROW_SCHEMA in (facts.metadata or {}),
    }


def _mask_metadata(schema: pa.Schema, terms: SearchTerms) -> pa.Schema:
    if not schema.metadata:
        return schema
    return schema.with_metadata(
        {key: terms.mask(value)[0] for key, value in schema.metadata.items()}
    )


def _clean_group(table: pa.Table, terms: SearchTerms) -> pa.Table:
    columns = {number: _read_cells(table.column(number)) for number in range(table.num_columns)}
    mentions = _find_in_cells({number: cells for number, cells in columns.items() if cells}, terms)

    # First pass: rows that are theirs. Second: mentions in the rows of others.
    named = {
        row
        for row, inner in mentions.items()
        if identify(terms, [mention for _, _, mention, is_whole in inner if is_whole])
    }
    theirs = named - _find_rows_of_others(columns, mentions, named)
    masked: dict[int, dict[int, list[tuple[int, Mention]]]] = defaultdict(lambda: defaultdict(list))
    for row, inner in mentions.items():
        for number, place, mention in _select_in_row(terms, inner) if row not in theirs else ():
            masked[number][row].append((place, mention))

    for number, rows in masked.items():
        column = _mask_column(table.column(number), rows)
        table = table.set_column(number, table.schema.field(number), column)
    if theirs:
        kept_rows = [row for row in range(table.num_rows) if row not in theirs]
        table = table.take(pa.array(kept_rows, pa.int64()))
    for number in range(table.num_columns):
        # A dictionary keeps values that no row has any more.
        if pa.types.is_dictionary(table.schema.types[number]) and (theirs or number in masked):
            column = _renew_dictionary(table.column(number))
            table = table.set_column(number, table.schema.field(number), column)
    return table


CellTexts = list[tuple[int, int, bytes]]  # row, place of the text within its cell, text


def _read_cells(column: pa.ChunkedArray) -> CellTexts:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_nested(kind) or _is_text_or_bytes(kind)):
        return []
    return [
        (row, place, text)
        for row, value in enumerate(column.to_pylist())
        for place, text in enumerate(read_value_texts(value))
    ]


def _is_text_or_bytes(kind: pa.DataType) -> bool:
    return any(word in str(kind) for word in ("string", "binary"))


# Column, place of the text within its cell, mention, and whether it fills the text.
CellMentions = list[tuple[int, int, Mention, bool]]


def _find_in_cells(columns: dict[int, CellTexts], terms: SearchTerms) -> dict[int, CellMentions]:
    """Return the mentions of each row, by one search a column."""
    mentions: dict[int, CellMentions] = defaultdict(list)
    for number, cells in columns.items():
        starts = [0, *accumulate(len(text) + len(CELL_BREAK) for _, _, text in cells)]
        for mention in find_mentions(CELL_BREAK.join(text for _, _, text in cells), terms):
            cell = bisect_right(starts, mention.start) - 1
            row, place, text = cells[cell]
            start = mention.start - starts[cell]
            end = mention.end - starts[cell]
            local = Mention(start, end, mention.match)
            mentions[row].append((number, place, local, (start, end) == (0, len(text))))

    return mentions


def _find_rows_of_others(
    columns: dict[int, CellTexts], mentions: dict[int, CellMentions], rows: set[int]
) -> set[int]:
    """Return which rows begin with somebody else's address: the person is named in a later cell."""
    first = {
        row: min(
            (
                (number, place)
                for number, place, mention, _ in inner
                if not mention.match.is_ambiguous
            ),
            default=(0, 0),
        )
        for row, inner in mentions.items()
        if row in rows
    }
    filled = {
        (row, number, place)
        for row in rows
        for number, place, _, is_whole in mentions[row]
        if is_whole
    }

    return {
        row
        for number, cells in columns.items()
        for row, place, text in cells
        if row in rows
        and (number, place) < first[row]
        and (row, number, place) not in filled
        and ADDRESS.fullmatch(text)
    }


def _select_in_row(terms: SearchTerms, inner: CellMentions) -> Iterator[tuple[int, int, Mention]]:
    """Yield what of another person's row is masked: what identifies within one of its texts.

    And what fills other cells, if that identifies them as well.
    """
    texts: dict[tuple[int, int], list[Mention]] = defaultdict(list)
    for number, place, mention, _ in inner:
        texts[number, place].append(mention)

    theirs = {
        (number, place, mention)
        for (number, place), mentions in texts.items()
        for mention in select_theirs(terms, mentions)
    }
    rest = {(number, place, mention) for number, place, mention, is_whole in inner if is_whole}
    rest -= theirs
    yield from theirs
    if identify(terms, [mention for _, _, mention in rest]):
        yield from rest


def _mask_column(
    column: pa.ChunkedArray, rows: dict[int, list[tuple[int, Mention]]]
) -> pa.ChunkedArray:
    values = column.to_pylist()
    for row, inner in rows.items():
        texts = dict(enumerate(read_value_texts(values[row])))
        for place in {place for place, _ in inner}:
            edits = mask_mentions(mention for spot, mention in inner if spot == place)
            texts[place] = apply_edits(texts[place], edits)
        values[row] = _mask_value(values[row], iter(texts.values()))

    kind = column.type
    if pa.types.is_dictionary(kind):
        return pa.chunked_array([pa.array(values, kind.value_type).dictionary_encode().cast(kind)])
    return pa.chunked_array([pa.array(values, kind)])


def _mask_value(value: Any, texts: Iterator[bytes]) -> Any:
    if isinstance(value, str):
        return next(texts).decode()
    if isinstance(value, bytes):
        return next(texts)
    if isinstance(value, dict):
        return {key: _mask_value(inner, texts) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mask_value(inner, texts) for inner in value)
    return value


def _renew_dictionary(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    chunks = []
    for chunk in column.chunks:
        encoded = chunk.dictionary_decode().dictionary_encode()
        indices = encoded.indices.cast(kind.index_type)
        chunks.append(
            pa.DictionaryArray.from_arrays(indices, encoded.dictionary, ordered=kind.ordered)
        )
    return pa.chunked_array(chunks, kind)
