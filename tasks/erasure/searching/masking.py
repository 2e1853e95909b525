"""Take people out of one file's content and leave everybody else in it.

By record, where the format has records; elsewhere by value. Containers (gzip, zip, Parquet, base64,
pickles) are looked into, never executed.
"""

import csv
import gzip
import io
import json
import pickletools
import re
import zipfile
from base64 import b64decode
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.erasure.searching.search_terms import SearchTerms

GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, section 2.3.1
ZIP_MAGIC = b"PK"
PARQUET_MAGIC = b"PAR1"
PICKLE_MAGIC = b"\x80"  # the opcode PROTO, first in every pickle of protocol 2 or later

# Runs of base64 (RFC 4648, both alphabets), with line ends as they are or as JSON escapes them.
# Shorter runs are ordinary words: decoding each of them would make every search slower.
BASE64_RUN = re.compile(rb"(?:[A-Za-z0-9+/_-]|\\n|\n){16,}={0,2}")
DECODED_SUFFIX = ".decoded"
TEXT_SUFFIXES = {
    ".txt",
    ".md",
    ".html",
    ".htm",
    ".log",
    ".yaml",
    ".yml",
    ".xml",
    ".svg",
    ".toml",
    ".ini",
    ".cfg",
    ".py",
    "",
}


class CannotMaskError(Exception):
    """The person is in a file of a kind that cannot be rewritten: it has to go as a whole."""


def holds_person(name: str, content: bytes, terms: SearchTerms) -> bool:
    """Say whether a file holds the person, also inside compression, archives and Parquet."""
    if terms.has_match(content):
        return True

    # Decoded bytes are unpacked, but not searched for base64 again: base64 in base64 in base64
    # would never end.
    is_decoded = name.endswith(DECODED_SUFFIX)
    parts = [] if is_decoded else _decode_base64(name, content)
    parts += _unpack(name, content)
    return any(holds_person(part_name, part, terms) for part_name, part in parts)


def remove_person(name: str, content: bytes, terms: SearchTerms) -> bytes:
    """Return the file without the person.

    Records (lines of CSV and JSON lines, elements of JSON lists, rows of Parquet) that hold a value
    of theirs are left out whole: what else stands in them is theirs, too. Elsewhere only the values
    are masked.

    Raises:
        CannotMaskError: It is neither text nor a known container.
    """
    # Containers first: by their magic, because DVC's objects have no suffix.
    if content[:2] == GZIP_MAGIC:
        inner = remove_person(name.removesuffix(".gz"), gzip.decompress(content), terms)
        # Without the time, so that the same content gives the same bytes.
        return gzip.compress(inner, mtime=0)
    if zipfile.is_zipfile(io.BytesIO(content)):
        return _remove_from_zip(content, terms)
    if content[:4] == PARQUET_MAGIC:
        return _remove_from_parquet(content, terms)

    # Then formats with records. Whether something is JSON only parsing tells.
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _remove_from_csv(content, terms, "\t" if suffix == ".tsv" else ",")
    with suppress(ValueError):
        return _remove_from_json(content, terms)
    if suffix in (".jsonl", ".ndjson"):
        lines = content.splitlines(keepends=True)
        return b"".join(line for line in lines if not terms.has_match(line))

    if suffix in TEXT_SUFFIXES or _is_text(content):
        masked, _ = terms.mask(content)
        return masked
    raise CannotMaskError


def _decode_base64(name: str, content: bytes) -> list[tuple[str, bytes]]:
    """Return all that may be base64, decoded: Prefect's results are pickles in base64 in JSON."""
    if content[:4] == PARQUET_MAGIC or content[:2] in (GZIP_MAGIC, ZIP_MAGIC):
        return []

    decoded = []
    for run in BASE64_RUN.findall(content):
        text = run.replace(b"\\n", b"").replace(b"\n", b"")
        text = text.replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
        whole_bytes = len(text) // 4 * 4
        decoded.append(b64decode(text[:whole_bytes]) + b64decode(_pad_rest(text[whole_bytes:])))
    if not decoded:
        return []

    # Each pickle by itself, and all runs together: a text may be cut into several of them.
    part_name = f"{name}{DECODED_SUFFIX}"
    pickles = [(part_name, part) for part in decoded if part[:1] == PICKLE_MAGIC]
    return [*pickles, (part_name, b"\n".join(decoded))]


def _pad_rest(rest: bytes) -> bytes:
    """Return the last, incomplete group of base64 with its padding; one character holds no byte."""
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _unpack(name: str, content: bytes) -> list[tuple[str, bytes]]:
    """Return the parts of a container (name, content); nothing for anything else."""
    try:
        if content[:2] == GZIP_MAGIC:
            return [(name.removesuffix(".gz"), gzip.decompress(content))]
        if content[:1] == PICKLE_MAGIC:
            return [(f"{name}.txt", _read_pickled_texts(content))]
        if content[:2] == ZIP_MAGIC and zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return [(part.filename, archive.read(part)) for part in archive.infolist()]
        if content[:4] == PARQUET_MAGIC:
            return [(f"{name}.txt", _read_table_texts(pq.read_table(io.BytesIO(content))))]
    except (OSError, zipfile.BadZipFile, RuntimeError, pa.ArrowException, EOFError):
        # Not what it looks like, or encrypted; its bytes were searched as they are.
        return []
    return []


def _read_pickled_texts(content: bytes) -> bytes:
    """Return the texts in a pickle, of one that breaks off those before. Nothing is loaded."""
    parts: list[bytes] = []
    with suppress(ValueError, IndexError, UnicodeDecodeError, StopIteration, EOFError):
        for _, argument, _ in pickletools.genops(content):
            if isinstance(argument, str):
                parts.append(_to_bytes(argument))
            elif isinstance(argument, bytes | bytearray):
                parts.append(bytes(argument))
    return b"\n".join(parts)


def _read_table_texts(table: pa.Table) -> bytes:
    """Return all texts of a table, one a line."""
    texts: list[str] = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            texts += [text for text in column.to_pylist() if text is not None]
    return "\n".join(texts).encode()


def _remove_from_parquet(content: bytes, terms: SearchTerms) -> bytes:
    table = pq.read_table(io.BytesIO(content))
    rows = (json.dumps(row, default=str, ensure_ascii=False).encode() for row in table.to_pylist())
    kept_rows = [number for number, row in enumerate(rows) if not terms.has_match(row)]

    sink = io.BytesIO()
    pq.write_table(table.take(kept_rows), sink)
    return sink.getvalue()


def _remove_from_zip(content: bytes, terms: SearchTerms) -> bytes:
    sink = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as clean,
    ):
        for part in archive.infolist():
            inner = archive.read(part)
            if holds_person(part.filename, inner, terms):
                inner = remove_person(part.filename, inner, terms)
            clean.writestr(part, inner)
    return sink.getvalue()


def _remove_from_csv(content: bytes, terms: SearchTerms, separator: str) -> bytes:
    # Whatever the encoding is, its bytes come back as they were.
    text = content.decode("utf-8", errors="surrogateescape")
    line_end = "\r\n" if "\r\n" in text else "\n"

    sink = io.StringIO(newline="")
    writer = csv.writer(sink, delimiter=separator, lineterminator=line_end)
    for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator)):
        line = separator.join(row).encode("utf-8", errors="surrogateescape")
        # The head names the columns: without it nobody could read the others' records.
        if number == 0 or not terms.has_match(line):
            writer.writerow(row)

    masked, _ = terms.mask(sink.getvalue().encode("utf-8", errors="surrogateescape"))
    return masked


def _remove_from_json(content: bytes, terms: SearchTerms) -> bytes:
    """Return JSON without the person, indented as it was.

    Raises:
        ValueError: It is no JSON.
    """
    clean = _remove_from_value(json.loads(content), terms)

    indent = 2 if b"\n" in content.strip() else None
    line_end = b"\n" if content.endswith(b"\n") else b""
    return json.dumps(clean, indent=indent, ensure_ascii=content.isascii()).encode() + line_end


def _remove_from_value(value: Any, terms: SearchTerms) -> Any:
    if isinstance(value, dict):
        return {
            key: _remove_from_value(inner, terms)
            for key, inner in value.items()
            if not terms.has_match(_to_bytes(key))
        }
    if isinstance(value, list):
        return [
            _remove_from_value(inner, terms)
            for inner in value
            if not _is_record_about(inner, terms, is_element=True)
        ]
    return _mask_text(value, terms) if isinstance(value, str) else value


def _is_record_about(value: Any, terms: SearchTerms, *, is_element: bool = False) -> bool:
    """Say whether an element of a list is a record about the person.

    It is where a value of theirs stands in it, however deep, but not within a list of other records
    in it. A list that is itself an element is a row of a table: its texts count.
    """
    if isinstance(value, str):
        return terms.has_match(_to_bytes(value))
    if isinstance(value, dict):
        return any(_is_record_about(inner, terms) for inner in value.values())
    return (
        is_element
        and isinstance(value, list)
        and any(isinstance(cell, str) and _is_record_about(cell, terms) for cell in value)
    )


def _mask_text(text: str, terms: SearchTerms) -> str:
    masked, _ = terms.mask(_to_bytes(text))
    return masked.decode("utf-8", errors="surrogatepass")


def _to_bytes(text: str) -> bytes:
    """Return UTF-8; lone surrogates, which JSON allows, pass through."""
    return text.encode("utf-8", errors="surrogatepass")


def _is_text(content: bytes) -> bool:
    """Say whether content is UTF-8 without NUL, which no text has and most binary formats do."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\x00" not in content
