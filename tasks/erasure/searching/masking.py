"""Search one file's content for people, and take them out of it without touching anybody else.

Looking is `unfolding`'s: every charset, encoding and container that can be read. Taking out is
`removing`'s: by record where there are records, by mention elsewhere, on the bytes as they lie.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import PurePosixPath

from tasks.erasure.searching.removing.archives import remove_from_zip, replace_in_gzip
from tasks.erasure.searching.removing.csv_records import edit_csv, read_records
from tasks.erasure.searching.removing.edits import Edit
from tasks.erasure.searching.removing.json_spans import (
    edit_json,
    edit_json_lines,
    list_records,
    list_texts,
    read_json,
)
from tasks.erasure.searching.removing.mentions import edit_lines
from tasks.erasure.searching.removing.parquet_rows import remove_from_parquet
from tasks.erasure.searching.removing.views import text_views
from tasks.erasure.searching.search_terms import Match, SearchTerms, is_beside
from tasks.erasure.searching.unfolding import archives, compression, documents, tables
from tasks.erasure.searching.unfolding.charsets import charset_of_mark
from tasks.erasure.searching.unfolding.pieces import Budget, Piece
from tasks.erasure.searching.unfolding.unfolder import Unfolder, open_container

QUOTE = re.compile(rb'(?<!\\)"')
TABLE_SUFFIXES = (".csv", ".tsv")
LINES_SUFFIXES = (".jsonl", ".ndjson")
TEXT_SUFFIXES = {
    *(".txt", ".md", ".html", ".htm", ".log", ".yaml", ".yml", ".xml", ".svg", ".toml", ".ini"),
    *(".cfg", ".py", ".json", ".eml", *TABLE_SUFFIXES, *LINES_SUFFIXES),
}
# To look for somebody in a content of such a name is the same as in one without a suffix: git's
# objects have none, and most of them lie in the checkout, too. What is masked differs.
SEARCHED_ALIKE = frozenset(TEXT_SUFFIXES - {*TABLE_SUFFIXES, *LINES_SUFFIXES})


class CannotMaskError(Exception):
    """The person is where nothing can be masked in place: a person has to decide about the file."""


@dataclass(frozen=True)
class ContentSearch:
    """What a search of one content gave."""

    holds_person: bool
    ambiguous: bool  # only values that others carry, too: a person has to decide
    unsearched: tuple[str, ...]  # what could not be looked into, in fixed words


def search_content(name: str, content: bytes, terms: SearchTerms) -> ContentSearch:
    """Search a content for the people, also in other charsets, encodings and containers."""
    unfolder = _unfolder(terms)
    holds = False
    is_ambiguous = False
    for piece in unfolder.walk(name, content):
        # It goes on when the person was found: what cannot be looked into is said all the same.
        if holds:
            continue
        matches = list(terms.find(piece.content))
        holds = _identifies(piece, matches, terms)
        is_ambiguous = is_ambiguous or bool(matches)

    return ContentSearch(holds, is_ambiguous and not holds, tuple(sorted(unfolder.unsearched)))


def holds_person(name: str, content: bytes, terms: SearchTerms) -> bool:
    """Say whether a content surely holds the people; stops where it finds them."""
    return any(
        _identifies(piece, list(terms.find(piece.content)), terms)
        for piece in _unfolder(terms).walk(name, content)
    )


def remove_person(name: str, content: bytes, terms: SearchTerms) -> bytes:
    """Return the content without the people; every byte that is not theirs stays.

    Records (lines of CSV and JSON lines, elements of JSON lists, rows of Parquet) whose values
    identify them are left out whole: what else stands in them is theirs, too. Elsewhere values are
    masked. Values that others carry, too, are left where nothing else identifies the person.

    Raises:
        CannotMaskError: They are in something that cannot be changed in place.
    """
    clean = _remove(name, content, terms)
    if holds_person(name, clean, terms):
        raise CannotMaskError
    return clean


def _unfolder(terms: SearchTerms) -> Unfolder:
    return Unfolder(has_accents=terms.has_accents, has_bytes=terms.has_bytes)


def _identifies(piece: Piece, matches: Sequence[Match], terms: SearchTerms) -> bool:
    """Say whether matches within one record of a piece are surely about the person."""
    if any(terms.identifies([match]) for match in matches):
        return True
    if len(matches) < 2:
        return False
    # Only values that others carry: in which record each of them stands decides.
    records = _find_records(piece, matches)
    if not records:
        return terms.has_match(piece.content)

    starts = [start for start, _ in records]
    by_record: dict[int, list[Match]] = {}
    for match in matches:
        number = bisect_right(starts, match.start) - 1
        while number >= 0 and records[number][1] <= match.start:
            number -= 1  # it stands behind that record, and within another around both
        by_record.setdefault(number, []).append(match)
    return any(
        terms.identifies(part)
        for record in by_record.values()
        for part in _split_within_texts(piece, record)
    )


def _split_within_texts(piece: Piece, record: list[Match]) -> Iterator[list[Match]]:
    """Yield the matches of a record, those apart that stand in one text of JSON and far apart."""
    is_table = PurePosixPath(piece.name).suffix.lower() in TABLE_SUFFIXES
    record.sort(key=lambda match: (match.start, match.end))
    part = record[:1]
    for before, after in pairwise(record):
        is_one_text = not is_table and not QUOTE.search(piece.content, before.end, after.start)
        if is_one_text and not is_beside(piece.content, before.end, after.start):
            yield part
            part = []
        part.append(after)

    yield part


def _find_records(piece: Piece, matches: Sequence[Match]) -> list[tuple[int, int]]:
    """Return where the records of a piece stand, in order; nothing where it has none."""
    suffix = PurePosixPath(piece.name).suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return [(record.start, record.end) for record in read_records(piece.content, suffix)]
    document = read_json(piece.content)
    if document is None:
        return []

    # A text in a list is a cell of a row if a value fills it, else it is a text of its own.
    whole = {(match.start, match.end) for match in matches}
    texts = [
        text
        for text in list_texts(document)
        if (text.start + text.quote_bytes, text.end - text.quote_bytes) not in whole
    ]
    spans = (document, *list_records(document), *texts)
    return sorted((span.start, span.end) for span in spans)


def _remove(name: str, content: bytes, terms: SearchTerms) -> bytes:
    """Return the content without the people, as far as it can be changed.

    Raises:
        CannotMaskError: It cannot be changed at all.
    """
    # Containers first: by their magic, because DVC's objects have no suffix.
    if content.startswith(compression.GZIP_MAGIC):
        return _remove_from_gzip(name, content, terms)
    try:
        if archives.is_zip(content):
            return remove_from_zip(content, partial(_remove_from_member, terms=terms))
        if content.startswith(tables.PARQUET_MAGIC):
            return remove_from_parquet(content, terms)
    except ValueError as error:
        raise CannotMaskError from error
    if _is_fixed(name, content):
        raise CannotMaskError

    find_edits = partial(_find_edits, name=name, terms=terms)
    views = list(text_views(content))
    if not views or not _is_text(name, content):
        raise CannotMaskError
    for view in views:
        # What is no text of one charset, or is nested too deep, is looked at again at the end.
        with suppress(UnicodeError, RecursionError):
            content = view.edit(content, find_edits)
    return content


def _is_fixed(name: str, content: bytes) -> bool:
    """Say whether a content is of a kind that no byte of can be changed without breaking it."""
    return (
        content.startswith((documents.PDF_MAGIC, *documents.ARMOURS))
        or bool(documents.name_opaque(name, content))
        or open_container(name, content, Budget(0)) is not None
    )


def _is_text(name: str, content: bytes) -> bool:
    """Say whether a content may be changed like a text: by its name, or for want of controls."""
    if b"\x00" in content or charset_of_mark(content):
        return True  # then it is a text of two or four bytes a character, or has no view
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in TEXT_SUFFIXES or not documents.CONTROL.search(content)


def _remove_from_gzip(name: str, content: bytes, terms: SearchTerms) -> bytes:
    opened = compression.open_stream(name, content, Budget())
    if opened is None or not opened.is_whole or len(opened.parts) != 1:
        raise CannotMaskError
    ((inner_name, inner),) = opened.parts
    clean = _remove(inner_name, inner, terms)
    return content if clean == inner else replace_in_gzip(content, clean)


def _remove_from_member(name: str, inner: bytes, terms: SearchTerms) -> bytes:
    return _remove(name, inner, terms) if holds_person(name, inner, terms) else inner


def _find_edits(content: bytes, name: str, terms: SearchTerms) -> Iterable[Edit]:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return edit_csv(content, terms, suffix)
    if suffix in LINES_SUFFIXES:
        return edit_json_lines(content, terms)

    # Whether something else is JSON only parsing tells.
    document = read_json(content)
    if document is not None:
        return edit_json(content, document, terms)
    if _has_json_lines(content):
        return edit_json_lines(content, terms)
    return edit_lines(content, terms)


def _has_json_lines(content: bytes) -> bool:
    first, _, rest = content.partition(b"\n")
    is_object = first[:1] == b"{" and read_json(first) is not None
    return is_object and all(line[:1] in (b"{", b"") for line in rest.split(b"\n"))
