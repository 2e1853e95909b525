"""Bytes written as letters: base64, base32 and hexadecimal, in runs among other text.

All runs of a content are decoded at once and searched as one text: to decode thousands of words one
by one would make every search slow.
"""

import re
from base64 import b32decode
from binascii import a2b_base64
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import re2

from tasks.erasure.searching.unfolding.charsets import is_utf8

_BYTES = re2.Options()
_BYTES.encoding = re2.Options.Encoding.LATIN1

# RFC 4648, both alphabets and padding; everything else stands between words.
WORD = re.compile(rb"[A-Za-z0-9+/_=-]{8,}")
# Nearly all words are short, and RE2 passes over them some ten times as fast.
LONG_WORD = re2.compile(rb"[A-Za-z0-9+/_=-]{16,}", _BYTES)
MOST_FAST_HITS = 10_000  # each takes RE2 longer than it takes `re`
# Shorter runs are ordinary words, unless padding says what they are.
LEAST_RUN = 16
LEAST_PADDED_RUN = 6
LEAST_WORD = 8
# Lines of one text (RFC 2045: at most 76 characters), also as JSON writes their ends.
BASE64_LINES = re2.compile(
    rb"(?:[A-Za-z0-9+/_-]{16,}(?:\r?\n|(?:\\r)?\\n)[ \t]*)+[A-Za-z0-9+/_-]+", _BYTES
)
LINE_END = re.compile(rb"(?:\\r)?\\n|\s+")
URL_ALPHABET = bytes.maketrans(b"-_", b"+/")
JOINING_SIGNS = (b"/", b"_", b"-", b"+")
# Four characters that are three line ends: what is on both sides does not run together.
BREAK = b"\n\n\n"
BASE64_BREAK = b"CgoK"
# What fills an incomplete group with line ends, by how many characters it has.
FILLINGS = (b"", b"KCg", b"oK", b"K")
HEX_BREAK = b"0a0a0a"
# How the containers that `unfolder` knows begin, in base64: gzip, zip, pickle, zlib, bzip2, xz,
# zstd, Parquet, SQLite, NumPy, Arrow, PDF, and UTF-16's mark.
BASE64_CONTAINERS = (
    *(b"H4sI", b"UEsD", b"gAJ", b"gAN", b"gAR", b"gAV", b"eJ", b"eN", b"eA", b"eF", b"Qlpo"),
    *(b"/Td6", b"KLUv", b"UEFS", b"U1FM", b"k05V", b"QVJS", b"JVBE", b"//4", b"/v8"),
)

BASE32_RUN = re.compile(rb"\b(?:[A-Z2-7]{16,}|[a-z2-7]{16,})\b")

HEX_RUN = re.compile(rb"[0-9A-Fa-f]{10,}")
FAST_HEX_RUN = re2.compile(HEX_RUN.pattern, _BYTES)
HEX_GROUPS = re2.compile(rb"(?:(?:[0-9A-Fa-f]{2})+[ :\r\n-]{1,2}){4,}(?:[0-9A-Fa-f]{2})+", _BYTES)
HEX_ARRAY = re2.compile(rb"(?:0[xX][0-9A-Fa-f]{2}[,;\s]+){4,}0[xX][0-9A-Fa-f]{2}", _BYTES)
NO_HEX_DIGIT = re.compile(rb"0[xX]|[^0-9A-Fa-f]")
HEX_CONTAINERS = (
    *(b"1f8b", b"504b03", b"8002", b"8003", b"8004", b"8005", b"7801", b"785e", b"789c", b"78da"),
    *(b"425a68", b"fd377a", b"28b52f", b"504152", b"53514c", b"934e55", b"fffe", b"feff"),
)


@dataclass(frozen=True)
class DecodedRuns:
    """What runs say: containers and texts, which are looked into, and bytes, which are searched."""

    parts: tuple[bytes, ...]
    all_bytes: bytes


def decode_runs(content: bytes) -> Iterator[DecodedRuns]:
    """Yield what runs of base64, base32 and hexadecimal say."""
    # Padding tells shorter ones, too.
    words = WORD.findall(content) if b"=" in content else _find_all(LONG_WORD, WORD, content)
    yield from _decode_base64(content, words)
    yield from _decode_base32(words)
    yield from _decode_hex(content)


def _find_all(fast: Any, thorough: "re.Pattern[bytes]", content: bytes) -> list[bytes]:
    """Return the hits of a pattern, and where there are many those of one that has them all."""
    hits = [hit.group() for hit in islice(fast.finditer(content), MOST_FAST_HITS)]
    return hits if len(hits) < MOST_FAST_HITS else thorough.findall(content)


def _sort(containers: list[bytes], all_bytes: bytes) -> DecodedRuns:
    """Tell texts from what words become when they are decoded."""
    texts = [part for part in all_bytes.split(BREAK) if is_utf8(part)]
    return DecodedRuns((*containers, b"\n".join(texts)), all_bytes)


def _find_base64(words: list[bytes]) -> list[bytes]:
    """Return runs of base64 among words, without padding."""
    runs = []
    for word in words:
        if b"=" not in word:
            if len(word) >= LEAST_RUN:
                runs.append(word)
            continue
        body = word.rstrip(b"=")
        padding = len(word) - len(body)
        *before, last = body.split(b"=")
        runs += (run for run in before if len(run) >= LEAST_RUN)
        # Run and padding together are whole groups: `name=` is a word.
        is_padded = padding and len(last) >= LEAST_PADDED_RUN and (len(last) + padding) % 4 == 0
        if is_padded or len(last) >= LEAST_RUN:
            runs.append(last)

    return runs


def _decode_base64(content: bytes, words: list[bytes]) -> Iterator[DecodedRuns]:
    runs = _find_base64(words)
    if not runs:
        return

    wrapped = [LINE_END.sub(b"", lines) for lines in BASE64_LINES.findall(content)]
    # Words of a path stand before a token without anything between: `/users/aGVsbG8…`.
    tokens = [
        token
        for run in runs
        for sign in JOINING_SIGNS
        if sign in run
        for token in run.split(sign)[1:]
        if len(token) >= LEAST_WORD
    ]
    for group in (runs, wrapped, tokens):
        if group:
            containers = [
                _decode_base64_exactly(run) for run in group if run.startswith(BASE64_CONTAINERS)
            ]
            yield _sort(containers, _decode_base64_runs(group))


def _decode_base64_runs(runs: list[bytes]) -> bytes:
    filled = [run + FILLINGS[len(run) % 4] for run in runs]
    return a2b_base64(BASE64_BREAK.join(filled).translate(URL_ALPHABET))


def _decode_base64_exactly(run: bytes) -> bytes:
    """Return the bytes of one run, without any that only fill its last group."""
    whole = run[:-1] if len(run) % 4 == 1 else run
    return a2b_base64(whole.translate(URL_ALPHABET) + b"=" * (-len(whole) % 4))


def _decode_base32(words: list[bytes]) -> Iterator[DecodedRuns]:
    decoded = []
    long_words = b" ".join(word for word in words if len(word) >= LEAST_RUN)
    for run in BASE32_RUN.findall(long_words):
        # Of a last group only 2, 4, 5 or 7 characters hold whole bytes (RFC 4648, section 6).
        with suppress(ValueError):
            decoded.append(b32decode(run.upper() + b"=" * (-len(run) % 8)))
    if decoded:
        yield _sort(decoded, BREAK.join(decoded))


def _decode_hex(content: bytes) -> Iterator[DecodedRuns]:
    runs = _find_all(FAST_HEX_RUN, HEX_RUN, content)
    groups = [*HEX_GROUPS.findall(content), *HEX_ARRAY.findall(content)]
    grouped = [NO_HEX_DIGIT.sub(b"", group) for group in groups]
    runs += [run for run in grouped if len(run) >= 10]
    if not runs:
        return

    # A digit too many may stand at either end.
    odd = [run[1:] for run in runs if len(run) % 2]
    even = [run[: len(run) // 2 * 2] for run in runs]
    containers = [
        bytes.fromhex(run.decode()) for run in even if run[:6].lower().startswith(HEX_CONTAINERS)
    ]
    yield _sort(containers, bytes.fromhex(HEX_BREAK.join((*even, *odd)).decode()))
