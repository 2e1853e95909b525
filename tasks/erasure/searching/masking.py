"""Take one person out of a file and leave everybody else in it: by record where the format has records."""

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

from tasks.erasure.searching.traces import Traces

BASE64 = re.compile(rb"(?:[A-Za-z0-9+/_-]|\\n|\n){16,}={0,2}")
DECODED, PICKLE = ".decoded", b"\x80"
TEXTS = {
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
    """The person is in a file of a kind that cannot be rewritten without knowing it: it has to go as a whole."""


def holds(name: str, content: bytes, traces: Traces) -> bool:
    """Say whether a file holds the person, also inside compression, archives and unsealed parquet."""
    if traces.are_in(content):
        return True
    if name.endswith(DECODED):  # base64 in base64 in base64 would never end
        return any(holds(inner, part, traces) for inner, part in _unpacked(name, content))
    return any(holds(inner, part, traces) for inner, part in _inside(name, content))


def without(name: str, content: bytes, traces: Traces) -> bytes:
    """Return the file without the person.

    Records (lines of CSV and JSON lines, elements of JSON lists, rows of parquet) that hold a value of theirs are left
    out whole: what else stands in them is theirs, too. Elsewhere only the values are masked.

    Raises:
        CannotMaskError: It is neither text nor a known container.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if content[:2] == b"\x1f\x8b":
        return gzip.compress(
            without(name.removesuffix(".gz"), gzip.decompress(content), traces), mtime=0
        )
    if zipfile.is_zipfile(io.BytesIO(content)):
        return _zip_without(content, traces)
    if content[:4] == b"PAR1":
        return _parquet_without(content, traces)
    if suffix in (".csv", ".tsv"):
        return _csv_without(content, traces, "\t" if suffix == ".tsv" else ",")
    try:
        return _json_without(content, traces)
    except ValueError:
        pass
    if suffix in (".jsonl", ".ndjson"):
        return b"".join(
            line for line in content.splitlines(keepends=True) if not traces.are_in(line)
        )
    if suffix in TEXTS or _is_text(content):
        return traces.masked(content)[0]
    raise CannotMaskError


def _inside(name: str, content: bytes) -> list[tuple[str, bytes]]:
    """Return what lies inside a container: (name, content) of each part; nothing for anything else."""
    return [*_base64_runs(name, content), *_unpacked(name, content)]


def _base64_runs(name: str, content: bytes) -> list[tuple[str, bytes]]:
    """Return everything that may be base64 in it, decoded: Prefect's results are pickles in base64 in JSON."""
    if content[:4] == b"PAR1" or content[:2] in (b"\x1f\x8b", b"PK"):
        return []
    parts = []
    for run in BASE64.findall(content):
        text = (
            run.replace(b"\\n", b"")
            .replace(b"\n", b"")
            .replace(b"-", b"+")
            .replace(b"_", b"/")
            .rstrip(b"=")
        )
        parts.append(b64decode(text[: len(text) // 4 * 4]) + b64decode(_rest(text)))
    pickles = [(f"{name}{DECODED}", part) for part in parts if part[:1] == PICKLE]
    return [*pickles, (f"{name}{DECODED}", b"\n".join(parts))] if parts else []


def _rest(text: bytes) -> bytes:
    rest = text[len(text) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _unpacked(name: str, content: bytes) -> list[tuple[str, bytes]]:
    try:
        if content[:2] == b"\x1f\x8b":
            return [(name.removesuffix(".gz"), gzip.decompress(content))]
        if content[:1] == PICKLE:
            return [(f"{name}.txt", _pickled_texts(content))]
        if content[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return [(part.filename, archive.read(part)) for part in archive.infolist()]
        if content[:4] == b"PAR1":
            return [(f"{name}.txt", _texts(pq.read_table(io.BytesIO(content))))]
    except (OSError, zipfile.BadZipFile, RuntimeError, pa.ArrowException, EOFError):
        return []  # not what it looks like; its bytes were searched
    return []


def _pickled_texts(content: bytes) -> bytes:
    """Return the texts in a pickle, without loading it; of one that breaks off, those before."""
    parts: list[bytes] = []
    with suppress(ValueError, IndexError, UnicodeDecodeError, StopIteration, EOFError):
        for _, argument, _ in pickletools.genops(content):
            if isinstance(argument, str):
                parts.append(_bytes(argument))
            elif isinstance(argument, bytes | bytearray):
                parts.append(bytes(argument))
    return b"\n".join(parts)


def _texts(table: pa.Table) -> bytes:
    parts = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            parts += [text for text in column.to_pylist() if text is not None]
    return "\n".join(parts).encode()


def _parquet_without(content: bytes, traces: Traces) -> bytes:
    table = pq.read_table(io.BytesIO(content))
    rows = (json.dumps(row, default=str, ensure_ascii=False).encode() for row in table.to_pylist())
    kept = [place for place, row in enumerate(rows) if not traces.are_in(row)]
    sink = io.BytesIO()
    pq.write_table(table.take(kept), sink)
    return sink.getvalue()


def _zip_without(content: bytes, traces: Traces) -> bytes:
    sink = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as clean,
    ):
        for part in archive.infolist():
            inner = archive.read(part)
            is_theirs = holds(part.filename, inner, traces)
            clean.writestr(part, without(part.filename, inner, traces) if is_theirs else inner)
    return sink.getvalue()


def _csv_without(content: bytes, traces: Traces, separator: str) -> bytes:
    text = content.decode("utf-8", errors="surrogateescape")
    end = "\r\n" if "\r\n" in text else "\n"
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, delimiter=separator, lineterminator=end)
    for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator)):
        line = separator.join(row).encode("utf-8", errors="surrogateescape")
        if number == 0 or not traces.are_in(line):
            writer.writerow(row)
    return traces.masked(sink.getvalue().encode("utf-8", errors="surrogateescape"))[0]


def _json_without(content: bytes, traces: Traces) -> bytes:
    """Raises ValueError where it is no JSON."""
    values = json.loads(content)
    clean = _clean(values, traces)
    indent = 2 if b"\n" in content.strip() else None
    ending = b"\n" if content.endswith(b"\n") else b""
    return json.dumps(clean, indent=indent, ensure_ascii=content.isascii()).encode() + ending


def _clean(value: Any, traces: Traces) -> Any:
    if isinstance(value, dict):
        return {
            key: _clean(inner, traces)
            for key, inner in value.items()
            if not traces.are_in(_bytes(key))
        }
    if isinstance(value, list):
        return [
            _clean(inner, traces) for inner in value if not _is_about(inner, traces, is_row=True)
        ]
    return _text(value, traces) if isinstance(value, str) else value


def _is_about(value: Any, traces: Traces, *, is_row: bool = False) -> bool:
    """Say whether an element of a list is a record about the person.

    It is where a value of theirs stands in it, however deep, but not within a list of other records in it.
    """
    if isinstance(value, str):
        return traces.are_in(_bytes(value))
    if isinstance(value, dict):
        return any(_is_about(inner, traces) for inner in value.values())
    return (
        is_row
        and isinstance(value, list)
        and any(isinstance(one, str) and _is_about(one, traces) for one in value)
    )


def _text(text: str, traces: Traces) -> str:
    return traces.masked(_bytes(text))[0].decode("utf-8", errors="surrogatepass")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


def _is_text(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\x00" not in content
