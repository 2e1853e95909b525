"""Texts in other charsets, as UTF-8: of two, of four, and of one byte a character."""

import re
from collections.abc import Iterator

import re2

# Longest first: UTF-32's mark in little-endian order begins with UTF-16's.
MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# The first is what the Web reads as Latin-1 (WHATWG, Encoding Standard). Of the others the best
# guess is taken: Central European, Cyrillic, Greek, Turkish, DOS and Mac.
LATIN = "cp1252"
# In Latin script letters beyond ASCII stand alone; in Cyrillic and Greek they make the words.
SCATTERED = ("cp1254", "cp1250", "cp850", "mac_roman")
# Nearly every byte is some letter of Latin script: of a Turkish text all are Turkish letters.
ALPHABETS = {"cp1254": "\xe7\u011f\u0131\xf6\u015f\xfc\xe2\xee\xfb"}
DENSE = ("cp1251", "koi8-r", "cp1253")
DENSE_PAIR = re.compile(rb"[\x80-\xff]{2}")
GUESSED_BYTES = 65_536

_BYTES = re2.Options()
_BYTES.encoding = re2.Options.Encoding.LATIN1
# Characters of the scripts whose first byte is small: Latin, Greek, Cyrillic, Hebrew, Arabic,
# Vietnamese, and general punctuation.
_LOW = rb"[\x09\x0a\x0d\x10-\xff]"
_HIGH = rb"[\x00-\x06\x1e\x20]"
WIDE_RUNS = (
    ("utf-16-le", re2.compile(rb"(?s)(?:%b%b){4,}" % (_LOW, _HIGH), _BYTES)),
    ("utf-16-be", re2.compile(rb"(?s)(?:%b%b){4,}" % (_HIGH, _LOW), _BYTES)),
    ("utf-32-le", re2.compile(rb"(?s)(?:%b%b\x00\x00){4,}" % (_LOW, _HIGH), _BYTES)),
    ("utf-32-be", re2.compile(rb"(?s)(?:\x00\x00%b%b){4,}" % (_HIGH, _LOW), _BYTES)),
)


WIDTHS = {"utf-16": 2, "utf-32": 4}  # bytes of a character

CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def _classify(charset: str) -> tuple[bytes, "re.Pattern[bytes]", bytes]:
    """Return a charset's small letters, a capital behind a small letter, and what is no letter."""
    characters = {byte: bytes([byte]).decode(charset, "replace") for byte in range(0x80, 0x100)}
    alphabet = ALPHABETS.get(charset, "")
    small = bytes(
        byte
        for byte, character in characters.items()
        if character.islower() and (not alphabet or character in alphabet)
    )
    capital = bytes(byte for byte, character in characters.items() if character.isupper())
    signs = bytes(byte for byte in characters if byte not in small and byte not in capital)
    broken = re.compile(b"[a-z%b][%b]" % (re.escape(small), re.escape(capital)))
    return small, broken, signs


CLASSES = {charset: _classify(charset) for charset in (*SCATTERED, *DENSE)}


def is_utf8(content: bytes) -> bool:
    """Say whether a content is UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_charsets(content: bytes, *, has_accents: bool) -> Iterator[bytes]:
    """Yield what a content says in other charsets than UTF-8, as UTF-8.

    Without accents in what is looked for, charsets that agree with ASCII need no reading.
    """
    if charset := charset_of_mark(content):
        yield _to_utf8(content.decode(charset, errors="replace"))
        return
    if b"\x00" in content:
        yield from _read_wide_runs(content)
    if not has_accents or content.isascii():
        return

    if not is_utf8(content):
        yield _to_utf8(content.decode(LATIN, errors="replace"))
        # Binary data is no text in any charset; in Latin-1 a text among it may be.
        if not CONTROL.search(content):
            yield _to_utf8(content.decode(guess_charset(content), errors="replace"))


def charset_of_mark(content: bytes) -> str:
    """Return the charset that a byte order mark names, or nothing."""
    return next((charset for mark, charset in MARKS if content.startswith(mark)), "")


def guess_charset(content: bytes) -> str:
    """Return the likeliest of the charsets of one byte a character, other than Latin-1."""
    sample = content[:GUESSED_BYTES]
    high_bytes = len(sample) - len(sample.translate(None, bytes(range(0x80, 0x100))))
    is_dense = len(DENSE_PAIR.findall(sample)) * 4 > high_bytes
    return max(DENSE if is_dense else SCATTERED, key=lambda charset: _rate_charset(sample, charset))


def _rate_charset(sample: bytes, charset: str) -> int:
    """Rate how much a text looks like words: small letters, capitals at their beginning."""
    small, broken, signs = CLASSES[charset]
    small_letters = len(sample) - len(sample.translate(None, small))
    others = len(sample) - len(sample.translate(None, signs))
    return 2 * small_letters - 2 * others - 3 * len(broken.findall(sample))


def _read_wide_runs(content: bytes) -> Iterator[bytes]:
    """Yield runs of wide characters, in both orders of their bytes.

    Read one byte further in the other order, most texts are texts again, only without their first
    or last character: of `joann@…` that would be `oann@…`, somebody else. Such a reading is left
    out where the first one stands at a multiple of its width, as a text in a file does.
    """
    spans = {
        charset: [match.span() for match in pattern.finditer(content)]
        for charset, pattern in WIDE_RUNS
    }
    for charset, found in spans.items():
        width = WIDTHS[charset[:6]]
        starts = {start for other in spans for start, _ in spans[other] if other[:6] == charset[:6]}
        runs = [
            content[start:end]
            for start, end in found
            if not any(
                (start - shift) % width == 0 and start - shift in starts
                for shift in range(1, width)
            )
        ]
        if runs:
            yield _to_utf8("\n".join(run.decode(charset, errors="replace") for run in runs))


def _to_utf8(text: str) -> bytes:
    return text.encode(errors="replace")
