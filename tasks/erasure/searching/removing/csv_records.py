"""Records of CSV and TSV: byte ranges that are cut, without reading and writing the table."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.erasure.searching.removing.edits import Edit
from tasks.erasure.searching.removing.mentions import (
    FREE_TEXT_KINDS,
    Mention,
    Range,
    find_mentions,
    identify,
    is_of_another,
    mask_mentions,
    select_in_record,
)
from tasks.erasure.searching.search_terms import SearchTerms

SEPARATORS = (b",", b";", b"\t", b"|")
# What no header holds: numbers and addresses. A table without a header begins with a person.
NO_NAME = re.compile(rb"\s*[-+]?[0-9][0-9.,:/ -]*\s*|[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True)
class CsvField:
    """One field: where its text stands, without quotes."""

    start: int
    end: int


@dataclass(frozen=True)
class CsvRecord:
    """One record, up to the beginning of the next."""

    start: int
    end: int
    fields: tuple[CsvField, ...]


def edit_csv(content: bytes, terms: SearchTerms, suffix: str) -> Iterator[Edit]:
    """Yield what takes the person out of a table.

    A record goes if values of theirs that fill whole fields identify them, unless it is about
    somebody else; elsewhere they are masked. Words of a header stay: without them nobody could read
    the others' records.
    """
    mentions = find_mentions(content, terms)
    starts = [mention.start for mention in mentions]
    for number, record in enumerate(read_records(content, suffix)):
        first = bisect_left(starts, record.start)
        inner = mentions[first : bisect_left(starts, record.end)]
        if not inner:
            continue

        is_header = number == 0 and not _is_data(content, record)
        if is_header:
            inner = [mention for mention in inner if mention.match.kind not in FREE_TEXT_KINDS]
        ranges = [_strip(content, field) for field in record.fields]
        whole = [mention for mention in inner if (mention.start, mention.end) in set(ranges)]
        is_anothers = is_of_another(content, ranges, whole)
        if identify(terms, whole) and not is_header and not is_anothers:
            yield Edit(record.start, record.end)
            continue
        by_field = _group_by_field(inner, record)
        yield from mask_mentions(select_in_record(terms, by_field, whole, is_anothers=is_anothers))


def read_records(content: bytes, suffix: str) -> list[CsvRecord]:
    """Return the records of a table; lines, if its quotes are not in pairs.

    RFC 4180: a field in quotes may have separators and line ends, and doubled quotes.
    """
    separator = re.escape(_guess_separator(content, suffix))
    pattern = re.compile(
        rb'(?:"((?:[^"]|"")*)"|([^"%b\r\n][^%b\r\n]*)?)(%b|\r\n|\n|\r|\Z)'
        % (separator, separator, separator)
    )
    records: list[CsvRecord] = []
    fields: list[CsvField] = []
    start = position = 0
    while position < len(content):
        match = pattern.match(content, position)
        if match is None:
            return _read_lines(content)

        group = 1 if match[1] is not None else 2
        text_start, text_end = match.span(group)
        is_empty = text_start < 0
        fields.append(CsvField(position, position) if is_empty else CsvField(text_start, text_end))
        position = match.end()
        if match[3][:1] in b"\r\n":
            records.append(CsvRecord(start, position, tuple(fields)))
            fields = []
            start = position
    if start < len(content):
        records.append(CsvRecord(start, len(content), tuple(fields)))
    return records


def _read_lines(content: bytes) -> list[CsvRecord]:
    """Return lines without fields: no value fills one, so that nothing but mentions can go."""
    records = []
    start = 0
    for line in content.splitlines(keepends=True):
        records.append(CsvRecord(start, start + len(line), ()))
        start += len(line)
    return records


def _guess_separator(content: bytes, suffix: str) -> bytes:
    if suffix == ".tsv":
        return b"\t"
    header = content[: content.find(b"\n")]
    return max(SEPARATORS, key=header.count)


def _is_data(content: bytes, record: CsvRecord) -> bool:
    texts = (content[field.start : field.end] for field in record.fields)
    return any(NO_NAME.fullmatch(text) for text in texts)


def _group_by_field(mentions: list[Mention], record: CsvRecord) -> list[list[Mention]]:
    """Return the mentions of each field; of a line without fields, all of them."""
    starts = [field.start for field in record.fields]
    groups: dict[int, list[Mention]] = {}
    for mention in mentions:
        groups.setdefault(bisect_right(starts, mention.start), []).append(mention)
    return list(groups.values())


def _strip(content: bytes, field: CsvField) -> Range:
    """Return where the text of a field stands, without blanks around it."""
    text = content[field.start : field.end]
    start = field.start + len(text) - len(text.lstrip())
    return start, max(start, field.start + len(text.rstrip()))
