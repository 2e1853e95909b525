"""One value of a database: masked within, so that JSON stays JSON and nothing else changes."""

import json
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from tasks.erasure.searching.looking import Look, look_at_content
from tasks.erasure.searching.masking import remove_person
from tasks.erasure.searching.search_terms import MASK, SearchTerms
from tasks.erasure.sinks.columns import PLAIN_WORD, TextColumn, is_program_word

# RFC 8259: a string, and what opens and closes. Numbers and words hold no text.
JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(?P<key>\s*:)?|[\[\]{}]', re.DOTALL)
# A text that is nothing but itself: ASCII without escapes, tags, padding and armour.
SIMPLE_TEXT = re.compile(r"(?!-----)[\t\n\r -$'-;>-\[\]-~]*")
# Stands in no value, and ends whatever run of base64 or hexadecimal digits came before it.
BETWEEN_CELLS = "\n|\n"
ARMOURED_CELL = f"{BETWEEN_CELLS}-----"

Row = TypeVar("Row")


def look_at_cell(value: Any, terms: SearchTerms) -> Look:
    """Look for the person in a value of a database."""
    return Look() if value is None else look_at_content("cell", to_bytes(value), terms)


def sift_rows(
    rows: Sequence[tuple[Row, Collection[Any]]], terms: SearchTerms
) -> list[tuple[Row, Collection[Any]]]:
    """Return the rows, in their order, without those in which certainly nothing is to be found.

    Simple texts of many rows are looked at as one: each by itself costs twenty times as much, and
    a database has millions of them. Where something is seen, the rows are halved.

    Args:
        rows: What tells a row, and its values.
        terms: What to look for.
    """
    if not rows:
        return []

    content, are_all_simple = _join_simple_texts([value for _, values in rows for value in values])
    if look_at_content("cell", content.encode(), terms) == Look():
        if are_all_simple:
            return []
        return [row for row in rows if any(_simple_text(value) is None for value in row[1])]
    if len(rows) == 1:
        return list(rows)

    middle = len(rows) // 2
    return [*sift_rows(rows[:middle], terms), *sift_rows(rows[middle:], terms)]


def _join_simple_texts(values: list[Any]) -> tuple[str, bool]:
    """Return the simple texts among values as one, and whether all of the values are simple."""
    if not any(isinstance(value, bytes | memoryview) for value in values):
        texts = [value if isinstance(value, str) else _text_of(value) for value in values]
        content = BETWEEN_CELLS.join(["", *texts])
        # Told of all at once: what stands between them is simple, too.
        if SIMPLE_TEXT.fullmatch(content) and ARMOURED_CELL not in content:
            return content, True

    simple = [text for value in values if (text := _simple_text(value)) is not None]
    return BETWEEN_CELLS.join(simple), len(simple) == len(values)


def _text_of(value: Any) -> str:
    return "" if value is None else str(value)


def _simple_text(value: Any) -> str | None:
    """Return what a value says, if that is nothing but itself."""
    if isinstance(value, bytes | memoryview):
        return None
    text = _text_of(value)
    return text if SIMPLE_TEXT.fullmatch(text) else None


def mask_cell(value: Any, column: TextColumn, terms: SearchTerms, *, may_empty: bool) -> Any:
    """Return a value without the person, or as much of it as is not to be masked.

    Args:
        value: Text or bytes in which the person stands.
        column: Where it stands; what is protected there stays.
        terms: Whom to mask.
        may_empty: Whether a value that cannot be masked within is replaced as a whole.
    """
    if isinstance(value, bytes | memoryview):
        return _mask_bytes(bytes(value), terms, may_empty=may_empty)

    text = str(value)
    if column.protects(text):
        return value
    if is_json(text):
        return _mask_json(text, terms, may_empty=may_empty)
    return _mask_text(text, terms, may_empty=may_empty)


def is_json(text: str) -> bool:
    """Say whether a text is JSON with strings in it."""
    if '"' not in text:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def to_bytes(value: Any) -> bytes:
    """Return a value's bytes; lone surrogates pass through."""
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return str(value).encode("utf-8", errors="surrogatepass")


def _mask_text(text: str, terms: SearchTerms, *, may_empty: bool) -> str:
    """Return a text without the person: masked, else unpacked, else as it was or emptied."""
    content = to_bytes(text)
    masked, _ = terms.mask(content)
    if not look_at_content("cell", masked, terms).holds_person:
        return masked.decode("utf-8", errors="surrogatepass")

    # They stand in something that is encoded: base64 in a log line.
    with suppress(Exception):
        clean = remove_person("cell.txt", content, terms)
        if not look_at_content("cell", clean, terms).holds_person:
            return clean.decode("utf-8", errors="surrogatepass")
    return MASK.decode() if may_empty else text


def _mask_bytes(content: bytes, terms: SearchTerms, *, may_empty: bool) -> bytes:
    with suppress(Exception):
        clean = remove_person("cell.bin", content, terms)
        if not look_at_content("cell", clean, terms).holds_person:
            return clean
    if not may_empty:
        # Bytes of another length in a format that nobody knows may break it.
        return content

    masked, _ = terms.mask(content)
    return MASK if look_at_content("cell", masked, terms).holds_person else masked


def _mask_json(text: str, terms: SearchTerms, *, may_empty: bool) -> str:
    """Return JSON with the strings masked in which the person stands, every other byte as it was.

    Keys that are plain words are names of fields, and stay; an address as a key is masked.
    """
    parents: list[str] = []
    key = ""
    parts: list[str] = []
    last_end = 0
    for token in JSON_TOKEN.finditer(text):
        mark = token[0]
        if mark in ("{", "["):
            parents.append(key)
            continue
        if mark in ("}", "]"):
            # In a list the next element stands under the list's own key again.
            key = parents.pop()
            continue

        is_key = token["key"] is not None
        colon = token["key"] or ""
        literal = mark[: len(mark) - len(colon)]
        string = json.loads(literal)
        if is_key:
            key = string
        if not look_at_cell(string, terms).holds_person:
            continue
        is_field = is_key and PLAIN_WORD.fullmatch(string) is not None
        if is_field or is_program_word(key, string, parents[-1] if parents else ""):
            continue

        masked = _mask_text(string, terms, may_empty=may_empty)
        written = json.dumps(masked, ensure_ascii=literal.isascii())
        parts += [text[last_end : token.start()], written, colon]
        last_end = token.end()
    return "".join([*parts, text[last_end:]])
