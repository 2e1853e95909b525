"""Texts with escapes: entities, backslashes, percent signs, quoted-printable, headers, mojibake.

An escape is replaced where it stands, and where it stood is remembered: so a value that is found in
what was read can be masked in what was written.
"""

import html
import re
from binascii import Error as BinasciiError
from binascii import a2b_base64
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from tasks.erasure.searching.unfolding.charsets import is_utf8

ENTITY = re.compile(rb"&(?:#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};)")
# Each begins with its sign, by which the search for it skips over everything else.
BACKSLASH = re.compile(
    rb"\\(?:u[0-9A-Fa-f]{4}(?:\\u[0-9A-Fa-f]{4})*|u\{[0-9A-Fa-f]{1,6}\}|U[0-9A-Fa-f]{8}"
    rb"|x[0-9A-Fa-f]{2}(?:\\x[0-9A-Fa-f]{2})*|[0-3][0-7]{2}(?:\\[0-3][0-7]{2})*|[nrtbf\"'/\\])"
)
# `\n` alone is no reason to read a text once more: search terms know it.
TELLING_BACKSLASH = re.compile(rb"\\[uUx\"'/\\0-3]")
PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*")
QUOTED_PRINTABLE = re.compile(rb"=(?:[0-9A-Fa-f]{2}(?:=[0-9A-Fa-f]{2})*|\r?\n)")
# RFC 2045, section 6.7: every `=` is followed by two digits or by the end of the line.
QUOTED_PRINTABLE_LINE = re.compile(rb"(?:[^=\n]|=[0-9A-Fa-f]{2})*=?\r?")
# RFC 2047, with the white space between two of them, which is not part of the text.
ENCODED_WORD = re.compile(
    rb"=\?([A-Za-z0-9_-]+)(?:\*[A-Za-z-]+)?\?([bBqQ])\?([^? \n]*)\?=(?:\s+=\?)?"
)
# Marks within a word, as pages, word processors, spreadsheets and slides write them; a page's cells
# are apart anyway.
TAG = re.compile(
    rb"</?(?:b|i|u|a|em|strong|span|font|mark|small|sub|sup|wbr|r|t|si|rPr|(?:w|a|text):[A-Za-z-]+)"
    rb"(?:[\s/][^<>]{0,1000})?>"
)
# A byte that begins a character in UTF-8, and one that goes on with it, both read as Latin-1.
TELLING_MOJIBAKE = re.compile(rb"\xc3[\x82-\xb4](?:\xc2[\x80-\xbf]|[\xc5\xc6\xcb\xe2])")
# Of a long text only what is around escapes is read once more, with whole lines.
SHORT_BYTES = 4096
AROUND_BYTES = 1024
CONTROL_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def _misread_characters() -> dict[str, int]:
    """Return each character that a byte beyond ASCII becomes when it is read as Latin-1."""
    characters = {chr(byte): byte for byte in range(0x80, 0x100)}
    for byte in range(0x80, 0xA0):
        # Five bytes have no character in cp1252; those are read as Latin-1's.
        characters[bytes([byte]).decode("cp1252", errors="replace")] = byte
    del characters["\ufffd"]
    return characters


MISREAD = _misread_characters()
MISREAD_RUN = re.compile(
    rb"(?:[\xc2\xc3][\x80-\xbf]|\xc5[\x92\x93\xa0\xa1\xb8\xbd\xbe]|\xc6\x92|\xcb[\x86\x9c]"
    rb"|\xe2(?:\x80[\x93-\xba]|\x82\xac|\x84\xa2)){2,}"
)


@dataclass(frozen=True)
class Token:
    """Where an escape stands, and what it says."""

    start: int
    end: int
    text: bytes


@dataclass(frozen=True)
class Rendering:
    """A content with its escapes read, and the way back from it."""

    content: bytes
    tokens: tuple[Token, ...]
    starts: tuple[int, ...]  # of each token's text in `content`

    def to_written(self, start: int, end: int) -> tuple[int, int]:
        """Return where the bytes from `start` to `end` of the rendering were written."""
        return self._begin_of(start), self._end_of(end - 1)

    def _begin_of(self, position: int) -> int:
        number = bisect_right(self.starts, position) - 1
        if number < 0:
            return position
        beyond = position - self.starts[number] - len(self.tokens[number].text)
        return self.tokens[number].start if beyond < 0 else self.tokens[number].end + beyond

    def _end_of(self, last: int) -> int:
        number = bisect_right(self.starts, last) - 1
        if number < 0:
            return last + 1
        beyond = last - self.starts[number] - len(self.tokens[number].text)
        return self.tokens[number].end if beyond < 0 else self.tokens[number].end + beyond + 1


@dataclass(frozen=True)
class Escaping:
    """One way to write characters with other characters."""

    name: str
    find: Callable[[bytes], Iterator[Token]]
    # A tag within a value holds the page together: it cannot be masked with it.
    can_mask: bool = True

    def render(self, content: bytes) -> Rendering | None:
        """Return a content with the escapes read; nothing where there are none."""
        tokens = tuple(self.find(content))
        if not tokens:
            return None

        parts: list[bytes] = []
        starts: list[int] = []
        last_end = 0
        size_bytes = 0
        for token in tokens:
            between = content[last_end : token.start]
            parts += (between, token.text)
            starts.append(size_bytes + len(between))
            size_bytes = starts[-1] + len(token.text)
            last_end = token.end
        return Rendering(b"".join((*parts, content[last_end:])), tokens, tuple(starts))

    def read_around(self, content: bytes) -> bytes:
        """Return what a content says around its escapes; nothing where there are none."""
        tokens = list(self.find(content))
        if not tokens:
            return b""
        if len(content) > SHORT_BYTES:
            content = _cut_around(content, tokens)
        rendering = self.render(content)
        return rendering.content if rendering else b""


def _cut_around(content: bytes, tokens: list[Token]) -> bytes:
    """Return the lines around tokens, far enough for a text of some lines."""
    parts: list[bytes] = []
    end = 0
    for token in tokens:
        if token.end + AROUND_BYTES // 2 <= end:
            continue
        start = content.rfind(b"\n", 0, max(token.start - AROUND_BYTES, 0)) + 1
        start = max(start, end)
        end = content.find(b"\n", token.end + AROUND_BYTES)
        end = len(content) if end < 0 else end
        parts.append(content[start:end])

    return b"".join(parts)


def _find_entities(content: bytes) -> Iterator[Token]:
    if b"&" not in content:
        return
    for match in ENTITY.finditer(content):
        text = html.unescape(match.group().decode("ascii"))
        # A blank that does not break a line separates words like any other.
        yield Token(match.start(), match.end(), text.replace("\xa0", " ").encode(errors="replace"))


def _find_backslashes(content: bytes) -> Iterator[Token]:
    if b"\\" not in content or not TELLING_BACKSLASH.search(content):
        return
    for match in BACKSLASH.finditer(content):
        yield Token(match.start(), match.end(), _read_backslashes(match.group()))


def _read_backslashes(written: bytes) -> bytes:
    sign = written[1:2]
    if sign == b"x":
        return bytes.fromhex(written.replace(b"\\x", b"").decode())
    if sign in b"0123":
        return bytes(int(code, 8) for code in written.split(b"\\")[1:])

    if sign in b"uU":
        if written[2:3] == b"{" or sign == b"U":
            return _read_code_point(int(written[2:].strip(b"{}"), 16))
        # Beyond the basic plane a character is written as two halves: UTF-16 joins them.
        units = bytes.fromhex(written.replace(b"\\u", b"").decode())
        return units.decode("utf-16-be", errors="replace").encode()

    return CONTROL_ESCAPES.get(sign, sign)


def _read_code_point(number: int) -> bytes:
    """Return a character; for a number that is none, its replacement."""
    return (chr(number) if number <= 0x10FFFF else "�").encode(errors="replace")


def _find_percents(content: bytes) -> Iterator[Token]:
    if b"%" not in content:
        return
    for match in PERCENT.finditer(content):
        text = bytes.fromhex(match.group().replace(b"%", b"").decode())
        yield Token(match.start(), match.end(), text)


def _find_quoted_printable(content: bytes) -> Iterator[Token]:
    if b"=" not in content or not QUOTED_PRINTABLE.search(content):
        return

    line_start = -1
    line_end = -1
    is_valid = False
    for match in QUOTED_PRINTABLE.finditer(content):
        if match.start() > line_end or line_start < 0:
            line_start = content.rfind(b"\n", 0, match.start()) + 1
            line_end = content.find(b"\n", match.start())
            line_end = len(content) if line_end < 0 else line_end
            line = content[line_start:line_end]
            is_valid = QUOTED_PRINTABLE_LINE.fullmatch(line) is not None
        if is_valid:
            text = match.group()
            is_break = text.endswith(b"\n")
            digits = b"" if is_break else text.replace(b"=", b"")
            yield Token(match.start(), match.end(), bytes.fromhex(digits.decode()))


def _find_encoded_words(content: bytes) -> Iterator[Token]:
    if b"=?" not in content:
        return
    position = 0
    while match := ENCODED_WORD.search(content, position):
        # The next one begins within what was matched: `=?` tells that white space goes.
        is_joined = match.group().endswith(b"=?")
        position = match.end() - 2 * is_joined
        yield Token(match.start(), position, _read_encoded_word(*match.groups()))


def _read_encoded_word(charset: bytes, form: bytes, text: bytes) -> bytes:
    if form in b"bB":
        with suppress(BinasciiError):
            text = a2b_base64(text + b"==")
    else:
        text = text.replace(b"_", b" ")
        text = re.sub(rb"=([0-9A-Fa-f]{2})", lambda match: bytes.fromhex(match[1].decode()), text)
    with suppress(LookupError):
        return text.decode(charset.decode(), errors="replace").encode(errors="replace")
    return text


def _find_tags(content: bytes) -> Iterator[Token]:
    if b"<" not in content:
        return
    for match in TAG.finditer(content):
        yield Token(match.start(), match.end(), b"")


def _find_mojibake(content: bytes) -> Iterator[Token]:
    """Find runs of characters that were UTF-8 and are Latin-1's characters now."""
    if not TELLING_MOJIBAKE.search(content) or not is_utf8(content):
        return
    for match in MISREAD_RUN.finditer(content):
        misread = match.group().decode()
        with suppress(UnicodeDecodeError, KeyError):
            text = bytes(map(MISREAD.__getitem__, misread)).decode()
            yield Token(match.start(), match.end(), text.encode())


ESCAPINGS = (
    Escaping("HTML entities", _find_entities),
    Escaping("backslash escapes", _find_backslashes),
    Escaping("percent-encoding", _find_percents),
    Escaping("quoted-printable", _find_quoted_printable),
    Escaping("mail headers", _find_encoded_words),
    Escaping("mojibake", _find_mojibake),
    Escaping("tags within words", _find_tags, can_mask=False),
)
