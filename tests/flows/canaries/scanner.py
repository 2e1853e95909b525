"""A search for people that shares no code with the erasure: its own decoders and its own spelling.

It reads every text that some program could make of some bytes (charsets, escapes, bases, archives,
tables), folds it as a reader's eye does, and looks for each person's values standing alone.
"""

import base64
import binascii
import bz2
import gzip
import hashlib
import html
import io
import lzma
import pickletools
import quopri
import re
import sqlite3
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from tests.flows.canaries.people import Canary

# Containers by their first bytes; decoded digits that are neither one of them nor a text are noise.
MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x78", b"PK", b"PAR1", b"ARROW1", b"SQLite", b"\x80")
CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
DEEPEST = 5  # containers and encodings inside each other
# What every person's values hold, however they are spelt: a text without any of them is no trace.
MARKS = ("zq", "canary")
DIGITS = re.compile(r"4\W{0,3}9\W{0,3}1\W{0,3}7\W{0,3}1\W{0,3}9\W{0,3}9|9900\W{0,3}4400\W{0,3}00")

BLANKS = re.compile(r"\s+")
WRAPPED_HYPHEN = re.compile(r"(?<=\w)- (?=\w)")
# Accents by themselves (NFKD takes them off their letters), and what no eye sees.
INVISIBLE = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufeff]+")
NOT_WORD = re.compile(r"[^0-9a-z]+")
PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
PLUS = re.compile(r"\w\+\w")
SOFT_BREAK = re.compile(rb"=(?:[0-9A-F]{2}|\r?\n)")
TAGS = re.compile(r"<[^<>]{1,200}>")
JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
BASE64_RUN = re.compile(rb"(?:[A-Za-z0-9+/_-]|\\n|\r?\n(?=[A-Za-z0-9+/_-])){16,}={0,2}")
BASE32_RUN = re.compile(rb"[A-Z2-7]{24,}={0,6}")
HEX_RUN = re.compile(rb"(?:[0-9a-fA-F]{2}){12,}")
EMAIL_BEFORE = r"(?<![\w.+%-])"
EMAIL_AFTER = r"(?![\w]|[.-]\w)"


class Scanner:
    """Who of the people stands in some bytes; what was scanned before is not read again."""

    def __init__(self, people: Sequence[Canary]) -> None:
        self._words = {person.number: _words_of(person) for person in people}
        self._numbers = {person.number: _numbers_of(person) for person in people}
        self._known: dict[bytes, frozenset[int]] = {}

    def people_in(self, content: bytes, depth: int = 0) -> frozenset[int]:
        """Return the numbers of those who can be read out of it."""
        if len(content) < 5 or depth > DEEPEST:
            return frozenset()
        digest = hashlib.blake2b(content, digest_size=16, salt=bytes([depth])).digest()
        if digest not in self._known:
            people = set[int]()
            for text in _texts(content):
                people |= self._people_in_text(text)
            for part in _parts(content):
                people |= self.people_in(part, depth + 1)
            self._known[digest] = frozenset(people)
        return self._known[digest]

    def people_in_text(self, content: bytes) -> frozenset[int]:
        """Return who stands there as plain text, in nothing that has to be unpacked."""
        return frozenset(self._people_in_text(content.decode("utf-8", errors="replace")))

    def _people_in_text(self, text: str) -> set[int]:
        lower = text.lower()
        if not any(mark in lower for mark in MARKS) and not DIGITS.search(lower):
            return set()

        folded = _fold(text)
        squeezed = NOT_WORD.sub("", folded)
        people = set()
        for number, words in self._words.items():
            has_words = any(text in folded and pattern.search(folded) for text, pattern in words)
            if has_words or any(digits in squeezed for digits in self._numbers[number]):
                people.add(number)
        return people


def _words_of(person: Canary) -> list[tuple[str, re.Pattern[str]]]:
    """Return what is looked for as words: a literal to be quick, and the pattern that decides."""
    emails = [_fold(email) for email in person.identifiers]
    words = [(email, re.compile(EMAIL_BEFORE + re.escape(email) + EMAIL_AFTER)) for email in emails]

    texts = [person.customer]
    if not person.has_common_note:
        texts.append(person.note)
    for text in texts:
        folded = _fold(text)
        words.append((folded, re.compile(rf"(?<!\w){re.escape(folded)}(?!\w)")))
    if not person.has_namesake:
        for name in (person.name, f"{person.surname}, {person.given_name}"):
            folded = _fold(name)
            # Half of a double name is another name.
            pattern = rf"(?<!\w)(?<!\w-){re.escape(folded)}(?!\w|-\w)"
            words.append((folded, re.compile(pattern)))
    return words


def _numbers_of(person: Canary) -> list[str]:
    return [NOT_WORD.sub("", person.phone), NOT_WORD.sub("", person.iban.lower())]


def _fold(text: str) -> str:
    """Return a text as a reader takes it: without case, accents, invisible signs, line ends."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = INVISIBLE.sub("", text)
    return WRAPPED_HYPHEN.sub("-", BLANKS.sub(" ", text.casefold()))


def _texts(content: bytes) -> Iterator[str]:
    """Yield every text that these bytes may be, with what escapes in it stand for."""
    text = content.decode("utf-8", errors="replace")
    yield text
    yield from _texts_of_other_charsets(content, text)

    readings = []
    if "&" in text:
        readings.append(html.unescape(text))
    if PERCENT.search(text):
        readings.append(unquote(text))
    if PLUS.search(text):
        spaced = text.replace("+", " ")
        readings.append(unquote(spaced) if PERCENT.search(text) else spaced)
    if "\\" in text:
        escaped = JSON_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
        readings.append(escaped.replace("\\n", "\n"))
    if SOFT_BREAK.search(content):
        readings.append(quopri.decodestring(content).decode("utf-8", errors="replace"))
    if "<" in text:
        readings.append(html.unescape(TAGS.sub(" ", text)))
    yield from (reading for reading in readings if reading != text)


def _texts_of_other_charsets(content: bytes, text: str) -> Iterator[str]:
    if "\ufffd" in text:
        yield content.decode("latin-1")
        yield content.decode("cp1252", errors="replace")
    if b"\x00" in content:
        # Within other binary data a text may begin at any byte.
        for shift in (0, 1):
            yield content[shift:].decode("utf-16-le", errors="replace")
            yield content[shift:].decode("utf-16-be", errors="replace")
        for shift in (0, 1, 2, 3):
            yield content[shift:].decode("utf-32-le", errors="replace")


def _parts(content: bytes) -> Iterator[bytes]:
    """Yield what is packed in these bytes."""
    yield from _decompressed(content)
    yield from _members(content)
    yield from _cells(content)
    yield from _runs(content)


def _decompressed(content: bytes) -> Iterator[bytes]:
    broken = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
    if content[:2] == b"\x1f\x8b":
        with suppress(*broken):
            yield gzip.decompress(content)
    if content[:3] == b"BZh":
        with suppress(*broken):
            yield bz2.decompress(content)
    if content[:6] == b"\xfd7zXZ\x00":
        with suppress(*broken):
            yield lzma.decompress(content)
    if content[:1] == b"\x78":
        with suppress(*broken):
            yield zlib.decompress(content)


def _members(content: bytes) -> Iterator[bytes]:
    with suppress(zipfile.BadZipFile, RuntimeError, OSError):
        if content[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for member in archive.infolist():
                    yield f"{member.filename} {member.comment!r}".encode()
                    yield archive.read(member)
    with suppress(tarfile.TarError, OSError, EOFError):
        if content[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for entry in archive:
                    stream = archive.extractfile(entry)
                    yield entry.name.encode() + b" " + (stream.read() if stream else b"")


def _cells(content: bytes) -> Iterator[bytes]:
    with suppress(pa.ArrowException, OSError, ValueError):
        # Sealed rows are ciphertext: what keys open of them is searched by itself.
        if content[:4] == b"PAR1" and b"portcullis.mac" not in content[-65_536:]:
            yield from _table_cells(pq.read_table(io.BytesIO(content)))
        if content[:6] == b"ARROW1":
            yield from _table_cells(pa.feather.read_table(io.BytesIO(content)))
    with suppress(sqlite3.Error):
        if content[:15] == b"SQLite format 3":
            connection = sqlite3.connect(":memory:")
            connection.deserialize(content)
            yield "\n".join(connection.iterdump()).encode("utf-8", errors="surrogatepass")
            yield from _blobs(connection)
            connection.close()
    if content[:1] == b"\x80":
        yield from _pickled(content)


def _table_cells(table: pa.Table) -> Iterator[bytes]:
    for row in table.to_pylist():
        for value in row.values():
            if isinstance(value, bytes):
                yield value
        yield "; ".join(str(value) for value in row.values()).encode("utf-8", "surrogatepass")


def _blobs(connection: sqlite3.Connection) -> Iterator[bytes]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for row in connection.execute(f'SELECT * FROM "{table}"'):
            yield from (cell for cell in row if isinstance(cell, bytes) and len(cell) > 8)


def _pickled(content: bytes) -> Iterator[bytes]:
    with suppress(ValueError, IndexError, UnicodeDecodeError, EOFError):
        for _, argument, _ in pickletools.genops(content):
            if isinstance(argument, str) and len(argument) >= 5:
                yield argument.encode("utf-8", errors="surrogatepass")
            elif isinstance(argument, bytes | bytearray):
                yield bytes(argument)


def _runs(content: bytes) -> Iterator[bytes]:
    """Yield what runs of base64, base32 and hexadecimal digits stand for."""
    yield from _decoded(BASE64_RUN.findall(content), _from_base64)
    yield from _decoded(BASE32_RUN.findall(content), _from_base32)
    yield from _decoded(HEX_RUN.findall(content), binascii.unhexlify)


def _decoded(runs: Iterable[bytes], decode: Callable[[bytes], bytes]) -> Iterator[bytes]:
    for run in runs:
        with suppress(ValueError):
            part = decode(run)
            if part.startswith(MAGIC) or b"\x00\x00" in part or _may_be_text(part):
                yield part


def _may_be_text(content: bytes) -> bool:
    """Say whether some charset makes a text of it: UTF-16 of Latin letters is half NUL."""
    return not CONTROLS.search(content) or content[:64].count(b"\x00") > len(content[:64]) // 3


def _from_base64(run: bytes) -> bytes:
    letters = re.sub(rb"\\n|\s|=", b"", run).replace(b"-", b"+").replace(b"_", b"/")
    return base64.b64decode(letters[: len(letters) - (len(letters) % 4 == 1)] + b"==")


def _from_base32(run: bytes) -> bytes:
    letters = run.rstrip(b"=")
    return base64.b32decode(letters + b"=" * (-len(letters) % 8))
