"""Forty ways in which programs write what they know of people, each with the way back to records.

Nothing here comes from the code under test. `encode` writes one record a person; `decode` returns
the records of what is left, so that those of the people who stay can be compared one by one.
"""

import base64
import bz2
import csv
import gzip
import html.entities
import io
import json
import lzma
import pickle
import quopri
import re
import sqlite3
import tarfile
import tempfile
import textwrap
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default as mail_policy
from pathlib import Path
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from tests.flows.canaries.people import Canary

FIELDS = ("name", "email", "phone", "iban", "customer", "note")
ZIP_TIME = (2026, 11, 27, 0, 0, 0)

Encode = Callable[[Sequence[Canary]], bytes]
Decode = Callable[[bytes], list[str]]


@dataclass(frozen=True)
class Encoding:
    """One way of writing people down: its name, what a file of it is called, and both ways."""

    name: str
    suffix: str
    encode: Encode
    decode: Decode


def encodings() -> list[Encoding]:
    """Return every way, by name in the order in which a person would think of them."""
    return [*_charsets(), *_spellings(), *_escapes(), *_bases(), *_containers(), *_documents()]


def named(name: str) -> Encoding:
    """Return one of them."""
    return next(encoding for encoding in encodings() if encoding.name == name)


# Charsets: the same lines in other bytes.


def _charsets() -> list[Encoding]:
    charsets = {
        "utf-8": "utf-8",
        "utf-8 with BOM": "utf-8-sig",
        "utf-16 with BOM": "utf-16",
        "utf-16 little-endian": "utf-16-le",
        "utf-16 big-endian": "utf-16-be",
        "utf-32 little-endian": "utf-32-le",
        "latin-1": "latin-1",
    }
    plain = [_text(name, ".txt", _lines, charset) for name, charset in charsets.items()]
    return [*plain, _text("cp1252", ".txt", _quoted_lines, "cp1252")]


def _text(
    name: str, suffix: str, write: Callable[[Sequence[Canary]], str], charset: str = "utf-8"
) -> Encoding:
    def encode(people: Sequence[Canary]) -> bytes:
        return write(people).encode(charset)

    def decode(content: bytes) -> list[str]:
        return content.decode(charset).split("\n")

    return Encoding(name, suffix, encode, decode)


def _lines(people: Iterable[Canary]) -> str:
    return "".join(f"{person.record}\n" for person in people)


def _quoted_lines(people: Iterable[Canary]) -> str:
    # The quotation marks and the dash are single bytes in cp1252 that latin-1 and UTF-8 lack.
    return "".join(f"“{person.record}” \u2013 seen\n" for person in people)


# Spellings: other characters for the same person.


def _spellings() -> list[Encoding]:
    def each(change: Callable[[Canary], str]) -> Callable[[Sequence[Canary]], str]:
        return lambda people: "".join(f"{change(person)}\n" for person in people)

    spellings: dict[str, Callable[[Canary], str]] = {
        "decomposed (NFD)": lambda person: unicodedata.normalize("NFD", person.record),
        "upper case": lambda person: person.record.upper(),
        "lower case": lambda person: person.record.lower(),
        "case-folded": lambda person: person.record.casefold(),
        "surname first": lambda person: (
            f"{person.surname}, {person.given_name} ({person.customer})"
        ),
        "digits alone": lambda person: (
            f"phone {_digits(person.phone)} iban {person.iban.replace(' ', '')}"
        ),
        "non-breaking blanks": lambda person: person.record.replace(" ", "\u00a0"),
    }
    return [*(_text(name, ".txt", each(change)) for name, change in spellings.items()), _wrapped()]


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone)


def _wrapped() -> Encoding:
    def write(people: Sequence[Canary]) -> str:
        return "\n\n".join(textwrap.fill(person.record, 36) for person in people)

    text = _text("wrapped lines", ".txt", write)
    return Encoding(
        text.name, text.suffix, text.encode, lambda content: content.decode().split("\n\n")
    )


# Escapes: what formats write instead of a character.


def _escapes() -> list[Encoding]:
    def each(change: Callable[[str], str]) -> Callable[[Sequence[Canary]], str]:
        return lambda people: "".join(f"{change(person.record)}\n" for person in people)

    def decimal(record: str) -> str:
        return "".join(c if c.isascii() else f"&#{ord(c)};" for c in escape(record))

    def hexadecimal(record: str) -> str:
        return "".join(
            f"&#x{ord(c):X};" if not c.isalnum() or not c.isascii() else c for c in record
        )

    def named_entities(record: str) -> str:
        return "".join(
            f"&{html.entities.codepoint2name[ord(c)]};"
            if ord(c) in html.entities.codepoint2name
            else c
            for c in record
        )

    return [
        Encoding("json", ".json", _encode_json, _decode_json),
        _text("json escapes", ".log", each(lambda record: json.dumps({"row": record}))),
        _text("html, named", ".html", each(named_entities)),
        _text("html, decimal", ".html", each(decimal)),
        _text("html, hexadecimal", ".html", each(hexadecimal)),
        _text("percent", ".log", each(lambda record: f"GET /?q={quote(record, safe='')}")),
        _text("plus", ".log", each(lambda record: f"GET /?q={quote_plus(record)}")),
        Encoding("quoted-printable", ".txt", _encode_quoted_printable, _decode_quoted_printable),
    ]


def _encode_json(people: Sequence[Canary]) -> bytes:
    return json.dumps([_fields(person) for person in people], indent=2).encode()


def _decode_json(content: bytes) -> list[str]:
    return [_row_text(row) for row in json.loads(content)]


def _encode_quoted_printable(people: Sequence[Canary]) -> bytes:
    return b"\n".join(quopri.encodestring(person.record.encode()) for person in people)


def _decode_quoted_printable(content: bytes) -> list[str]:
    return quopri.decodestring(content).decode().split("\n")


# Bases: bytes as letters. One run a person, so that each can be taken out by itself.


def _bases() -> list[Encoding]:
    def each(
        name: str, write: Callable[[bytes], bytes], read: Callable[[bytes], bytes]
    ) -> Encoding:
        def encode(people: Sequence[Canary]) -> bytes:
            return b"\n\n".join(write(person.record.encode()) for person in people) + b"\n"

        def decode(content: bytes) -> list[str]:
            return [_read_or_keep(part, read) for part in content.split(b"\n\n")]

        return Encoding(name, ".txt", encode, decode)

    def twice(content: bytes) -> bytes:
        return base64.b64encode(base64.b64encode(content))

    return [
        each("base64", base64.b64encode, base64.b64decode),
        each("base64 for URLs", base64.urlsafe_b64encode, base64.urlsafe_b64decode),
        each("base64 in lines", base64.encodebytes, base64.b64decode),
        each("base64 twice", twice, lambda part: base64.b64decode(base64.b64decode(part))),
        each("base32", base64.b32encode, lambda part: base64.b32decode(part.strip())),
        each(
            "hexadecimal",
            lambda content: content.hex().encode(),
            lambda part: bytes.fromhex(part.decode()),
        ),
        Encoding("base64 in json", ".json", _encode_json_base64, _decode_json_base64),
    ]


def _read_or_keep(part: bytes, read: Callable[[bytes], bytes]) -> str:
    """Return a part decoded, or as it stands where it was masked."""
    try:
        return read(part).decode()
    except ValueError:
        return part.decode()


def _encode_json_base64(people: Sequence[Canary]) -> bytes:
    rows = [{"result": base64.b64encode(person.record.encode()).decode()} for person in people]
    return json.dumps(rows).encode()


def _decode_json_base64(content: bytes) -> list[str]:
    rows = json.loads(content)
    return [_read_or_keep(row["result"].encode(), base64.b64decode) for row in rows if row]


# Containers: the lines inside something that has to be opened.


def _containers() -> list[Encoding]:
    def around(
        name: str, suffix: str, pack: Callable[[bytes], bytes], unpack: Callable[[bytes], bytes]
    ) -> Encoding:
        def encode(people: Sequence[Canary]) -> bytes:
            return pack(_lines(people).encode())

        def decode(content: bytes) -> list[str]:
            return unpack(content).decode().split("\n")

        return Encoding(name, suffix, encode, decode)

    return [
        around("gzip", ".gz", lambda content: gzip.compress(content, mtime=0), gzip.decompress),
        around("bz2", ".bz2", bz2.compress, bz2.decompress),
        around("xz", ".xz", lzma.compress, lzma.decompress),
        around("zlib", ".bin", zlib.compress, zlib.decompress),
        around(
            "zip",
            ".zip",
            lambda content: _zip({"rows.txt": content}),
            lambda z: _unzip(z, "rows.txt"),
        ),
        around(
            "zip in zip", ".zip", _zip_twice, lambda z: _unzip(_unzip(z, "inner.zip"), "rows.txt")
        ),
        around("tar", ".tar", lambda content: _tar(content, "w"), _untar),
        around("tar.gz", ".tgz", lambda content: _tar(content, "w:gz"), _untar),
        Encoding("pickle", ".pkl", _encode_pickle, lambda content: pickle.loads(content)),
        Encoding("joblib", ".joblib", _encode_joblib, _decode_joblib),
        Encoding("numpy", ".npy", _encode_numpy, _decode_numpy),
        Encoding("Parquet", ".parquet", _encode_parquet, _decode_parquet),
        Encoding("Arrow", ".feather", _encode_feather, _decode_feather),
        Encoding("SQLite", ".sqlite", _encode_sqlite, _decode_sqlite),
    ]


def _zip(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), content, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def _zip_twice(content: bytes) -> bytes:
    return _zip({"inner.zip": _zip({"rows.txt": content})})


def _unzip(content: bytes, member: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(member)


def _tar(content: bytes, mode: str) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("rows.txt")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def _untar(content: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        member = archive.extractfile("rows.txt")
        assert member is not None
        return member.read()


def _encode_pickle(people: Sequence[Canary]) -> bytes:
    return pickle.dumps([person.record for person in people])


def _encode_joblib(people: Sequence[Canary]) -> bytes:
    sink = io.BytesIO()
    joblib.dump([person.record for person in people], sink, compress=("zlib", 3))
    return sink.getvalue()


def _decode_joblib(content: bytes) -> list[str]:
    records: list[str] = joblib.load(io.BytesIO(content))
    return records


def _encode_numpy(people: Sequence[Canary]) -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.array([person.record for person in people]))
    return sink.getvalue()


def _decode_numpy(content: bytes) -> list[str]:
    return [str(record) for record in np.load(io.BytesIO(content))]


def _encode_parquet(people: Sequence[Canary]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(_table(people), sink)
    return sink.getvalue()


def _decode_parquet(content: bytes) -> list[str]:
    return [_row_text(row) for row in pq.read_table(io.BytesIO(content)).to_pylist()]


def _encode_feather(people: Sequence[Canary]) -> bytes:
    sink = io.BytesIO()
    pa.feather.write_feather(_table(people), sink)
    return sink.getvalue()


def _decode_feather(content: bytes) -> list[str]:
    return [_row_text(row) for row in pa.feather.read_table(io.BytesIO(content)).to_pylist()]


def _table(people: Sequence[Canary]) -> pa.Table:
    return pa.Table.from_pylist([_fields(person) for person in people])


def _encode_sqlite(people: Sequence[Canary]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.sqlite"
        connection = sqlite3.connect(path)
        connection.execute(f"CREATE TABLE rows ({', '.join(FIELDS)})")
        rows = [tuple(_fields(person).values()) for person in people]
        connection.executemany("INSERT INTO rows VALUES (?,?,?,?,?,?)", rows)
        connection.commit()
        connection.close()
        return path.read_bytes()


def _decode_sqlite(content: bytes) -> list[str]:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(content)
    rows = connection.execute("SELECT * FROM rows").fetchall()
    connection.close()
    return ["; ".join(str(cell) for cell in row) for row in rows]


# Documents: what office programs and mail write.


def _documents() -> list[Encoding]:
    return [
        Encoding("csv", ".csv", _encode_csv, _decode_csv),
        Encoding("json lines", ".ndjson", _encode_json_lines, _decode_json_lines),
        Encoding("xml", ".xml", _encode_xml, _decode_xml),
        Encoding("mail", ".eml", _encode_mail, _decode_mail),
        Encoding("text document", ".docx", _encode_docx, _decode_docx),
        Encoding("spreadsheet", ".xlsx", _encode_xlsx, _decode_xlsx),
    ]


def _encode_csv(people: Sequence[Canary]) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, FIELDS, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(_fields(person) for person in people)
    return sink.getvalue().encode()


def _decode_csv(content: bytes) -> list[str]:
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
    return [_row_text(row) for row in rows]


def _encode_json_lines(people: Sequence[Canary]) -> bytes:
    rows = (json.dumps(_fields(person), ensure_ascii=False) for person in people)
    return "".join(f"{row}\n" for row in rows).encode()


def _decode_json_lines(content: bytes) -> list[str]:
    return [_row_text(json.loads(line)) for line in content.decode().splitlines() if line]


def _encode_xml(people: Sequence[Canary]) -> bytes:
    rows = (
        "<person>"
        + "".join(f"<{name}>{escape(text)}</{name}>" for name, text in _fields(person).items())
        + "</person>"
        for person in people
    )
    return ("<people>\n" + "\n".join(rows) + "\n</people>\n").encode()


def _decode_xml(content: bytes) -> list[str]:
    return content.decode().split("\n")


def _encode_mail(people: Sequence[Canary]) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Rows of the day"
    message.set_content(_lines(people), cte="quoted-printable")
    return message.as_bytes()


def _decode_mail(content: bytes) -> list[str]:
    message = BytesParser(policy=mail_policy).parsebytes(content)
    text: str = message.get_content()
    return text.split("\n")


def _encode_docx(people: Sequence[Canary]) -> bytes:
    runs = (f"<w:p><w:r><w:t>{escape(person.record)}</w:t></w:r></w:p>" for person in people)
    body = "<w:document><w:body>\n" + "\n".join(runs) + "\n</w:body></w:document>"
    return _zip({"[Content_Types].xml": b"<Types/>", "word/document.xml": body.encode()})


def _decode_docx(content: bytes) -> list[str]:
    return _unzip(content, "word/document.xml").decode().split("\n")


def _encode_xlsx(people: Sequence[Canary]) -> bytes:
    strings = (f"<si><t>{escape(text)}</t></si>" for p in people for text in _fields(p).values())
    shared = "<sst>\n" + "\n".join(strings) + "\n</sst>"
    return _zip({"[Content_Types].xml": b"<Types/>", "xl/sharedStrings.xml": shared.encode()})


def _decode_xlsx(content: bytes) -> list[str]:
    return _unzip(content, "xl/sharedStrings.xml").decode().split("\n")


def _fields(person: Canary) -> dict[str, str]:
    return {name: getattr(person, name) for name in FIELDS}


def _row_text(row: dict[str, str]) -> str:
    return "; ".join(str(value) for value in row.values())
