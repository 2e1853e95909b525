"""Every row of the table of encodings is planted and found, and what is not searched is named."""

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import marshal
import pickle
import quopri
import re
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from email.header import Header
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from tasks.erasure.searching.masking import holds_person, search_content
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms

PRIVACY = Path(__file__).parents[5] / "docs" / "privacy.md"

NAME = "Zoë Quarantäne"
ANN = "ann@example.org"
TERMS = SearchTerms.of([PersonalValue("email", ANN), PersonalValue("name", NAME)])
OTHERS = SearchTerms.of(
    [PersonalValue("email", "eve@example.org"), PersonalValue("name", "Evä Quarantäne")]
)
TEXT = f"to {NAME}, or {ANN}; bob@example.org"
LONG = f"{'nothing to see here, ' * 9}{TEXT}{', nothing to see here' * 9}"


def zipped(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def tarred(content: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    return sink.getvalue()


def compressed(codec: str, content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def table() -> pa.Table:
    return pa.table(
        {
            "text": [TEXT, None],
            "bytes": pa.array([b"x", None]),
            "code": pa.array(["x", "y"]).dictionary_encode(),
            "list": [["x"], None],
            "number": [1, 2],
        }
    )


def parquet(columns: pa.Table) -> bytes:
    sink = io.BytesIO()
    # Compressed and without extremes, so that nothing of it can be read as bytes.
    pq.write_table(columns, sink, compression="gzip", write_statistics=False)
    return sink.getvalue()


def parquet_of(values: object, kind: pa.DataType | None = None) -> bytes:
    return parquet(pa.table({"a": pa.array(values, kind)}))


def arrow(make: Callable[..., Any]) -> bytes:
    sink = io.BytesIO()
    columns = table()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with make(sink, columns.schema, options=options) as writer:
        writer.write_table(columns)
    return sink.getvalue()


def feathered() -> bytes:
    sink = io.BytesIO()
    feather.write_feather(pa.table({"a": [TEXT]}), sink)
    return sink.getvalue()


def database(*, has_log: bool = False) -> bytes:
    made = sqlite3.connect(":memory:")
    made.execute('CREATE TABLE "a ""b" (first TEXT, second TEXT, third BLOB, fourth INTEGER)')
    values = ("x", NAME, gzip.compress(ANN.encode()), 4)
    made.execute('INSERT INTO "a ""b" VALUES (?, ?, ?, ?)', values)
    made.execute('CREATE VIEW v AS SELECT * FROM "a ""b"')
    made.execute('CREATE INDEX i ON "a ""b" (first)')
    made.commit()
    content = bytearray(made.serialize())
    made.close()
    if has_log:
        content[18:20] = b"\x02\x02"
    return bytes(content)


def saved(array: object) -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.asarray(array), allow_pickle=True)
    return sink.getvalue()


def dumped(value: object, compress: object = 0) -> bytes:
    sink = io.BytesIO()
    joblib.dump(value, sink, compress=compress)
    return sink.getvalue()


def compiled(text: str) -> bytes:
    return b"\xa7\x0d\r\n" + bytes(12) + marshal.dumps(compile(f"a = {text!r}", "x", "exec"))


def pdf(body: bytes) -> bytes:
    stream = zlib.compress(body)
    return (
        b"%%PDF-1.4\n1 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream\n"
        b"endobj\n2 0 obj\n<< >>\nstream\nplain\nendstream\n%%%%EOF\n" % (len(stream), stream)
    )


def mailed() -> bytes:
    message = EmailMessage()
    message["To"] = "x@example.org"
    message.set_content("nothing")
    return f"Subject: {Header(f'about {NAME}', 'utf-8').encode()}\n".encode() + bytes(message)


def attached() -> bytes:
    message = EmailMessage()
    message.set_content("nothing")
    message.add_attachment(LONG.encode(), maintype="application", subtype="x", filename="a.bin")
    return bytes(message)


def wrap(text: str, width: int = 64) -> str:
    return "\n".join(text[start : start + width] for start in range(0, len(text), width))


def misread(text: str, times: int = 1) -> bytes:
    for _ in range(times):
        text = text.encode().decode("latin-1")
    return text.encode()


def escape(form: str) -> bytes:
    return "".join(form.format(ord(char)) for char in ANN).encode()


B64 = base64.b64encode(TEXT.encode())
WRAPPED = wrap(base64.b64encode(LONG.encode()).decode())

# The rows of the table, each with files that hold the person that way and no other.
PLANTED: dict[str, dict[str, bytes]] = {
    "UTF-8, with and without byte order mark": {
        "a.txt": TEXT.encode(),
        "marked.txt": b"\xef\xbb\xbf" + ANN.encode(),
    },
    "UTF-16 and UTF-32, both orders, with and without byte order mark": {
        **{f"{c}.txt": TEXT.encode(c) for c in ("utf-16", "utf-16-le", "utf-16-be")},
        **{f"{c}.txt": TEXT.encode(c) for c in ("utf-32", "utf-32-le", "utf-32-be")},
        "marked-be.txt": b"\xfe\xff" + TEXT.encode("utf-16-be"),
        "odd.bin": b"\x01" + TEXT.encode("utf-16-le") + b"\xff\xff\x00",
    },
    "Latin-1, Windows-1252, and the best guess of seven more charsets of one byte": {
        "latin.txt": f"x {NAME} x".encode("latin-1"),
        "windows.txt": f"“{NAME}”".encode("cp1252"),
        "binary.bin": f"\x01 {NAME} \x02".encode("latin-1"),
    },
    "UTF-8 that was read as Latin-1, once or twice": {
        "once.txt": misread(f"x {NAME} x"),
        "twice.txt": misread(f"x {NAME} x", 2),
    },
    "HTML entities: named, decimal, hexadecimal; tags within words": {
        "named.html": b"<td>Zo&euml; Quarant&auml;ne</td>",
        "decimal.html": escape("&#{};"),
        "hex.html": escape("&#x{:x};"),
        "twice.html": html.escape("Zo&euml; Quarant&auml;ne").encode(),
        "tags.html": b"<p>ann@<b>example</b>.org</p>",
        "long.html": b"<p>nothing\n" * 900 + escape("&#{};") + b"\nnothing" * 900,
    },
    "backslash escapes of JSON, JavaScript, Python and git: Unicode, hexadecimal, octal": {
        "a.json": b'"' + escape("\\u{:04x}") + b'"',
        "hex.js": escape("\\x{:02x}"),
        "octal.txt": escape("\\{:03o}"),
        "braces.js": escape("\\u{{{:x}}}"),
        "long.py": escape("\\U{:08x}"),
        "json in json.json": json.dumps(json.dumps(json.dumps({"a": NAME}))).encode(),
    },
    "percent-encoding, also twice": {
        "a.log": b"?q=" + escape("%{:02X}"),
        "twice.log": quote(quote(f"x={NAME}")).encode(),
    },
    "quoted-printable, in lines that are it throughout; headers of mail": {
        "a.eml": quopri.encodestring(LONG.encode()),
        "latin.eml": quopri.encodestring(f"x {NAME} x".encode("latin-1")),
        "header.eml": mailed(),
        "q.eml": b"To: =?iso-8859-1?q?Zo=EB_Quarant=E4?=\n =?utf-8?B?bmU=?= <x>",
    },
    "base64: standard, for URLs, wrapped, of mail; base64 in base64": {
        "a.json": json.dumps({"a": B64.decode()}).encode(),
        "url.txt": b"/files/" + base64.urlsafe_b64encode(b"\xff\xfb " + ANN.encode()),
        "path.txt": b"/x/y/" + base64.b64encode(ANN.encode()).rstrip(b"="),
        "wrapped.txt": f"Cert:\n{WRAPPED}\n".encode(),
        "wrapped.json": json.dumps(WRAPPED).encode(),
        "mail.eml": attached(),
        "thrice.txt": base64.b64encode(base64.b64encode(B64)),
        "padded.txt": b"x=" + base64.b64encode(b" " + ANN.encode()),
        "latin.txt": base64.b64encode(f"x {NAME} x".encode("latin-1")),
        "wide.txt": base64.b64encode(TEXT.encode("utf-16-le")),
    },
    "base32 and hexadecimal, also wrapped, with colons or blanks, and as an array of 0x41": {
        "32.txt": base64.b32encode(TEXT.encode()),
        "lower32.txt": base64.b32encode(TEXT.encode()).lower().rstrip(b"="),
        "a.txt": TEXT.encode().hex().encode(),
        "upper.txt": b"X'" + ANN.encode().hex().upper().encode() + b"'",
        "odd.txt": b"f" + ANN.encode().hex().encode(),
        "colons.txt": ANN.encode().hex(":").encode(),
        "blanks.txt": ANN.encode().hex(" ", 2).encode(),
        "wrapped.txt": wrap(LONG.encode().hex()).encode(),
        "array.c": ", ".join(f"0x{byte:02x}" for byte in ANN.encode()).encode(),
    },
    "gzip (also of several members), zlib, bzip2, xz, LZMA, zstd, LZ4; Brotli by its suffix": {
        "a.gz": gzip.compress(b"x") + gzip.compress(TEXT.encode()),
        "padded.gz": gzip.compress(TEXT.encode()) + bytes(512),
        "a.z": zlib.compress(TEXT.encode()),
        "a.bz2": bz2.compress(TEXT.encode()),
        "two.bz2": bz2.compress(b"") + bz2.compress(TEXT.encode()),
        "a.xz": lzma.compress(TEXT.encode()),
        "a.lzma": lzma.compress(TEXT.encode(), lzma.FORMAT_ALONE),
        "a.zst": compressed("zstd", TEXT.encode()),
        "a.lz4": compressed("lz4", TEXT.encode()),
        "a.br": compressed("brotli", TEXT.encode()),
        "in base64.txt": base64.b64encode(gzip.compress(TEXT.encode())),
        "zlib in base64.txt": base64.b64encode(zlib.compress(TEXT.encode())).rstrip(b"="),
        "behind zlib.z": zlib.compress(b"x" * 99) + TEXT.encode(),
        "in hex.txt": gzip.compress(TEXT.encode(), mtime=0).hex().encode(),
    },
    "zip and what is zip (docx, xlsx, npz, wheels), nested; tar; names of members; comments": {
        "a.zip": zipped(**{"a.txt": TEXT.encode()}),
        "nested.zip": zipped(**{"b.zip": zipped(**{"a.gz": gzip.compress(TEXT.encode())})}),
        "named.zip": zipped(**{ANN: b"x"}),
        "a.docx": zipped(**{"word/document.xml": b"<w:t>ann@exam</w:t><w:t>ple.org</w:t>"}),
        "a.tar": tarred(TEXT.encode()),
        "a.tar.gz": gzip.compress(tarred(TEXT.encode())),
        "behind a program": b"#!/bin/sh\n" + zipped(**{"a.txt": TEXT.encode()}),
    },
    "pickle and joblib of every protocol, also compressed and with arrays; never loaded": {
        **{f"{n}.pkl": pickle.dumps({"a": ANN, "b": 1}, protocol=n) for n in range(6)},
        "bytes.pkl": pickle.dumps([gzip.compress(TEXT.encode())]),
        "a.joblib": dumped({"a": np.arange(50.0), "b": ANN}),
        "array.joblib": dumped(np.array([TEXT, "x"])),
        "zlib.joblib": dumped({"a": ANN}, 3),
        "xz.joblib": dumped({"a": ANN}, ("xz", 3)),
        "broken.pkl": pickle.dumps([ANN, "x" * 100])[:-50],
        "in base64.json": json.dumps(base64.b64encode(pickle.dumps(["x", TEXT])).decode()).encode(),
        # Columns of texts lie end to end, and offsets of eight or four bytes say where each ends.
        "frame.pkl": pickle.dumps(pd.DataFrame({"a": ["bob@example.org", ANN, "kim@example.org"]})),
        "column.pkl": pickle.dumps(pa.array(["bob@example.org", ANN, "kim@example.org"])),
        "frame.joblib": dumped(pd.DataFrame({"a": ["bob@example.org", ANN]}), 3),
    },
    "compiled modules of Python, and binary formats that write a text behind its length": {
        "a.pyc": compiled(f"{ANN} {'x' * 60}"),
        "one.bin": b"\x00\x01\xff" + bytes([112]) + (ANN + " " * 97).encode() + b"zz",
        "varint.bin": b"\x00\x01\xe1\x61" + ANN.encode() + b" " * (0x61 << 7 | 0x61),
        "two.bin": b"\x00\x01\x01\x41" + (ANN + " " * 400).encode()[:0x141] + b"y",
    },
    "Parquet: texts, bytes, dictionaries, lists, structs, maps, names of columns, metadata": {
        "text.parquet": parquet(table()),
        "bytes.parquet": parquet_of([ANN.encode()]),
        "packed.parquet": parquet_of([gzip.compress(ANN.encode())]),
        "fixed.parquet": parquet_of([ANN.encode()], pa.binary(len(ANN))),
        "code.parquet": parquet(pa.table({"a": pa.array([ANN, ANN]).dictionary_encode()})),
        "list.parquet": parquet_of([[ANN]]),
        "struct.parquet": parquet_of([{"b": {"c": 1, "d": ANN.encode()}}]),
        "map.parquet": parquet_of([[("k", ANN)]], pa.map_(pa.string(), pa.string())),
        "large.parquet": parquet_of([ANN], pa.large_string()),
        "name.parquet": parquet(pa.table({ANN: [1]})),
        "metadata.parquet": parquet(pa.table({"a": [1]}).replace_schema_metadata({"by": ANN})),
        "field.parquet": parquet(
            pa.table([[1]], schema=pa.schema([pa.field("a", pa.int64(), metadata={"by": ANN})]))
        ),
        "pandas.parquet": parquet(pa.Table.from_pandas(pd.DataFrame({"a": [ANN] * 3}))),
    },
    "Arrow files and streams, Feather, and NumPy's arrays of text": {
        "a.arrow": arrow(pa.ipc.new_file),
        "stream.arrow": arrow(pa.ipc.new_stream),
        "a.feather": feathered(),
        "a.npy": saved([ANN, "x" * len(ANN)]),
        "bytes.npy": saved([ANN.encode()]),
        "fields.npy": saved(np.array([(1, ANN)], dtype=[("a", "i4"), ("b", "U20")])),
        "objects.npy": saved(np.array([ANN, 1], dtype=object)),
        "a.npz": zipped(**{"a.npy": saved([ANN])}),
    },
    "SQLite database files: every table's texts and blobs, and the schema": {
        "a.db": database(),
        "log.db": database(has_log=True),
    },
    "PDF: texts and streams that Flate compressed": {
        "a.pdf": pdf(b"BT (to ann@example.org) Tj ET"),
        "array.pdf": pdf(b"BT [(ann@ex) -20 (ample.org)] TJ ET"),
        "hex.pdf": pdf(b"BT <%b> Tj ET" % ANN.encode().hex().encode()),
        "wide.pdf": pdf(b"BT <feff%b> Tj ET" % ANN.encode("utf-16-be").hex().encode()),
        "escaped.pdf": pdf(b"BT (Zo\\353 Quarant\\344n\\145\\n\\)) Tj (a\\\nnn) Tj ET"),
    },
}
CASES = [(name, content) for files in PLANTED.values() for name, content in files.items()]

# What stands in the table as not searched: a sample, and the words that a search says of it.
UNREAD: dict[str, dict[str, tuple[bytes, str]]] = {
    "ROT13, ciphers, hashes, base85, uuencode, punycode, UTF-7, hexadecimal dumps with addresses": {
        "13.txt": (b"naa@rknzcyr.bet", ""),
        "85.txt": (base64.b85encode(TEXT.encode()), ""),
    },
    "values that run into the next without a sign: fields of fixed width; lines folded within a "
    'word (iCalendar); "name at example dot org"': {
        "fixed.dat": (b"0017ann@example.org2026", ""),
        "a.ics": (b"mailto:ann@exam\r\n ple.org\r\n", ""),
        "a.txt": (b"ann at example dot org", ""),
    },
    "charsets of several bytes other than Unicode's (Shift-JIS, GB 18030, EUC, Big5)": {
        "jis.txt": ("山田太郎様".encode("shift-jis"), ""),
    },
    "images, sound, video; scanned pages": {
        "a.png": (b"\x89PNG\r\n\x1a\n" + bytes(20), "image"),
        "a.webp": (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image"),
        "a.mp4": (b"\x00\x00\x00\x18ftypisom", "audio or video"),
        "scan.pdf": (pdf(b"/Filter /DCTDecode"), "image in a PDF"),
    },
    "encrypted archives, documents and files": {
        "salted": (b"Salted__" + bytes(range(200, 240)), "encrypted file"),
        "a.gpg": (bytes(range(128, 250)), "encrypted file"),
        "a.pdf": (pdf(b"x") + b"/Encrypt 5 0 R", "encrypted PDF"),
        "a.docx": (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "encrypted office document",
        ),
    },
    "7z, RAR, cabinet, compress (.Z), lzip, LZO, snappy, HDF5, Avro, ORC, old Feather and Office": {
        "a.7z": (b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(30), "7z archive"),
        "a.doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office document of before 2007"),
    },
    "glyphs of fonts in a PDF, and its streams in other compressions": {
        "a.pdf": (pdf(b"/Encoding /Identity-H (\x00\x01)"), "PDF text in glyphs of its own font"),
        "b.pdf": (pdf(b"/Filter /LZWDecode"), "PDF stream in another compression"),
    },
    "free pages of a database file, and a log beside it: searched as bytes": {},
    "numbers in columns of Parquet, Arrow and NumPy": {},
    "names of another script in Latin letters, with initials, or in two fields; "
    "digits of other scripts": {
        "initial.txt": ("Z. Quarantäne".encode(), ""),
        "fields.json": ('{"given": "Zoë", "surname": "Quarantäne"}'.encode(), ""),
    },
}
UNREAD_CASES = [
    (name, content, words) for files in UNREAD.values() for name, (content, words) in files.items()
]


@pytest.mark.parametrize(("name", "content"), CASES, ids=[name for name, _ in CASES])
def test_a_person_is_found_in_it_and_nobody_else_is(name: str, content: bytes) -> None:
    assert holds_person(name, content, TERMS)
    assert search_content(name, content, TERMS).holds_person
    assert search_content(name, content, OTHERS).holds_person is False


@pytest.mark.parametrize(
    ("name", "content", "words"), UNREAD_CASES, ids=[name for name, _, _ in UNREAD_CASES]
)
def test_what_cannot_be_looked_into_is_said_in_fixed_words(
    name: str, content: bytes, words: str
) -> None:
    assert search_content(name, content, TERMS).unsearched == ((words,) if words else ())


@pytest.mark.parametrize(
    "content",
    [b"", bytes(range(256)) * 9, b"ORCHID", b"BZh is a text", b"x^2", b"ID3", b"\xff" * 30],
)
def test_ordinary_bytes_are_searched_as_bytes_and_nothing_is_said(content: bytes) -> None:
    assert search_content("a.bin", content, TERMS).unsearched == ()


def test_the_page_lists_what_is_searched_and_what_is_not() -> None:
    section = PRIVACY.read_text(encoding="utf-8").partition("### Encodings and containers")[2]
    section = section.partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (searched|not searched) \|", section, re.MULTILINE)

    assert [row for row, how in rows if how == "searched"] == list(PLANTED)
    assert [row for row, how in rows if how == "not searched"] == list(UNREAD)
