"""What a person may be found by in plain text: their identifiers, as any program may have written them."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import quote, quote_plus

import re2

SHORTEST = 5  # shorter values stand in everybody's texts: they are counted, not searched
AT_ONCE = 500  # patterns in one automaton
LETTER = rb"(?:[A-Za-z0-9]|[\xc2-\xf4][\x80-\xbf]+)"  # also UTF-8's; a stray byte of a binary format is none
ENDS_IN_LETTER, BEGINS_WITH_LETTER = re.compile(LETTER + rb"\Z"), re.compile(LETTER)
EMAIL_BEFORE, EMAIL_AFTER = (
    re.compile(rb"(?:%b|[._+%%-])\Z" % LETTER),
    re.compile(rb"[.-]?%b" % LETTER),
)
ESCAPES = re.compile(rb"(\\[nrtbf]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|&#?\w{1,8};)\Z")


@dataclass(frozen=True)
class Value:
    """One value of a person: what it is (a column's kind), and its text."""

    kind: str
    text: str


@dataclass(frozen=True)
class Traces:
    """Everything to search for, in memory only. `labels` says what a hit is without quoting it."""

    patterns: dict[bytes, str]  # lower-case bytes -> kind
    too_short: int

    @classmethod
    def of(cls, values: Iterable[Value]) -> "Traces":
        """Return the traces of values, in every spelling that JSON, URLs, HTML and CSV give them."""
        patterns: dict[bytes, str] = {}
        short = 0
        for value in sorted(set(values), key=lambda value: (value.kind, value.text)):
            text = value.text.strip()
            if len(text) < SHORTEST:
                short += 1
                continue
            for spelled in _spellings(text):
                patterns.setdefault(spelled.encode().lower(), value.kind)
        return cls(patterns, short)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def find(self, content: bytes) -> Iterator[tuple[int, int, str]]:
        """Yield where a value of theirs stands, and its kind. A part of a longer word or address is none."""
        for automaton in self._automata:
            for match in automaton.finditer(content):
                start, end = match.span()
                kind = self.patterns.get(content[start:end].lower(), "value")
                if _stands_alone(content, start, end, kind):
                    yield start, end, kind

    def are_in(self, content: bytes) -> bool:
        """Say whether any is there."""
        return next(self.find(content), None) is not None

    def occur_in(self, content: bytes) -> bool:
        """Say whether any is there, even as a part of a longer word: for raw files, where nothing separates values."""
        return any(automaton.search(content) for automaton in self._automata)

    def masked(self, content: bytes, mask: bytes = b"[erased]") -> tuple[bytes, int]:
        """Return `content` with every value of theirs replaced, and how many there were."""
        found = sorted(self.find(content))
        parts, last, count = [], 0, 0
        for start, end, _ in found:
            if start < last:
                continue
            parts += [content[last:start], mask]
            last, count = end, count + 1
        return b"".join([*parts, content[last:]]), count

    def hidden(self, text: str) -> str:
        """Return a name or path for a report: without any value of theirs, also where it is a part of a longer word."""
        content = text.encode("utf-8", errors="surrogatepass")
        for automaton in self._automata:
            content = automaton.sub(b"[erased]", content)
        return content.decode("utf-8", errors="replace")

    @cached_property
    def _automata(self) -> list[Any]:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are
        options.case_sensitive = False
        options.longest_match = True  # an address before the name in it
        options.max_mem = 1 << 29
        waiting = iter(self.patterns)
        made = []
        while some := list(islice(waiting, AT_ONCE)):
            made.append(re2.compile(b"|".join(re2.escape(pattern) for pattern in some), options))
        return made


def _spellings(text: str) -> set[str]:
    spelled = {
        text,
        text.casefold(),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
    }
    spelled |= {
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        html.escape(text),
        text.replace('"', '""'),
    }
    return {one for one in spelled if len(one) >= SHORTEST}


def _stands_alone(content: bytes, start: int, end: int, kind: str) -> bool:
    before, after = content[max(0, start - 8) : start], content[end : end + 5]
    inner = EMAIL_BEFORE if kind == "email" else ENDS_IN_LETTER
    if inner.search(before) and not ESCAPES.search(before):
        return False
    return not (EMAIL_AFTER if kind == "email" else BEGINS_WITH_LETTER).match(after)
